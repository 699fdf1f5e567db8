/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_method.c: methods, by octets that another implementation wrote (vectors.h) and by random values
 * of every method of the table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "amqp/codec.h"
#include "test_codec.h"
#include "vectors.h"

#define VECTORS (sizeof vectors / sizeof vectors[0])

static amqp_decoded_t try_decode(amqp_method_id id, bytes_t arguments)
{
    amqp_method_t out;
    uint8_t *block;
    amqp_decoded_t decoded = decode_exactly(id, arguments, &out, &block);
    free(block);
    return decoded;
}

static bytes_t arguments_of(bytes_t payload)
{
    return bytes_make(payload.data + 4, payload.len - 4);
}

/* ---- vectors ---- */

static void every_method_of_the_table_has_a_vector(void **state)
{
    (void)state;
#define M(class, class_id, method, number, from, content)                                                    \
    {                                                                                                        \
        size_t found = 0;                                                                                    \
        for (size_t i = 0; i < VECTORS; i++)                                                                 \
            found += vectors[i].id == AMQP_##class##_##method;                                               \
        assert_true(found > 0);                                                                              \
    }
    AMQP_METHODS(M)
#undef M
}

static void vectors_decode_to_their_values(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        const vector_t *v = &vectors[i];
        bytes_reader_t r = bytes_reader(v->payload);
        assert_int_equal(read_u32(&r), v->id);
        amqp_method_t out;
        uint8_t *block;
        assert_int_equal(decode_exactly(v->id, arguments_of(v->payload), &out, &block), AMQP_DECODED);
        if (!same_method(v->id, &out, &v->method))
            fail_msg("vector %zu, %s, decodes to other values", i, v->name);
        free(block);
    }
}

static void values_encode_to_their_vectors(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        const vector_t *v = &vectors[i];
        buffer_t b = {0};
        amqp_method_encode(&b, v->id, &v->method);
        assert_false(b.failed);
        if (!bytes_equal(buffer_bytes(&b), v->payload))
            fail_msg("vector %zu, %s, encodes to other octets", i, v->name);
        buffer_free(&b);
    }
}

static void every_prefix_of_a_vector_is_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        bytes_t arguments = arguments_of(vectors[i].payload);
        for (size_t len = 0; len < arguments.len; len++) {
            if (try_decode(vectors[i].id, bytes_make(arguments.data, len)) != AMQP_MALFORMED)
                fail_msg("vector %zu, %s, is taken with %zu octets", i, vectors[i].name, len);
        }
    }
}

static void one_octet_too_many_is_malformed(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        buffer_t b = {0};
        write_bytes(&b, arguments_of(vectors[i].payload));
        write_u8(&b, 0);
        assert_int_equal(try_decode(vectors[i].id, buffer_bytes(&b)), AMQP_MALFORMED);
        buffer_free(&b);
    }
}

static void a_buffer_too_small_for_a_vector_fails_and_keeps_its_limit(void **state)
{
    (void)state;
    for (size_t i = 0; i < VECTORS; i++) {
        for (size_t limit = 1; limit < vectors[i].payload.len; limit++) {
            buffer_t b;
            buffer_init(&b, limit);
            amqp_write_method(&b, 1, vectors[i].id, &vectors[i].method);
            assert_true(b.failed);
            assert_true(b.len <= limit);
            buffer_free(&b);
        }
    }
}

/* ---- the table's rows ---- */

static void every_method_is_found_by_its_id(void **state)
{
    (void)state;
#define M(class, class_id, method, number, from, content)                                                    \
    {                                                                                                        \
        const amqp_method_info_t *info = amqp_method_find(AMQP_METHOD_ID(class_id, number));                 \
        assert_non_null(info);                                                                               \
        assert_string_equal(amqp_method_name(info), #class "." #method);                                     \
        assert_int_equal(amqp_method_sender(info), AMQP_FROM_##from);                                        \
        assert_int_equal(amqp_method_has_content(info), content);                                            \
    }
    AMQP_METHODS(M)
#undef M
}

/* Every id a peer can send in the used classes and around them, against the table. */
static void unknown_ids_are_not_found(void **state)
{
    (void)state;
    size_t found = 0, rows = 0;
    for (amqp_method_id id = 0; id < AMQP_METHOD_ID(100, 0);
         id += AMQP_METHOD_OF(id) == 300 ? 0x10000 - 300 : 1)
        found += amqp_method_find(id) != NULL;
#define M(class, class_id, method, number, from, content) rows++;
    AMQP_METHODS(M)
#undef M
    assert_int_equal(found, rows);
    assert_null(amqp_method_find(AMQP_METHOD_ID(60, 0xffff)));
    assert_null(amqp_method_find(AMQP_METHOD_ID(0xffff, 0xffff)));
    assert_null(amqp_method_find(AMQP_METHOD_ID(60 << 8, 40)));
    assert_null(amqp_method_find(AMQP_METHOD_ID(40, 41))); /* exchange.unbind-ok is 51, by history */
}

static void only_four_methods_bear_content(void **state)
{
    (void)state;
    static const amqp_method_id with[] = {AMQP_basic_publish, AMQP_basic_return, AMQP_basic_deliver,
                                          AMQP_basic_get_ok};
    size_t count = 0;
#define M(class, class_id, method, number, from, content)                                                    \
    count += amqp_method_has_content(amqp_method_find(AMQP_##class##_##method));
    AMQP_METHODS(M)
#undef M
    assert_int_equal(count, 4);
    for (size_t i = 0; i < 4; i++)
        assert_true(amqp_method_has_content(amqp_method_find(with[i])));
}

static void senders_are_those_of_the_specification(void **state)
{
    (void)state;
    assert_int_equal(amqp_method_sender(amqp_method_find(AMQP_basic_publish)), AMQP_FROM_CLIENT);
    assert_int_equal(amqp_method_sender(amqp_method_find(AMQP_basic_deliver)), AMQP_FROM_SERVER);
    assert_int_equal(amqp_method_sender(amqp_method_find(AMQP_connection_close)), AMQP_FROM_BOTH);
    assert_int_equal(amqp_method_sender(amqp_method_find(AMQP_basic_cancel_ok)), AMQP_FROM_BOTH);
}

/* ---- what is refused, and how ---- */

static void a_short_string_that_is_not_utf8_is_told_apart(void **state)
{
    (void)state;
    static const bytes_t bad[] = {
        {(const uint8_t *)"\x80", 1},             /* a continuation alone */
        {(const uint8_t *)"\xc3", 1},             /* cut off */
        {(const uint8_t *)"\xc0\x80", 2},         /* overlong */
        {(const uint8_t *)"\xed\xa0\x80", 3},     /* a surrogate */
        {(const uint8_t *)"\xf4\x90\x80\x80", 4}, /* past U+10FFFF */
        {(const uint8_t *)"ab\xff", 3},
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        amqp_basic_publish_t in_first = {.exchange = bad[i], .routing_key = BYTES("k")};
        amqp_queue_bind_t in_last = {.exchange = BYTES("e"), .routing_key = bad[i]};
        amqp_basic_publish_t as_key = {.exchange = BYTES("e"), .routing_key = bad[i]};
        buffer_t b = {0};
        amqp_method_encode(&b, AMQP_basic_publish, &in_first);
        assert_int_equal(try_decode(AMQP_basic_publish, arguments_of(buffer_bytes(&b))), AMQP_BAD_UTF8);
        buffer_clear(&b);
        amqp_method_encode(&b, AMQP_queue_bind, &in_last);
        assert_int_equal(try_decode(AMQP_queue_bind, arguments_of(buffer_bytes(&b))), AMQP_BAD_UTF8);
        buffer_clear(&b);
        amqp_method_encode(&b, AMQP_basic_publish, &as_key); /* a message's key may be any octets */
        assert_int_equal(try_decode(AMQP_basic_publish, arguments_of(buffer_bytes(&b))), AMQP_DECODED);
        buffer_free(&b);
    }
}

static void a_wrong_length_comes_before_bad_utf8(void **state)
{
    (void)state;
    assert_int_equal(try_decode(AMQP_basic_cancel, BYTES("\x01\xff\x00")), AMQP_BAD_UTF8);
    assert_int_equal(try_decode(AMQP_basic_cancel, BYTES("\x01\xff")), AMQP_MALFORMED);
    assert_int_equal(try_decode(AMQP_basic_cancel, BYTES("\x01\xff\x00\x00")), AMQP_MALFORMED);
}

static void a_long_string_may_hold_any_octets(void **state)
{
    (void)state;
    assert_int_equal(try_decode(AMQP_connection_secure_ok, BYTES("\x00\x00\x00\x03\xff\x00\x80")),
                     AMQP_DECODED);
}

static void a_nul_in_a_short_string_is_kept(void **state)
{
    (void)state;
    amqp_method_t out;
    bytes_t arguments = BYTES("\x03"
                              "a\0b");
    assert_int_equal(amqp_method_decode(amqp_method_find(AMQP_basic_cancel_ok), arguments, &out),
                     AMQP_DECODED);
    assert_true(bytes_equal(out.basic_cancel_ok.consumer_tag, BYTES("a\0b")));
}

static void a_bad_table_is_malformed_and_comes_after_utf8(void **state)
{
    (void)state;
    static const bytes_t bad[] = {
        {(const uint8_t *)"\x01k", 2},                     /* no tag */
        {(const uint8_t *)"\x01kz", 3},                    /* an unknown tag */
        {(const uint8_t *)"\x01kI\x00\x00\x00", 6},        /* a value cut off */
        {(const uint8_t *)"\x05kV", 3},                    /* a key cut off */
        {(const uint8_t *)"\x01kF\x00\x00\x00\x01\x00", 8} /* broken one level down */
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        amqp_queue_declare_t m = {.queue = BYTES("q"), .arguments = bad[i]};
        buffer_t b = {0};
        amqp_method_encode(&b, AMQP_queue_declare, &m);
        assert_int_equal(try_decode(AMQP_queue_declare, arguments_of(buffer_bytes(&b))), AMQP_MALFORMED);
        buffer_clear(&b);
        m.queue = BYTES("\xff");
        amqp_method_encode(&b, AMQP_queue_declare, &m);
        assert_int_equal(try_decode(AMQP_queue_declare, arguments_of(buffer_bytes(&b))), AMQP_BAD_UTF8);
        buffer_free(&b);
    }
}

static void a_table_longer_than_the_frame_is_malformed(void **state)
{
    (void)state;
    assert_int_equal(try_decode(AMQP_queue_declare, BYTES("\0\0\x01q\0\xff\xff\xff\xff")), AMQP_MALFORMED);
}

static void unused_places_of_a_bit_octet_are_ignored(void **state)
{
    (void)state;
    amqp_method_t out;
    bytes_t arguments = BYTES("\0\0\0\0\0\0\0\x05\xfe");
    assert_int_equal(amqp_method_decode(amqp_method_find(AMQP_basic_ack), arguments, &out), AMQP_DECODED);
    assert_int_equal(out.basic_ack.delivery_tag, 5);
    assert_false(out.basic_ack.multiple);
}

static void a_short_string_over_255_octets_fails_the_buffer(void **state)
{
    (void)state;
    static const uint8_t octets[256];
    amqp_basic_cancel_ok_t m = {.consumer_tag = bytes_make(octets, 255)};
    buffer_t b = {0};
    amqp_method_encode(&b, AMQP_basic_cancel_ok, &m);
    assert_false(b.failed);
    buffer_clear(&b);
    m.consumer_tag.len = 256;
    amqp_method_encode(&b, AMQP_basic_cancel_ok, &m);
    assert_true(b.failed);
    buffer_free(&b);
}

static void decoded_strings_are_views_into_the_input(void **state)
{
    (void)state;
    amqp_method_t out;
    bytes_t arguments = BYTES("\0\0\x02"
                              "ex\x03key\x01");
    assert_int_equal(amqp_method_decode(amqp_method_find(AMQP_basic_publish), arguments, &out), AMQP_DECODED);
    assert_ptr_equal(out.basic_publish.exchange.data, arguments.data + 3);
    assert_ptr_equal(out.basic_publish.routing_key.data, arguments.data + 6);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_method_of_the_table_has_a_vector),
        cmocka_unit_test(vectors_decode_to_their_values),
        cmocka_unit_test(values_encode_to_their_vectors),
        cmocka_unit_test(every_prefix_of_a_vector_is_malformed),
        cmocka_unit_test(one_octet_too_many_is_malformed),
        cmocka_unit_test(a_buffer_too_small_for_a_vector_fails_and_keeps_its_limit),
        cmocka_unit_test(every_method_is_found_by_its_id),
        cmocka_unit_test(unknown_ids_are_not_found),
        cmocka_unit_test(only_four_methods_bear_content),
        cmocka_unit_test(senders_are_those_of_the_specification),
        cmocka_unit_test(a_short_string_that_is_not_utf8_is_told_apart),
        cmocka_unit_test(a_wrong_length_comes_before_bad_utf8),
        cmocka_unit_test(a_long_string_may_hold_any_octets),
        cmocka_unit_test(a_nul_in_a_short_string_is_kept),
        cmocka_unit_test(a_bad_table_is_malformed_and_comes_after_utf8),
        cmocka_unit_test(a_table_longer_than_the_frame_is_malformed),
        cmocka_unit_test(unused_places_of_a_bit_octet_are_ignored),
        cmocka_unit_test(a_short_string_over_255_octets_fails_the_buffer),
        cmocka_unit_test(decoded_strings_are_views_into_the_input),
    };
    return cmocka_run_group_tests_name("amqp codec: methods", tests, NULL, NULL);
}
