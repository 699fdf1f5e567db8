/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec_random.c: random values of every method of the table go over the wire and come back. The dice
 * are the same at each run. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

#include "amqp/codec.h"
#include "base/table.h"
#include "test_codec.h"

#define RANDOM_ROUNDS 200

typedef struct dice {
    uint64_t state;
    buffer_t octets; /* what strings and tables of the method point into: kept until the next method */
} dice_t;

static uint64_t roll(dice_t *d)
{
    d->state ^= d->state << 13;
    d->state ^= d->state >> 7;
    d->state ^= d->state << 17;
    return d->state;
}

/* Every string and table of one method fits, so that the octets never move. */
#define DICE_BYTES 65536

static bytes_t since(const dice_t *d, size_t start)
{
    assert_false(d->octets.failed);
    return bytes_make(d->octets.data + start, d->octets.len - start);
}

static void roll_letter(dice_t *d)
{
    static const bytes_t letters[] = {
        {(const uint8_t *)"a", 1},
        {(const uint8_t *)"\0", 1},
        {(const uint8_t *)"\xc3\xbc", 2},
        {(const uint8_t *)"\xe2\x82\xac", 3},
        {(const uint8_t *)"\xf0\x9f\x98\x80", 4},
    };
    write_bytes(&d->octets, letters[roll(d) % 5]);
}

static bytes_t roll_short_string(dice_t *d)
{
    size_t start = d->octets.len, letters = (size_t)(roll(d) % 64);
    for (size_t i = 0; i < letters; i++)
        roll_letter(d);
    return since(d, start);
}

static bytes_t roll_long_string(dice_t *d)
{
    size_t start = d->octets.len, len = (size_t)(roll(d) % 600);
    for (size_t i = 0; i < len; i++)
        write_u8(&d->octets, (uint8_t)roll(d));
    return since(d, start);
}

static void roll_pairs(dice_t *d, int depth)
{
    static const char *const keys[] = {"", "x", "x-dead-letter-exchange", "gr\xc3\xbcn"};
    for (uint64_t pairs = roll(d) % 5; pairs > 0; pairs--) {
        const char *key = keys[roll(d) % 4];
        uint64_t kind = roll(d) % (depth < 4 ? 5 : 4);
        if (kind == 0)
            table_put_bool(&d->octets, key, roll(d) & 1);
        else if (kind == 1)
            table_put_long(&d->octets, key, (int64_t)roll(d));
        else if (kind == 2)
            table_put_timestamp(&d->octets, key, roll(d));
        else if (kind == 3)
            table_put_string(&d->octets, key, bytes_string(keys[roll(d) % 4]));
        else {
            size_t mark = table_begin(&d->octets, key);
            roll_pairs(d, depth + 1);
            table_end(&d->octets, mark);
        }
    }
}

static bytes_t roll_table(dice_t *d)
{
    size_t start = d->octets.len;
    roll_pairs(d, 0);
    return since(d, start);
}

#define roll_OCTET      (uint8_t) roll
#define roll_SHORT      (uint16_t) roll
#define roll_LONG       (uint32_t) roll
#define roll_LONGLONG   roll
#define roll_BIT        1 & roll
#define roll_SHORTSTR   roll_short_string
#define roll_SHORTBYTES roll_short_string
#define roll_LONGSTR    roll_long_string
#define roll_TABLE      roll_table

static void survives_the_wire(amqp_method_id id, const amqp_method_t *method)
{
    buffer_t b = {0}, again = {0};
    amqp_method_encode(&b, id, method);
    assert_false(b.failed);
    amqp_method_t out;
    uint8_t *block;
    assert_int_equal(decode_exactly(id, bytes_make(b.data + 4, b.len - 4), &out, &block), AMQP_DECODED);
    assert_true(same_method(id, method, &out));
    amqp_method_encode(&again, id, &out);
    assert_true(bytes_equal(buffer_bytes(&b), buffer_bytes(&again)));
    free(block);
    buffer_free(&again);
    buffer_free(&b);
}

static void any_values_of_any_method_come_back(void **state)
{
    (void)state;
    dice_t dice = {.state = 0x9e3779b97f4a7c15};
    buffer_init(&dice.octets, DICE_BYTES);
    assert_true(buffer_reserve(&dice.octets, DICE_BYTES));
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
#define F(type, member) m->member = roll_##type(&dice);
#define M(class, class_id, method, number, from, content)                                                    \
    {                                                                                                        \
        amqp_method_t values;                                                                                \
        amqp_##class##_##method##_t *m = &values.class##_##method;                                           \
        m->unused = 0;                                                                                       \
        buffer_clear(&dice.octets);                                                                          \
        AMQP_FIELDS_##class##_##method(F) survives_the_wire(AMQP_##class##_##method, &values);               \
    }
        AMQP_METHODS(M)
#undef M
#undef F
    }
    buffer_free(&dice.octets);
}

/* The writer for the one method that goes with every message knows no table. */
static void deliver_frames_are_those_of_the_table(void **state)
{
    (void)state;
    dice_t dice = {.state = 7};
    buffer_init(&dice.octets, DICE_BYTES);
    assert_true(buffer_reserve(&dice.octets, DICE_BYTES));
    for (int round = 0; round < RANDOM_ROUNDS; round++) {
        buffer_t by_table = {0}, at_once = {0};
        buffer_clear(&dice.octets);
        amqp_basic_deliver_t m = {.consumer_tag = roll_short_string(&dice),
                                  .delivery_tag = roll(&dice),
                                  .redelivered = roll(&dice) & 1,
                                  .exchange = roll_short_string(&dice),
                                  .routing_key = roll_short_string(&dice)};
        uint16_t channel = (uint16_t)roll(&dice);
        bytes_t properties = roll_short_string(&dice), body = roll_long_string(&dice);
        if (body.len == 0)
            continue;
        amqp_write_method(&by_table, channel, AMQP_basic_deliver, &m);
        amqp_write_header(&by_table, channel, body.len, properties);
        amqp_write_body_head(&by_table, channel, (uint32_t)body.len);
        write_bytes(&by_table, body);
        write_u8(&by_table, AMQP_FRAME_END);
        amqp_write_delivery(&at_once, channel, &m, properties, body);
        assert_true(bytes_equal(buffer_bytes(&by_table), buffer_bytes(&at_once)));
        buffer_free(&by_table);
        buffer_free(&at_once);
    }
    buffer_free(&dice.octets);
}

static void a_publish_is_read_by_hand_as_by_the_table(void **state)
{
    (void)state;
    dice_t dice = {.state = 11};
    buffer_init(&dice.octets, DICE_BYTES);
    assert_true(buffer_reserve(&dice.octets, DICE_BYTES));
    for (int round = 0; round < 20 * RANDOM_ROUNDS; round++) {
        buffer_t b = {0};
        buffer_clear(&dice.octets);
        amqp_method_encode(&b, AMQP_basic_publish,
                           &(amqp_basic_publish_t){.reserved_ticket = (uint16_t)roll(&dice),
                                                   .exchange = roll_short_string(&dice),
                                                   .routing_key = roll_short_string(&dice),
                                                   .mandatory = roll(&dice) & 1,
                                                   .immediate = roll(&dice) & 1});
        if (roll(&dice) % 2 == 0) /* not always well-formed */
            b.data[4 + roll(&dice) % (b.len - 4)] = (uint8_t)roll(&dice);
        size_t len = roll(&dice) % 4 == 0 ? roll(&dice) % (b.len - 3) : b.len - 4;
        uint8_t *block = malloc(len + 1);
        memcpy(block + 1, b.data + 4, len);
        amqp_method_t by_table;
        amqp_basic_publish_t by_hand;
        amqp_decoded_t wanted =
            amqp_method_decode(amqp_method_find(AMQP_basic_publish), bytes_make(block + 1, len), &by_table);
        assert_int_equal(amqp_publish_decode(bytes_make(block + 1, len), &by_hand), wanted);
        const amqp_basic_publish_t *m = &by_table.basic_publish;
        if (wanted == AMQP_DECODED) {
            assert_int_equal(by_hand.reserved_ticket, m->reserved_ticket);
            assert_true(bytes_equal(by_hand.exchange, m->exchange));
            assert_true(bytes_equal(by_hand.routing_key, m->routing_key));
            assert_int_equal(by_hand.mandatory, m->mandatory);
            assert_int_equal(by_hand.immediate, m->immediate);
        }
        free(block);
        buffer_free(&b);
    }
    buffer_free(&dice.octets);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_publish_is_read_by_hand_as_by_the_table),
        cmocka_unit_test(deliver_frames_are_those_of_the_table),
        cmocka_unit_test(any_values_of_any_method_come_back),
    };
    return cmocka_run_group_tests_name("amqp codec: random methods", tests, NULL, NULL);
}
