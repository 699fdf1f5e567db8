/* SPDX-License-Identifier: Apache-2.0
 *
 * codec_text.c: octets as Erlang writes them, for error texts that people search the web for.
 *
 *   amqp_render_binary     Erlang's ~w: always numbers, <<104,105>>
 *   amqp_describe_octets   Erlang's ~p of at most 16 octets: text if all of it is printable, <<"hi">>, else
 * numbers
 *
 * Erlang counts Latin-1 letters as printable; here they are written as numbers, so that a text is always
 * UTF-8. */
#include <assert.h>

#include "amqp/codec.h"
#include "base/text.h"

#define SNIPPET_BYTES 16 /* quoted of a frame's payload: rabbit_reader's payload_snippet */

/* A line that grows to the right until it is full. */
typedef struct line {
    char *out;
    size_t out_bytes, len;
} line_t;

static void line_add(line_t *l, const char *text)
{
    l->len += text_format(l->out + l->len, l->out_bytes - l->len, "%s", text);
}

/* No character more fits: what remains of a long input need not be looked at. */
static bool line_full(const line_t *l)
{
    return l->len + 1 >= l->out_bytes;
}

static void add_numbers(line_t *l, bytes_t octets)
{
    line_add(l, "<<");
    for (size_t i = 0; i < octets.len && !line_full(l); i++) {
        char number[sizeof ",255"];
        text_format(number, sizeof number, i == 0 ? "%u" : ",%u", octets.data[i]);
        line_add(l, number);
    }
    line_add(l, ">>");
}

/* The letter behind a backslash that stands for this octet in an Erlang string, or 0. */
static char escape_of(uint8_t octet)
{
    switch (octet) {
    case '\b':
        return 'b';
    case '\t':
        return 't';
    case '\n':
        return 'n';
    case '\v':
        return 'v';
    case '\f':
        return 'f';
    case '\r':
        return 'r';
    case 27:
        return 'e';
    case '"':
    case '\\':
        return (char)octet;
    default:
        return 0;
    }
}

static bool printable(bytes_t octets)
{
    for (size_t i = 0; i < octets.len; i++) {
        if ((octets.data[i] < ' ' || octets.data[i] > '~') && !escape_of(octets.data[i]))
            return false;
    }
    return octets.len > 0;
}

static void add_string(line_t *l, bytes_t octets)
{
    line_add(l, "<<\"");
    for (size_t i = 0; i < octets.len; i++) {
        char escape = escape_of(octets.data[i]);
        line_add(l, escape ? (char[]){'\\', escape, 0} : (char[]){(char)octets.data[i], 0});
    }
    line_add(l, "\">>");
}

void amqp_describe_octets(bytes_t octets, char *out, size_t out_bytes)
{
    assert(out_bytes > 0);
    line_t l = {.out = out, .out_bytes = out_bytes};
    bool all = octets.len <= SNIPPET_BYTES;
    bytes_t snippet = all ? octets : bytes_make(octets.data, SNIPPET_BYTES);
    line_add(&l, all ? "all octets = " : "first 16 octets = ");
    if (printable(snippet))
        add_string(&l, snippet);
    else
        add_numbers(&l, snippet);
}

void amqp_render_binary(bytes_t octets, char *out, size_t out_bytes)
{
    assert(out_bytes > 0);
    line_t l = {.out = out, .out_bytes = out_bytes};
    add_numbers(&l, octets);
}
