/* SPDX-License-Identifier: Apache-2.0
 *
 * input.c: what is to be published: a word, a file or standard input, whole or line by line. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <unistd.h>

#include "cli/bus/bus.h"

#define BODY_BYTES_MOST ((size_t)512 << 20)
#define PIECE_BYTES     ((size_t)64 << 10)

static const char *name_of(const bus_options_t *o)
{
    return o->file ? o->file : "standard input";
}

int bus_input_open(const bus_options_t *o, bus_input_t *in)
{
    bool is_file = o->file && strcmp(o->file, "-") != 0;
    *in =
        (bus_input_t){.fd = is_file ? open(o->file, O_RDONLY | O_CLOEXEC) : STDIN_FILENO, .name = name_of(o)};
    buffer_init(&in->octets, BODY_BYTES_MOST);
    return in->fd >= 0 ? CLI_DONE : cli_complain(CLI_WRONG_USE, "--file %s: %s", o->file, strerror(errno));
}

void bus_input_close(bus_input_t *in)
{
    if (in->fd > STDIN_FILENO)
        (void)close(in->fd);
    buffer_free(&in->octets);
}

/* Reads what is there, after at most a slice: 1; 0: nothing yet; -1: the end, or why it cannot go on (said so in `err`). */
static int read_piece(bus_input_t *in, error_t *err)
{
    struct pollfd item = {.fd = in->fd, .events = POLLIN};
    if (poll(&item, 1, CLI_SLICE_MS) <= 0)
        return 0;
    if (!buffer_reserve(&in->octets, PIECE_BYTES))
        return error_set(err, "%s: more than 512 MiB in one message", in->name);
    ssize_t len = read(in->fd, in->octets.data + in->octets.len, PIECE_BYTES);
    if (len < 0)
        return errno == EINTR || errno == EAGAIN
                   ? 0
                   : error_set(err, "cannot read %s: %s", in->name, strerror(errno));
    in->octets.len += (size_t)len;
    in->ended = len == 0;
    return in->ended ? -1 : 1;
}

static int read_all(const bus_options_t *o, buffer_t *out)
{
    bus_input_t in;
    error_t err = {.text = ""};
    int code = bus_input_open(o, &in);
    while (code == CLI_DONE && read_piece(&in, &err) >= 0 && !cli_stopping())
        continue;
    if (code == CLI_DONE && !in.ended)
        code = cli_complain(CLI_FAILED, "%s", err.text[0] ? err.text : "interrupted");
    *out = in.octets;
    in.octets = (buffer_t){0};
    bus_input_close(&in);
    return code;
}

int bus_read_body(const bus_options_t *o, buffer_t *out)
{
    const char *word = o->words.count > 1 ? o->words.items[1] : NULL;
    *out = (buffer_t){0};
    if (o->file || (word && strcmp(word, "-") == 0))
        return read_all(o, out);
    if (word)
        write_bytes(out, bytes_string(word));
    return CLI_DONE;
}

/* The line that begins at `taken`, if its end is there, or the end of all. */
static bool take_line(bus_input_t *in, bytes_t *line)
{
    bytes_t rest = bytes_make(in->octets.data + in->taken, in->octets.len - in->taken);
    const uint8_t *end = rest.len > 0 ? memchr(rest.data, '\n', rest.len) : NULL;
    if (!end && !(in->ended && rest.len > 0))
        return false;
    *line = bytes_make(rest.data, end ? (size_t)(end - rest.data) : rest.len);
    in->taken += line->len + (end != NULL);
    return true;
}

bus_code_t bus_next_line(bus_input_t *in, bus_t *b, bytes_t *line, error_t *err)
{
    while (!take_line(in, line)) {
        if (in->ended || cli_stopping())
            return BUS_NOTHING;
        buffer_consume(&in->octets, in->taken);
        in->taken = 0;
        int read = read_piece(in, err);
        if (read == 0)
            bus_serve(b);
        if (read < 0 && !in->ended)
            return BUS_LOST;
    }
    return BUS_OK;
}
