/* SPDX-License-Identifier: Apache-2.0
 *
 * z85.h: octets as printable text, four as five characters (ZeroMQ RFC 32): how keys of CURVE are written. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/bytes.h"

/* Without the NUL. */
#define Z85_CHARS(octets) ((octets) / 4 * 5)

/* Writes Z85_CHARS(octets.len) characters and a NUL. octets.len is a multiple of 4. Takes as long for any octets of one
 * length: they may be a secret. */
void z85_encode(bytes_t octets, char *out);

/* Writes text.len / 5 * 4 octets; false, and nothing is promised of `out`, if the length is no multiple of 5, a character
 * has no place in Z85, or five of them say more than 32 bits hold. */
bool z85_decode(bytes_t text, uint8_t *out);
