/* SPDX-License-Identifier: Apache-2.0
 *
 * basic.c: "Authorization: Basic dXNlcjpwYXNz": base64 (RFC 4648) of user, a colon, password (RFC 7617). */
#include "admin/admin_internal.h"

#include <strings.h>

static int base64_digit(char c)
{
    static const char digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    const char *found = c ? strchr(digits, c) : NULL;
    return found ? (int)(found - digits) : -1;
}

/* False at anything that is no base64, padding in the wrong place included. */
static bool base64_decode(const char *text, uint8_t *out, size_t out_bytes, size_t *len)
{
    uint32_t bits = 0;
    size_t digits = 0;
    *len = 0;
    for (; *text && *text != '='; text++, digits++) {
        int digit = base64_digit(*text);
        if (digit < 0)
            return false;
        bits = bits << 6 | (uint32_t)digit;
        if (digits % 4 == 0)
            continue;
        if (*len == out_bytes)
            return false;
        out[(*len)++] = (uint8_t)(bits >> (6 - 2 * (digits % 4)));
    }
    size_t padding = strspn(text, "=");
    return text[padding] == '\0' && digits % 4 != 1 && padding <= 2 &&
           (padding == 0 || (digits + padding) % 4 == 0);
}

bool basic_parse(const char *header, basic_t *out)
{
    size_t len = 0;
    if (strncasecmp(header, "Basic ", 6) != 0)
        return false;
    header += 6;
    header += strspn(header, " ");
    if (!base64_decode(header, out->octets, sizeof out->octets, &len))
        return false;
    const uint8_t *colon = memchr(out->octets, ':', len);
    if (!colon)
        return false;
    out->user = bytes_make(out->octets, (size_t)(colon - out->octets));
    out->password = bytes_make(colon + 1, len - out->user.len - 1);
    return true;
}
