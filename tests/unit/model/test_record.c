/* SPDX-License-Identifier: Apache-2.0
 *
 * Records: each type as octets and back, octet by octet where the format says so, and what is none. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "model/record.h"

static record_list_t list_of(buffer_t *octets, uint32_t pairs)
{
    record_list_t l = {0};
    for (uint32_t i = 0; i < pairs; i++)
        record_list_put(octets, &l.count, 1000000007u * (uint64_t)i, i);
    l.octets = buffer_bytes(octets);
    return l;
}

static void assert_same_list(record_list_t a, record_list_t b)
{
    assert_int_equal(a.count, b.count);
    assert_true(bytes_equal(a.octets, b.octets));
}

static void assert_same(const record_t *a, const record_t *b)
{
    assert_int_equal(a->type, b->type);
    assert_int_equal(a->flags, b->flags);
    assert_int_equal(a->kind, b->kind);
    assert_int_equal(a->vhost, b->vhost);
    assert_int_equal(a->queue, b->queue);
    assert_int_equal(a->position, b->position);
    assert_int_equal(a->mark, b->mark);
    assert_int_equal(a->message, b->message);
    assert_int_equal(a->time_ms, b->time_ms);
    assert_int_equal(a->seq, b->seq);
    assert_int_equal(a->view, b->view);
    assert_int_equal(a->need, b->need);
    assert_int_equal(a->properties_bytes, b->properties_bytes);
    assert_true(bytes_equal(a->name, b->name));
    assert_true(bytes_equal(a->source, b->source));
    assert_true(bytes_equal(a->key, b->key));
    assert_true(bytes_equal(a->arguments, b->arguments));
    assert_true(bytes_equal(a->exchange, b->exchange));
    assert_same_list(a->parts, b->parts);
    assert_same_list(a->list, b->list);
}

/* One of each type, with every field that it has filled. */
typedef struct samples {
    record_t records[RECORD_TYPE_END];
    buffer_t places, parts;
} samples_t;

static void samples_init(samples_t *s)
{
    *s = (samples_t){0};
    record_list_t places = list_of(&s->places, 40), parts = list_of(&s->parts, 3);
    record_t *r = s->records;
    r[RECORD_EXCHANGE] = (record_t){.vhost = 3, .kind = 2, .flags = RECORD_INTERNAL, .name = BYTES("x")};
    r[RECORD_EXCHANGE].arguments = BYTES("table");
    r[RECORD_EXCHANGE_GONE] = (record_t){.vhost = 1, .name = BYTES("x")};
    r[RECORD_QUEUE] = (record_t){.queue = 1ull << 40,
                                 .vhost = UINT32_MAX,
                                 .kind = 1,
                                 .flags = RECORD_AUTO_DELETE,
                                 .position = UINT64_MAX,
                                 .mark = 128,
                                 .name = BYTES("q"),
                                 .arguments = BYTES("t")};
    r[RECORD_QUEUE_GONE] = (record_t){.queue = 127};
    r[RECORD_BIND] = (record_t){.vhost = 1, .queue = 5, .source = BYTES("s"), .name = BYTES("n")};
    r[RECORD_BIND].key = BYTES("k"), r[RECORD_BIND].arguments = BYTES("a");
    r[RECORD_UNBIND] = r[RECORD_BIND];
    r[RECORD_MESSAGE] = (record_t){.flags = RECORD_SEQUENCED,
                                   .seq = 1ull << 33,
                                   .view = 4,
                                   .time_ms = 1700000000000,
                                   .exchange = BYTES("x"),
                                   .key = BYTES("k"),
                                   .properties_bytes = UINT32_MAX,
                                   .parts = parts,
                                   .list = places};
    r[RECORD_MESSAGE_ALSO] = (record_t){.message = 77, .list = places};
    r[RECORD_SETTLE] = (record_t){.queue = 9, .kind = RECORD_REJECTED, .list = places};
    r[RECORD_PURGE] = (record_t){.queue = 9, .position = 300, .list = places};
    r[RECORD_DELIVERED] = (record_t){.queue = 9, .mark = 16384};
    r[RECORD_STATED] = (record_t){.message = 1};
    r[RECORD_SEQUENCE] = (record_t){.vhost = 2, .name = BYTES("x"), .seq = 65537, .view = 300};
    r[RECORD_EVENT] = (record_t){.flags = RECORD_EXPIRES,
                                 .vhost = 2,
                                 .message = 78,
                                 .seq = 9,
                                 .view = 3,
                                 .need = UINT32_MAX,
                                 .time_ms = 1700000000000,
                                 .name = BYTES("x"),
                                 .key = BYTES("orders.new"),
                                 .arguments = BYTES("an id"),
                                 .parts = parts,
                                 .list = places};
    r[RECORD_RESULT] = (record_t){.name = BYTES("x"), .seq = 9, .view = 3, .queue = 8, .kind = 1, .need = 2};
    r[RECORD_RESULT].time_ms = 12, r[RECORD_RESULT].arguments = BYTES("\"42\"");
    r[RECORD_REPORT] = (record_t){.name = BYTES("x"), .seq = 9, .view = 3, .kind = 1, .properties_bytes = 20};
    r[RECORD_REPORT].arguments = BYTES("an id");
    r[RECORD_SEEN] = (record_t){.queue = 8, .message = 70, .time_ms = 1700000000000, .name = BYTES("x")};
    r[RECORD_SEEN].key = BYTES("sixteen octets..");
    r[RECORD_PUBLISHER] = (record_t){.message = 70, .seq = INT64_MAX, .key = BYTES("sixteen octets..")};
    for (uint8_t type = 1; type < RECORD_TYPE_END; type++)
        r[type].type = type;
}

static void samples_free(samples_t *s)
{
    buffer_free(&s->places);
    buffer_free(&s->parts);
}

static void every_type_is_read_as_it_was_written(void **state)
{
    (void)state;
    samples_t s;
    samples_init(&s);
    buffer_t all = {0};
    for (uint8_t type = 1; type < RECORD_TYPE_END; type++)
        record_write(&all, &s.records[type]); /* end to end, as in a batch */
    bytes_reader_t in = bytes_reader(buffer_bytes(&all));
    for (uint8_t type = 1; type < RECORD_TYPE_END; type++) {
        record_t r;
        assert_true(record_read(&in, &r));
        assert_same(&s.records[type], &r);
    }
    assert_true(reader_done(&in));
    buffer_free(&all);
    samples_free(&s);
}

static void an_empty_record_of_every_type_is_read_too(void **state)
{
    (void)state;
    for (uint8_t type = 1; type < RECORD_TYPE_END; type++) {
        buffer_t b = {0};
        record_t empty = {.type = type}, r;
        record_write(&b, &empty);
        bytes_reader_t in = bytes_reader(buffer_bytes(&b));
        assert_true(record_read(&in, &r));
        assert_true(reader_done(&in));
        assert_same(&empty, &r);
        buffer_free(&b);
    }
}

static void every_prefix_of_every_type_is_refused(void **state)
{
    (void)state;
    samples_t s;
    samples_init(&s);
    for (uint8_t type = 1; type < RECORD_TYPE_END; type++) {
        buffer_t b = {0};
        record_t r;
        record_write(&b, &s.records[type]);
        for (size_t len = 0; len < b.len; len++) {
            uint8_t *copy = mem_alloc(len); /* so that the sanitizer sees a step beyond */
            memcpy(copy, b.data, len);
            bytes_reader_t in = bytes_reader(bytes_make(copy, len));
            assert_false(record_read(&in, &r));
            assert_false(reader_ok(&in));
            mem_free(copy);
        }
        buffer_free(&b);
    }
    samples_free(&s);
}

static void a_type_that_is_none_is_refused(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        uint8_t octets[64] = {(uint8_t)type};
        bytes_reader_t in = bytes_reader(bytes_make(octets, sizeof octets));
        record_t r;
        bool is_one = type >= 1 && type < RECORD_TYPE_END;
        assert_int_equal(record_read(&in, &r), is_one);
        assert_int_equal(reader_ok(&in), is_one);
    }
}

static void numbers_beyond_their_field_are_refused(void **state)
{
    (void)state;
    buffer_t b = {0};
    record_t r;
    write_u8(&b, RECORD_EXCHANGE_GONE);
    write_varint(&b, 1ull << 32); /* vhost */
    write_short_string(&b, BYTES("x"));
    bytes_reader_t in = bytes_reader(buffer_bytes(&b));
    assert_false(record_read(&in, &r));
    buffer_free(&b);
}

static void a_list_that_announces_more_than_is_there_is_refused_at_once(void **state)
{
    (void)state;
    static const uint64_t counts[] = {2, 1000, UINT32_MAX, 1ull << 32, UINT64_MAX};
    for (size_t i = 0; i < sizeof counts / sizeof *counts; i++) {
        buffer_t b = {0};
        record_t r;
        write_u8(&b, RECORD_MESSAGE_ALSO);
        write_varint(&b, 7);
        write_varint(&b, counts[i]);
        write_varint(&b, 1), write_varint(&b, 2); /* one pair */
        bytes_reader_t in = bytes_reader(buffer_bytes(&b));
        assert_false(record_read(&in, &r));
        buffer_free(&b);
    }
}

static void the_octets_are_those_of_the_format(void **state)
{
    (void)state;
    buffer_t b = {0}, list = {0};
    record_list_t places = {0};
    record_list_put(&list, &places.count, 300, 1);
    places.octets = buffer_bytes(&list);
    record_write(&b, &(record_t){.type = RECORD_MESSAGE,
                                 .flags = 3,
                                 .time_ms = 128,
                                 .exchange = BYTES("x"),
                                 .key = BYTES("key"),
                                 .properties_bytes = 2,
                                 .list = places});
    static const uint8_t wanted[] = {7, 3, 0x80, 1, 1, 'x', 3, 'k', 'e', 'y', 2, 0, 1, 0xac, 2, 1};
    assert_true(bytes_equal(buffer_bytes(&b), bytes_make(wanted, sizeof wanted)));
    buffer_clear(&b);
    record_write(&b, &(record_t){.type = RECORD_MESSAGE,
                                 .flags = RECORD_SEQUENCED,
                                 .seq = 300,
                                 .view = 2,
                                 .time_ms = 128,
                                 .list = places});
    static const uint8_t sequenced[] = {7, 4, 0xac, 2, 2, 0x80, 1, 0, 0, 0, 0, 1, 0xac, 2, 1};
    assert_true(bytes_equal(buffer_bytes(&b), bytes_make(sequenced, sizeof sequenced)));
    buffer_clear(&b);
    record_write(&b, &(record_t){.type = RECORD_BIND,
                                 .source = BYTES("s"),
                                 .name = BYTES("d"),
                                 .key = BYTES("k"),
                                 .arguments = BYTES("tt")});
    static const uint8_t bind[] = {5, 0, 0, 1, 's', 1, 'd', 1, 'k', 0, 0, 0, 2, 't', 't'};
    assert_true(bytes_equal(buffer_bytes(&b), bytes_make(bind, sizeof bind)));
    buffer_free(&b);
    buffer_free(&list);
}

static void a_list_is_walked_pair_by_pair(void **state)
{
    (void)state;
    buffer_t octets = {0};
    record_list_t l = list_of(&octets, 200);
    bytes_reader_t in = bytes_reader(l.octets);
    uint64_t a, b, count = 0;
    for (; record_list_next(&in, &a, &b); count++) {
        assert_int_equal(a, 1000000007u * count);
        assert_int_equal(b, count);
    }
    assert_int_equal(count, 200);
    assert_true(reader_done(&in));
    in = bytes_reader(bytes_make(octets.data, 1)); /* half a pair */
    assert_false(record_list_next(&in, &a, &b));
    assert_false(reader_ok(&in));
    buffer_free(&octets);
}

static void messages_parts_and_reports_alone_have_content_and_all_have_names(void **state)
{
    (void)state;
    for (unsigned type = 0; type < 256; type++) {
        bool is_one = type >= 1 && type < RECORD_TYPE_END;
        assert_int_equal(record_has_content((uint8_t)type),
                         type == RECORD_MESSAGE || type == RECORD_PART || type == RECORD_REPORT);
        assert_int_equal(strcmp(record_type_name((uint8_t)type), "unknown") == 0, !is_one);
    }
    assert_string_equal(record_type_name(RECORD_MESSAGE_ALSO), "message-also");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_type_is_read_as_it_was_written),
        cmocka_unit_test(an_empty_record_of_every_type_is_read_too),
        cmocka_unit_test(every_prefix_of_every_type_is_refused),
        cmocka_unit_test(a_type_that_is_none_is_refused),
        cmocka_unit_test(numbers_beyond_their_field_are_refused),
        cmocka_unit_test(a_list_that_announces_more_than_is_there_is_refused_at_once),
        cmocka_unit_test(the_octets_are_those_of_the_format),
        cmocka_unit_test(a_list_is_walked_pair_by_pair),
        cmocka_unit_test(messages_parts_and_reports_alone_have_content_and_all_have_names),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
