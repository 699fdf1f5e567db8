/* SPDX-License-Identifier: Apache-2.0
 *
 * What commands and events own. That nothing is freed twice or left is the address sanitizer's part. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "model/command.h"
#include "model/event.h"

static void a_request_is_a_copy_of_its_own(void **state)
{
    (void)state;
    char name[] = "queue", tag[] = "ctag";
    request_t view = {
        .name = bytes_string(name),
        .source = BYTES("amq.topic"),
        .routing_key = BYTES("a.#"),
        .kind = BYTES("direct"),
        .tag = bytes_string(tag),
        .arguments = BYTES("\1kV"),
    };
    request_t *r = request_new(&view);
    name[0] = tag[0] = '?';
    assert_true(bytes_equal(r->name, BYTES("queue")));
    assert_true(bytes_equal(r->source, BYTES("amq.topic")));
    assert_true(bytes_equal(r->routing_key, BYTES("a.#")));
    assert_true(bytes_equal(r->kind, BYTES("direct")));
    assert_true(bytes_equal(r->tag, BYTES("ctag")));
    assert_true(bytes_equal(r->arguments, BYTES("\1kV")));
    mem_free(r);
}

static void absent_strings_of_a_request_are_empty(void **state)
{
    (void)state;
    request_t *r = request_new(&(request_t){.name = BYTES("q")});
    assert_int_equal(r->source.len + r->routing_key.len + r->kind.len + r->tag.len + r->arguments.len, 0);
    mem_free(r);
}

static void an_opening_is_a_copy_of_its_own(void **state)
{
    (void)state;
    char user[] = "guest";
    opening_t view = {
        .name = BYTES("127.0.0.1:1 -> 127.0.0.1:2"),
        .vhost = BYTES("/"),
        .user = bytes_string(user),
        .client_properties = BYTES("\1kV"),
        .wants_cancel_notify = true,
    };
    opening_t *o = opening_new(&view);
    user[0] = '?';
    assert_true(bytes_equal(o->name, BYTES("127.0.0.1:1 -> 127.0.0.1:2")));
    assert_true(bytes_equal(o->vhost, BYTES("/")));
    assert_true(bytes_equal(o->user, BYTES("guest")));
    assert_true(bytes_equal(o->client_properties, BYTES("\1kV")));
    assert_true(o->wants_cancel_notify);
    assert_false(o->wants_blocked);
    mem_free(o);
}

static void the_commands_that_name_things_bear_a_request(void **state)
{
    (void)state;
    static const uint8_t bearers[] = {
        COMMAND_EXCHANGE_DECLARE, COMMAND_EXCHANGE_DELETE, COMMAND_EXCHANGE_BIND, COMMAND_EXCHANGE_UNBIND,
        COMMAND_QUEUE_DECLARE,    COMMAND_QUEUE_BIND,      COMMAND_QUEUE_UNBIND,  COMMAND_QUEUE_PURGE,
        COMMAND_QUEUE_DELETE,     COMMAND_CONSUME,         COMMAND_CANCEL,        COMMAND_GET,
        COMMAND_SUBSCRIBER,       COMMAND_SUBSCRIBE,       COMMAND_UNSUBSCRIBE,
    };
    size_t count = 0;
    for (unsigned type = 0; type < 256; type++)
        count += command_has_request((uint8_t)type);
    assert_int_equal(count, sizeof bearers);
    for (size_t i = 0; i < sizeof bearers; i++)
        assert_true(command_has_request(bearers[i]));
}

/* A command of this type with everything it may own. */
static command_t laden_command(uint8_t type)
{
    command_t c = {.type = type};
    if (command_has_request(type))
        c.request = request_new(&(request_t){.name = BYTES("q")});
    else if (type == COMMAND_CONNECTION_OPEN)
        c.opening = opening_new(&(opening_t){.vhost = BYTES("/")});
    else if (type == COMMAND_QUERY)
        c.query = query_new(QUERY_QUEUES);
    else if (type == COMMAND_PUBLISH || type == COMMAND_PART)
        c.message = message_new(BYTES("x"), BYTES("k"), BYTES("\0\0"), 10);
    else if (type == COMMAND_REFUSE || type == COMMAND_CONNECTION_CLOSE)
        c.refusal = refusal_new(404, 0, "no");
    else
        c.number = UINT64_C(0xdeadbeefdeadbeef);
    return c;
}

static void a_discarded_command_frees_what_it_owns_and_nothing_else(void **state)
{
    (void)state;
    for (uint8_t type = 0; type <= COMMAND_PART; type++) {
        command_t c = laden_command(type);
        bool owns = c.number != UINT64_C(0xdeadbeefdeadbeef);
        command_discard(&c);
        assert_true(c.number == (owns ? 0 : UINT64_C(0xdeadbeefdeadbeef)));
        command_discard(&c); /* nothing left to free */
    }
    command_discard(&(command_t){.type = COMMAND_CONNECTION_CLOSE}); /* without a refusal */
}

static void only_deliveries_get_answers_returns_content_and_reports_lend_a_message(void **state)
{
    (void)state;
    size_t count = 0;
    for (unsigned type = 0; type < 256; type++)
        count += event_has_message((uint8_t)type);
    assert_int_equal(count, 5);
    assert_true(event_has_message(EVENT_DELIVER));
    assert_true(event_has_message(EVENT_GET_OK));
    assert_true(event_has_message(EVENT_RETURN));
    assert_true(event_has_message(EVENT_CONTENT));
    assert_true(event_has_message(EVENT_REPORT));
}

static void a_discarded_event_frees_what_it_owns_but_no_lent_message(void **state)
{
    (void)state;
    message_t *m = message_new(BYTES("x"), BYTES("k"), BYTES("\0\0"), 0);
    for (uint8_t type = 0; type <= EVENT_QUERIED; type++) {
        event_t e = {.type = type};
        bool owns = true;
        if (type == EVENT_QUEUE_DECLARED || type == EVENT_CONSUMER_CANCELLED)
            e.request = request_new(&(request_t){.name = BYTES("q")});
        else if (type == EVENT_CONNECTION_CLOSED || type == EVENT_CHANNEL_REFUSED)
            e.refusal = refusal_new(404, 0, "no");
        else if (type == EVENT_QUERIED)
            e.query = query_new(QUERY_OVERVIEW);
        else
            e.message = event_has_message(type) ? m : NULL, owns = false;
        event_discard(&e);
        assert_ptr_equal(e.message, !owns && event_has_message(type) ? m : NULL);
        event_discard(&e);
    }
    message_free(m);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_request_is_a_copy_of_its_own),
        cmocka_unit_test(absent_strings_of_a_request_are_empty),
        cmocka_unit_test(an_opening_is_a_copy_of_its_own),
        cmocka_unit_test(the_commands_that_name_things_bear_a_request),
        cmocka_unit_test(a_discarded_command_frees_what_it_owns_and_nothing_else),
        cmocka_unit_test(only_deliveries_get_answers_returns_content_and_reports_lend_a_message),
        cmocka_unit_test(a_discarded_event_frees_what_it_owns_but_no_lent_message),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
