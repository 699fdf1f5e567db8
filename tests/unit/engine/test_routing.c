/* SPDX-License-Identifier: Apache-2.0
 *
 * test_routing.c: from an exchange to queues: types, paths between exchanges, extra keys; each queue once. */
#include "engine/expect.h"

/* A message of this body to the exchange, with CC and BCC (NULL: none). */
static void publish_copies(chan_t ch, const char *exchange, const char *key, const char *body,
                           const char *const *cc, const char *const *bcc)
{
    buffer_t table = {0}, properties = {0};
    if (cc)
        put_array(&table, "CC", cc);
    if (bcc)
        put_array(&table, "BCC", bcc);
    publish_with(ch, exchange, key, body, COMMAND_MANDATORY,
                 properties_of_headers(&properties, buffer_bytes(&table)));
    buffer_free(&table);
    buffer_free(&properties);
}

static void direct_exchanges_compare_the_whole_key(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    bound(ch, "q", "amq.direct", "a.b"), bound(ch, "p", "amq.direct", "");
    publish(ch, "amq.direct", "a.b", "1");
    publish(ch, "amq.direct", "a", "2");
    publish(ch, "amq.direct", "", "3");
    assert_queue_is(ch, "q", "1");
    assert_queue_is(ch, "p", "3");
}

static void the_default_exchange_leads_to_the_queue_of_that_name(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    publish(ch, "", "q", "1");
    publish_mandatory(ch, "", "nobody", "2");
    expect(ch, EVENT_RETURN);
    assert_queue_is(ch, "q", "1");
}

static void fanout_exchanges_ignore_the_key(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    bound(ch, "q", "amq.fanout", "some"), bound(ch, "p", "amq.fanout", "other");
    publish(ch, "amq.fanout", "", "1");
    assert_queue_is(ch, "q", "1");
    assert_queue_is(ch, "p", "1");
}

static void topic_exchanges_compare_by_words(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    bound(ch, "q", "amq.topic", "a.#"), bound(ch, "p", "amq.topic", "*.b");
    publish(ch, "amq.topic", "a", "1");
    publish(ch, "amq.topic", "a.b", "2");
    publish(ch, "amq.topic", "b", "3");
    assert_queue_is(ch, "q", "1", "2");
    assert_queue_is(ch, "p", "2");
}

/* Unbinds q from amq.match with these criteria. */
static void unbind_headers(chan_t ch, const buffer_t *criteria)
{
    push_request(ch, COMMAND_QUEUE_UNBIND, 0, 0, ends("q", "amq.match", "", buffer_bytes(criteria)));
    expect_ok(ch);
    assert_int_equal(counts(ch.client->f).bindings, 0);
}

static void headers_exchanges_compare_headers(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    buffer_t criteria = {0}, properties = {0};
    table_put_string(&criteria, "a", BYTES("1"));
    bind_with(ch, "q", "amq.match", "", buffer_bytes(&criteria));
    expect_ok(ch);
    publish_with(ch, "amq.match", "", "yes", 0, properties_of_headers(&properties, buffer_bytes(&criteria)));
    publish(ch, "amq.match", "", "no");
    assert_queue_is(ch, "q", "yes");
    unbind_headers(ch, &criteria);
    table_put_string(&criteria, "b", BYTES("2"));
    table_put_string(&criteria, "x-match", BYTES("any"));
    bind_with(ch, "q", "amq.match", "", buffer_bytes(&criteria));
    expect_ok(ch);
    publish_with(ch, "amq.match", "", "any", 0, buffer_bytes(&properties)); /* has a, not b */
    assert_queue_is(ch, "q", "any");
    buffer_free(&criteria);
    buffer_free(&properties);
}

static void a_queue_gets_one_copy_however_many_ways_lead_to_it(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    new_exchange(ch, "x", "topic"), new_exchange(ch, "y", "fanout");
    bound(ch, "q", "x", "a.*"), bound(ch, "q", "x", "#"), bound(ch, "q", "y", "");
    bind_exchange(ch, "y", "x", "#"), expect_ok(ch);
    publish_copies(ch, "x", "a.b", "1", (const char *const[]){"a.c", "a.b", NULL}, NULL);
    assert_queue_is(ch, "q", "1");
}

static void exchanges_in_a_circle_are_visited_once(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    new_exchange(ch, "x", "fanout"), new_exchange(ch, "y", "fanout");
    bind_exchange(ch, "y", "x", ""), expect_ok(ch);
    bind_exchange(ch, "x", "y", ""), expect_ok(ch);
    bind_exchange(ch, "x", "x", ""), expect_ok(ch);
    bound(ch, "q", "x", ""), bound(ch, "p", "y", "");
    publish(ch, "x", "", "1");
    publish(ch, "y", "", "2");
    assert_queue_is(ch, "q", "1", "2");
    assert_queue_is(ch, "p", "1", "2");
}

static void the_key_stays_the_same_along_the_way(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    new_exchange(ch, "x", "direct");
    bind_exchange(ch, "x", "amq.topic", "a.#"), expect_ok(ch);
    bound(ch, "q", "x", "a.b"), bound(ch, "p", "x", "a");
    publish(ch, "amq.topic", "a.b", "1");
    publish(ch, "amq.topic", "b", "2");
    assert_queue_is(ch, "q", "1");
    assert_queue_is_empty(ch, "p");
}

static void an_internal_exchange_is_reached_by_others_only(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    declare_exchange(ch, "inner", "fanout", COMMAND_INTERNAL), expect_ok(ch);
    bind_exchange(ch, "inner", "amq.fanout", ""), expect_ok(ch);
    bound(ch, "q", "inner", "");
    publish(ch, "amq.fanout", "", "1");
    assert_queue_is(ch, "q", "1");
    publish(ch, "inner", "", "2");
    expect_refusal(ch, 403, "cannot publish to internal exchange 'inner' in vhost '/'");
}

static void cc_and_bcc_are_further_keys(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p"), new_queue(ch, "o");
    publish_copies(ch, "", "q", "1", (const char *const[]){"p", NULL}, (const char *const[]){"o", "p", NULL});
    expect_nothing(ch);
    assert_queue_is(ch, "q", "1");
    assert_queue_is(ch, "p", "1");
    assert_queue_is(ch, "o", "1");
}

static void a_message_that_only_a_copy_routes_is_not_returned(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    publish_copies(ch, "", "nobody", "1", (const char *const[]){"q", NULL}, NULL);
    expect_nothing(ch);
    publish_copies(ch, "", "nobody", "2", (const char *const[]){"nobody too", NULL}, NULL);
    expect(ch, EVENT_RETURN);
    assert_queue_is(ch, "q", "1");
}

/* The headers of the one message in the queue, as they reach a client. */
typedef struct sight {
    port_client_t port_client; /* first */
    buffer_t headers;
} sight_t;

static void sight_on_event(port_client_t *client, event_t *e)
{
    sight_t *s = (sight_t *)(void *)client;
    if (e->type == EVENT_GET_OK)
        write_bytes(&s->headers, properties_headers(message_properties(e->message)));
    event_discard(e);
}

static void bcc_is_removed_and_cc_stays(void **state)
{
    fixture_t *f = *state;
    chan_t ch = new_channel(f);
    new_queue(ch, "q");
    publish_copies(ch, "", "q", "1", (const char *const[]){"p", NULL}, (const char *const[]){"o", NULL});
    sight_t sight = {0};
    port_event_t *before = ch.client->port_client.on_event;
    sight.port_client = ch.client->port_client;
    sight.port_client.on_event = sight_on_event;
    f->ports[0].clients[sight.port_client.number] = &sight.port_client;
    get(ch, "q", COMMAND_NO_ACK);
    run(f);
    f->ports[0].clients[sight.port_client.number] = &ch.client->port_client;
    assert_ptr_equal(ch.client->port_client.on_event, before);

    field_t field;
    assert_true(table_find(buffer_bytes(&sight.headers), BYTES("CC"), &field));
    assert_false(table_find(buffer_bytes(&sight.headers), BYTES("BCC"), &field));
    buffer_free(&sight.headers);
}

static void elements_of_cc_that_are_no_strings_are_ignored(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    buffer_t items = {0}, table = {0}, properties = {0};
    write_u8(&items, 'I'), write_u32(&items, 5);
    write_u8(&items, 'S'), write_long_string(&items, BYTES("p"));
    field_t field = {'A', buffer_bytes(&items)};
    table_put_field(&table, BYTES("CC"), &field);
    publish_with(ch, "", "q", "1", 0, properties_of_headers(&properties, buffer_bytes(&table)));
    assert_queue_is(ch, "q", "1");
    assert_queue_is(ch, "p", "1");
    buffer_free(&items), buffer_free(&table), buffer_free(&properties);
}

static void many_extra_keys_all_count(void **state)
{
    chan_t ch = new_channel(*state);
    char names[40][16];
    const char *keys[41] = {0};
    for (unsigned i = 0; i < 40; i++) {
        keys[i] = numbered(names[i], i);
        new_queue(ch, keys[i]);
    }
    publish_copies(ch, "", "nobody", "1", keys, NULL);
    for (unsigned i = 0; i < 40; i++)
        assert_queue_is(ch, keys[i], "1");
}

static void all_bindings_of_a_key_count_and_the_others_stay_when_one_goes(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p"), new_queue(ch, "o");
    bound(ch, "q", "amq.direct", "k"), bound(ch, "p", "amq.direct", "k"), bound(ch, "o", "amq.direct", "k");
    unbind_queue(ch, "q", "amq.direct", "k"), expect_ok(ch); /* the first one's octets were the key */
    publish(ch, "amq.direct", "k", "1");
    unbind_queue(ch, "p", "amq.direct", "k"), expect_ok(ch);
    publish(ch, "amq.direct", "k", "2");
    unbind_queue(ch, "o", "amq.direct", "k"), expect_ok(ch);
    publish_mandatory(ch, "amq.direct", "k", "3");
    expect(ch, EVENT_RETURN);
    assert_queue_is_empty(ch, "q");
    assert_queue_is(ch, "p", "1");
    assert_queue_is(ch, "o", "1", "2");
}

/* ---- the same route again: a channel remembers its last one ---- */

static void the_same_again_follows_bindings_that_come_and_go(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q"), new_queue(ch, "p");
    bound(ch, "q", "amq.topic", "a.*");
    publish(ch, "amq.topic", "a.b", "1");
    publish(ch, "amq.topic", "a.b", "2");
    bound(ch, "p", "amq.topic", "#");
    publish(ch, "amq.topic", "a.b", "3");
    unbind_queue(ch, "q", "amq.topic", "a.*"), expect_ok(ch);
    publish(ch, "amq.topic", "a.b", "4");
    publish(ch, "amq.topic", "a.b", "5");
    assert_queue_is(ch, "q", "1", "2", "3");
    assert_queue_is(ch, "p", "3", "4", "5");
}

static void the_same_again_compares_exchange_and_key(void **state)
{
    chan_t ch = new_channel(*state);
    new_exchange(ch, "e", "fanout");
    new_queue(ch, "q"), new_queue(ch, "p"), new_queue(ch, "eq");
    bound(ch, "p", "e", "");
    publish(ch, "", "q", "1");
    publish(ch, "e", "q", "2");
    publish(ch, "", "eq", "3"); /* the same octets end to end */
    publish(ch, "e", "q", "4");
    publish(ch, "", "q", "5");
    publish(ch, "", "q", "6");
    assert_queue_is(ch, "q", "1", "5", "6");
    assert_queue_is(ch, "p", "2", "4");
    assert_queue_is(ch, "eq", "3");
}

static void the_same_again_finds_a_queue_that_came_back(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    publish(ch, "", "q", "1");
    publish(ch, "", "q", "2");
    delete_queue(ch, "q", 0), expect_counted(ch, 2);
    publish_mandatory(ch, "", "q", "3");
    expect(ch, EVENT_RETURN);
    publish_mandatory(ch, "", "q", "4");
    expect(ch, EVENT_RETURN);
    new_queue(ch, "q");
    publish(ch, "", "q", "5");
    assert_queue_is(ch, "q", "5");
}

static void the_same_again_to_an_exchange_that_is_gone_is_404(void **state)
{
    chan_t ch = new_channel(*state);
    new_exchange(ch, "e", "fanout");
    new_queue(ch, "q");
    bound(ch, "q", "e", "");
    publish(ch, "e", "", "1");
    publish(ch, "e", "", "2");
    delete_exchange(ch, "e", 0), expect_ok(ch);
    publish(ch, "e", "", "3");
    expect_refusal_and_reopen(ch, REFUSAL_NOT_FOUND, "no exchange 'e' in vhost '/'");
    assert_queue_is(ch, "q", "1", "2");
}

static void the_same_again_looks_at_headers_each_time(void **state)
{
    chan_t ch = new_channel(*state);
    const char *const copies[] = {"p", NULL};
    new_queue(ch, "q"), new_queue(ch, "p");
    publish(ch, "", "q", "1");
    publish_copies(ch, "", "q", "2", copies, NULL);
    publish(ch, "", "q", "3");
    publish_copies(ch, "", "q", "4", NULL, copies);
    assert_queue_is(ch, "q", "1", "2", "3", "4");
    assert_queue_is(ch, "p", "2", "4");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(the_same_again_follows_bindings_that_come_and_go),
        fixture_test(the_same_again_compares_exchange_and_key),
        fixture_test(the_same_again_finds_a_queue_that_came_back),
        fixture_test(the_same_again_to_an_exchange_that_is_gone_is_404),
        fixture_test(the_same_again_looks_at_headers_each_time),
        fixture_test(direct_exchanges_compare_the_whole_key),
        fixture_test(the_default_exchange_leads_to_the_queue_of_that_name),
        fixture_test(fanout_exchanges_ignore_the_key),
        fixture_test(topic_exchanges_compare_by_words),
        fixture_test(headers_exchanges_compare_headers),
        fixture_test(a_queue_gets_one_copy_however_many_ways_lead_to_it),
        fixture_test(exchanges_in_a_circle_are_visited_once),
        fixture_test(the_key_stays_the_same_along_the_way),
        fixture_test(an_internal_exchange_is_reached_by_others_only),
        fixture_test(cc_and_bcc_are_further_keys),
        fixture_test(a_message_that_only_a_copy_routes_is_not_returned),
        fixture_test(bcc_is_removed_and_cc_stays),
        fixture_test(elements_of_cc_that_are_no_strings_are_ignored),
        fixture_test(many_extra_keys_all_count),
        fixture_test(all_bindings_of_a_key_count_and_the_others_stay_when_one_goes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
