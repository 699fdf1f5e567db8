/* SPDX-License-Identifier: Apache-2.0
 *
 * dump.h: the durable part of an engine's state as sorted lines of text, so that two engines can be compared: one that
 * decided it and one that got it back, or two that got it back from different parts of a log. */
#pragma once

#include "engine/dedup/dedup_internal.h"
#include "engine/durable.h"
#include "engine/engine_internal.h"

typedef struct dump {
    char **lines;
    size_t count, capacity;
} dump_t;

static inline void dump_line(dump_t *d, const char *format, ...) __attribute__((format(printf, 2, 3)));
static inline void dump_line(dump_t *d, const char *format, ...)
{
    char *line = mem_alloc(600);
    va_list args;
    va_start(args, format);
    text_format_list(line, 600, format, args);
    va_end(args);
    d->lines = mem_grow(d->lines, sizeof *d->lines, d->count, &d->capacity, 64);
    d->lines[d->count++] = line;
}

/* Arguments in a line: enough to tell two tables apart. */
static inline uint64_t dump_hash(bytes_t b)
{
    uint64_t h = b.len;
    for (size_t i = 0; i < b.len; i++)
        h = (h ^ b.data[i]) * 0x100000001b3u;
    return h;
}

static inline void dump_exchange(dump_t *d, const exchange_t *x)
{
    if (!x->durable || !list_linked(&x->stated.link))
        return;
    dump_line(d, "exchange %.*s %s %s%s %016llx", TEXT_ARG(x->name), exchange_type_name(x->type),
              x->auto_delete ? "auto-delete " : "", x->internal ? "internal " : "",
              (unsigned long long)dump_hash(x->arguments));
}

static inline void dump_binding(dump_t *d, const binding_t *b)
{
    bool durable = b->source->durable && (b->queue ? b->queue->id > 0 : b->exchange->durable);
    if (!durable || b->source->deleted)
        return;
    bytes_t name = b->queue ? b->queue->name : b->exchange->name;
    dump_line(d, "binding %.*s -> %s %.*s by %.*s %016llx", TEXT_ARG(b->source->name),
              b->queue ? "queue" : "exchange", TEXT_ARG(name), TEXT_ARG(b->key),
              (unsigned long long)dump_hash(b->arguments));
}

/* Entries that are out count as those that are ready: after a crash they are. */
static inline void dump_entries(dump_t *d, const queue_t *q)
{
    uint64_t from = 0;
    fifo_item_t item;
    for (uint32_t budget = UINT32_MAX; fifo_next((fifo_t *)&q->fifo, &from, q->fifo.tail, &budget, &item);)
        if (item.stored)
            dump_line(d, "entry %.*s %llu: record %llu, given back %u", TEXT_ARG(q->name),
                      (unsigned long long)item.position, (unsigned long long)item.record, item.returns);
}

static inline void dump_queue(dump_t *d, const queue_t *q)
{
    if (q->id == 0)
        return;
    dump_line(d, "queue %.*s %llu %s%s %016llx expires %llu mark %llu stored %llu", TEXT_ARG(q->name),
              (unsigned long long)q->id, q->type == QUEUE_QUORUM ? "quorum " : "",
              q->auto_delete ? "auto-delete" : "", (unsigned long long)dump_hash(q->arguments),
              (unsigned long long)q->expires_ms, (unsigned long long)q->mark, (unsigned long long)q->stored);
    dump_entries(d, q);
}

/* What it remembers that is in the log, the oldest first. */
static inline void dump_window(dump_t *d, const char *whose, bytes_t name, const dedup_t *w)
{
    unsigned at = 0;
    for (const list_t *node = w ? w->order.next : NULL; w && node != &w->order; node = node->next) {
        const remembered_t *r = LIST_OF(node, const remembered_t, in_window);
        if (list_linked(&r->stated.link))
            dump_line(d, "seen by %s %.*s %05u: %016llx %llu since %llu", whose, TEXT_ARG(name), at++,
                      (unsigned long long)dump_hash(bytes_make(r->id, sizeof r->id)),
                      (unsigned long long)r->value, (unsigned long long)r->since);
    }
}

static inline int dump_compare(const void *a, const void *b)
{
    return strcmp(*(char *const *)a, *(char *const *)b);
}

static inline dump_t dump_of(const engine_t *e)
{
    dump_t d = {0};
    const vhost_t *v = e->vhost;
    for (hash_node_t *n = hash_next(&v->exchanges, NULL); n; n = hash_next(&v->exchanges, n)) {
        const exchange_t *x = HASH_OF(n, const exchange_t, node);
        dump_exchange(&d, x);
        dump_window(&d, "exchange", x->name, x->dedup);
        for (const list_t *out = x->out.next; out != &x->out; out = out->next)
            dump_binding(&d, LIST_OF(out, const binding_t, in_source));
    }
    for (hash_node_t *n = hash_next(&v->queues, NULL); n; n = hash_next(&v->queues, n))
        dump_queue(&d, HASH_OF(n, const queue_t, node));
    for (hash_node_t *n = hash_next(&v->queues, NULL); n; n = hash_next(&v->queues, n))
        dump_window(&d, "queue", HASH_OF(n, const queue_t, node)->name,
                    HASH_OF(n, const queue_t, node)->dedup);
    dump_window(&d, "publishers of", v->name, v->publishers);
    if (d.count > 0)
        qsort(d.lines, d.count, sizeof *d.lines, dump_compare);
    return d;
}

static inline void dump_free(dump_t *d)
{
    for (size_t i = 0; i < d->count; i++)
        mem_free(d->lines[i]);
    mem_free(d->lines);
    *d = (dump_t){0};
}

/* Fails with the first line that only one of them has; `when` says where that was. */
static inline void assert_same_dump(const dump_t *wanted, const dump_t *got, const char *when)
{
    size_t least = wanted->count < got->count ? wanted->count : got->count;
    for (size_t i = 0; i < least; i++)
        if (strcmp(wanted->lines[i], got->lines[i]) != 0)
            fail_msg("%s:\n  wanted %s\n  got    %s", when, wanted->lines[i], got->lines[i]);
    if (wanted->count != got->count)
        fail_msg("%s: %zu lines wanted, %zu got: %s", when, wanted->count, got->count,
                 wanted->count > least ? wanted->lines[least] : got->lines[least]);
}

/* Another engine, which gets the records from `from` on, and those from `twice` on a second time. */
static inline engine_t *recovered_copy(fixture_t *f, record_no from, record_no twice)
{
    const paper_t *p = paper_of(f);
    engine_options_t options = fixture_engine_options(f, &f->options);
    engine_t *e = engine_new(&options);
    apply_from(e, p, from);
    if (twice > 0)
        apply_from(e, p, twice);
    engine_recovered(e, p->count, f->now_ms);
    return e;
}

static inline dump_t dump_from(fixture_t *f, record_no from, record_no twice)
{
    engine_t *e = recovered_copy(f, from, twice);
    dump_t d = dump_of(e);
    engine_free(&e);
    return d;
}
