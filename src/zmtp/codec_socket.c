/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_socket.c: the table of socket types: who may talk to whom, and as what we answer.
 *
 * Any peer may come to one port and is answered with its complement, so we wait for its type before we tell ours.
 * libzmq finds a mismatch on its side too, and then gives up for good: what we answer is always legal to the peer. */
#include <assert.h>

#include "zmtp/codec.h"

typedef struct row {
    bytes_t name;
    unsigned peers; /* bits by type */
    zmtp_socket_type_t answer;
    bool has_identity;
} row_t;

static const row_t rows[] = {
#define X(name, number, peers, answer, identity)                                                             \
    [ZMTP_SOCKET_##name] = {BYTES(#name), peers, ZMTP_SOCKET_##answer, identity},
    ZMTP_SOCKET_TYPES(X)
#undef X
};

static_assert(sizeof rows / sizeof rows[0] == ZMTP_SOCKET_NONE, "the numbers leave no hole");

zmtp_socket_type_t zmtp_socket_type_find(bytes_t name)
{
    unsigned type = 0;
    while (type < ZMTP_SOCKET_NONE && !bytes_equal(rows[type].name, name))
        type++;
    return (zmtp_socket_type_t)type;
}

zmtp_socket_type_t zmtp_socket_type_of_number(uint8_t number)
{
    return number < ZMTP_SOCKET_NONE ? (zmtp_socket_type_t)number : ZMTP_SOCKET_NONE;
}

const char *zmtp_socket_type_name(zmtp_socket_type_t type)
{
    assert(type < ZMTP_SOCKET_NONE);
    return (const char *)rows[type].name.data;
}

bool zmtp_socket_types_match(zmtp_socket_type_t a, zmtp_socket_type_t b)
{
    return a < ZMTP_SOCKET_NONE && b < ZMTP_SOCKET_NONE && (rows[a].peers & 1u << b);
}

zmtp_socket_type_t zmtp_socket_type_answer(zmtp_socket_type_t peer)
{
    return peer < ZMTP_SOCKET_NONE ? rows[peer].answer : ZMTP_SOCKET_NONE;
}

bool zmtp_socket_type_has_identity(zmtp_socket_type_t type)
{
    return type < ZMTP_SOCKET_NONE && rows[type].has_identity;
}
