/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_frame.c: frames and content headers, against whole frames that another implementation wrote. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>
#include <stdlib.h>

#include "amqp/codec.h"
#include "base/properties.h"
#include "vectors.h"

static void assert_written(buffer_t *b, bytes_t frame)
{
    assert_false(b->failed);
    assert_int_equal(b->len, frame.len);
    assert_memory_equal(b->data, frame.data, frame.len);
    buffer_free(b);
}

static bytes_t payload_of(bytes_t frame)
{
    return bytes_make(frame.data + AMQP_FRAME_HEAD_BYTES, frame.len - AMQP_FRAME_OVERHEAD);
}

/* ---- heads ---- */

static void a_head_is_type_channel_and_size(void **state)
{
    (void)state;
    static const uint8_t octets[] = {0xfe, 0x01, 0x02, 0x03, 0x04, 0x05, 0x06};
    amqp_frame_head_t head = amqp_frame_head_decode(octets);
    assert_int_equal(head.type, 0xfe);
    assert_int_equal(head.channel, 0x0102);
    assert_int_equal(head.payload_bytes, 0x03040506);
}

static void a_head_reads_seven_octets_and_no_more(void **state)
{
    (void)state;
    uint8_t *octets = malloc(AMQP_FRAME_HEAD_BYTES);
    assert_non_null(octets);
    memset(octets, 0xff, AMQP_FRAME_HEAD_BYTES);
    amqp_frame_head_t head = amqp_frame_head_decode(octets);
    assert_int_equal(head.payload_bytes, UINT32_MAX);
    assert_int_equal(head.channel, UINT16_MAX);
    free(octets);
}

static void heads_of_written_frames_are_read_back(void **state)
{
    (void)state;
    const bytes_t frames[] = {FRAME_HEARTBEAT, FRAME_METHOD, FRAME_BODY, FRAME_HEADER_FULL};
    static const amqp_frame_head_t heads[] = {
        {AMQP_FRAME_HEARTBEAT, 0, 0},
        {AMQP_FRAME_METHOD, 0x0102, 14},
        {AMQP_FRAME_BODY, 7, 5},
        {AMQP_FRAME_HEADER, 0x0304, 310},
    };
    for (size_t i = 0; i < 4; i++) {
        amqp_frame_head_t head = amqp_frame_head_decode(frames[i].data);
        assert_int_equal(head.type, heads[i].type);
        assert_int_equal(head.channel, heads[i].channel);
        assert_int_equal(head.payload_bytes, heads[i].payload_bytes);
        assert_int_equal(head.payload_bytes + AMQP_FRAME_OVERHEAD, frames[i].len);
        assert_int_equal(frames[i].data[frames[i].len - 1], AMQP_FRAME_END);
    }
}

/* ---- writing ---- */

static void a_method_frame_is_written_whole(void **state)
{
    (void)state;
    amqp_basic_publish_t m = {.exchange = BYTES("ex"), .routing_key = BYTES("key"), .mandatory = true};
    buffer_t b = {0};
    amqp_write_method(&b, 0x0102, AMQP_basic_publish, &m);
    assert_written(&b, FRAME_METHOD);
}

static void a_method_without_arguments_needs_no_struct(void **state)
{
    (void)state;
    buffer_t b = {0};
    amqp_write_method(&b, 5, AMQP_tx_commit_ok, NULL);
    assert_written(&b, BYTES("\x01\x00\x05\x00\x00\x00\x04\x00\x5a\x00\x15\xce"));
}

static void a_heartbeat_is_eight_octets(void **state)
{
    (void)state;
    buffer_t b = {0};
    amqp_write_heartbeat(&b);
    assert_written(&b, FRAME_HEARTBEAT);
}

static void a_body_frame_is_a_head_the_octets_and_the_end(void **state)
{
    (void)state;
    buffer_t b = {0};
    amqp_write_body_head(&b, 7, 5);
    write_bytes(&b, BYTES("hello"));
    write_u8(&b, AMQP_FRAME_END);
    assert_written(&b, FRAME_BODY);
}

static void a_frame_of_unknown_size_gets_it_at_the_end(void **state)
{
    (void)state;
    buffer_t b = {0};
    size_t mark = amqp_frame_begin(&b, AMQP_FRAME_BODY, 7);
    write_bytes(&b, BYTES("hel"));
    write_bytes(&b, BYTES("lo"));
    amqp_frame_end(&b, mark);
    assert_written(&b, FRAME_BODY);
}

static void frames_follow_each_other_in_one_buffer(void **state)
{
    (void)state;
    buffer_t b = {0};
    amqp_write_heartbeat(&b);
    amqp_write_header(&b, 0x0304, 0x0102030405060708, BYTES("\0\0"));
    amqp_write_heartbeat(&b);
    assert_int_equal(b.len, 2 * FRAME_HEARTBEAT.len + FRAME_HEADER_NONE.len);
    assert_memory_equal(b.data + FRAME_HEARTBEAT.len, FRAME_HEADER_NONE.data, FRAME_HEADER_NONE.len);
    buffer_free(&b);
}

static void a_full_buffer_fails_instead_of_growing(void **state)
{
    (void)state;
    for (size_t limit = 1; limit < FRAME_HEADER_NONE.len; limit++) {
        buffer_t b;
        buffer_init(&b, limit);
        amqp_write_header(&b, 1, 0, BYTES("\0\0"));
        assert_true(b.failed);
        assert_true(b.len <= limit);
        buffer_free(&b);
    }
}

/* ---- content headers ---- */

static void content_headers_are_read_and_written_alike(void **state)
{
    (void)state;
    const bytes_t frames[] = {FRAME_HEADER_NONE, FRAME_HEADER_PERSISTENT, FRAME_HEADER_HEADERS,
                              FRAME_HEADER_FULL};
    for (size_t i = 0; i < 4; i++) {
        amqp_content_header_t header;
        assert_true(amqp_content_header_decode(payload_of(frames[i]), &header));
        assert_int_equal(header.class_id, 60);
        assert_int_equal(header.weight, 0);
        assert_int_equal(header.body_bytes, 0x0102030405060708);
        assert_true(properties_valid(header.properties));
        buffer_t b = {0};
        amqp_write_header(&b, 0x0304, header.body_bytes, header.properties);
        assert_written(&b, frames[i]);
    }
}

static void properties_of_a_content_header_are_those_that_were_sent(void **state)
{
    (void)state;
    amqp_content_header_t header;
    bytes_t value;
    assert_true(amqp_content_header_decode(payload_of(FRAME_HEADER_FULL), &header));
    assert_true(properties_persistent(header.properties));
    assert_true(properties_get(header.properties, PROPERTY_CONTENT_TYPE, &value));
    assert_true(bytes_equal(value, BYTES("text/plain")));
    assert_true(properties_get(header.properties, PROPERTY_CLUSTER_ID, &value));
    assert_true(bytes_equal(value, BYTES("cluster")));
    assert_true(amqp_content_header_decode(payload_of(FRAME_HEADER_NONE), &header));
    assert_false(properties_persistent(header.properties));
}

static void class_and_weight_of_a_content_header_are_told_not_judged(void **state)
{
    (void)state;
    amqp_content_header_t header;
    assert_true(
        amqp_content_header_decode(BYTES("\xff\xfe\xfd\xfc\xff\xff\xff\xff\xff\xff\xff\xff"), &header));
    assert_int_equal(header.class_id, 0xfffe);
    assert_int_equal(header.weight, 0xfdfc);
    assert_int_equal(header.body_bytes, UINT64_MAX);
    assert_int_equal(header.properties.len, 0);
}

static void a_content_header_shorter_than_its_fixed_part_is_refused(void **state)
{
    (void)state;
    bytes_t payload = payload_of(FRAME_HEADER_NONE);
    for (size_t len = 0; len < 12; len++) {
        uint8_t *block = malloc(len > 0 ? len : 1);
        assert_non_null(block);
        memcpy(block, payload.data, len);
        amqp_content_header_t header;
        assert_false(amqp_content_header_decode(bytes_make(block, len), &header));
        free(block);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_head_is_type_channel_and_size),
        cmocka_unit_test(a_head_reads_seven_octets_and_no_more),
        cmocka_unit_test(heads_of_written_frames_are_read_back),
        cmocka_unit_test(a_method_frame_is_written_whole),
        cmocka_unit_test(a_method_without_arguments_needs_no_struct),
        cmocka_unit_test(a_heartbeat_is_eight_octets),
        cmocka_unit_test(a_body_frame_is_a_head_the_octets_and_the_end),
        cmocka_unit_test(a_frame_of_unknown_size_gets_it_at_the_end),
        cmocka_unit_test(frames_follow_each_other_in_one_buffer),
        cmocka_unit_test(a_full_buffer_fails_instead_of_growing),
        cmocka_unit_test(content_headers_are_read_and_written_alike),
        cmocka_unit_test(properties_of_a_content_header_are_those_that_were_sent),
        cmocka_unit_test(class_and_weight_of_a_content_header_are_told_not_judged),
        cmocka_unit_test(a_content_header_shorter_than_its_fixed_part_is_refused),
    };
    return cmocka_run_group_tests_name("amqp codec: frames", tests, NULL, NULL);
}
