/* SPDX-License-Identifier: Apache-2.0
 *
 * curve_world.h: what the tests of CURVE share: dice that fall as they are told, a bus and a client with known keys, and a
 * handshake between our two sides. After <cmocka.h>. */
#pragma once

#include <sodium.h>

#include "curve_vector.h"
#include "test_codec.h"
#include "zmtp/curve.h"

/* Gives `octets`, then others that never repeat. */
typedef struct dice {
    buffer_t octets;
    size_t given;
} dice_t;

static inline void dice_fall(void *context, void *out, size_t len)
{
    dice_t *d = context;
    for (uint8_t *at = out; len > 0; len--, d->given++)
        *at++ =
            d->given < d->octets.len ? d->octets.data[d->given] : (uint8_t)(d->given * 167 + d->given / 256);
}

static inline random_source_t dice_source(dice_t *d)
{
    return (random_source_t){dice_fall, d};
}

static inline void key_from_hex(uint8_t key[ZMTP_CURVE_KEY_BYTES], const char *hex)
{
    buffer_t b = from_hex(hex);
    assert_int_equal(b.len, ZMTP_CURVE_KEY_BYTES);
    memcpy(key, b.data, b.len);
    buffer_free(&b);
}

/* The vector's server. */
static inline void bus_init(zmtp_bus_t *bus)
{
    *bus = (zmtp_bus_t){
        .name = "bus.listen.events", .exchange = "amq.events", .mechanism = ZMTP_MECHANISM_CURVE};
    bus->user = "guest";
    key_from_hex(bus->secret_key, CURVE_SECRET);
    key_from_hex(bus->public_key, CURVE_PUBLIC);
}

/* A client of it. */
static inline void dialling_bus_init(zmtp_bus_t *bus)
{
    *bus = (zmtp_bus_t){
        .name = "bus.connect.press", .exchange = "amq.events", .mechanism = ZMTP_MECHANISM_CURVE};
    bus->dial_as = ZMTP_SOCKET_SUB;
    memset(bus->secret_key, 7, sizeof bus->secret_key);
    crypto_scalarmult_base(bus->public_key, bus->secret_key);
    key_from_hex(bus->server_key, CURVE_PUBLIC);
}

/* The data of the one command frame in `b`. */
static inline bytes_t data_of(const buffer_t *b, zmtp_command_id_t id)
{
    zmtp_command_t command = command_of(b);
    assert_int_equal(command.id, id);
    return command.data;
}

/* Tries `is_taken` on what `octets` become by one change: each octet other, each length shorter, one longer. */
static inline void assert_no_change_is_taken(bytes_t octets, bool (*is_taken)(void *context, bytes_t changed),
                                             void *context)
{
    uint8_t *block;
    assert_true(is_taken(context, octets));
    for (size_t i = 0; i < octets.len; i++) {
        for (unsigned bit = 1; bit < 256; bit <<= 1) {
            bytes_t changed = exactly(octets, &block);
            block[1 + i] ^= (uint8_t)bit;
            assert_false(is_taken(context, changed));
            free(block);
        }
        assert_false(is_taken(context, exactly(bytes_make(octets.data, i), &block)));
        free(block);
    }
    buffer_t longer = {0};
    write_bytes(&longer, octets);
    write_u8(&longer, 0);
    assert_false(is_taken(context, exactly(buffer_bytes(&longer), &block)));
    free(block);
    buffer_free(&longer);
}
