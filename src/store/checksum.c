/* SPDX-License-Identifier: Apache-2.0
 *
 * checksum.c: the one place of this room that knows the library. */
#include "store/checksum.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

uint64_t checksum_of(bytes_t octets, uint64_t seed)
{
    return XXH3_64bits_withSeed(octets.data, octets.len, seed);
}
