/* SPDX-License-Identifier: Apache-2.0
 *
 * build.c: from the settings to rooms that are joined and not yet running; undone in reverse. */
#include <string.h>
#include <unistd.h>

#include "base/alloc.h"
#include "base/text.h"
#include "daemon/broker.h"

/* Pause after accept fails for want of descriptors: long enough not to spin, short for who waits. */
#define ACCEPT_BACKOFF_MS 100

#define AUTO_THREADS_MAX 4

/* Several of the log's groups fit into a segment, and none is so large that others wait long for it. */
#define BATCH_MOST_BYTES (4u << 20)

static size_t choose_thread_count(uint64_t setting)
{
    if (setting != SETTINGS_AUTO)
        return (size_t)setting;
    unsigned cores = os_cpu_count();
    if (cores <= 2)
        return 0;
    unsigned count = cores / 4;
    return count < 1 ? 1 : count > AUTO_THREADS_MAX ? AUTO_THREADS_MAX : count;
}

/* 0 octets would mean no alarm; a share of 0 means that publishers are held back as soon as anything is kept.
 */
static uint64_t memory_high_bytes(const settings_t *s)
{
    uint64_t bytes = s->memory_absolute;
    if (bytes == SETTINGS_NONE)
        bytes = (uint64_t)(s->memory_relative * (double)os_memory_total());
    return bytes > 0 ? bytes : 1;
}

/* What is on its way when no more segments can be made goes into those that lie ready, where acks want room too. (With the
 * batch that is being made and the ends of segments into which none fits it comes to twice that.) */
static uint64_t unwritten_bytes(const settings_t *s)
{
    uint64_t most = s->segment_bytes / 4;
    return s->unwritten_bytes < most ? s->unwritten_bytes : most;
}

static engine_options_t engine_settings(const settings_t *s, const bus_t *bus, const log_t *log)
{
    return (engine_options_t){
        .memory_high_bytes = memory_high_bytes(s),
        .held_bytes = s->held_bytes,
        .output_bytes = s->output_bytes,
        .parked_commands = (uint32_t)s->parked_commands,
        .unacked_max = (uint32_t)s->unacked_per_channel,
        .page_entries = (uint32_t)s->page_entries,
        .slice = (uint32_t)s->slice,
        .consumers_max_per_channel = (uint32_t)s->consumer_max_per_channel,
        .memory_bodies = s->memory_bodies,
        .unwritten_bytes = unwritten_bytes(s),
        .batch_bytes = s->segment_bytes / 4 < BATCH_MOST_BYTES ? s->segment_bytes / 4 : BATCH_MOST_BYTES,
        .checkpoint_bytes = s->checkpoint_bytes,
        .deduplication_ids_max = s->deduplication_ids,
        .publishers_max = s->publishers,
        .transaction_bytes = s->transaction_bytes,
        .transaction_actions = (uint32_t)s->transaction_actions,
        .topics = bus->topics,
        .topic_count = bus->topic_count,
        .log = log,
    };
}

static net_options_t net_settings(const settings_t *s, clock_source_t clock, const log_t *log)
{
    return (net_options_t){
        .read_bytes = (size_t)s->read_bytes,
        .output_pause_bytes = (size_t)s->output_pause_bytes,
        .accept_backoff_ms = ACCEPT_BACKOFF_MS,
        .nodelay = s->nodelay,
        .backlog = (int)s->backlog,
        .clock = clock,
        .log = log,
    };
}

static amqp_options_t amqp_settings(const broker_t *b)
{
    const settings_t *s = b->options.settings;
    return (amqp_options_t){
        .product = s->product,
        .version = s->version,
        .cluster_name = b->cluster_name,
        .heartbeat_s = (uint16_t)s->heartbeat_s,
        .channel_max = (uint16_t)s->channel_max,
        .frame_max = (uint32_t)s->frame_max,
        .initial_frame_max = (uint32_t)s->initial_frame_max,
        .handshake_timeout_ms = s->handshake_timeout_ms,
        .max_message_size = s->max_message_size,
        .refused_login_delay_ms = s->refused_login_delay_ms,
        .close_timeout_ms = s->close_timeout_ms,
        .lend_bytes = s->lend_bytes,
        .part_bytes = s->part_bytes,
        .auth = b->auth,
        .log = b->options.log,
        .random = os_random(),
    };
}

static zmtp_options_t zmtp_settings(const broker_t *b)
{
    const settings_t *s = b->options.settings;
    zmtp_options_t o;
    zmtp_options_default(&o);
    o.frame_bytes_most = s->bus_frame_max;
    o.frames_most = (uint32_t)s->bus_frames_per_message;
    o.prefix_bytes_most = (uint32_t)s->bus_prefix_bytes;
    o.subscriptions_most = (uint32_t)s->bus_subscriptions;
    o.handshakes_most = (uint32_t)s->bus_handshakes;
    o.handshake_timeout_ms = s->handshake_timeout_ms;
    o.heartbeat_ms = s->bus_heartbeat_ms;
    o.lend_bytes = s->lend_bytes;
    o.auth = b->auth;
    o.log = b->options.log;
    o.random = os_random();
    o.clock = b->clock;
    return o;
}

static void name_cluster(broker_t *b)
{
    const settings_t *s = b->options.settings;
    char host[128] = "localhost";
    if (gethostname(host, sizeof host) == 0)
        host[sizeof host - 1] = '\0';
    if (s->cluster_name[0])
        text_format(b->cluster_name, sizeof b->cluster_name, "%s", s->cluster_name);
    else
        text_format(b->cluster_name, sizeof b->cluster_name, "chaski@%s", host);
    text_format(b->node, sizeof b->node, "chaski@%s", host);
}

static void open_auth(broker_t *b)
{
    const settings_t *s = b->options.settings;
    size_t bytes = s->loopback_user_count * sizeof(settings_text_t) + 1, len = 0;
    b->loopback_users = mem_zero(bytes);
    for (size_t i = 0; i < s->loopback_user_count; i++)
        if (s->loopback_users[i].only_loopback)
            len += text_format(b->loopback_users + len, bytes - len, "%s%s", len ? "," : "",
                               s->loopback_users[i].name);
    b->auth = auth_new(&(auth_options_t){
        .user = s->default_user,
        .password = s->default_pass,
        .loopback_users = b->loopback_users,
    });
}

static int open_io(broker_t *b, error_t *err)
{
    const settings_t *s = b->options.settings;
    io_options_t options = {
        .net = net_settings(s, b->clock, b->options.log),
        .amqp = amqp_settings(b),
        .zmtp = zmtp_settings(b),
        .ring_items = (size_t)s->ring_items,
        .ring_bytes = s->ring_bytes,
    };
    size_t wanted = b->thread_count > 0 ? b->thread_count : 1;
    b->io = mem_zero(wanted * sizeof *b->io);
    while (b->io_count < wanted) {
        io_side_t *io = &b->io[b->io_count++];
        if (io_side_init(io, &options, err) != 0)
            return -1;
        engine_attach(b->engine.engine, &io->port);
    }
    b->loop = b->thread_count > 0 ? net_loop_new(&options.net, err) : b->io[0].loop;
    for (size_t i = 0; i < b->bus.connect_count; i++)
        io_side_dial(&b->io[i % b->io_count], &b->bus.connect[i], os_random(), b->options.log);
    return b->loop ? 0 : -1;
}

static void woken(void *context, int fd)
{
    (void)context, (void)fd;
}

/* The engine is stepped by the main thread, which sleeps where its sockets are. */
static int join_single(broker_t *b, error_t *err)
{
    return net_watch(b->loop, os_wakeup_fd(b->engine.wakeup), woken, b, err);
}

static int join_threads(broker_t *b, error_t *err)
{
    b->wakeup = os_wakeup_new(err);
    if (!b->wakeup || net_watch(b->loop, os_wakeup_fd(b->wakeup), woken, b, err) != 0)
        return -1;
    for (size_t i = 0; i < b->io_count; i++) {
        io_side_t *io = &b->io[i];
        if (io_side_prepare_thread(io, b->engine.wakeup, b->wakeup, err) != 0)
            return -1;
        engine_side_add_neighbour(&b->engine, (engine_neighbour_t){&io->port, io->wakeup});
    }
    return 0;
}

static int open_admin(broker_t *b, error_t *err)
{
    admin_side_options_t options = {
        .settings = b->options.settings,
        .cluster_name = b->cluster_name,
        .node = b->node,
        .auth = b->auth,
        .log = b->options.log,
        .listeners = &b->listeners,
        .engine = &b->engine,
        .store = &b->store,
        .io = b->io,
        .io_count = b->io_count,
    };
    return admin_side_init(&b->admin, &options, err);
}

int broker_open(broker_t *b, error_t *err)
{
    const settings_t *s = b->options.settings;
    b->clock = os_clock();
    b->thread_count = choose_thread_count(s->io_threads);
    name_cluster(b);
    open_auth(b);
    if (bus_init(&b->bus, s, b, b->options.log, err) != 0)
        return -1;
    engine_options_t engine = engine_settings(s, &b->bus, b->options.log);
    engine_side_init(&b->engine, &engine, b->clock);
    uint64_t files = os_raise_file_limit();
    log_line(b->options.log, LOG_INFO,
             "limits: %llu open files; publishers are held back at %.1f MiB of messages (memory: %.1f MiB); "
             "I/O threads: %zu",
             (unsigned long long)files, (double)engine.memory_high_bytes / (1 << 20),
             (double)os_memory_total() / (1 << 20), b->thread_count);
    if (store_side_open(&b->store, s, b->engine.engine, b->options.log, err) != 0 || open_io(b, err) != 0 ||
        engine_side_prepare_wakeup(&b->engine, err) != 0 ||
        (b->thread_count > 0 ? join_threads(b, err) : join_single(b, err)) != 0)
        return -1;
    b->engine.store = &b->store;
    return open_admin(b, err);
}

void broker_close(broker_t *b)
{
    engine_side_deinit(&b->engine);
    store_side_close(&b->store);
    admin_side_deinit(&b->admin);
    for (size_t i = 0; i < b->io_count; i++)
        io_side_deinit(&b->io[i]);
    if (b->thread_count > 0)
        net_loop_free(&b->loop);
    mem_free(b->io);
    os_wakeup_free(&b->wakeup);
    bus_deinit(&b->bus);
    auth_free(&b->auth);
    mem_free(b->loopback_users);
}
