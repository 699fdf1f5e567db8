/* SPDX-License-Identifier: Apache-2.0
 *
 * checksum.h: XXH3-64, the checksum of everything in the log. */
#pragma once

#include "base/bytes.h"

uint64_t checksum_of(bytes_t octets, uint64_t seed);
