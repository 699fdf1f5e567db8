/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_result.c: why a decoder refuses, in words. */
#include <assert.h>

#include "zmtp/codec.h"

static const char *const texts[] = {
#define X(name, text) [ZMTP_REFUSED_##name] = text,
    ZMTP_REFUSALS(X)
#undef X
};

const char *zmtp_refusal_text(zmtp_result_t r)
{
    assert(zmtp_is_refusal(r) && r < sizeof texts / sizeof texts[0]);
    return texts[r];
}
