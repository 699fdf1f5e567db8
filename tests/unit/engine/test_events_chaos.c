/* SPDX-License-Identifier: Apache-2.0
 *
 * Synchronous events, and everything else at any time: whatever happens in between, who asks is answered once, each publish is
 * confirmed once or more, and nothing is left open. */
#include "engine/durable.h"
#include "engine/engine_internal.h"
#include "engine/events.h"

#define ACTORS    8
#define TAGS      64
#define PUBLISHES 4096

/* One channel of a connection of its own. Odd ones take confirms, even ones ask. */
typedef struct actor {
    chan_t ch;
    uint64_t tags[TAGS];
    size_t tag_count, asked, told, published, next_unconfirmed;
    bool confirmed[PUBLISHES];
} actor_t;

typedef struct chaos {
    fixture_t *f;
    uint64_t seed;
    actor_t actors[ACTORS];
} chaos_t;

static const char *const exchanges[] = {"amq.events", "x", "y"};
static const char *const queues[] = {"durable0", "durable1", "passing0", "passing1", "own", "left"};

static uint32_t pick(chaos_t *c, uint32_t below)
{
    return chance(&c->seed, below);
}

static bool takes_confirms(const chaos_t *c, const actor_t *a)
{
    return (a - c->actors) % 2;
}

static void begin(chaos_t *c, actor_t *a)
{
    *a = (actor_t){.ch = a->ch};
    if (takes_confirms(c, a))
        push_simple(a->ch, COMMAND_CONFIRM_SELECT, COMMAND_NOWAIT);
}

static void come(chaos_t *c, actor_t *a)
{
    a->ch = (chan_t){client_at(c->f, pick(c, FIXTURE_PORTS)), 1};
    open_connection(a->ch.client, "/", "guest");
    open_channel(a->ch);
    begin(c, a);
}

/* ---- what comes back ---- */

static void note_confirm(actor_t *a, const event_t *e)
{
    assert_true(e->delivery_tag > 0 && e->delivery_tag <= a->published);
    for (uint64_t n = e->flags & EVENT_MULTIPLE ? 1 : e->delivery_tag; n <= e->delivery_tag; n++)
        a->confirmed[n] = true;
}

static void note(chaos_t *c, actor_t *a, const event_t *e)
{
    switch (e->type) {
    case EVENT_DELIVER:
    case EVENT_GET_OK:
        if (a->tag_count < TAGS)
            a->tags[a->tag_count++] = e->delivery_tag;
        break;
    case EVENT_REPORT:
        assert_true(++a->told <= a->asked);
        break;
    case EVENT_CONFIRM:
        note_confirm(a, e);
        break;
    case EVENT_CHANNEL_REFUSED:
    case EVENT_CHANNEL_CLOSED:
        if (a->ch.client->closed)
            break;
        if (e->type == EVENT_CHANNEL_REFUSED)
            release_channel(a->ch);
        open_channel(a->ch);
        begin(c, a);
        break;
    case EVENT_CONNECTION_CLOSED:
        come(c, a);
        break;
    default:
        break;
    }
}

static void look(chaos_t *c)
{
    fixture_t *f = c->f;
    run(f);
    for (; f->seen_first < f->seen_count; f->seen_first++)
        for (size_t i = 0; i < ACTORS; i++)
            if (c->actors[i].ch.client == f->seen[f->seen_first].client)
                note(c, &c->actors[i], &f->seen[f->seen_first].event);
    f->seen_count = f->seen_first = 0;
}

/* ---- what is done ---- */

static bytes_t any_properties(chaos_t *c, buffer_t *b)
{
    static const char *const needs[] = {"all", "one", "quorum", "none", "2"};
    static const char *const times[] = {"0", "10", "1000", "100000"};
    bool headers = pick(c, 4) == 0, reply = pick(c, 4) == 0, expires = pick(c, 4) == 0, id = pick(c, 3) == 0;
    uint16_t flags = PROPERTY_FLAG(PROPERTY_DELIVERY_MODE);
    flags |= headers ? PROPERTY_FLAG(PROPERTY_HEADERS) : 0;
    flags |= reply ? PROPERTY_FLAG(PROPERTY_REPLY_TO) : 0;
    flags |= expires ? PROPERTY_FLAG(PROPERTY_EXPIRATION) : 0;
    flags |= id ? PROPERTY_FLAG(PROPERTY_MESSAGE_ID) : 0;
    write_u16(b, flags);
    if (headers) {
        buffer_t table = {0};
        table_put_string(&table, "x-sync", text(needs[pick(c, 5)]));
        write_long_string(b, buffer_bytes(&table));
        buffer_free(&table);
    }
    write_u8(b, (uint8_t)(1 + pick(c, 2)));
    if (reply)
        write_short_string(b, text(queues[pick(c, 6)]));
    if (expires)
        write_short_string(b, text(times[pick(c, 4)]));
    if (id)
        write_short_string(b, bytes_make(&"abcdefgh"[pick(c, 8)], 1));
    return buffer_bytes(b);
}

static void do_publish(chaos_t *c, actor_t *a)
{
    buffer_t b = {0};
    bool asks = !takes_confirms(c, a) && pick(c, 4) > 0;
    if (a->published + 1 == PUBLISHES)
        return;
    if (pick(c, 8) == 0)
        part(a->ch, "part");
    a->published++;
    a->asked += asks;
    publish_with(a->ch, exchanges[pick(c, 3)], "t", "body", asks ? COMMAND_ASKS : COMMAND_MANDATORY,
                 any_properties(c, &b));
    buffer_free(&b);
}

static void do_settle(chaos_t *c, actor_t *a)
{
    if (a->tag_count == 0)
        return;
    size_t i = pick(c, (uint32_t)a->tag_count);
    uint64_t tag = a->tags[i];
    a->tags[i] = a->tags[--a->tag_count];
    if (pick(c, 2)) {
        a->published += takes_confirms(c, a);
        say(a->ch, tag, "said");
    }
    if (pick(c, 8) == 0) {
        ack(a->ch, 0, COMMAND_MULTIPLE);
        a->tag_count = 0;
    } else if (pick(c, 2)) {
        ack(a->ch, tag, 0);
    } else {
        nack(a->ch, tag, pick(c, 2) ? COMMAND_REQUEUE : 0);
    }
}

static void do_declare(chaos_t *c, actor_t *a)
{
    static const int flags[] = {COMMAND_DURABLE,   COMMAND_DURABLE,    0, 0,
                                COMMAND_EXCLUSIVE, COMMAND_AUTO_DELETE};
    uint32_t q = pick(c, 6);
    declare(a->ch, queues[q], flags[q]);
    bind_queue(a->ch, queues[q], exchanges[pick(c, 3)], "#");
}

static void do_consume(chaos_t *c, actor_t *a)
{
    static const char *const tags[] = {"a", "b", "c"};
    const char *tag = tags[pick(c, 3)];
    qos(a->ch, pick(c, 3), 0);
    cancel(a->ch, tag, COMMAND_NOWAIT);
    if (pick(c, 4) > 0)
        consume(a->ch, queues[pick(c, 6)], tag, COMMAND_NOWAIT | (pick(c, 4) == 0 ? COMMAND_NO_ACK : 0));
}

static void declare_sync(chaos_t *c, actor_t *a)
{
    buffer_t arguments = {0};
    bool x = pick(c, 2);
    table_put_string(&arguments, "x-sync", BYTES("all"));
    table_put_long(&arguments, "x-sync-window", x ? 2 : 1);
    table_put_long(&arguments, "x-dedup", x ? 4 : 0);
    table_put_long(&arguments, "x-keep-results", x ? 0 : 2);
    declare_exchange_with(a->ch, x ? "x" : "y", "fanout", x ? COMMAND_DURABLE : 0, buffer_bytes(&arguments));
    buffer_free(&arguments);
}

static void do_rarely(chaos_t *c, actor_t *a)
{
    switch (pick(c, 10)) {
    case 0:
        delete_queue(a->ch, queues[pick(c, 6)], 0);
        break;
    case 1:
        purge(a->ch, queues[pick(c, 6)]);
        break;
    case 2:
        delete_exchange(a->ch, exchanges[1 + pick(c, 2)], 0);
        break;
    case 3:
        close_channel(a->ch);
        break;
    case 4:
        hang_up(a->ch.client);
        break;
    case 5:
        goodbye(a->ch.client);
        break;
    case 6:
        recover(a->ch, COMMAND_NOWAIT);
        a->tag_count = 0;
        break;
    default:
        declare_sync(c, a);
    }
}

static void do_something(chaos_t *c)
{
    actor_t *a = &c->actors[pick(c, ACTORS)];
    uint32_t what = pick(c, 100);
    if (what < 80 && pick(c, 20) > 0) /* half of them mostly publish, half of them mostly handle */
        a - c->actors < ACTORS / 2 ? do_publish(c, a) : do_settle(c, a);
    else if (what < 40)
        do_publish(c, a);
    else if (what < 80)
        do_settle(c, a);
    else if (what < 84)
        get(a->ch, queues[pick(c, 6)], pick(c, 2) ? COMMAND_NO_ACK : 0);
    else if (what < 90)
        do_declare(c, a);
    else if (what < 96)
        do_consume(c, a);
    else
        do_rarely(c, a);
}

/* ---- what must hold ---- */

static void all_come_anew(chaos_t *c)
{
    for (size_t i = 0; i < ACTORS; i++)
        come(c, &c->actors[i]);
    for (int i = 0; i < 20; i++) {
        declare_sync(c, &c->actors[pick(c, ACTORS)]), look(c);
        do_declare(c, &c->actors[pick(c, ACTORS)]), look(c);
        do_consume(c, &c->actors[pick(c, ACTORS)]), look(c);
    }
}

static void all_are_answered(chaos_t *c)
{
    actor_t *last = &c->actors[ACTORS - 1];
    for (actor_t *a = &c->actors[ACTORS / 2]; a <= last; a++)
        hang_up(a->ch.client);
    look(c);
    for (int i = 0; i < 600; i++) {     /* with a window of 1, one deadline after the other */
        purge(last->ch, queues[i % 6]); /* the alarm ends; a channel that may not comes again */
        c->f->now_ms += 5000, look(c);
    }
    for (size_t i = 0; i < ACTORS; i++) {
        const actor_t *a = &c->actors[i];
        assert_int_equal(a->told, a->asked);
        for (size_t n = 1; takes_confirms(c, a) && n <= a->published; n++)
            assert_true(a->confirmed[n]);
    }
    assert_int_equal(counts(c->f).events_open, 0);
    assert_int_equal(c->f->engine->timers.count, 0);
}

static void who_asks_is_answered_whatever_happens(void **state)
{
    (void)state;
    uint64_t seeds = getenv("SEEDS") ? strtoull(getenv("SEEDS"), NULL, 10) : 12;
    for (uint64_t seed = 1; seed <= seeds; seed++) {
        chaos_t *c = mem_zero(sizeof *c);
        c->f = durable_new((fixture_options_t){.slice = seed % 3 ? 64 : 4,
                                               .memory_high_bytes = seed % 4 ? 0 : 30000,
                                               .checkpoint_bytes = 3000,
                                               .cold = seed % 5 == 0});
        c->seed = seed * 7919 + 1;
        for (int life = 0; life < 3; life++) {
            all_come_anew(c);
            for (int i = 0; i < 1500; i++) {
                do_something(c);
                c->f->now_ms += pick(c, 20) == 0 ? pick(c, 1000) : 0;
                if (pick(c, 3) == 0)
                    look(c);
            }
            if (life < 2) {
                crash(c->f);
                continue;
            }
            look(c), all_are_answered(c);
        }
        durable_free(c->f);
        mem_free(c);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {cmocka_unit_test(who_asks_is_answered_whatever_happens)};
    return cmocka_run_group_tests(tests, NULL, NULL);
}
