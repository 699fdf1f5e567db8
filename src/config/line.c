/* SPDX-License-Identifier: Apache-2.0
 *
 * line.c: one line of rabbitmq.conf:
 *
 *   line    = [ key "=" value ] [ "#" comment ]
 *   value   = plain | "'" quoted "'" | '"' quoted '"'
 *   plain   = everything up to # or the end, without the spaces around it
 *   quoted  = anything but the quote; the quote itself as \' or \"
 *
 * RabbitMQ also reads `encrypted:` values and $(<FILE); taken literally they would be wrong passwords, so
 * they are refused. */
#include <string.h>

#include "base/text.h"
#include "config/config_internal.h"

static bool is_space(uint8_t c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

static bytes_t trim(bytes_t b)
{
    while (b.len > 0 && is_space(b.data[0]))
        b = bytes_make(b.data + 1, b.len - 1);
    while (b.len > 0 && is_space(b.data[b.len - 1]))
        b.len--;
    return b;
}

static bytes_t until(bytes_t b, uint8_t stop)
{
    const uint8_t *at = b.len > 0 ? memchr(b.data, stop, b.len) : NULL;
    return at ? bytes_make(b.data, (size_t)(at - b.data)) : b;
}

static bytes_t after(bytes_t b, size_t len)
{
    return bytes_make(b.data + len, b.len - len);
}

static line_result_t copy_value(bytes_t value, line_t *out, error_t *err)
{
    if (value.len >= sizeof out->value) {
        error_set(err, "%s: the value is longer than %zu octets", out->key, sizeof out->value - 1);
        return LINE_WRONG;
    }
    if (value.len > 0)
        memcpy(out->value, value.data, value.len);
    out->value[value.len] = '\0';
    return LINE_PAIR;
}

static line_result_t copy_key(bytes_t key, line_t *out, error_t *err)
{
    if (key.len == 0) {
        error_set(err, "there is no key before '='");
        return LINE_WRONG;
    }
    for (size_t i = 0; i < key.len; i++) {
        if (is_space(key.data[i]) || key.data[i] < ' ') {
            error_set(err, "a key has no spaces: '%.*s'", TEXT_ARG(key));
            return LINE_WRONG;
        }
    }
    if (key.len >= sizeof out->key) {
        error_set(err, "the key is longer than %zu octets", sizeof out->key - 1);
        return LINE_WRONG;
    }
    memcpy(out->key, key.data, key.len);
    out->key[key.len] = '\0';
    return LINE_PAIR;
}

/* `text` begins with a quote. */
static line_result_t copy_quoted(bytes_t text, line_t *out, error_t *err)
{
    uint8_t quote = text.data[0];
    size_t len = 0, at = 1;
    for (; at < text.len && text.data[at] != quote; at++) {
        if (text.data[at] == '\\' && at + 1 < text.len && text.data[at + 1] == quote)
            at++;
        if (len + 1 >= sizeof out->value)
            return copy_value(text, out, err); /* says that it is too long */
        out->value[len++] = (char)text.data[at];
    }
    out->value[len] = '\0';
    if (at >= text.len) {
        error_set(err, "%s: the quote %c is not closed", out->key, quote);
        return LINE_WRONG;
    }
    bytes_t rest = trim(after(text, at + 1));
    if (rest.len > 0 && rest.data[0] != '#') {
        error_set(err, "%s: there is something after the closing quote: '%.*s'", out->key, TEXT_ARG(rest));
        return LINE_WRONG;
    }
    return LINE_PAIR;
}

static line_result_t copy_plain(bytes_t text, line_t *out, error_t *err)
{
    bytes_t value = trim(until(text, '#'));
    if (bytes_starts_with(value, BYTES("encrypted:")) || bytes_starts_with(value, BYTES("$("))) {
        error_set(err, "%s: encrypted values and $(...) are not supported; write the value itself, in quotes",
                  out->key);
        return LINE_WRONG;
    }
    return copy_value(value, out, err);
}

line_result_t line_parse(bytes_t text, line_t *out, error_t *err)
{
    text = trim(text);
    if (text.len == 0 || text.data[0] == '#')
        return LINE_EMPTY;
    bytes_t key = until(until(text, '='), '#');
    if (key.len == text.len || text.data[key.len] != '=') {
        error_set(err, "expected KEY = VALUE, got '%.*s'", TEXT_ARG(text));
        return LINE_WRONG;
    }
    bytes_t value = trim(after(text, key.len + 1));
    if (copy_key(trim(key), out, err) == LINE_WRONG)
        return LINE_WRONG;
    if (value.len > 0 && (value.data[0] == '\'' || value.data[0] == '"'))
        return copy_quoted(value, out, err);
    return copy_plain(value, out, err);
}

line_result_t line_parse_argument(const char *text, line_t *out, error_t *err)
{
    bytes_t all = bytes_string(text), key = until(all, '=');
    if (key.len == all.len) {
        error_set(err, "expected KEY=VALUE, got '%s'", text);
        return LINE_WRONG;
    }
    if (copy_key(trim(key), out, err) == LINE_WRONG)
        return LINE_WRONG;
    return copy_value(trim(after(all, key.len + 1)), out, err);
}
