/* SPDX-License-Identifier: Apache-2.0
 *
 * references.c: who needs which record's content: queue entries, messages that are being read, parts of bodies.
 *
 * A large message is a record of its own and those of its parts, and whoever refers to it needs all of them. So as long as
 * its record is referred to, this table refers to its parts; and so does the message itself while it is in memory.
 *
 * While the log is applied nothing is counted: references_rebuild does, when it is known what is there. */
#include "engine/engine_internal.h"

typedef struct large {
    hash_node_t node; /* engine.large */
    stated_t stated;
    record_no record;
    bool is_damaged; /* a part of it: found when it was sent */
    uint32_t part_count;
    message_part_t parts[];
} large_t;

bytes_t large_record(const hash_node_t *node)
{
    const large_t *l = HASH_OF(node, const large_t, node);
    return bytes_make(&l->record, sizeof l->record);
}

static large_t *find_large(const engine_t *e, record_no record)
{
    hash_node_t *node = e->large.count > 0 ? hash_find(&e->large, bytes_make(&record, sizeof record)) : NULL;
    return node ? HASH_OF(node, large_t, node) : NULL;
}

/* ---- counting ---- */

void record_refer(engine_t *e, record_no record, uint32_t count)
{
    if (!e->applying)
        live_add(&e->live, record, count);
}

static void forget_large(engine_t *e, large_t *l)
{
    hash_remove(&e->large, &l->node);
    list_remove(&l->stated.link);
    for (uint32_t i = 0; i < l->part_count; i++)
        record_release(e, l->parts[i].record);
    mem_free(l);
}

void record_release(engine_t *e, record_no record)
{
    if (e->applying)
        return;
    live_drop(&e->live, record);
    large_t *l = find_large(e, record);
    if (l && !live_has(&e->live, record))
        forget_large(e, l);
}

void parts_refer(engine_t *e, const message_t *m)
{
    for (uint32_t i = 0; i < m->part_count; i++)
        record_refer(e, m->parts[i].record, 1);
}

bool parts_are_known(const engine_t *e, const message_t *m)
{
    for (uint32_t i = 0; i < m->part_count; i++)
        if (!live_has(&e->live, m->parts[i].record))
            return false;
    return true;
}

/* ---- large messages ---- */

void large_note(engine_t *e, record_no stated, record_no record, const record_list_t *parts)
{
    if (parts->count == 0 || find_large(e, record))
        return;
    large_t *l = mem_zero(sizeof *l + parts->count * sizeof *l->parts);
    list_init(&l->stated.link);
    l->record = record;
    l->part_count = parts->count;
    bytes_reader_t in = bytes_reader(parts->octets);
    for (uint32_t i = 0; i < parts->count; i++) {
        (void)record_list_next(&in, &l->parts[i].record, &l->parts[i].bytes);
        record_refer(e, l->parts[i].record, 1);
    }
    hash_insert(&e->large, &l->node);
    stated_now(e, &l->stated, STATED_LARGE, stated);
}

void large_note_damaged(engine_t *e, message_t *m)
{
    large_t *l = find_large(e, m->record);
    m->damaged = true;
    if (l)
        l->is_damaged = true;
}

bool large_is_damaged(const engine_t *e, const message_t *m)
{
    const large_t *l = m->part_count > 0 && !m->damaged ? find_large(e, m->record) : NULL;
    return m->damaged || (l && l->is_damaged);
}

size_t large_state(engine_t *e, stated_t *s)
{
    large_t *l = LIST_OF(s, large_t, stated);
    buffer_t parts = {0};
    record_t r = {.type = RECORD_LARGE, .message = l->record};
    for (uint32_t i = 0; i < l->part_count; i++)
        record_list_put(&parts, &r.parts.count, l->parts[i].record, l->parts[i].bytes);
    r.parts.octets = buffer_bytes(&parts);
    stated_now(e, s, STATED_LARGE, records_add(e, &r, NULL));
    size_t octets = parts.len + 8;
    buffer_free(&parts);
    return octets;
}

void large_free_all(engine_t *e)
{
    for (hash_node_t *node; (node = hash_next(&e->large, NULL));)
        forget_large(e, HASH_OF(node, large_t, node));
}

/* ---- after a recovery ---- */

/* Those of one queue are far apart, and each is a wait for memory: so they are added some time after they are known. */
#define LOOK_AHEAD 32

typedef struct counting {
    live_t *live;
    size_t at;
    struct {
        record_no first;
        uint64_t count;
    } rows[LOOK_AHEAD];
} counting_t;

static void count_row(void *context, record_no first, uint64_t count)
{
    counting_t *c = context;
    live_expect(c->live, first);
    size_t at = c->at++ % LOOK_AHEAD;
    live_add_run(c->live, c->rows[at].first, c->rows[at].count); /* at first none */
    c->rows[at].first = first;
    c->rows[at].count = count;
}

/* Queues in the order of the log: mostly so they stand in memory too. */
static void count_entries(engine_t *e)
{
    counting_t counting = {.live = &e->live};
    LIST_EACH (n, &e->checkpoint.lists[STATED_QUEUE])
        fifo_each_record(&LIST_OF(n, queue_t, stated.link)->fifo, count_row, &counting);
    for (size_t i = 0; i < LOOK_AHEAD; i++)
        live_add_run(&e->live, counting.rows[i].first, counting.rows[i].count);
}

static void keep_or_forget(engine_t *e, large_t *l)
{
    for (uint32_t i = 0; i < l->part_count; i++)
        record_refer(e, l->parts[i].record, 1);
    if (!live_has(&e->live, l->record))
        forget_large(e, l);
}

void references_rebuild(engine_t *e)
{
    count_entries(e);
    list_t all;
    list_init(&all);
    list_splice(&all, &e->checkpoint.lists[STATED_LARGE]);
    for (list_t *node; (node = list_first(&all));) {
        large_t *l = LIST_OF(node, large_t, stated.link);
        stated_now(e, &l->stated, STATED_LARGE, l->stated.record);
        keep_or_forget(e, l);
    }
}
