/* SPDX-License-Identifier: Apache-2.0
 *
 * recover.c: entries in the log. A record stands behind the message that it speaks of, in the same batch; a checkpoint
 * says those that are there again, with the number of the record that said them first. */
#include "engine/dedup/dedup_internal.h"

/* ---- to the log ---- */

static void to_record(const remembered_t *r, record_t *out)
{
    const dedup_t *w = r->window;
    bytes_t id = bytes_make(r->id, HASH_DIGEST_BYTES);
    if (dedup_is_of_publishers(w))
        *out = (record_t){.type = RECORD_PUBLISHER, .seq = r->stored, .key = id};
    else
        *out = (record_t){.type = RECORD_SEEN,
                          .queue = w->queue ? w->queue->id : 0,
                          .time_ms = r->value,
                          .name = w->exchange ? w->exchange->name : (bytes_t){0},
                          .key = id};
}

/* To the batch of the message, however large that is. */
void dedup_record(remembered_t *r)
{
    engine_t *e = r->window->engine;
    record_t out;
    assert(e->batch != NULL);
    r->stored = r->value;
    to_record(r, &out);
    r->since = records_append(e, &out, NULL);
    stated_now(e, &r->stated, STATED_SEEN, r->since);
}

/* Of what is gone nothing is said any more: there may be another of its name. */
static bool is_gone(const dedup_t *w)
{
    return (w->exchange && w->exchange->deleted) || (w->queue && w->queue->deleted);
}

size_t dedup_state(engine_t *e, stated_t *s)
{
    remembered_t *r = LIST_OF(s, remembered_t, stated);
    if (is_gone(r->window) || dedup_is_over(r)) {
        dedup_forget(r);
        return 0;
    }
    record_t out;
    to_record(r, &out);
    out.message = r->since;
    stated_now(e, s, STATED_SEEN, records_add(e, &out, NULL));
    return out.name.len + HASH_DIGEST_BYTES + 24;
}

/* ---- and back ---- */

/* NULL: of what is not there, or not yet: then it is said again behind it. */
static dedup_t *window_of(engine_t *e, const record_t *r)
{
    if (r->type == RECORD_PUBLISHER)
        return e->vhost->publishers;
    const queue_t *q = r->queue > 0 ? queue_find_by_id(e, r->queue) : NULL;
    const exchange_t *x = r->queue == 0 ? exchange_find(e->vhost, r->name) : NULL;
    return q ? q->dedup : x ? x->dedup : NULL;
}

void dedup_apply(engine_t *e, record_no number, const record_t *r)
{
    dedup_t *w = window_of(e, r);
    if (w == NULL || r->key.len != HASH_DIGEST_BYTES)
        return;
    remembered_t *entry = dedup_touch(w, r->key.data);
    entry->value = entry->stored = r->type == RECORD_PUBLISHER ? r->seq : r->time_ms;
    entry->since = r->message > 0 ? r->message : number;
    stated_now(e, &entry->stated, STATED_SEEN, number);
    if (w->ids.count > 2 * w->limit)
        dedup_settle(w);
}

void dedup_recovered(engine_t *e)
{
    const vhost_t *v = e->vhost;
    for (hash_node_t *n = hash_next(&v->exchanges, NULL); n; n = hash_next(&v->exchanges, n))
        if (HASH_OF(n, exchange_t, node)->dedup)
            dedup_settle(HASH_OF(n, exchange_t, node)->dedup);
    for (hash_node_t *n = hash_next(&v->queues, NULL); n; n = hash_next(&v->queues, n))
        if (HASH_OF(n, queue_t, node)->dedup)
            dedup_settle(HASH_OF(n, queue_t, node)->dedup);
    dedup_settle(v->publishers);
    e->counts.publishers_forgotten = 0; /* since the start */
}
