/* SPDX-License-Identifier: Apache-2.0
 *
 * metrics.c: /metrics, in Prometheus' text format 0.0.4, all of it from one table:
 *
 *   # HELP rabbitmq_queues Queues available
 *   # TYPE rabbitmq_queues gauge
 *   rabbitmq_queues 3
 *
 * Names that RabbitMQ has mean what they mean there; chaski_* are chaski's own. What is not known has no line. */
#include "admin/admin_internal.h"

#include <math.h>

#include "base/text.h"
#include "base/version.h"

/* X(name, type, labels, whether it is known, value, help), with `v` the view, `c` its counts, `s` the store's. */
#define METRICS(X)                                                                                           \
    X(rabbitmq_identity_info, GAUGE, IDENTITY, true, 1, "RabbitMQ node & cluster identity info")             \
    X(rabbitmq_build_info, GAUGE, BUILD, true, 1, "RabbitMQ & Erlang/OTP version info")                      \
    X(rabbitmq_connections, GAUGE, NONE, true, c->connections, "Connections currently open")                 \
    X(rabbitmq_channels, GAUGE, NONE, true, c->channels, "Channels currently open")                          \
    X(rabbitmq_consumers, GAUGE, NONE, true, c->consumers, "Consumers currently connected")                  \
    X(rabbitmq_queues, GAUGE, NONE, true, c->queues, "Queues available")                                     \
    X(rabbitmq_queue_messages_ready, GAUGE, NONE, true, c->messages_ready,                                   \
      "Messages ready to be delivered to consumers")                                                         \
    X(rabbitmq_queue_messages_unacked, GAUGE, NONE, true, c->messages_unacked,                               \
      "Messages delivered to consumers but not yet acknowledged")                                            \
    X(rabbitmq_queue_messages, GAUGE, NONE, true, c->messages_ready + c->messages_unacked,                   \
      "Sum of ready and unacknowledged messages - total queue depth")                                        \
    X(rabbitmq_global_messages_received_total, COUNTER, PROTOCOL, true, c->published,                        \
      "Total number of messages received from publishers")                                                   \
    X(rabbitmq_global_messages_confirmed_total, COUNTER, PROTOCOL, true, c->confirmed,                       \
      "Total number of messages confirmed to publishers")                                                    \
    X(rabbitmq_global_messages_unroutable_returned_total, COUNTER, PROTOCOL, true, c->returned,              \
      "Total number of messages published as mandatory into an exchange and returned to the publisher as "   \
      "unroutable")                                                                                          \
    X(rabbitmq_global_messages_delivered_total, COUNTER, PROTOCOL, true, c->delivered,                       \
      "Total number of messages delivered to consumers, and of those got by clients that poll")              \
    X(rabbitmq_global_messages_acknowledged_total, COUNTER, PROTOCOL, true, c->acked,                        \
      "Total number of message acknowledgements received from consumers")                                    \
    X(rabbitmq_process_resident_memory_bytes, GAUGE, NONE, KNOWN(v->machine.resident_bytes),                 \
      v->machine.resident_bytes, "Memory used in bytes")                                                     \
    X(rabbitmq_resident_memory_limit_bytes, GAUGE, NONE, c->memory_high_bytes > 0, c->memory_high_bytes,     \
      "Memory high watermark in bytes: of messages, for chaski")                                             \
    X(rabbitmq_disk_space_available_bytes, GAUGE, NONE, KNOWN(v->machine.disk_free_bytes),                   \
      v->machine.disk_free_bytes, "Disk space available in bytes")                                           \
    X(rabbitmq_disk_space_available_limit_bytes, GAUGE, NONE, v->has_store, s->free_limit_bytes,             \
      "Free disk space low watermark in bytes")                                                              \
    X(rabbitmq_process_open_fds, GAUGE, NONE, KNOWN(v->machine.open_files), v->machine.open_files,           \
      "Open file descriptors")                                                                               \
    X(rabbitmq_process_max_fds, GAUGE, NONE, KNOWN(v->machine.open_files_max), v->machine.open_files_max,    \
      "Open file descriptors limit")                                                                         \
    X(rabbitmq_erlang_uptime_seconds, GAUGE, NONE, true, (double)v->uptime_ms / 1000,                        \
      "Node uptime; of chaski, which has no Erlang")                                                         \
    X(rabbitmq_alarms_memory_used_watermark, GAUGE, NONE, true, c->memory_alarm,                             \
      "1 if the node's memory alarm is in effect: publishers are held back")                                 \
    X(rabbitmq_alarms_free_disk_space_watermark, GAUGE, NONE, true, c->disk_alarm,                           \
      "1 if the node's disk alarm is in effect: publishers are held back")                                   \
    X(chaski_exchanges, GAUGE, NONE, true, c->exchanges, "Exchanges")                                        \
    X(chaski_bindings, GAUGE, NONE, true, c->bindings, "Bindings")                                           \
    X(chaski_transactions_committed_total, COUNTER, NONE, true, c->committed, "Transactions committed")      \
    X(chaski_transactions_rolled_back_total, COUNTER, NONE, true, c->rolled_back,                            \
      "Transactions rolled back by their clients")                                                           \
    X(chaski_events_open, GAUGE, NONE, true, c->events_open, "Synchronous events whose publishers wait")     \
    X(chaski_events_ok_total, COUNTER, NONE, true, c->events_ok, "Synchronous events handled as asked for")  \
    X(chaski_events_failed_total, COUNTER, NONE, true, c->events_failed,                                     \
      "Synchronous events that too many handlers failed")                                                    \
    X(chaski_events_timeout_total, COUNTER, NONE, true, c->events_timeout,                                   \
      "Synchronous events whose time was up")                                                                \
    X(chaski_events_none_total, COUNTER, NONE, true, c->events_none,                                         \
      "Synchronous events that had no handler")                                                              \
    X(chaski_message_memory_bytes, GAUGE, NONE, true, c->memory_bytes, "Memory of messages")                 \
    X(chaski_messages_damaged, GAUGE, NONE, true, c->messages_damaged,                                       \
      "Messages left out because what the disk gave back is not what was written")                           \
    X(chaski_messages_dropped_total, COUNTER, NONE, true, c->dropped,                                        \
      "Messages dropped for subscribers that were too slow for them")                                        \
    X(chaski_messages_duplicate_total, COUNTER, NONE, true, c->duplicates,                                   \
      "Messages kept out by windows of exchanges, queues and publishers that had seen them")                 \
    X(chaski_deduplication_ids, GAUGE, NONE, true, c->deduplication_ids, "Entries of these windows")         \
    X(chaski_deduplication_publishers, GAUGE, NONE, true, c->publishers,                                     \
      "Publishers whose sequence is remembered")                                                             \
    X(chaski_deduplication_publishers_forgotten_total, COUNTER, NONE, true, c->publishers_forgotten,         \
      "Publishers forgotten as there were more than limits.publishers")                                      \
    X(chaski_engine_longest_step_seconds, GAUGE, NONE, true, (double)v->longest_step_us / 1000000,           \
      "CPU time of the engine's longest step since the start")                                               \
    X(chaski_io_connections_least, GAUGE, NONE, true, v->machine.io_connections_least,                       \
      "Connections of the I/O thread that has the fewest")                                                   \
    X(chaski_io_connections_most, GAUGE, NONE, true, v->machine.io_connections_most,                         \
      "Connections of the I/O thread that has the most")                                                     \
    X(chaski_log_record, COUNTER, NONE, v->has_store, c->last_record,                                        \
      "Number of the last record of the log")                                                                \
    X(chaski_log_durable_record, COUNTER, NONE, v->has_store, c->durable_record,                             \
      "Number of the last record that is on disk and synced")                                                \
    X(chaski_log_live_records, GAUGE, NONE, v->has_store, c->live_records, "Records that messages need")     \
    X(chaski_log_segments_complete, GAUGE, NONE, v->has_store, c->segments_complete,                         \
      "Segments of the log that nothing is written to any more")                                             \
    X(chaski_log_checkpoints_total, COUNTER, NONE, v->has_store, c->checkpoints, "Checkpoints completed")    \
    X(chaski_log_checkpoint_bytes, GAUGE, NONE, v->has_store, c->checkpoint_bytes,                           \
      "Octets that the last checkpoint took in the log, about")                                              \
    X(chaski_log_segments_sparse, GAUGE, NONE, v->has_store, c->segments_sparse,                             \
      "Segments of these that are to be rewritten, as few of their records are needed")                      \
    X(chaski_store_segments, GAUGE, NONE, v->has_store, s->segments,                                         \
      "Segments of the log that hold records")                                                               \
    X(chaski_store_segments_free, GAUGE, NONE, v->has_store, s->segments_free, "Segments that lie ready")    \
    X(chaski_store_bytes, GAUGE, NONE, v->has_store, s->bytes, "Octets of all files of the log")             \
    X(chaski_store_appended_bytes_total, COUNTER, NONE, v->has_store, s->appended_bytes,                     \
      "Octets written to the log since the start")                                                           \
    X(chaski_store_records_total, COUNTER, NONE, v->has_store, s->records,                                   \
      "Records written since the start")                                                                     \
    X(chaski_store_syncs_total, COUNTER, NONE, v->has_store, s->syncs, "Syncs of the log since the start")   \
    X(chaski_store_longest_sync_seconds, GAUGE, NONE, v->has_store, (double)s->sync_ms_most / 1000,          \
      "The longest sync since the start")                                                                    \
    X(chaski_store_rewritten_bytes_total, COUNTER, NONE, v->has_store, s->rewritten_bytes,                   \
      "Octets written when sparse segments were made small, since the start")                                \
    X(chaski_store_segments_dropped_total, COUNTER, NONE, v->has_store, s->segments_dropped,                 \
      "Segments dropped since the start, as nothing in them was needed")

#define KNOWN(n) ((n) != UINT64_MAX)

#define TYPE_GAUGE   "gauge"
#define TYPE_COUNTER "counter"

/* ---- labels ---- */

/* {name="value",…}: backslash, quote and newline escaped. */
static void write_label(buffer_t *out, char before, const char *name, const char *value)
{
    write_u8(out, (uint8_t)before);
    write_bytes(out, bytes_string(name));
    write_bytes(out, BYTES("=\""));
    for (; *value; value++) {
        if (*value == '\\' || *value == '"')
            write_u8(out, '\\');
        if (*value == '\n')
            write_bytes(out, BYTES("\\n"));
        else
            write_u8(out, (uint8_t)*value);
    }
    write_u8(out, '"');
}

static void labels_NONE(const view_t *v, buffer_t *out)
{
    (void)v, (void)out;
}

/* The cluster's permanent id is its name here. */
static void labels_IDENTITY(const view_t *v, buffer_t *out)
{
    write_label(out, '{', "rabbitmq_node", v->about->node);
    write_label(out, ',', "rabbitmq_cluster", v->about->cluster_name);
    write_label(out, ',', "rabbitmq_cluster_permanent_id", v->about->cluster_name);
    write_label(out, ',', "rabbitmq_endpoint", "aggregated");
    write_u8(out, '}');
}

static void labels_BUILD(const view_t *v, buffer_t *out)
{
    (void)v;
    write_label(out, '{', "rabbitmq_version", COMPATIBLE_VERSION);
    write_label(out, ',', "prometheus_plugin_version", CHASKI_VERSION);
    write_label(out, ',', "prometheus_client_version", "0");
    write_label(out, ',', "erlang_version", "0");
    write_label(out, ',', "product_name", "chaski");
    write_label(out, ',', "product_version", CHASKI_VERSION);
    write_u8(out, '}');
}

static void labels_PROTOCOL(const view_t *v, buffer_t *out)
{
    (void)v;
    write_label(out, '{', "protocol", "amqp091");
    write_u8(out, '}');
}

/* ---- lines ---- */

typedef struct metric {
    const char *head; /* both comment lines, and the name */
    void (*labels)(const view_t *v, buffer_t *out);
    bool known;
    double value;
} metric_t;

static void write_metric(const view_t *v, const metric_t *m, buffer_t *out)
{
    char value[64];
    if (!m->known)
        return;
    write_bytes(out, bytes_string(m->head));
    m->labels(v, out);
    bool whole = floor(m->value) == m->value;
    size_t len = text_format(value, sizeof value, whole ? " %.0f\n" : " %.6f\n", m->value);
    write_bytes(out, bytes_make(value, len));
}

void answer_metrics(const view_t *v, reply_t *r)
{
    const engine_counts_t *c = &v->query->counts;
    const store_counts_t *s = &v->store;
    const metric_t metrics[] = {
#define X(name, type, labels, known, value, help)                                                            \
    {"# HELP " #name " " help "\n# TYPE " #name " " TYPE_##type "\n" #name, labels_##labels, known,          \
     (double)(value)},
        METRICS(X)
#undef X
    };
    reply_text(r, "text/plain; version=0.0.4; charset=utf-8");
    for (size_t i = 0; i < sizeof metrics / sizeof *metrics; i++)
        write_metric(v, &metrics[i], &r->body);
}
