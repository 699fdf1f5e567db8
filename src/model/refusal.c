/* SPDX-License-Identifier: Apache-2.0
 *
 * refusal.c: the table of reply codes, asked by number. */
#include "model/refusal.h"

#include <stdarg.h>
#include <stddef.h>

#include "base/alloc.h"
#include "base/text.h"

const char *refusal_name(uint16_t code)
{
    switch (code) {
#define X(number, name, hard)                                                                                \
    case number:                                                                                             \
        return #name;
        REFUSAL_CODES(X)
#undef X
    default:
        return "UNKNOWN";
    }
}

bool refusal_is_hard(uint16_t code)
{
    switch (code) {
#define X(number, name, hard)                                                                                \
    case number:                                                                                             \
        return hard;
        REFUSAL_CODES(X)
#undef X
    default:
        return true; /* what we cannot name must not go on */
    }
}

refusal_t *refusal_new(uint16_t code, uint32_t cause, const char *format, ...)
{
    refusal_t *r = mem_alloc(sizeof *r);
    r->code = code;
    r->cause = cause;
    va_list args;
    va_start(args, format);
    text_format_list(r->text, sizeof r->text, format, args);
    va_end(args);
    return r;
}
