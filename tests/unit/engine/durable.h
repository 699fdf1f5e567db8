/* SPDX-License-Identifier: Apache-2.0
 *
 * durable.h: an engine with a log on paper: what is durable, and how it comes back after a crash or a clean stop. */
#pragma once

#include "engine/expect.h"
#include "engine/paper.h"

#define PERSISTENT bytes_make("\x10\0\2", 3) /* delivery-mode 2 and nothing else */

static inline paper_t *paper_of(const fixture_t *f)
{
    return f->beside_context;
}

static inline void durable_attach(fixture_t *f, paper_t *p)
{
    f->beside = paper_turn;
    f->beside_context = p;
    engine_attach_journal(f->engine, &p->journal);
}

static inline fixture_t *durable_new(fixture_options_t o)
{
    fixture_t *f = fixture_new(o);
    durable_attach(f, paper_new(o.ring_items ? o.ring_items : 1024));
    return f;
}

static inline void durable_free(fixture_t *f)
{
    paper_t *p = paper_of(f);
    fixture_free(f);
    paper_free(p);
}

static inline int durable_setup(void **state)
{
    *state = durable_new((fixture_options_t){0});
    return 0;
}

static inline int durable_teardown(void **state)
{
    durable_free(*state);
    return 0;
}

#define durable_test(test) cmocka_unit_test_setup_teardown(test, durable_setup, durable_teardown)

/* ---- holding and syncing ---- */

/* Nothing becomes durable any more until hold_no_more, or batch by batch by sync_batches. */
static inline void hold(fixture_t *f)
{
    paper_of(f)->holds = true;
}

static inline void sync_batches(fixture_t *f, size_t batches)
{
    assert_int_equal(paper_sync(paper_of(f), batches), batches);
    (void)lane_flush(paper_of(f)->journal.done);
    run(f);
}

static inline void hold_no_more(fixture_t *f)
{
    paper_of(f)->holds = false;
    run(f);
    run(f);
}

static inline void hold_reads(fixture_t *f)
{
    paper_of(f)->holds_reads = true;
}

static inline void answer(fixture_t *f, size_t requests)
{
    assert_int_equal(paper_answer(paper_of(f), requests), requests);
    (void)lane_flush(paper_of(f)->journal.read);
    run(f);
}

static inline void hold_reads_no_more(fixture_t *f)
{
    paper_of(f)->holds_reads = false;
    run(f);
    run(f);
}

/* What the store says of the disk. */
static inline void say_disk(fixture_t *f, bool is_short)
{
    flag_put(&paper_of(f)->journal.disk_short, is_short);
    assert_true(engine_has_news(f->engine));
    run(f);
    assert_false(engine_has_news(f->engine));
    assert_int_equal(counts(f).disk_alarm, is_short);
}

/* ---- coming back ---- */

/* Gives records `from` … to the engine; `last` is what the log says that its last is. */
static inline void apply_from(engine_t *e, const paper_t *p, record_no from)
{
    for (record_no n = from; n <= p->count; n++) {
        record_t r = paper_read(p, n);
        assert_true(engine_apply(e, n, &r, buffer_bytes(&paper_at(p, n)->content),
                                 paper_at(p, n)->outcome == READ_DAMAGED));
    }
}

typedef struct reopen_options {
    record_no from;  /* the log begins here; 0: at 1 */
    record_no twice; /* from here on records are applied a second time; 0: none */
} reopen_options_t;

/* Ends the engine as it stands; another one begins with what is on paper, and has no clients. */
static inline void reopen_with(fixture_t *f, reopen_options_t o)
{
    paper_t *p = paper_of(f);
    fixture_stop_engine(f);
    paper_drop_work(p);
    paper_cut(p, p->synced);
    p->holds = p->holds_reads = false;
    fixture_start_engine(f);
    apply_from(f->engine, p, o.from ? o.from : 1);
    if (o.twice > 0)
        apply_from(f->engine, p, o.twice);
    engine_recovered(f->engine, p->count, f->now_ms);
    journal_init(&p->journal, f->options.ring_items ? f->options.ring_items : 1024);
    engine_attach_journal(f->engine, &p->journal);
}

/* What was not synced is lost. */
static inline void crash(fixture_t *f)
{
    reopen_with(f, (reopen_options_t){0});
}

static inline void stop_and_start(fixture_t *f)
{
    for (client_t *c = f->clients; c; c = c->next)
        if (c->port_client.number > 0 && !c->closed)
            goodbye(c);
    run(f);
    engine_finish(f->engine);
    run(f);
    assert_true(engine_is_durable(f->engine));
    crash(f);
}

/* ---- requests ---- */

static inline void put_durably(chan_t ch, const char *queue, const char *body)
{
    publish_with(ch, "", queue, body, 0, PERSISTENT);
}

static inline void publish_durably(chan_t ch, const char *exchange, const char *key, const char *body)
{
    publish_with(ch, exchange, key, body, 0, PERSISTENT);
}

/* Octets of a large body that come ahead of its publish. */
static inline void part(chan_t ch, const char *octets)
{
    message_t *m = message_new(text(""), text(""), text(""), strlen(octets));
    m = message_append(m, text(octets), strlen(octets));
    push(ch, (command_t){.type = COMMAND_PART, .message = m});
}

static inline void new_durable_queue(chan_t ch, const char *name)
{
    declare(ch, name, COMMAND_DURABLE);
    expect_declared(ch, name, 0, 0);
}

static inline void new_durable_exchange(chan_t ch, const char *name, const char *kind)
{
    declare_exchange(ch, name, kind, COMMAND_DURABLE);
    expect_ok(ch);
}

static inline void put_many_durably(chan_t ch, const char *queue, unsigned from, unsigned count)
{
    char body[16];
    for (unsigned i = from; i < from + count; i++)
        put_durably(ch, queue, numbered(body, i));
    run(ch.client->f);
}
