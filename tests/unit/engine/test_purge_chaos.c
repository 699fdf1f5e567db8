/* SPDX-License-Identifier: Apache-2.0
 *
 * test_purge_chaos.c: purges in slices beside gets, acks, nacks, publishes, other purges, deletes, checkpoints and crashes, by
 * seeds: the log says exactly what is there, and what a start would look for is never let go of. */
#include "engine/dump.h"

enum { CHANNELS = 3, TAGS = 400 };

/* Some channels that use one queue, and do not wait for answers before they go on. */
typedef struct traffic {
    fixture_t *f;
    chan_t ch[CHANNELS];
    uint64_t tags[CHANNELS][TAGS], seed;
    size_t tag_count[CHANNELS];
    unsigned bodies, amid; /* acts while a purge was not said yet */
    bool fails;            /* some messages cannot be read back */
} traffic_t;

static void traffic_connect(traffic_t *t, size_t i)
{
    t->ch[i] = new_channel(t->f);
    t->tag_count[i] = 0;
}

static void traffic_begin(traffic_t *t)
{
    for (size_t i = 0; i < CHANNELS; i++)
        traffic_connect(t, i);
    declare(t->ch[0], "q", COMMAND_DURABLE);
}

static void traffic_look(traffic_t *t, size_t i)
{
    for (seen_t *s; (s = pending(t->ch[i])); s->taken = true) {
        if (s->event.type == EVENT_GET_OK && t->tag_count[i] < TAGS)
            t->tags[i][t->tag_count[i]++] = s->event.delivery_tag;
        if (s->event.type == EVENT_CHANNEL_REFUSED) {
            release_channel(t->ch[i]), open_channel(t->ch[i]);
            t->tag_count[i] = 0;
        }
    }
}

static void traffic_settle(traffic_t *t, size_t i)
{
    if (t->tag_count[i] == 0)
        return;
    size_t which = chance(&t->seed, (uint32_t)t->tag_count[i]);
    uint64_t tag = t->tags[i][which];
    t->tags[i][which] = t->tags[i][--t->tag_count[i]];
    if (chance(&t->seed, 3))
        ack(t->ch[i], tag, 0);
    else
        nack(t->ch[i], tag, COMMAND_REQUEUE);
}

static void traffic_end_of_channel(traffic_t *t, size_t i)
{
    if (chance(&t->seed, 2))
        recover(t->ch[i], 0);
    else
        close_channel(t->ch[i]), open_channel(t->ch[i]);
    t->tag_count[i] = 0;
}

/* What a start would look for now, the log does not let go of. */
static void traffic_check_needed(traffic_t *t)
{
    (void)step(t->f);
    engine_t *e = recovered_copy(t->f, 1, 0);
    for (record_no n = 1; n <= paper_of(t->f)->count; n++)
        assert_true(!live_has(&e->live, n) || live_has(&t->f->engine->live, n));
    engine_free(&e);
}

static void traffic_fail(const traffic_t *t)
{
    paper_t *p = paper_of(t->f);
    record_no last = paper_last(p, RECORD_MESSAGE);
    if (t->fails && last > 0)
        paper_at(p, last)->outcome = READ_FAILED;
}

static void traffic_rare(traffic_t *t, size_t i)
{
    traffic_fail(t);
    switch (chance(&t->seed, 10)) {
    case 0:
        delete_queue(t->ch[i], "q", 0), declare(t->ch[i], "q", COMMAND_DURABLE);
        break;
    case 1:
        run(t->f);
        crash(t->f);
        traffic_begin(t);
        break;
    case 2:
        crash(t->f);
        traffic_begin(t);
        break;
    case 3:
    case 4:
        traffic_end_of_channel(t, i);
        break;
    case 5:
    case 6:
        traffic_check_needed(t);
        break;
    default:
        checkpoint_renew(t->f->engine);
    }
}

static void traffic_act(traffic_t *t)
{
    char body[16];
    size_t i = chance(&t->seed, CHANNELS);
    uint32_t what = chance(&t->seed, 100);
    const queue_t *q = queue_find(t->f->engine->vhost, text("q"));
    t->amid += q && q->purge;
    if (t->ch[i].client->closed) /* it opened a channel that was refused, and not released yet */
        traffic_connect(t, i);
    traffic_look(t, i);
    if (what < 40)
        publish_with(t->ch[i], "", "q", numbered(body, t->bodies++), 0,
                     chance(&t->seed, 5) ? PERSISTENT : bytes_make("\0\0", 2));
    else if (what < 70)
        get(t->ch[i], "q", 0);
    else if (what < 92)
        traffic_settle(t, i);
    else if (what < 98)
        purge(t->ch[i], "q");
    else
        traffic_rare(t, i);
    for (uint32_t steps = chance(&t->seed, 3); steps > 0; steps--)
        (void)step(t->f);
}

/* All leave, and what was out is back: the log says the same as what is there, wherever it is read from. */
static void traffic_check(traffic_t *t)
{
    char when[40];
    text_format(when, sizeof when, "seed %llu", (unsigned long long)t->seed);
    for (size_t i = 0; i < CHANNELS; i++)
        if (!t->ch[i].client->closed)
            hang_up(t->ch[i].client);
    run(t->f), run(t->f);
    dump_t wanted = dump_of(t->f->engine);
    for (record_no from = 1;; from = paper_of(t->f)->replay_from) {
        engine_t *e = recovered_copy(t->f, from, 0);
        dump_t found = dump_of(e);
        if (!t->fails) /* else it does not know yet which */
            assert_same_dump(&wanted, &found, when);
        assert_true(e->live.records <= t->f->engine->live.records);
        dump_free(&found);
        engine_free(&e);
        if (from == paper_of(t->f)->replay_from)
            break;
    }
    dump_free(&wanted);
    traffic_begin(t);
    purge(t->ch[0], "q");
    run(t->f);
    assert_int_equal(t->f->engine->live.records, 0);
    assert_int_equal(counts(t->f).messages_stored, 0);
}

static void purges_beside_all_else_are_said_exactly(void **state)
{
    (void)state;
    unsigned amid = 0;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        traffic_t t = {.seed = seed * 0x9e3779b97f4a7c15u, .fails = seed % 3 == 0};
        t.f = durable_new((fixture_options_t){.slice = 1 + (uint32_t)seed % 3,
                                              .page_entries = seed % 2 ? 2 : 4,
                                              .cold = seed % 5 != 0,
                                              .checkpoint_bytes = seed % 4 ? 1 << 30 : 3000});
        traffic_begin(&t);
        for (int round = 0; round < 3; round++) {
            for (int i = 0; i < 1000; i++)
                traffic_act(&t);
            traffic_check(&t);
        }
        amid += t.amid;
        durable_free(t.f);
    }
    assert_true(amid > 1000); /* it did happen */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(purges_beside_all_else_are_said_exactly),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
