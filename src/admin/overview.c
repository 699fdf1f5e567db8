/* SPDX-License-Identifier: Apache-2.0
 *
 * overview.c: /api/overview: RabbitMQ's fields as far as they are true here, and chaski's own in "chaski". What is not
 * counted is left out. */
#include "admin/admin_internal.h"

#include <stdlib.h>

#include "base/version.h"

static json_t *number(uint64_t n)
{
    return json_integer((json_int_t)n);
}

static json_t *exchange_types(void)
{
    static const char *const types[] = {"direct", "fanout", "headers", "topic"};
    json_t *out = json_array();
    for (size_t i = 0; i < sizeof types / sizeof *types; i++)
        json_array_append_new(out, json_pack("{s:s, s:b}", "name", types[i], "enabled", 1));
    return out;
}

static json_t *queue_totals(const engine_counts_t *c)
{
    return json_pack("{s:o, s:o, s:o}", "messages", number(c->messages_ready + c->messages_unacked),
                     "messages_ready", number(c->messages_ready), "messages_unacknowledged",
                     number(c->messages_unacked));
}

static json_t *object_totals(const engine_counts_t *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "channels", number(c->channels), "connections",
                     number(c->connections), "consumers", number(c->consumers), "exchanges",
                     number(c->exchanges), "queues", number(c->queues));
}

static json_t *message_stats(const engine_counts_t *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "publish", number(c->published), "confirm",
                     number(c->confirmed), "deliver_get", number(c->delivered), "ack", number(c->acked),
                     "return_unroutable", number(c->returned));
}

/* "127.0.0.1:5672", "[::]:5672", "unix:/PATH". */
static json_t *json_listener(const admin_listener_t *l, const char *node)
{
    json_t *out = json_pack("{s:s, s:s, s:b}", "node", node, "protocol", l->protocol, "tls", 0);
    bytes_t host = bytes_string(l->address);
    const char *colon = strrchr(l->address, ':');
    if (strncmp(l->address, "unix:", 5) == 0 || !colon) {
        json_object_set_new(out, "path", json_text(host));
        return out;
    }
    host.len = (size_t)(colon - l->address);
    if (host.len >= 2 && host.data[0] == '[')
        host = bytes_make(host.data + 1, host.len - 2);
    json_object_set_new(out, "ip_address", json_text(host));
    json_object_set_new(out, "port", json_integer(strtoll(colon + 1, NULL, 10)));
    return out;
}

static json_t *listeners(const admin_options_t *about)
{
    json_t *out = json_array();
    for (size_t i = 0; i < about->listeners->count; i++)
        json_array_append_new(out, json_listener(&about->listeners->items[i], about->node));
    return out;
}

/* ---- chaski's own ---- */

static json_t *store(const view_t *v)
{
    const store_counts_t *s = &v->store;
    json_t *out = json_object();
    json_object_set_new(out, "segments", number(s->segments));
    json_object_set_new(out, "segments_free", number(s->segments_free));
    json_object_set_new(out, "bytes", number(s->bytes));
    json_object_set_new(out, "appended_bytes", number(s->appended_bytes));
    json_object_set_new(out, "syncs", number(s->syncs));
    json_object_set_new(out, "records", number(s->records));
    json_object_set_new(out, "sync_ms_most", number(s->sync_ms_most));
    json_object_set_new(out, "rewritten_bytes", number(s->rewritten_bytes));
    json_object_set_new(out, "segments_dropped", number(s->segments_dropped));
    json_object_set_new(out, "record", number(v->query->counts.last_record));
    json_object_set_new(out, "durable_record", number(v->query->counts.durable_record));
    json_object_set_new(out, "live_records", number(v->query->counts.live_records));
    json_object_set_new(out, "segments_complete", number(v->query->counts.segments_complete));
    json_object_set_new(out, "segments_sparse", number(v->query->counts.segments_sparse));
    json_object_set_new(out, "checkpoints", number(v->query->counts.checkpoints));
    json_object_set_new(out, "checkpoint_bytes", number(v->query->counts.checkpoint_bytes));
    return out;
}

static json_t *alarms(const engine_counts_t *c)
{
    json_t *out = json_array();
    if (c->memory_alarm)
        json_array_append_new(out, json_string("memory"));
    if (c->disk_alarm)
        json_array_append_new(out, json_string("disk"));
    return out;
}

static json_t *events(const engine_counts_t *c)
{
    return json_pack("{s:o, s:o, s:o, s:o, s:o}", "open", number(c->events_open), "ok", number(c->events_ok),
                     "failed", number(c->events_failed), "timeout", number(c->events_timeout), "none",
                     number(c->events_none));
}

static json_t *own(const view_t *v)
{
    const engine_counts_t *c = &v->query->counts;
    json_t *out = json_object();
    json_object_set_new(out, "uptime_ms", number(v->uptime_ms));
    json_object_set_new(out, "longest_step_us", number(v->longest_step_us));
    json_object_set_new(out, "alarms", alarms(c));
    json_object_set_new(out, "bindings", number(c->bindings));
    json_object_set_new(out, "events", events(c));
    json_object_set_new(out, "damaged", number(c->messages_damaged));
    json_object_set_new(out, "dropped", number(c->dropped));
    json_object_set_new(out, "duplicates", number(c->duplicates));
    json_object_set_new(out, "deduplication_ids", number(c->deduplication_ids));
    json_object_set_new(out, "message_bytes", number(c->memory_bytes));
    json_object_set_new(out, "message_bytes_high", number(c->memory_high_bytes));
    if (v->machine.resident_bytes != UINT64_MAX)
        json_object_set_new(out, "resident_bytes", number(v->machine.resident_bytes));
    if (v->machine.disk_free_bytes != UINT64_MAX)
        json_object_set_new(out, "disk_free_bytes", number(v->machine.disk_free_bytes));
    if (v->has_store) {
        json_object_set_new(out, "disk_free_limit_bytes", number(v->store.free_limit_bytes));
        json_object_set_new(out, "store", store(v));
    }
    return out;
}

void answer_overview(const view_t *v, reply_t *r)
{
    const engine_counts_t *c = &v->query->counts;
    json_t *out = json_pack("{s:s, s:s, s:s, s:s, s:s, s:s}", "management_version", COMPATIBLE_VERSION,
                            "rabbitmq_version", COMPATIBLE_VERSION, "product_name", "chaski",
                            "product_version", CHASKI_VERSION, "erlang_version", "0", "rates_mode", "none");
    json_object_set_new(out, "cluster_name", json_text(bytes_string(v->about->cluster_name)));
    json_object_set_new(out, "node", json_text(bytes_string(v->about->node)));
    json_object_set_new(out, "default_queue_type", json_string("classic"));
    json_object_set_new(out, "exchange_types", exchange_types());
    json_object_set_new(out, "queue_totals", queue_totals(c));
    json_object_set_new(out, "object_totals", object_totals(c));
    json_object_set_new(out, "message_stats", message_stats(c));
    json_object_set_new(out, "listeners", listeners(v->about));
    json_object_set_new(out, "chaski", own(v));
    bytes_t columns;
    bool chosen = target_param(v->target, "columns", &columns) && columns.len > 0;
    reply_json(r, chosen ? json_columns(out, columns) : out);
}
