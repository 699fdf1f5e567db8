/* SPDX-License-Identifier: Apache-2.0
 *
 * publish.c: one message and the windows on its way: that of its publisher, those of the exchanges that it passes, those
 * of the queues that it reaches. */
#include "engine/dedup/dedup_internal.h"
#include "model/frames.h"

#define PUBLISHER "x-publisher-id"
#define SEQUENCE  "x-publisher-sequence"

/* ---- what a message says of itself ---- */

/* An integer is the same whatever its width, as clients choose that by value; all else is its type and its octets. */
static void digest_field(const field_t *f, uint8_t out[HASH_DIGEST_BYTES])
{
    uint8_t typed[1 + HASH_DIGEST_BYTES] = {f->tag};
    if (field_is_integer(f)) {
        typed[0] = 'l';
        (void)put_u64(typed + 1, (uint64_t)field_integer(f));
    } else {
        hash_digest(f->octets, typed + 1);
    }
    hash_digest(bytes_make(typed, sizeof typed), out);
}

/* False: it has no id for this window. */
static bool read_id(const dedup_t *w, bytes_t headers, uint8_t id[HASH_DIGEST_BYTES])
{
    field_t f;
    if (headers.len == 0 || !table_find(headers, w->header, &f))
        return false;
    digest_field(&f, id);
    return true;
}

/* When its id is forgotten: in its own time, or the window's. */
static uint64_t read_end(const dedup_t *w, bytes_t headers)
{
    field_t f;
    uint64_t ttl_ms = w->ttl_ms, now_ms = w->engine->wall_ms;
    if (table_find(headers, BYTES("x-cache-ttl"), &f) && field_is_integer(&f) && field_integer(&f) >= 0)
        ttl_ms = (uint64_t)field_integer(&f);
    else if (ttl_ms == 0)
        return 0;
    return now_ms + ttl_ms;
}

static bool find_numbering(bytes_t headers, field_t *publisher, field_t *sequence)
{
    return headers.len > 0 && table_find(headers, BYTES(SEQUENCE), sequence) &&
           table_find(headers, BYTES(PUBLISHER), publisher);
}

refusal_t *dedup_check_publisher(const command_t *cmd, const exchange_t *x, bytes_t headers)
{
    field_t publisher, sequence;
    char value[128];
    if (!find_numbering(headers, &publisher, &sequence))
        return NULL;
    if (publisher.tag != 'S' || publisher.octets.len == 0) {
        field_text(&publisher, value, sizeof value);
        return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                           "invalid header '" PUBLISHER "': '%s', expected a string", value);
    }
    if (!field_is_integer(&sequence) || field_integer(&sequence) < 0) {
        field_text(&sequence, value, sizeof value);
        return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                           "invalid header '" SEQUENCE "': '%s', expected an integer from 0 on", value);
    }
    if (x->sequencer) /* a repeat's confirm would say nothing about what became of the event */
        return refusal_new(REFUSAL_PRECONDITION_FAILED, cmd->cause,
                           "header '" SEQUENCE "' for synchronous " EXCHANGE_FORMAT
                           ": it knows repeats by message-id",
                           NAMED_ARG(x->name, x->vhost));
    return NULL;
}

/* The same id of two users is not the same: else one could make the other's messages repeats. */
static void digest_publisher(const channel_t *ch, bytes_t name, uint8_t out[HASH_DIGEST_BYTES])
{
    bytes_t user = ch->connection->opening->user;
    uint8_t both[2 * HASH_DIGEST_BYTES];
    hash_digest(user, both);
    hash_digest(name, both + HASH_DIGEST_BYTES);
    hash_digest(bytes_make(both, sizeof both), out);
}

/* ---- decided ---- */

static void hold_back(dedup_t *w, const remembered_t *first, dedup_verdict_t *v)
{
    w->repeats++;
    w->engine->counts.duplicates++;
    v->repeats++;
    if (first->stated.record > v->after)
        v->after = first->stated.record;
}

bool dedup_knows(const dedup_t *w, bytes_t headers)
{
    uint8_t id[HASH_DIGEST_BYTES];
    return read_id(w, headers, id) && dedup_find(w, id);
}

/* True if the window holds it back. */
static bool window_decides(dedup_t *w, dedup_verdict_t *v)
{
    uint8_t id[HASH_DIGEST_BYTES];
    if (w == NULL || !read_id(w, v->headers, id))
        return false;
    const remembered_t *first = dedup_find(w, id);
    if (first)
        hold_back(w, first, v);
    else
        v->is_new = true;
    return first != NULL;
}

static bool publisher_decides(channel_t *ch, dedup_verdict_t *v)
{
    dedup_t *w = ch->connection->vhost->publishers;
    field_t publisher, sequence;
    if (!find_numbering(v->headers, &publisher, &sequence))
        return false;
    v->is_numbered = true;
    v->sequence = (uint64_t)field_integer(&sequence);
    digest_publisher(ch, publisher.octets, v->publisher);
    const remembered_t *highest = dedup_find(w, v->publisher);
    if (highest && v->sequence <= highest->value) {
        hold_back(w, highest, v);
        return true;
    }
    v->is_new = true;
    return false;
}

/* Those of exchanges have had their say (dedup_knows): it is only counted here. */
static void route_decides(route_t *r, dedup_verdict_t *v)
{
    size_t left = 0;
    for (size_t i = 0; i < r->exchange_count; i++)
        (void)window_decides(r->exchanges[i]->dedup, v);
    for (size_t i = 0; i < r->count; i++)
        if (!window_decides(r->queues[i]->dedup, v))
            r->queues[left++] = r->queues[i];
    r->count = left;
}

/* Empty if there are none, or they say only how frames became this message. */
static bytes_t headers_of(const message_t *m)
{
    bytes_t properties = message_properties(m);
    if (!(properties_flags(properties) & PROPERTY_FLAG(PROPERTY_HEADERS)) ||
        frames_properties_alone(properties))
        return BYTES("");
    return properties_headers(properties);
}

bool dedup_concerns(const engine_t *e, const message_t *m)
{
    field_t publisher, sequence;
    bytes_t headers = headers_of(m);
    return headers.len > 0 && (e->route.windows > 0 || find_numbering(headers, &publisher, &sequence));
}

bool dedup_refuses(channel_t *ch, const command_t *cmd)
{
    const engine_t *e = ch->connection->engine;
    size_t actions = e->route.count + e->route.windows;
    if (actions <= e->options.transaction_actions || !dedup_concerns(e, cmd->message))
        return false;
    channel_refuse(ch, cmd->cause, REFUSAL_PRECONDITION_FAILED,
                   "message with an id or a number for %zu queues and windows at once, the most is %u "
                   "(limits.transaction_actions)",
                   actions, e->options.transaction_actions);
    return true;
}

void dedup_decide(channel_t *ch, const message_t *m, dedup_verdict_t *v)
{
    route_t *r = &ch->connection->engine->route;
    *v = (dedup_verdict_t){.headers = headers_of(m)};
    if (v->headers.len == 0)
        return;
    if (publisher_decides(ch, v))
        r->count = r->kept = r->exchange_count = 0;
    else if (r->windows > 0)
        route_decides(r, v);
}

/* ---- remembered ---- */

/* `is_kept`: whose window it is, is there after a crash. */
static void remember(dedup_t *w, const uint8_t id[HASH_DIGEST_BYTES], uint64_t value, bool is_kept)
{
    remembered_t *r = dedup_touch(w, id);
    r->value = value;
    if (is_kept)
        dedup_record(r);
    else if (!dedup_is_of_publishers(
                 w)) /* the log has it of a time that is over: that is not to be said again */
        list_remove(&r->stated.link);
    dedup_keep_limit(w);
}

static void window_remembers(dedup_t *w, bytes_t headers, bool is_kept)
{
    uint8_t id[HASH_DIGEST_BYTES];
    if (w && read_id(w, headers, id) && !dedup_find(w, id))
        remember(w, id, read_end(w, headers), is_kept);
}

void dedup_remember(engine_t *e, const dedup_verdict_t *v, bool is_stored)
{
    const route_t *r = &e->route;
    if (!v->is_new || r->count == 0)
        return;
    if (v->is_numbered)
        remember(e->vhost->publishers, v->publisher, v->sequence, is_stored);
    if (r->windows == 0)
        return;
    for (size_t i = 0; i < r->exchange_count; i++)
        window_remembers(r->exchanges[i]->dedup, v->headers, is_stored && r->exchanges[i]->durable);
    for (size_t i = 0; i < r->count; i++)
        window_remembers(r->queues[i]->dedup, v->headers, is_stored && r->queues[i]->id > 0);
}
