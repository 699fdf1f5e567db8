/* SPDX-License-Identifier: Apache-2.0
 *
 * settings.h: every setting, once. From this table come the struct that the daemon reads, the parser, the bounds,
 * `chaskid --help`, and the test that docs/configuration.md names them all.
 *
 * Keys that RabbitMQ has keep its names and meaning; the others are chaski's own. A row is
 *   X(field of settings_t, key, kind, default as it would be written, least, most, when a change counts, help)
 * with the kinds
 *   NUMBER    a whole number                               TEXT      least to most octets
 *   COUNT     the same, or `infinity` (0)                  FLAG      true, false
 *   POWER     the same, a power of two                     LEVEL     a log level
 *   SIZE      octets: 4096, 64k, 512MiB, 2GB               VERSION   three numbers: 1.2.3
 *   FRAME     the same, or 0 for no limit                  FRACTION  0.4
 *   BUDGET    the same, or `none` (SETTINGS_NONE)          THREADS   a number, or `auto` (SETTINGS_AUTO)
 *   DURATION  milliseconds: 1500, 1500ms, 5s, 2m, or `infinity` (most)
 *   VHOST     the one there is: /                          DAMAGE    refuse, serve
 * and RESTART or RELOAD (SIGHUP is enough). */
#pragma once

#include "base/version.h"

#define KIB(n) ((n)*1024ULL)
#define MIB(n) ((n)*1024ULL * 1024)
#define GIB(n) ((n)*1024ULL * 1024 * 1024)

/* clang-format off */
#define SETTINGS(X)                                                                                                  \
    X(heartbeat_s, "heartbeat", NUMBER, "60", 0, 65535, RESTART,                                                     \
      "seconds between heartbeats that clients are offered; 0: none")                                                \
    X(channel_max, "channel_max", NUMBER, "2047", 0, 65535, RESTART,                                                 \
      "channels a connection may open; 0: no limit")                                                                 \
    X(consumer_max_per_channel, "consumer_max_per_channel", COUNT, "infinity", 1, 4294967295, RESTART,               \
      "consumers a channel may have")                                                                                \
    X(frame_max, "frame_max", FRAME, "131072", 4096, GIB(1), RESTART,                                                \
      "largest frame that clients are offered; 0: no limit")                                                         \
    X(initial_frame_max, "initial_frame_max", SIZE, "8192", 4096, MIB(1), RESTART,                                   \
      "largest frame taken before a connection is tuned")                                                            \
    X(max_message_size, "max_message_size", SIZE, "134217728", 1, MIB(512), RESTART,                                 \
      "largest body of a message; a larger one closes its channel")                                                  \
    X(handshake_timeout_ms, "handshake_timeout", DURATION, "10s", 1, 86400000, RESTART,                              \
      "time a client has from connecting to an open connection")                                                     \
    X(backlog, "tcp_listen_options.backlog", NUMBER, "1024", 1, 65535, RESTART,                                      \
      "connections that may wait to be accepted")                                                                    \
    X(nodelay, "tcp_listen_options.nodelay", FLAG, "true", 0, 0, RESTART,                                            \
      "send small writes at once (TCP_NODELAY)")                                                                     \
    X(memory_relative, "vm_memory_high_watermark.relative", FRACTION, "0.4", 0, 10, RESTART,                         \
      "share of the memory of the machine or cgroup at which publishers are held back")                              \
    X(memory_absolute, "vm_memory_high_watermark.absolute", BUDGET, "none", 1, GIB(1048576), RESTART,                \
      "the same as a size; has precedence over the relative one")                                                    \
    X(disk_relative, "disk_free_limit.relative", FRACTION, "0", 0, 10, RESTART,                                      \
      "free space on the disk of data_dir at which publishers are held back, as a share of memory; 0: not set")      \
    X(disk_absolute, "disk_free_limit.absolute", BUDGET, "none", 0, GIB(1048576), RESTART,                           \
      "the same as a size; has precedence over the relative one; 50MB if neither is set")                            \
    X(default_user, "default_user", TEXT, "guest", 1, 255, RESTART,                                                  \
      "name of the user")                                                                                            \
    X(default_pass, "default_pass", TEXT, "guest", 0, 255, RESTART,                                                  \
      "password of the user; a blank one is never accepted")                                                         \
    X(default_vhost, "default_vhost", VHOST, "/", 1, 255, RESTART,                                                   \
      "name of the virtual host")                                                                                    \
    X(cluster_name, "cluster_name", TEXT, "", 0, 255, RESTART,                                                       \
      "what clients are told in server-properties; empty: chaski@HOSTNAME")                                          \
    X(log_level, "log.console.level", LEVEL, "info", 0, 0, RELOAD,                                                   \
      "least level of log lines: debug, info, warning, error, none")                                                 \
    X(io_threads, "io_threads", THREADS, "auto", 0, 64, RESTART,                                                     \
      "threads for connections; 0: the engine's own; auto: by the number of cores")                                  \
    X(product, "amqp.product", TEXT, "chaski", 1, 127, RESTART,                                                      \
      "product that clients are told in server-properties")                                                          \
    X(version, "amqp.version", VERSION, CHASKI_VERSION, 5, 63, RESTART,                                              \
      "version that clients are told in server-properties")                                                          \
    X(management_enabled, "management.enabled", FLAG, "true", 0, 0, RESTART,                                         \
      "answer HTTP about the broker, for tools and people: /api")                                                    \
    X(management_ip, "management.tcp.ip", TEXT, "", 0, 127, RESTART,                                                 \
      "address it listens on; empty: all")                                                                           \
    X(management_port, "management.tcp.port", NUMBER, "15672", 0, 65535, RESTART,                                    \
      "port it listens on; 0: any free one")                                                                         \
    X(management_idle_ms, "management.tcp.idle_timeout", DURATION, "60s", 100, 3600000, RESTART,                     \
      "time an HTTP client has to send its next request, and to take the answer")                                    \
    X(prometheus_enabled, "prometheus.enabled", FLAG, "true", 0, 0, RESTART,                                         \
      "answer HTTP with metrics in the form of Prometheus: /metrics")                                                \
    X(prometheus_ip, "prometheus.tcp.ip", TEXT, "", 0, 127, RESTART,                                                 \
      "address it listens on; empty: all")                                                                           \
    X(prometheus_port, "prometheus.tcp.port", NUMBER, "15692", 0, 65535, RESTART,                                    \
      "port it listens on; 0: any free one")                                                                         \
    X(data_dir, "data_dir", TEXT, "./chaski-data", 1, 255, RESTART,                                                  \
      "folder of the log; made if it is not there; one broker a folder")                                             \
    X(on_damage, "store.on_damage", DAMAGE, "refuse", 0, 0, RESTART,                                                 \
      "records of the log that cannot be read: refuse to start, or serve what is left")                              \
    X(segment_bytes, "store.segment_bytes", SIZE, "64MiB", 4096, GIB(1), RESTART,                                    \
      "size of a segment of the log")                                                                                \
    X(first_segment_bytes, "store.first_segment_bytes", SIZE, "1MiB", 4096, GIB(1), RESTART,                         \
      "size of the first segment of a new log")                                                                      \
    X(segments_ahead, "store.segments_ahead", NUMBER, "3", 1, 64, RESTART,                                           \
      "segments that lie ready, written once, before they are needed; the reserve of a full disk")                   \
    X(frame_bytes, "store.frame_bytes", SIZE, "1MiB", 512, MIB(16), RESTART,                                         \
      "a frame of the log is closed when it has this size")                                                          \
    X(part_bytes, "store.part_bytes", SIZE, "256KiB", 64, MIB(64), RESTART,                                          \
      "persistent bodies above this travel, and are written, in parts of this size")                                 \
    X(store_read_bytes, "store.read_bytes", SIZE, "1MiB", 512, MIB(64), RESTART,                                     \
      "one read of the disk when messages are read back")                                                            \
    X(checkpoint_bytes, "store.checkpoint_bytes", SIZE, "64MiB", 4096, GIB(1024), RESTART,                          \
      "octets of log after which all that is there is said again, so that a start reads no more than that")          \
    X(fill_rate, "store.fill_rate", SIZE, "40MiB", 1, GIB(64), RESTART,                                              \
      "octets a second of zeros over segments made ahead; a log that grows faster gets them as they are")            \
    X(rewrite_rate, "store.rewrite_rate", SIZE, "32MiB", 0, GIB(64), RESTART,                                        \
      "octets a second that are read and written to make sparse segments small; 0: they stay as they are")           \
    X(unwritten_bytes, "store.unwritten_bytes", SIZE, "16MiB", 1, GIB(64), RESTART,                                  \
      "octets on their way to the log at which no more commands are taken")                                          \
    X(store_ring_items, "store.ring_items", POWER, "1024", 2, 1048576, RESTART,                                      \
      "places in each ring between the engine and the log")                                                          \
    X(busy_wait_us, "store.busy_wait_us", NUMBER, "150", 0, 10000, RESTART,                                          \
      "microseconds that engine and log look for each other's answer before they sleep; 0: none")                    \
    X(memory_bodies, "memory.bodies", SIZE, "64MiB", 0, GIB(1048576), RESTART,                                       \
      "bodies of messages kept in memory; what is above is read back when it is needed")                             \
    X(lend_bytes, "amqp.lend_bytes", SIZE, "4k", 0, GIB(1), RESTART,                                                 \
      "bodies from this size on are sent from where they are, smaller ones copied")                                  \
    X(close_timeout_ms, "close_timeout", DURATION, "30s", 1, 3600000, RESTART,                                       \
      "longest wait for a client's close-ok")                                                                        \
    X(refused_login_delay_ms, "login.refused_delay", DURATION, "3s", 0, 60000, RESTART,                              \
      "silence before the connection of a failed login is closed")                                                   \
    X(read_bytes, "net.read_bytes", SIZE, "256k", 64, MIB(64), RESTART,                                              \
      "most that is read of one connection at a time")                                                               \
    X(output_bytes, "net.output_bytes", SIZE, "1MiB", 1, GIB(1), RESTART,                                            \
      "per connection: octets delivered but not sent at which deliveries to it stop")                                \
    X(output_pause_bytes, "net.output_pause_bytes", SIZE, "4MiB", 1, GIB(1), RESTART,                                \
      "per connection: octets waiting to be sent at which it is no longer read")                                     \
    X(held_bytes, "flow.held_bytes", SIZE, "16MiB", 1, GIB(4), RESTART,                                              \
      "per connection: publishes held back while memory is short, before it is no longer read")                      \
    X(parked_commands, "limits.parked_commands", NUMBER, "4096", 1, 1000000, RESTART,                                \
      "per connection: requests waiting behind an unfinished one before it is no longer read")                       \
    X(unacked_per_channel, "limits.unacked_per_channel", NUMBER, "8000000", 1, 100000000, RESTART,                   \
      "per channel: unacknowledged deliveries at which deliveries to it stop")                                       \
    X(deduplication_ids, "limits.deduplication_ids", NUMBER, "1000000", 1, 100000000, RESTART,                       \
      "per exchange, and per queue: ids of messages it may remember to know repeats")                                \
    X(publishers, "limits.publishers", NUMBER, "100000", 1, 100000000, RESTART,                                      \
      "publishers whose sequence is remembered; more make the longest silent one be forgotten")                      \
    X(transaction_bytes, "limits.transaction_bytes", SIZE, "64MiB", 1, GIB(4), RESTART,                              \
      "per channel: octets of the messages published in a transaction")                                              \
    X(transaction_actions, "limits.transaction_actions", NUMBER, "16384", 1, 1000000, RESTART,                       \
      "per channel: publishes, for each queue they go to, and acks in a transaction")                                \
    X(bus_allow_anonymous, "bus.allow_anonymous", FLAG, "false", 0, 0, RESTART,                                      \
      "take ZMTP peers without security from beyond this machine, too")                                              \
    X(bus_heartbeat_ms, "bus.heartbeat", DURATION, "30s", 100, 3600000, RESTART,                                     \
      "silence of a ZMTP peer after which it is asked whether it is there")                                          \
    X(bus_frame_max, "bus.frame_max", SIZE, "64MiB", 1024, MIB(512), RESTART,                                        \
      "largest frame, and largest message, that is taken of a ZMTP peer")                                            \
    X(bus_frames_per_message, "bus.frames_per_message", NUMBER, "1024", 1, 65536, RESTART,                           \
      "most frames of a message of a ZMTP peer")                                                                     \
    X(bus_prefix_bytes, "bus.prefix_bytes", SIZE, "4096", 1, KIB(64), RESTART,                                       \
      "longest prefix that a ZMTP peer may subscribe to")                                                            \
    X(bus_subscriptions, "bus.subscriptions_per_connection", NUMBER, "1000000", 1, 100000000, RESTART,               \
      "prefixes that a ZMTP connection may subscribe to")                                                            \
    X(bus_handshakes, "bus.handshakes", NUMBER, "1000", 1, 1000000, RESTART,                                         \
      "per I/O thread: unfinished ZMTP handshakes at a time; more are dropped")                                      \
    X(page_entries, "engine.page_entries", POWER, "16", 2, 65536, RESTART,                                           \
      "entries in one page of a queue")                                                                              \
    X(slice, "engine.slice", NUMBER, "512", 1, 1000000, RESTART,                                                     \
      "units of work that a long job does before others get their turn")                                             \
    X(ring_items, "engine.ring_items", POWER, "4096", 2, 1048576, RESTART,                                           \
      "places in each ring between an I/O thread and the engine")                                                    \
    X(ring_bytes, "engine.ring_bytes", SIZE, "16MiB", 1, GIB(64), RESTART,                                           \
      "octets of messages in such a ring at which no more are taken from sockets")

/* Keys that name many things: X(key, setter, help); NAME is the user's choice. */
#define SETTING_FAMILIES(X)                                                                                          \
    X("listeners.tcp.NAME", listener,                                                                                \
      "where to accept connections: PORT, HOST:PORT or unix:/PATH; port 0: any free one (default = 5672)")           \
    X("listeners.tcp", no_listeners,                                                                                 \
      "none: no TCP listener")                                                                                       \
    X("listeners.ssl.NAME", tls_listener,                                                                            \
      "refused: this version has no TLS")                                                                            \
    X("listeners.ssl", no_tls_listeners,                                                                             \
      "none: no TLS listener")                                                                                       \
    X("bus.listen.NAME", bus_listen,                                                                                 \
      "where ZMTP and AMQP peers connect: tcp://HOST:PORT or unix:/PATH, then exchange= queue= bind= security= "     \
      "user= key= clients= slow= hwm= hwm_bytes= credit= welcome= "                                                  \
      "(events = tcp://127.0.0.1:5557 exchange=amq.events)")                                                         \
    X("bus.listen", no_bus_listen,                                                                                   \
      "none: no listener of the bus")                                                                                \
    X("bus.connect.NAME", bus_connect,                                                                               \
      "a ZMTP publisher to connect to: tcp://HOST:PORT or unix:/PATH, then exchange= or queue=, as= prefix= "        \
      "security= user= password= key= server=")                                                                      \
    X("bus.topic.NAME", bus_topic,                                                                                   \
      "what is different for some topics: exchange= prefix= replay= sync= timeout= window=")                         \
    X("loopback_users.NAME", loopback_user,                                                                          \
      "true: this user may only connect from this machine (guest = true)")                                           \
    X("loopback_users", no_loopback_users,                                                                           \
      "none: every user may connect from anywhere")

/* Second names: X(name, key of the row it stands for, that row's RESTART or RELOAD). */
#define SETTING_ALIASES(X)                                                                                           \
    X("log.level", "log.console.level", RELOAD)                                                                      \
    X("management.listener.port", "management.tcp.port", RESTART)                                                    \
    X("management.listener.ip", "management.tcp.ip", RESTART)
/* clang-format on */
