/* SPDX-License-Identifier: Apache-2.0
 *
 * test_codec.h: what the tests of methods share. After <cmocka.h>. */
#pragma once

#include <stdlib.h>

#include "amqp/codec.h"

#define same_OCTET(a, b)    ((a) == (b))
#define same_SHORT(a, b)    ((a) == (b))
#define same_LONG(a, b)     ((a) == (b))
#define same_LONGLONG(a, b) ((a) == (b))
#define same_BIT(a, b)      ((a) == (b))
#define same_SHORTSTR       bytes_equal
#define same_SHORTBYTES     bytes_equal
#define same_LONGSTR        bytes_equal
#define same_TABLE          bytes_equal

/* True if both hold the same values of this method. */
static inline bool same_method(amqp_method_id id, const amqp_method_t *a, const amqp_method_t *b)
{
    switch (id) {
#define F(type, member) &&same_##type(x->member, y->member)
#define M(class, class_id, method, number, from, content)                                                    \
    case AMQP_##class##_##method: {                                                                          \
        const amqp_##class##_##method##_t *x = &a->class##_##method, *y = &b->class##_##method;              \
        (void)x, (void)y;                                                                                    \
        return true AMQP_FIELDS_##class##_##method(F);                                                       \
    }
        AMQP_METHODS(M)
#undef M
#undef F
    default:
        return false;
    }
}

/* Decodes the arguments in a block of exactly their size, so that the sanitizer sees a read past the end.
 * `out` points into *block, which the caller frees. */
static inline amqp_decoded_t decode_exactly(amqp_method_id id, bytes_t arguments, amqp_method_t *out,
                                            uint8_t **block)
{
    *block = malloc(arguments.len > 0 ? arguments.len : 1);
    assert_non_null(*block);
    if (arguments.len > 0)
        memcpy(*block, arguments.data, arguments.len);
    return amqp_method_decode(amqp_method_find(id), bytes_make(*block, arguments.len), out);
}
