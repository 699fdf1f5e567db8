/* SPDX-License-Identifier: Apache-2.0
 *
 * test_apply.c: what is durable comes back from its records, wherever the log begins, and nothing else does. */
#include "engine/dump.h"
#include "engine/history.h"

/* ---- definitions ---- */

static void exchanges_of_all_types_come_back_with_flags_and_arguments(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t table = {0};
    table_put_long(&table, "some", 1);
    declare_exchange(ch, "d", "direct", COMMAND_DURABLE);
    declare_exchange(ch, "f", "fanout", COMMAND_DURABLE | COMMAND_AUTO_DELETE);
    declare_exchange(ch, "t", "topic", COMMAND_DURABLE | COMMAND_INTERNAL);
    declare_exchange_with(ch, "h", "headers", COMMAND_DURABLE, buffer_bytes(&table));
    declare_exchange(ch, "gone", "direct", 0);
    run(f);
    dump_t before = dump_of(f->engine);
    crash(f);
    dump_t after = dump_of(f->engine);
    assert_int_equal(after.count, 4);
    assert_same_dump(&before, &after, "after a crash");
    ch = new_channel(f);
    declare_exchange(ch, "f", "fanout", COMMAND_DURABLE | COMMAND_AUTO_DELETE);
    expect_ok(ch);
    declare_exchange(ch, "gone", "", COMMAND_PASSIVE);
    expect(ch, EVENT_CHANNEL_REFUSED);
    dump_free(&before), dump_free(&after), buffer_free(&table);
}

static void queues_come_back_with_flags_and_arguments(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t expires = {0}, quorum = {0};
    table_put_long(&expires, "x-expires", 5000);
    table_put_string(&quorum, "x-queue-type", BYTES("quorum"));
    declare(ch, "plain", COMMAND_DURABLE);
    declare(ch, "auto", COMMAND_DURABLE | COMMAND_AUTO_DELETE);
    declare_with(ch, "expires", COMMAND_DURABLE, buffer_bytes(&expires));
    declare_with(ch, "quorum", COMMAND_DURABLE, buffer_bytes(&quorum));
    declare(ch, "transient", 0);
    declare(ch, "exclusive", COMMAND_DURABLE | COMMAND_EXCLUSIVE);
    run(f);
    dump_t before = dump_of(f->engine);
    crash(f);
    dump_t after = dump_of(f->engine);
    assert_int_equal(after.count, 4);
    assert_int_equal(counts(f).queues, 4);
    assert_same_dump(&before, &after, "after a crash");
    ch = new_channel(f);
    declare_with(ch, "quorum", COMMAND_DURABLE, buffer_bytes(&quorum));
    expect_declared(ch, "quorum", 0, 0);
    advance(f, 5001); /* nobody used it since */
    assert_int_equal(counts(f).queues, 3);
    dump_free(&before), dump_free(&after), buffer_free(&expires), buffer_free(&quorum);
}

static void bindings_come_back_and_route(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t match = {0}, headers = {0}, properties = {0};
    table_put_string(&match, "x-match", BYTES("any"));
    table_put_string(&match, "colour", BYTES("red"));
    table_put_string(&headers, "colour", BYTES("red"));
    new_durable_queue(ch, "q"), new_durable_queue(ch, "r"), new_queue(ch, "transient");
    new_durable_exchange(ch, "t", "topic"), new_durable_exchange(ch, "h", "headers");
    new_durable_exchange(ch, "d", "direct");
    bound(ch, "q", "d", "k");
    bind_exchange(ch, "d", "t", "a.#");
    expect_ok(ch);
    bind_with(ch, "r", "h", "", buffer_bytes(&match));
    expect_ok(ch);
    bound(ch, "transient", "d", "k");
    bound(ch, "q", "amq.direct", "also");
    bound(ch, "r", "d", "taken back");
    unbind_queue(ch, "r", "d", "taken back");
    expect_ok(ch);
    dump_t before = dump_of(f->engine);
    crash(f);
    dump_t after = dump_of(f->engine);
    assert_same_dump(&before, &after, "after a crash");
    assert_int_equal(counts(f).bindings, 4);
    ch = new_channel(f);
    bound(ch, "q", "t", "a.k");
    publish(ch, "d", "k", "1");
    publish(ch, "amq.direct", "also", "2");
    publish_with(ch, "h", "", "3", 0, properties_of_headers(&properties, buffer_bytes(&headers)));
    publish(ch, "d", "taken back", "4");
    assert_queue_is(ch, "q", "1", "2");
    assert_queue_is(ch, "r", "3");
    dump_free(&before), dump_free(&after);
    buffer_free(&match), buffer_free(&headers), buffer_free(&properties);
}

static void what_was_deleted_stays_away(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q"), new_durable_exchange(ch, "x", "direct");
    declare_exchange(ch, "auto", "direct", COMMAND_DURABLE | COMMAND_AUTO_DELETE);
    expect_ok(ch);
    declare(ch, "auto q", COMMAND_DURABLE | COMMAND_AUTO_DELETE);
    expect_declared(ch, "auto q", 0, 0);
    bound(ch, "q", "x", "k");
    bound(ch, "q", "auto", "k");
    put_durably(ch, "q", "m");
    new_consumer(ch, "auto q", "c", 0);
    cancel(ch, "c", 0);
    expect(ch, EVENT_CONSUMER_CANCELLED);
    delete_exchange(ch, "x", 0);
    expect_ok(ch);
    delete_queue(ch, "q", 0); /* and with its last binding the exchange "auto" */
    expect_counted(ch, 1);
    crash(f);
    dump_t after = dump_of(f->engine);
    assert_int_equal(after.count, 0);
    assert_int_equal(counts(f).queues, 0);
    assert_int_equal(counts(f).messages_ready, 0);
    dump_free(&after);
}

static void a_queue_deleted_and_declared_again_has_nothing_of_the_first(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    bound(ch, "q", "amq.fanout", "");
    put_durably(ch, "q", "old");
    delete_queue(ch, "q", 0);
    expect_counted(ch, 1);
    new_durable_queue(ch, "q");
    put_durably(ch, "q", "new");
    run(f);
    crash(f);
    ch = new_channel(f);
    assert_int_equal(counts(f).bindings, 0);
    assert_queue_is(ch, "q", "new");
}

/* ---- messages ---- */

static void persistent_messages_come_back_in_order_and_transient_ones_do_not(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q"), new_queue(ch, "t");
    put_durably(ch, "q", "1"), put(ch, "q", "transient"), put_durably(ch, "q", "2");
    put_durably(ch, "t", "to a transient queue"), put_durably(ch, "q", "3");
    run(f);
    crash(f);
    ch = new_channel(f);
    assert_int_equal(counts(f).messages_ready, 3);
    assert_int_equal(counts(f).messages_stored, 3);
    assert_queue_is(ch, "q", "1", "2", "3");
    crash(f);
    assert_int_equal(counts(f).messages_ready, 0);
}

static void a_message_in_several_queues_has_one_record(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "a"), new_durable_queue(ch, "b"), new_queue(ch, "t");
    bound(ch, "a", "amq.fanout", ""), bound(ch, "b", "amq.fanout", ""), bound(ch, "t", "amq.fanout", "");
    put_durably(ch, "a", "first");
    publish_durably(ch, "amq.fanout", "", "m");
    run(f);
    assert_int_equal(paper_count(paper_of(f), RECORD_MESSAGE), 2);
    crash(f);
    ch = new_channel(f);
    assert_queue_is(ch, "a", "first", "m");
    assert_queue_is(ch, "b", "m");
}

static void a_message_comes_back_with_all_that_it_bore(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    buffer_t headers = {0}, properties = {0};
    table_put_string(&headers, "h", BYTES("value"));
    write_u16(&properties, PROPERTY_FLAG(PROPERTY_HEADERS) | PROPERTY_FLAG(PROPERTY_DELIVERY_MODE));
    write_long_string(&properties, buffer_bytes(&headers));
    write_u8(&properties, 2);
    new_durable_queue(ch, "q");
    bound(ch, "q", "amq.direct", "key");
    publish_with(ch, "amq.direct", "key", "body", 0, buffer_bytes(&properties));
    run(f);
    crash(f);
    record_no number = paper_last(paper_of(f), RECORD_MESSAGE);
    message_t *m = paper_message(paper_of(f), number);
    assert_true(bytes_equal(message_exchange(m), BYTES("amq.direct")));
    assert_true(bytes_equal(message_routing_key(m), BYTES("key")));
    assert_true(bytes_equal(message_properties(m), buffer_bytes(&properties)));
    assert_true(bytes_equal(message_body(m), BYTES("body")));
    assert_true(m->persistent);
    assert_int_equal(paper_read(paper_of(f), number).time_ms, 1700000000000 + f->now_ms);
    message_free(m);
    ch = new_channel(f);
    assert_queue_is(ch, "q", "body");
    buffer_free(&headers), buffer_free(&properties);
}

static void settled_messages_stay_away_however_they_were_settled(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, 12);
    uint64_t a = got(ch, "q", "n00000");
    (void)got(ch, "q", "n00001");
    uint64_t c = got(ch, "q", "n00002");
    uint64_t d = got(ch, "q", "n00003");
    uint64_t e = got(ch, "q", "n00004");
    uint64_t g = got(ch, "q", "n00005");
    (void)got(ch, "q", "n00006"); /* is out when it crashes */
    ack(ch, a, 0);
    ack(ch, c, COMMAND_MULTIPLE);
    nack(ch, d, 0);
    nack(ch, e, COMMAND_REQUEUE);
    nack(ch, g, COMMAND_MULTIPLE);
    get(ch, "q", COMMAND_NO_ACK);
    expect_got(ch, "n00004*");
    new_consumer(ch, "q", "c", COMMAND_NO_ACK);
    for (unsigned i = 7; i < 12; i++) {
        char body[16];
        expect_delivery(ch, numbered(body, i));
    }
    crash(f);
    ch = new_channel(f);
    assert_queue_is(ch, "q", "n00006*");
}

static void what_was_out_at_a_purge_survives_it_after_a_crash_too(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, 20);
    uint64_t first = got(ch, "q", "n00000");
    (void)got(ch, "q", "n00001");
    uint64_t third = got(ch, "q", "n00002");
    (void)got(ch, "q", "n00003");
    ack(ch, third, 0); /* a hole in what is out */
    run(f);
    purge(ch, "q");
    expect_counted(ch, 16);
    put_durably(ch, "q", "after");
    ack(ch, first, 0);
    run(f);
    crash(f);
    ch = new_channel(f);
    assert_queue_is(ch, "q", "n00001*", "n00003*", "after*");
}

static void a_wide_fanout_comes_back_whole(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    char name[16];
    for (unsigned i = 0; i < 200; i++) {
        new_durable_queue(ch, numbered(name, i));
        bound(ch, name, "amq.fanout", "");
    }
    publish_durably(ch, "amq.fanout", "", "m");
    run(f);
    assert_int_equal(paper_count(paper_of(f), RECORD_MESSAGE), 1);
    dump_t before = dump_of(f->engine);
    crash(f);
    dump_t after = dump_of(f->engine);
    assert_same_dump(&before, &after, "after a crash");
    ch = new_channel(f);
    for (unsigned i = 0; i < 200; i++)
        assert_queue_is(ch, numbered(name, i), "m");
    dump_free(&before), dump_free(&after);
}

static void a_position_is_never_used_again(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    for (unsigned round = 0; round < 20; round++) {
        put_many_durably(ch, "q", 0, 3);
        if (round % 3 == 0)
            purge(ch, "q"), expect(ch, EVENT_QUEUE_COUNTED);
        else
            get(ch, "q", COMMAND_NO_ACK), expect(ch, EVENT_GET_OK);
        if (round % 2)
            crash(f);
        else
            stop_and_start(f);
        ch = new_channel(f);
    }
    uint64_t id, position, last = 0;
    for (record_no n = 1; n <= paper_of(f)->count; n++) {
        record_t r = paper_read(paper_of(f), n);
        bytes_reader_t in = bytes_reader(r.list.octets);
        if (r.type != RECORD_MESSAGE)
            continue;
        assert_true(record_list_next(&in, &id, &position));
        assert_true(position > last);
        last = position;
    }
    assert_true(last >= 60);
}

static void what_was_not_synced_is_lost_and_the_rest_is_whole(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_durably(ch, "q", "1");
    run(f);
    hold(f);
    put_durably(ch, "q", "2");
    run(f);
    put_durably(ch, "q", "3");
    declare(ch, "r", COMMAND_DURABLE);
    run(f);
    sync_batches(f, 1);
    crash(f);
    ch = new_channel(f);
    assert_int_equal(counts(f).queues, 1);
    assert_queue_is(ch, "q", "1", "2");
    put_durably(ch, "q", "4");
    run(f);
    crash(f);
    assert_queue_is(new_channel(f), "q", "4*"); /* below the mark that was moved ahead */
}

/* ---- histories ---- */

static void a_crash_at_any_time_loses_nothing_that_was_durable(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        fixture_t *f = durable_new((fixture_options_t){.slice = 16, .checkpoint_bytes = 4096});
        history_t h = history_of(f, seed);
        for (int round = 0; round < 8; round++) {
            for (int i = 0; i < 60; i++)
                history_act(&h);
            run(f);
            dump_t before = dump_of(f->engine), after = dump_from(f, 1, 0);
            /* an auto-delete exchange goes by a record of its own, so that it is the same here */
            assert_same_dump(&before, &after, "after a crash");
            dump_free(&before), dump_free(&after);
            crash(f);
            h.ch = new_channel(f);
            h.tag_count = 0;
        }
        durable_free(f);
    }
}

/* ---- promises ---- */

enum { PROMISED = 4000 };

/* What a publisher and a consumer of one queue know: message n is nNNNNN. */
typedef struct promises {
    unsigned published, base; /* base: published before this connection */
    bool confirmed[PROMISED], delivered[PROMISED], acked[PROMISED];
    unsigned acks;
} promises_t;

static unsigned number_of_body(const seen_t *s)
{
    return (unsigned)strtoul(s->body + 1, NULL, 10);
}

static void note_promises(promises_t *p, chan_t publisher, chan_t consumer, uint64_t *seed)
{
    for (seen_t *s; (s = pending(publisher)); s->taken = true)
        for (uint64_t n = 0; s->event.type == EVENT_CONFIRM && n < s->event.delivery_tag; n++)
            p->confirmed[p->base + n] = true;
    for (seen_t *s; (s = pending(consumer)); s->taken = true) {
        if (s->event.type != EVENT_DELIVER)
            continue;
        p->delivered[number_of_body(s)] = true;
        if (chance(seed, 3) == 0)
            continue;
        p->acked[number_of_body(s)] = true;
        p->acks++;
        ack(consumer, s->event.delivery_tag, 0);
    }
}

/* In order, each once, marked if it may have been seen, nothing that was confirmed missing unless its ack was sent. */
static void check_promises(promises_t *p, chan_t ch)
{
    unsigned next = 0;
    for (seen_t *s;;) {
        get(ch, "q", 0);
        s = next_event(ch);
        if (s->event.type == EVENT_GET_EMPTY)
            break;
        assert_int_equal(s->event.type, EVENT_GET_OK);
        unsigned n = number_of_body(s);
        assert_true(n >= next && n < p->published);
        assert_true(!p->delivered[n] || (s->event.flags & EVENT_REDELIVERED));
        for (; next < n; next++)
            assert_true(!p->confirmed[next] || p->acked[next]);
        next = n + 1;
    }
    for (; next < p->published; next++)
        assert_true(!p->confirmed[next] || p->acked[next]);
    recover(ch, 0);
    expect_ok(ch);
}

static void some_traffic(fixture_t *f, promises_t *p, uint64_t *seed)
{
    chan_t publisher = new_channel(f), consumer = new_channel(f);
    char body[16];
    confirm_select(publisher);
    expect_ok(publisher);
    p->base = p->published;
    qos(consumer, 1 + chance(seed, 20), 0);
    (void)consume(consumer, "q", "c", 0);
    for (int act = 0; act < 150 && p->published < PROMISED; act++) {
        uint32_t what = chance(seed, 10);
        if (what < 6)
            put_durably(publisher, "q", numbered(body, p->published++));
        else if (what == 6)
            paper_of(f)->holds = !paper_of(f)->holds;
        else if (what == 7)
            (void)paper_sync(paper_of(f), chance(seed, 3));
        else if (what == 8)
            (void)paper_answer(paper_of(f), chance(seed, 3));
        else
            paper_of(f)->holds_reads = !paper_of(f)->holds_reads;
        (void)step(f);
        note_promises(p, publisher, consumer, seed);
    }
}

static void what_was_confirmed_is_there_after_a_crash_whatever_the_log_did(void **state)
{
    (void)state;
    for (uint64_t start = 1; start <= 16; start++) {
        fixture_t *f = durable_new((fixture_options_t){.cold = start % 2,
                                                       .slice = start % 3 ? 64 : 4,
                                                       .batch_bytes = start % 5 ? 0 : 1,
                                                       .checkpoint_bytes = 3000});
        uint64_t seed = start * 0x9e3779b97f4a7c15u;
        promises_t *p = MEM_NEW(promises_t);
        new_durable_queue(new_channel(f), "q");
        for (int round = 0; round < 20; round++) {
            some_traffic(f, p, &seed);
            crash(f);
            check_promises(p, new_channel(f));
            if (round % 4 == 3)
                stop_and_start(f);
        }
        assert_true(p->published > 500 && p->acks > 50);
        mem_free(p);
        durable_free(f);
    }
}

static void applying_any_suffix_twice_changes_nothing(void **state)
{
    fixture_t *f = *state;
    history_t h = history_of(f, 99);
    for (int i = 0; i < 250; i++)
        history_act(&h);
    run(f);
    dump_t wanted = dump_from(f, 1, 0);
    for (record_no from = 1; from <= paper_of(f)->count; from++) {
        dump_t got_back = dump_from(f, 1, from);
        assert_same_dump(&wanted, &got_back, "a suffix twice");
        dump_free(&got_back);
    }
    dump_free(&wanted);
}

/* The log may be cut at what a durable batch says, wherever in it, and at any batch before a crash. */
static void check_every_beginning(fixture_t *f, uint64_t seed)
{
    const paper_t *p = paper_of(f);
    dump_t wanted = dump_from(f, 1, 0);
    char when[80];
    record_no most = 1;
    for (record_no n = 1; n <= p->count; n++)
        if (paper_at(p, n)->is_last_of_batch && paper_at(p, n)->replay_from > most)
            most = paper_at(p, n)->replay_from;
    for (record_no from = 1; from <= most; from += 1 + most / 40) {
        dump_t got_back = dump_from(f, from, 0);
        text_format(when, sizeof when, "seed %llu, a log from %llu to %llu", (unsigned long long)seed,
                    (unsigned long long)from, (unsigned long long)p->count);
        assert_same_dump(&wanted, &got_back, when);
        dump_free(&got_back);
    }
    dump_t got_back = dump_from(f, most, 0);
    assert_same_dump(&wanted, &got_back, "the latest beginning");
    dump_free(&got_back);
    dump_free(&wanted);
}

static void a_log_that_begins_later_gives_the_same_state(void **state)
{
    (void)state;
    record_no highest = 0;
    for (uint64_t seed = 1; seed <= 12; seed++) {
        fixture_t *f = durable_new((fixture_options_t){.slice = 4, .checkpoint_bytes = 2000});
        history_t h = history_of(f, seed);
        for (int round = 0; round < 8; round++) {
            for (int i = 0; i < 500; i++)
                history_act(&h);
            history_look(&h);
            recover(h.ch, 0);
            h.tag_count = 0;
            declare(h.ch, "q0", COMMAND_DURABLE);
            put_many_durably(h.ch, "q0", 0, 300); /* a log of some length, and a queue */
            check_every_beginning(f, seed);
        }
        highest = paper_of(f)->replay_from > highest ? paper_of(f)->replay_from : highest;
        durable_free(f);
    }
    assert_true(highest > 1024); /* it did happen */
}

static void restated_definitions_let_the_beginning_of_the_log_go(void **state)
{
    (void)state;
    fixture_t *f = durable_new((fixture_options_t){.checkpoint_bytes = 100000});
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q"), new_durable_exchange(ch, "x", "direct"), bound(ch, "q", "x", "k");
    assert_int_equal(paper_of(f)->replay_from, 1);
    for (unsigned i = 0; i < 2500; i++) {
        put_durably(ch, "q", "m");
        get(ch, "q", COMMAND_NO_ACK);
        expect_got(ch, "m");
    }
    paper_t *p = paper_of(f);
    assert_true(p->replay_from > 2 * LIVE_RANGE_RECORDS);
    assert_true(paper_count(p, RECORD_QUEUE) < 60); /* and they are not said all the time */
    put_durably(ch, "q", "kept");
    run(f);
    reopen_with(f, (reopen_options_t){.from = p->replay_from});
    ch = new_channel(f);
    assert_int_equal(counts(f).bindings, 1);
    assert_queue_is(ch, "q", "kept*"); /* below the mark that was moved ahead */
    durable_free(f);
}

/* ---- what cannot be ---- */

static void refuse_record(fixture_t *f, const record_t *r)
{
    engine_options_t options = fixture_engine_options(f, &f->options);
    engine_t *e = engine_new(&options);
    size_t lines = f->log_lines;
    assert_false(engine_apply(e, 1, r, (bytes_t){0}, false));
    assert_int_equal(f->log_lines, lines + 1);
    assert_non_null(strstr(f->last_line, "record 1 of the log"));
    assert_non_null(strstr(f->last_line, record_type_name(r->type)));
    engine_free(&e);
}

static void records_that_say_what_cannot_be_are_refused(void **state)
{
    fixture_t *f = *state;
    bytes_t bad = BYTES("\xff");
    refuse_record(f, &(record_t){.type = RECORD_QUEUE, .vhost = 1, .name = BYTES("q")});
    refuse_record(f, &(record_t){.type = RECORD_EXCHANGE, .kind = 4, .name = BYTES("x")});
    refuse_record(f, &(record_t){.type = RECORD_QUEUE, .kind = 2, .name = BYTES("q")});
    refuse_record(f, &(record_t){.type = RECORD_EXCHANGE, .name = BYTES("x"), .arguments = bad});
    refuse_record(f, &(record_t){.type = RECORD_QUEUE, .name = BYTES("q"), .arguments = bad});
    refuse_record(f, &(record_t){.type = RECORD_BIND, .name = BYTES("q"), .arguments = bad});
    refuse_record(f, &(record_t){.type = RECORD_UNBIND, .name = BYTES("q"), .arguments = bad});
}

/* The last record too, if it is applied a second time. */
static void a_row_that_cannot_be_is_passed_over_and_said_once(void **state)
{
    fixture_t *f = *state;
    engine_options_t options = fixture_engine_options(f, &f->options);
    engine_t *e = engine_new(&options);
    record_t queue = {.type = RECORD_QUEUE, .name = BYTES("q"), .position = 5, .mark = 1};
    record_t page = {.type = RECORD_PAGE, .queue = 1, .position = 4, .arguments = BYTES("\x0a\x05")};
    size_t lines = f->log_lines;
    assert_true(engine_apply(e, 1, &queue, (bytes_t){0}, false));
    for (int i = 0; i < 2; i++) {
        assert_true(engine_apply(e, 2, &page, (bytes_t){0}, false));
        assert_int_equal(f->log_lines, lines + 1);
    }
    assert_non_null(strstr(f->last_line, "record 2 of the log (page)"));
    engine_free(&e);
}

static void an_engine_may_end_amid_its_recovery(void **state)
{
    fixture_t *f = *state;
    history_t h = history_of(f, 7);
    for (int i = 0; i < 200; i++)
        history_act(&h);
    run(f);
    for (record_no last = 1; last <= paper_of(f)->count; last += 7) {
        for (record_no from = 1; from <= last; from += 1 + last / 3) {
            engine_options_t options = fixture_engine_options(f, &f->options);
            engine_t *e = engine_new(&options);
            for (record_no n = from; n <= last; n++) {
                record_t r = paper_read(paper_of(f), n);
                assert_true(
                    engine_apply(e, n, &r, buffer_bytes(&paper_at(paper_of(f), n)->content), n % 5 == 0));
            }
            engine_free(&e);
        }
    }
}

static void a_damaged_message_is_left_out_unless_it_was_done_with(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_durable_queue(ch, "q");
    put_many_durably(ch, "q", 0, 4);
    get(ch, "q", COMMAND_NO_ACK);
    expect_got(ch, "n00000");
    record_no last = paper_last(paper_of(f), RECORD_MESSAGE);
    paper_at(paper_of(f), last)->outcome = READ_DAMAGED;
    paper_at(paper_of(f), last - 3)->outcome = READ_DAMAGED;
    size_t lines = f->log_lines;
    crash(f);
    assert_int_equal(f->log_lines, lines + 1);
    assert_int_equal(counts(f).messages_damaged, 1);
    assert_int_equal(counts(f).messages_stored, 2);
    ch = new_channel(f);
    assert_queue_is(ch, "q", "n00001*", "n00002*");
    purge(ch, "q");
    expect_counted(ch, 0);
    assert_int_equal(counts(f).messages_damaged, 0);
    crash(f);
    assert_int_equal(counts(f).messages_damaged, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        durable_test(exchanges_of_all_types_come_back_with_flags_and_arguments),
        durable_test(queues_come_back_with_flags_and_arguments),
        durable_test(bindings_come_back_and_route),
        durable_test(what_was_deleted_stays_away),
        durable_test(a_queue_deleted_and_declared_again_has_nothing_of_the_first),
        durable_test(persistent_messages_come_back_in_order_and_transient_ones_do_not),
        durable_test(a_message_in_several_queues_has_one_record),
        durable_test(a_message_comes_back_with_all_that_it_bore),
        durable_test(settled_messages_stay_away_however_they_were_settled),
        durable_test(what_was_out_at_a_purge_survives_it_after_a_crash_too),
        durable_test(a_wide_fanout_comes_back_whole),
        durable_test(a_position_is_never_used_again),
        durable_test(what_was_not_synced_is_lost_and_the_rest_is_whole),
        cmocka_unit_test(a_crash_at_any_time_loses_nothing_that_was_durable),
        cmocka_unit_test(what_was_confirmed_is_there_after_a_crash_whatever_the_log_did),
        durable_test(applying_any_suffix_twice_changes_nothing),
        cmocka_unit_test(a_log_that_begins_later_gives_the_same_state),
        cmocka_unit_test(restated_definitions_let_the_beginning_of_the_log_go),
        durable_test(records_that_say_what_cannot_be_are_refused),
        durable_test(a_row_that_cannot_be_is_passed_over_and_said_once),
        durable_test(an_engine_may_end_amid_its_recovery),
        durable_test(a_damaged_message_is_left_out_unless_it_was_done_with),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
