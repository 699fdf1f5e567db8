/* SPDX-License-Identifier: Apache-2.0
 *
 * Answers, made of a query and facts: JSON that parses, lists in order and in pages, metrics line by line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "admin/admin_internal.h"
#include "base/table.h"
#include "base/text.h"

typedef struct fixture {
    query_t *query;
    target_t target;
    admin_listeners_t listeners;
    admin_options_t about;
    view_t view;
    reply_t reply;
    json_t *json;
} fixture_t;

static query_queue_t *add_queue(fixture_t *f, const char *name, uint64_t ready)
{
    query_queue_t *row = query_add_queue(f->query, bytes_string(name), bytes_make(NULL, 0));
    row->ready = ready;
    return row;
}

static int setup(void **state)
{
    static fixture_t fixture;
    fixture_t *f = &fixture;
    *f = (fixture_t){.query = query_new(QUERY_QUEUES)};
    f->about = (admin_options_t){
        .cluster_name = "the \"cluster\"", .node = "chaski@here", .listeners = &f->listeners};
    f->view = (view_t){.query = f->query, .target = &f->target, .about = &f->about, .uptime_ms = 1500};
    f->view.machine = (admin_machine_t){1000, 20, UINT64_MAX, 5000, 3, 4};
    *state = f;
    return 0;
}

static int teardown(void **state)
{
    fixture_t *f = *state;
    query_free(f->query);
    target_deinit(&f->target);
    buffer_free(&f->reply.body);
    json_decref(f->json);
    return 0;
}

#define answer_test(test) cmocka_unit_test_setup_teardown(test, setup, teardown)

static void ask(fixture_t *f, answer_t *answer, const char *path, const char *query)
{
    target_deinit(&f->target);
    assert_true(target_parse(path, query, &f->target));
    buffer_free(&f->reply.body);
    f->reply = (reply_t){0};
    answer(&f->view, &f->reply);
}

static json_t *ask_json(fixture_t *f, answer_t *answer, const char *path, const char *query)
{
    json_error_t why;
    ask(f, answer, path, query);
    assert_string_equal(f->reply.type, "application/json");
    json_decref(f->json);
    f->json = json_loadb((const char *)f->reply.body.data, f->reply.body.len, JSON_REJECT_DUPLICATES, &why);
    if (!f->json)
        fail_msg("%s in %.*s", why.text, TEXT_ARG(buffer_bytes(&f->reply.body)));
    return f->json;
}

static long long number(const json_t *object, const char *name)
{
    const json_t *value = json_object_get(object, name);
    if (!json_is_integer(value))
        fail_msg("no number %s", name);
    return json_integer_value(value);
}

/* "a b c": the names of the rows. */
static const char *names(const json_t *rows)
{
    static char text[256];
    size_t at = 0, i;
    json_t *row;
    text[0] = '\0';
    json_array_foreach(rows, i, row) at += text_format(text + at, sizeof text - at, "%s%s", i ? " " : "",
                                                       json_string_value(json_object_get(row, "name")));
    return text;
}

static void an_empty_list_is_an_empty_array(void **state)
{
    fixture_t *f = *state;
    assert_int_equal(json_array_size(ask_json(f, answer_queues, "/api/queues", NULL)), 0);
    assert_int_equal(f->reply.status, 200);
    json_t *page = ask_json(f, answer_queues, "/api/queues", "page=1");
    assert_int_equal(number(page, "page_count"), 1);
    assert_int_equal(number(page, "filtered_count"), 0);
}

static void rows_come_by_name_or_as_asked(void **state)
{
    fixture_t *f = *state;
    add_queue(f, "b", 7), add_queue(f, "c", 1), add_queue(f, "a", 1);
    assert_string_equal(names(ask_json(f, answer_queues, "/api/queues", NULL)), "a b c");
    assert_string_equal(names(ask_json(f, answer_queues, "/api/queues", "sort=messages")), "a c b");
    assert_string_equal(names(ask_json(f, answer_queues, "/api/queues", "sort=messages&sort_reverse=true")),
                        "b c a");
    ask(f, answer_queues, "/api/queues", "sort=nothing");
    assert_int_equal(f->reply.status, 400);
}

static void pages_are_cut_after_names_are_chosen(void **state)
{
    fixture_t *f = *state;
    add_queue(f, "Xa", 0), add_queue(f, "b", 0), add_queue(f, "xb", 0), add_queue(f, "cX", 0);
    json_t *page = ask_json(f, answer_queues, "/api/queues", "page=2&page_size=2&name=x");
    assert_string_equal(names(json_object_get(page, "items")), "xb");
    assert_int_equal(number(page, "page"), 2);
    assert_int_equal(number(page, "page_count"), 2);
    assert_int_equal(number(page, "item_count"), 1);
    assert_int_equal(number(page, "filtered_count"), 3);
    assert_int_equal(number(page, "total_count"), 4);
    ask(f, answer_queues, "/api/queues", "page=3&page_size=2&name=x");
    assert_int_equal(f->reply.status, 400);
    ask(f, answer_queues, "/api/queues", "page=1&use_regex=true");
    assert_int_equal(f->reply.status, 400);
}

static void a_queue_is_shown_with_its_arguments(void **state)
{
    fixture_t *f = *state;
    static const uint8_t decimal[] = {2, 0, 0, 1, 44}; /* 3.00 */
    buffer_t table = {0};
    table_put_string(&table, "text", BYTES("t"));
    table_put_bool(&table, "flag", true);
    table_put_long(&table, "long", -5);
    table_put_field(&table, BYTES("decimal"), &(field_t){'D', bytes_make(decimal, sizeof decimal)});
    table_put_field(&table, BYTES("void"), &(field_t){'V', bytes_make(NULL, 0)});
    size_t mark = table_begin(&table, "below");
    table_put_string(&table, "no\xfftext", BYTES("\xff"));
    table_end(&table, mark);
    query_queue_t *row = query_add_queue(f->query, BYTES("q"), buffer_bytes(&table));
    row->flags = QUERY_QUEUE_QUORUM | QUERY_QUEUE_DURABLE;
    row->ready = 3, row->unacked = 2, row->dropped = 4, row->duplicates = 6;
    json_t *shown = ask_json(f, answer_queue, "/api/queues/%2F/q", NULL);
    assert_string_equal(json_string_value(json_object_get(shown, "type")), "quorum");
    assert_true(json_is_true(json_object_get(shown, "durable")));
    assert_true(json_is_false(json_object_get(shown, "exclusive")));
    assert_int_equal(number(shown, "messages"), 5);
    assert_int_equal(number(shown, "messages_dropped"), 4);
    assert_int_equal(number(shown, "messages_duplicate"), 6);
    json_t *arguments = json_object_get(shown, "arguments");
    assert_int_equal(number(arguments, "long"), -5);
    assert_true(json_real_value(json_object_get(arguments, "decimal")) > 2.99);
    assert_true(json_is_null(json_object_get(arguments, "void")));
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(arguments, "below"), "no\xef\xbf\xbdtext")),
        "\xef\xbf\xbd");
    ask(f, answer_queue, "/api/queues/%2F/p", NULL);
    assert_int_equal(f->reply.status, 404);
    buffer_free(&table);
}

static void columns_are_paths(void **state)
{
    (void)state;
    json_t *object = json_pack("{s:i, s:{s:i, s:i}, s:i}", "a", 1, "b", "x.y", 2, "z", 3, "c.d", 4);
    json_t *left = json_columns(object, BYTES("b.x.y,c.d,none,b.none.z,a.x,"));
    json_t *expected = json_pack("{s:{s:i}, s:i}", "b", "x.y", 2, "c.d", 4);
    json_object_del(json_object_get(left, "b"), "none");
    assert_true(json_equal(left, expected));
    json_decref(left), json_decref(expected);
}

static void an_overview_says_what_is_known_and_no_more(void **state)
{
    fixture_t *f = *state;
    f->query->counts.last_record = 9;
    f->query->counts.memory_alarm = true;
    admin_listeners_add(&f->listeners, "amqp", "[::]:5672");
    admin_listeners_add(&f->listeners, "amqp", "unix:/tmp/s:1");
    json_t *own = json_object_get(ask_json(f, answer_overview, "/api/overview", NULL), "chaski");
    assert_null(json_object_get(own, "store"));
    assert_int_equal(number(own, "uptime_ms"), 1500);
    assert_int_equal(json_array_size(json_object_get(own, "alarms")), 1);
    json_t *listeners = json_object_get(f->json, "listeners");
    assert_string_equal(json_string_value(json_object_get(json_array_get(listeners, 0), "ip_address")), "::");
    assert_int_equal(number(json_array_get(listeners, 0), "port"), 5672);
    assert_string_equal(json_string_value(json_object_get(json_array_get(listeners, 1), "path")),
                        "unix:/tmp/s:1");
    f->view.has_store = true;
    f->view.store.segments = 4;
    f->query->counts.live_records = 8, f->query->counts.segments_complete = 3;
    f->query->counts.segments_sparse = 2;
    f->query->counts.checkpoints = 8, f->query->counts.checkpoint_bytes = 1234;
    own = json_object_get(ask_json(f, answer_overview, "/api/overview", NULL), "chaski");
    assert_int_equal(number(json_object_get(own, "store"), "segments"), 4);
    assert_int_equal(number(json_object_get(own, "store"), "record"), 9);
    assert_int_equal(number(json_object_get(own, "store"), "live_records"), 8);
    assert_int_equal(number(json_object_get(own, "store"), "segments_complete"), 3);
    assert_int_equal(number(json_object_get(own, "store"), "segments_sparse"), 2);
    assert_int_equal(number(json_object_get(own, "store"), "checkpoints"), 8);
    assert_int_equal(number(json_object_get(own, "store"), "checkpoint_bytes"), 1234);
}

static bool has_line(const fixture_t *f, const char *line)
{
    char wanted[256];
    size_t len = text_format(wanted, sizeof wanted, "\n%s\n", line);
    bytes_t body = buffer_bytes(&f->reply.body);
    return memmem(body.data, body.len, wanted, len) != NULL;
}

static void metrics_have_a_line_for_what_is_known(void **state)
{
    fixture_t *f = *state;
    f->query->counts.messages_ready = 2, f->query->counts.messages_unacked = 3;
    f->query->counts.published = 123456789012;
    f->query->counts.dropped = 11;
    f->query->counts.live_records = 6, f->query->counts.segments_complete = 5;
    f->query->counts.segments_sparse = 4;
    f->query->counts.checkpoints = 8, f->query->counts.checkpoint_bytes = 1234;
    f->query->counts.duplicates = 12, f->query->counts.deduplication_ids = 13;
    f->query->counts.publishers = 5, f->query->counts.publishers_forgotten = 7;
    f->view.longest_step_us = 1250;
    ask(f, answer_metrics, "/metrics", NULL);
    assert_string_equal(f->reply.type, "text/plain; version=0.0.4; charset=utf-8");
    assert_true(has_line(f, "rabbitmq_queue_messages 5"));
    assert_true(has_line(f, "# TYPE rabbitmq_queue_messages gauge"));
    assert_true(has_line(f, "rabbitmq_global_messages_received_total{protocol=\"amqp091\"} 123456789012"));
    assert_true(has_line(f, "rabbitmq_erlang_uptime_seconds 1.500000"));
    assert_true(has_line(f, "chaski_engine_longest_step_seconds 0.001250"));
    assert_true(has_line(f, "chaski_messages_dropped_total 11"));
    assert_true(has_line(f, "chaski_messages_duplicate_total 12"));
    assert_true(has_line(f, "chaski_deduplication_ids 13"));
    assert_true(has_line(f, "chaski_deduplication_publishers 5"));
    assert_true(has_line(f, "chaski_deduplication_publishers_forgotten_total 7"));
    assert_true(has_line(f, "rabbitmq_process_open_fds 20"));
    assert_true(has_line(f, "chaski_io_connections_least 3"));
    assert_true(has_line(f, "chaski_io_connections_most 4"));
    assert_false(has_line(f, "# TYPE rabbitmq_process_max_fds gauge"));
    assert_false(has_line(f, "# TYPE chaski_store_bytes gauge"));
    assert_false(has_line(f, "chaski_log_live_records 6"));
    assert_true(has_line(f, "rabbitmq_identity_info{rabbitmq_node=\"chaski@here\",rabbitmq_cluster=\"the "
                            "\\\"cluster\\\"\",rabbitmq_cluster_permanent_id=\"the "
                            "\\\"cluster\\\"\",rabbitmq_endpoint=\"aggregated\"} 1"));
    f->view.has_store = true;
    ask(f, answer_metrics, "/metrics", NULL);
    assert_true(has_line(f, "chaski_store_bytes 0"));
    assert_true(has_line(f, "chaski_log_live_records 6"));
    assert_true(has_line(f, "chaski_log_segments_complete 5"));
    assert_true(has_line(f, "chaski_log_segments_sparse 4"));
    assert_true(has_line(f, "chaski_log_checkpoints_total 8"));
    assert_true(has_line(f, "chaski_log_checkpoint_bytes 1234"));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        answer_test(an_empty_list_is_an_empty_array),
        answer_test(rows_come_by_name_or_as_asked),
        answer_test(pages_are_cut_after_names_are_chosen),
        answer_test(a_queue_is_shown_with_its_arguments),
        answer_test(columns_are_paths),
        answer_test(an_overview_says_what_is_known_and_no_more),
        answer_test(metrics_have_a_line_for_what_is_known),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
