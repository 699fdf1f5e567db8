/* SPDX-License-Identifier: Apache-2.0
 *
 * target.c: a request's path and query. Each part is decoded once, after it was split off: %2F is part of a name. */
#include "admin/admin_internal.h"

#include "base/alloc.h"

static int hex_digit(char c)
{
    if (c >= '0' && c <= '9')
        return c - '0';
    if (c >= 'a' && c <= 'f')
        return c - 'a' + 10;
    if (c >= 'A' && c <= 'F')
        return c - 'A' + 10;
    return -1;
}

/* Decodes up to an octet of `ends` or the end; moves *at there and *to behind what it wrote. */
static bool decode(const char **at, const char *ends, bool plus_is_space, uint8_t **to, bytes_t *out)
{
    uint8_t *begin = *to;
    const char *c = *at;
    for (; *c && !strchr(ends, *c); c++) {
        if (*c == '%') {
            int high = hex_digit(c[1]), low = high < 0 ? -1 : hex_digit(c[2]);
            if (low < 0)
                return false;
            *(*to)++ = (uint8_t)(high << 4 | low);
            c += 2;
        } else {
            *(*to)++ = plus_is_space && *c == '+' ? ' ' : (uint8_t)*c;
        }
    }
    *at = c;
    *out = bytes_make(begin, (size_t)(*to - begin));
    return true;
}

static bool parse_parts(const char *path, uint8_t **to, target_t *out)
{
    if (*path++ != '/')
        return false;
    while (*path) {
        if (out->part_count == TARGET_PARTS_MAX ||
            !decode(&path, "/", false, to, &out->parts[out->part_count]))
            return false;
        out->part_count++;
        if (*path == '/')
            path++; /* also one at the end */
    }
    return true;
}

static bool parse_params(const char *query, uint8_t **to, target_t *out)
{
    while (*query) {
        target_param_t p = {0};
        if (out->param_count == TARGET_PARAMS_MAX || !decode(&query, "=&", true, to, &p.name))
            return false;
        if (*query == '=') {
            query++;
            if (!decode(&query, "&", true, to, &p.value))
                return false;
        }
        if (*query == '&')
            query++;
        if (p.name.len > 0)
            out->params[out->param_count++] = p;
    }
    return true;
}

bool target_parse(const char *path, const char *query, target_t *out)
{
    *out = (target_t){0};
    query = query ? query : "";
    out->octets = mem_alloc(strlen(path) + strlen(query));
    uint8_t *to = out->octets;
    if (parse_parts(path, &to, out) && parse_params(query, &to, out))
        return true;
    target_deinit(out);
    return false;
}

void target_deinit(target_t *t)
{
    mem_free(t->octets);
    *t = (target_t){0};
}

bool target_param(const target_t *t, const char *name, bytes_t *value)
{
    for (size_t i = 0; i < t->param_count; i++) {
        if (bytes_equal(t->params[i].name, bytes_string(name))) {
            *value = t->params[i].value;
            return true;
        }
    }
    return false;
}

bool target_param_is(const target_t *t, const char *name, const char *value)
{
    bytes_t found;
    return target_param(t, name, &found) && bytes_equal(found, bytes_string(value));
}
