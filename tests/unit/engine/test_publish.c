/* SPDX-License-Identifier: Apache-2.0
 *
 * test_publish.c: what a publish must satisfy, what comes back when nobody wants it, and confirms. */
#include "engine/expect.h"

static void a_missing_exchange_is_refused(void **state)
{
    chan_t ch = new_channel(*state);
    publish(ch, "x", "k", "1");
    expect_refusal(ch, 404, "no exchange 'x' in vhost '/'");
}

static void a_pipeline_of_failing_publishes_is_refused_once(void **state)
{
    chan_t ch = new_channel(*state);
    for (int i = 0; i < 10; i++)
        publish(ch, "x", "k", "1");
    echo(ch);
    expect_refusal(ch, 404, "no exchange 'x' in vhost '/'");
    expect_nothing(ch);
}

static void properties_that_cannot_be_read_end_the_connection(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    publish_with(ch, "", "q", "1", 0, BYTES("\x80\0\7abc")); /* a content type cut short */
    expect_hard_refusal(ch.client, 541, "");
}

static void publish_text(chan_t ch, property_t which, const char *value)
{
    buffer_t b = {0};
    publish_with(ch, "", "nobody", "1", 0, properties_of_text(&b, which, value));
    buffer_free(&b);
}

static void an_expiration_that_is_no_number_is_refused_as_rabbitmq_says_it(void **state)
{
    static const struct {
        const char *value, *reason;
    } table[] = {
        {"", "no_integer"},
        {"abc", "no_integer"},
        {" 5", "no_integer"},
        {"-", "no_integer"},
        {"1.5", "{leftover_string,\".5\"}"},
        {"10ms", "{leftover_string,\"ms\"}"},
        {"-1", "{value_negative,-1}"},
        {"-007", "{value_negative,-7}"},
        {"315360000001", "{value_too_large,315360000001}"},
        {"99999999999999999999999", "{value_too_large,99999999999999999999999}"},
    };
    chan_t ch = new_channel(*state);
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        char why[200];
        text_format(why, sizeof why, "invalid expiration '%s': %s", table[i].value, table[i].reason);
        publish_text(ch, PROPERTY_EXPIRATION, table[i].value); /* checked even if unroutable */
        expect_refusal_and_reopen(ch, 406, why);
    }
}

static void a_valid_expiration_is_refused_by_name(void **state)
{
    static const char *const values[] = {"0", "+5", "1000", "315360000000"};
    fixture_t *f = *state;
    for (size_t i = 0; i < sizeof values / sizeof *values; i++) {
        chan_t ch = new_channel(f);
        publish_text(ch, PROPERTY_EXPIRATION, values[i]);
        expect_hard_refusal(ch.client, 540, "property 'expiration' is not supported");
    }
}

static void a_user_id_must_be_the_users_own(void **state)
{
    chan_t ch = new_channel(*state);
    publish_text(ch, PROPERTY_USER_ID, "guest");
    expect_nothing(ch);
    publish_text(ch, PROPERTY_USER_ID, "bob");
    expect_refusal(ch, 406, "user_id property set to 'bob' but authenticated user was 'guest'");
}

/* What was found to be right is remembered with the route: the octets must be the same, and the exchange. */
static void the_same_properties_pass_again_and_others_do_not(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    for (int i = 0; i < 4; i++) {
        buffer_t b = {0};
        publish_with(ch, "", "q", "1", 0, properties_of_text(&b, PROPERTY_USER_ID, "guest"));
        buffer_free(&b);
    }
    expect_nothing(ch);
    buffer_t b = {0};
    publish_with(ch, "", "q", "1", 0, properties_of_text(&b, PROPERTY_USER_ID, "gueso"));
    buffer_free(&b);
    expect_refusal(ch, 406, "user_id property set to 'gueso' but authenticated user was 'guest'");
}

static void properties_are_looked_at_again_at_another_exchange(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    for (int i = 0; i < 4; i++) {
        buffer_t b = {0};
        publish_with(ch, "amq.events", "q", "1", 0, properties_of_text(&b, PROPERTY_EXPIRATION, "60000"));
        buffer_free(&b);
    }
    expect_nothing(ch); /* it is synchronous: messages expire there */
    buffer_t b = {0};
    publish_with(ch, "", "q", "1", 0, properties_of_text(&b, PROPERTY_EXPIRATION, "60000"));
    buffer_free(&b);
    expect_hard_refusal(ch.client, 540, "property 'expiration' is not supported");
}

static void reply_to_needs_a_reply_consumer(void **state)
{
    chan_t ch = new_channel(*state);
    publish_text(ch, PROPERTY_REPLY_TO, "amq.rabbitmq.reply-to.abc");
    publish_text(ch, PROPERTY_REPLY_TO, "q");
    expect_nothing(ch);
    publish_text(ch, PROPERTY_REPLY_TO, "amq.rabbitmq.reply-to");
    expect_refusal(ch, 406, "fast reply consumer does not exist");
}

static void cc_and_bcc_must_be_arrays(void **state)
{
    chan_t ch = new_channel(*state);
    static const char *const names[] = {"CC", "BCC"};
    for (size_t i = 0; i < 2; i++) {
        buffer_t table = {0}, b = {0};
        char why[200];
        table_put_string(&table, names[i], BYTES("q"));
        publish_with(ch, "", "q", "1", 0, properties_of_headers(&b, buffer_bytes(&table)));
        text_format(why, sizeof why, "invalid message: {unacceptable_type_in_header,\"%s\",longstr}",
                    names[i]);
        expect_refusal_and_reopen(ch, 406, why);
        buffer_free(&table), buffer_free(&b);
    }
}

static void a_mandatory_message_without_a_queue_is_returned(void **state)
{
    chan_t ch = new_channel(*state);
    publish_mandatory(ch, "amq.direct", "k", "1");
    publish(ch, "amq.direct", "k", "2"); /* dropped */
    assert_string_equal(expect(ch, EVENT_RETURN)->body, "1");
    expect_nothing(ch);
    assert_int_equal(counts(*state).memory_bytes, 0);
}

/* ---- confirms ---- */

static void publishes_are_counted_from_select_on(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    put(ch, "q", "before");
    run(*state);
    confirm_select(ch), expect_ok(ch);
    put(ch, "q", "1");
    expect_confirm(ch, 1, false);
    publish(ch, "amq.direct", "nobody", "2"); /* unroutable: counted and confirmed at once */
    expect_confirm(ch, 2, false);
    confirm_select(ch), expect_ok(ch); /* again: changes nothing */
    put(ch, "q", "3");
    expect_confirm(ch, 3, false);
}

static void many_publishes_of_a_step_are_confirmed_together(void **state)
{
    chan_t ch = new_channel(*state);
    new_queue(ch, "q");
    confirm_select(ch), expect_ok(ch);
    for (int i = 0; i < 20; i++)
        put(ch, "q", "1");
    expect_confirm(ch, 20, true);
    expect_nothing(ch);
}

static void a_return_comes_before_the_confirm(void **state)
{
    chan_t ch = new_channel(*state);
    confirm_select(ch), expect_ok(ch);
    publish_mandatory(ch, "amq.direct", "k", "1");
    publish_mandatory(ch, "amq.direct", "k", "2");
    assert_string_equal(expect(ch, EVENT_RETURN)->body, "1");
    assert_string_equal(expect(ch, EVENT_RETURN)->body, "2");
    expect_confirm(ch, 2, true);
}

static void each_channel_counts_for_itself(void **state)
{
    chan_t a = new_channel(*state), b = channel_of(a.client, 2);
    confirm_select(a), expect_ok(a);
    publish(a, "amq.direct", "k", "1"), publish(b, "amq.direct", "k", "2");
    expect_confirm(a, 1, false);
    expect_nothing(b);
    confirm_select(b), expect_ok(b);
    publish(b, "amq.direct", "k", "3");
    expect_confirm(b, 1, false);
}

static void a_new_channel_of_that_number_begins_without_confirms(void **state)
{
    chan_t ch = new_channel(*state);
    confirm_select(ch), expect_ok(ch);
    publish(ch, "amq.direct", "k", "1"), expect_confirm(ch, 1, false);
    close_channel(ch), expect(ch, EVENT_CHANNEL_CLOSED);
    open_channel(ch), expect(ch, EVENT_CHANNEL_OPENED);
    publish(ch, "amq.direct", "k", "2");
    expect_nothing(ch);
    confirm_select(ch), expect_ok(ch);
    publish(ch, "amq.direct", "k", "3"), expect_confirm(ch, 1, false);
}

static void confirms_come_before_the_channels_end(void **state)
{
    chan_t ch = new_channel(*state);
    confirm_select(ch), expect_ok(ch);
    publish(ch, "amq.direct", "k", "1");
    close_channel(ch);
    expect_confirm(ch, 1, false);
    expect(ch, EVENT_CHANNEL_CLOSED);
    open_channel(ch), expect(ch, EVENT_CHANNEL_OPENED);
    confirm_select(ch), expect_ok(ch);
    publish(ch, "amq.direct", "k", "1");
    publish(ch, "x", "k", "2");
    expect_confirm(ch, 1, false);
    expect_refusal(ch, 404, "no exchange 'x' in vhost '/'");
}

static void no_wait_select_has_no_answer(void **state)
{
    chan_t ch = new_channel(*state);
    push_simple(ch, COMMAND_CONFIRM_SELECT, COMMAND_NOWAIT);
    publish(ch, "amq.direct", "k", "1");
    expect_confirm(ch, 1, false);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        fixture_test(a_missing_exchange_is_refused),
        fixture_test(a_pipeline_of_failing_publishes_is_refused_once),
        fixture_test(properties_that_cannot_be_read_end_the_connection),
        fixture_test(an_expiration_that_is_no_number_is_refused_as_rabbitmq_says_it),
        fixture_test(a_valid_expiration_is_refused_by_name),
        fixture_test(a_user_id_must_be_the_users_own),
        fixture_test(the_same_properties_pass_again_and_others_do_not),
        fixture_test(properties_are_looked_at_again_at_another_exchange),
        fixture_test(reply_to_needs_a_reply_consumer),
        fixture_test(cc_and_bcc_must_be_arrays),
        fixture_test(a_mandatory_message_without_a_queue_is_returned),
        fixture_test(publishes_are_counted_from_select_on),
        fixture_test(many_publishes_of_a_step_are_confirmed_together),
        fixture_test(a_return_comes_before_the_confirm),
        fixture_test(each_channel_counts_for_itself),
        fixture_test(a_new_channel_of_that_number_begins_without_confirms),
        fixture_test(confirms_come_before_the_channels_end),
        fixture_test(no_wait_select_has_no_answer),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
