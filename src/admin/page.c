/* SPDX-License-Identifier: Apache-2.0
 *
 * page.c: page, page_size, name: one page of a list. Without them a list comes whole. */
#include "admin/admin_internal.h"

#include <ctype.h>

#include "base/text.h"

#define PAGE_SIZE_DEFAULT 100
#define PAGE_SIZE_MAX     500 /* RabbitMQ's, too */

static bool parse_number(const target_t *t, const char *name, size_t most, size_t *out, reply_t *r)
{
    bytes_t text;
    uint64_t number;
    if (!target_param(t, name, &text))
        return true;
    if (text_parse_u64(text, &number) && number >= 1 && number <= most) {
        *out = (size_t)number;
        return true;
    }
    char why[96];
    text_format(why, sizeof why, "%s must be a number from 1 to %zu", name, most);
    reply_error(r, 400, "bad_request", why);
    return false;
}

bool page_parse(const target_t *t, page_t *out, reply_t *r)
{
    bytes_t value;
    *out = (page_t){.number = 1, .size = PAGE_SIZE_DEFAULT};
    out->wanted = target_param(t, "page", &value) || target_param_is(t, "pagination", "true");
    if (target_param(t, "use_regex", &value) && !bytes_equal(value, BYTES("false"))) {
        reply_error(r, 400, "bad_request", "use_regex is not supported");
        return false;
    }
    if (!out->wanted)
        return true;
    (void)target_param(t, "name", &out->name);
    return parse_number(t, "page", 1000000000, &out->number, r) &&
           parse_number(t, "page_size", PAGE_SIZE_MAX, &out->size, r);
}

bool page_cut(const page_t *p, size_t filtered, size_t *first, size_t *count, reply_t *r)
{
    *first = (p->number - 1) * p->size;
    if (*first >= filtered && p->number > 1) {
        char why[128];
        text_format(why, sizeof why, "page out of range, page: %zu page size: %zu, len: %zu", p->number,
                    p->size, filtered);
        reply_error(r, 400, "page_out_of_range", why);
        return false;
    }
    size_t left = filtered - *first;
    *count = left < p->size ? left : p->size;
    return true;
}

static bool same_letters(bytes_t a, const uint8_t *b)
{
    for (size_t i = 0; i < a.len; i++)
        if (tolower(a.data[i]) != tolower(b[i]))
            return false;
    return true;
}

bool page_matches(const page_t *p, bytes_t name)
{
    if (p->name.len == 0)
        return true;
    for (size_t i = 0; i + p->name.len <= name.len; i++)
        if (same_letters(p->name, name.data + i))
            return true;
    return false;
}
