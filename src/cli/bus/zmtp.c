/* SPDX-License-Identifier: Apache-2.0
 *
 * zmtp.c: the bus over ZMTP: PUSH publishes, SUB subscribes, DEALER asks and handles. */
#include "cli/bus/zmtp.h"

#include <errno.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"

#define JOIN_MOST_MS   10000
#define ANSWER_MOST_MS 5000

/* ---- life ---- */

static wire_t *create(const bus_options_t *o, const wire_address_t *address)
{
    wire_t *w = MEM_NEW(wire_t);
    w->options = o;
    w->address = address;
    return w;
}

static void end(wire_t *w)
{
    (void)zmtp_close(w, 0);
}

static void destroy(wire_t *w)
{
    end(w);
    mem_free(w);
}

/* ---- frames ---- */

static bus_code_t await(wire_t *w, short events, uint64_t deadline_ms, error_t *err)
{
    for (;;) {
        uint64_t now = cli_now_ms(), left = deadline_ms > now ? deadline_ms - now : 0;
        zmq_pollitem_t items[] = {{.socket = w->socket, .events = events},
                                  {.socket = w->monitor, .events = ZMQ_POLLIN}};
        (void)zmq_poll(items, 2, left < CLI_SLICE_MS ? (long)left : CLI_SLICE_MS);
        if (items[0].revents & events)
            return BUS_OK; /* also what came before the connection was lost */
        if (items[1].revents && zmtp_is_lost(w))
            return zmtp_lost(err, "connection lost");
        if (left == 0 || cli_stopping())
            return BUS_NOTHING;
    }
}

/* Sends a message whole: the first frame waits for room, the others have it. */
static bus_code_t send_frames(wire_t *w, const bytes_t *frames, size_t count, uint64_t deadline_ms,
                              error_t *err)
{
    for (size_t i = 0; i < count;) {
        bytes_t f = frames[i];
        if (zmq_send(w->socket, f.data ? f.data : (const uint8_t *)"", f.len,
                     (i + 1 < count ? ZMQ_SNDMORE : 0) | ZMQ_DONTWAIT) >= 0) {
            i++;
            continue;
        }
        if (errno != EAGAIN && errno != EINTR)
            return zmtp_lost(err, zmq_strerror(errno));
        bus_code_t code = await(w, ZMQ_POLLOUT, deadline_ms, err);
        if (code == BUS_NOTHING)
            error_set(err, "%s takes no more messages", w->address->endpoint);
        if (code != BUS_OK)
            return code;
    }
    return BUS_OK;
}

/* A frame in its place: of what is asked for and answered the envelope goes first, up to an empty frame. */
static void take_frame(bus_message_t *m, bytes_t frame, bool *in_envelope)
{
    if (!*in_envelope)
        bus_message_add(m, frame);
    else if (frame.len > 0)
        write_bytes(&m->answer_to, frame);
    else
        *in_envelope = false;
}

/* Receives a message. Without an empty frame behind its envelope it has no parts. */
static bus_code_t receive_frames(wire_t *w, bus_message_t *m, uint64_t deadline_ms, error_t *err)
{
    bus_code_t code = await(w, ZMQ_POLLIN, deadline_ms, err);
    bool more = true, in_envelope = w->options->role != BUS_SUBSCRIBE;
    while (code == BUS_OK && more) {
        zmq_msg_t frame;
        zmq_msg_init(&frame);
        if (zmq_msg_recv(&frame, w->socket, ZMQ_DONTWAIT) < 0)
            return zmtp_lost(err, zmq_strerror(errno)); /* all frames of a message come at once */
        take_frame(m, bytes_make(zmq_msg_data(&frame), zmq_msg_size(&frame)), &in_envelope);
        more = zmq_msg_more(&frame);
        zmq_msg_close(&frame);
    }
    return code;
}

/* ---- opening ---- */

static bus_code_t subscribe(wire_t *w)
{
    const bus_list_t *prefixes = &w->options->words;
    for (size_t i = 0; i < prefixes->count; i++)
        zmtp_set_text(w, ZMQ_SUBSCRIBE, prefixes->items[i]);
    if (prefixes->count == 0)
        zmtp_set_text(w, ZMQ_SUBSCRIBE, "");
    return BUS_OK;
}

/* "01 prefix" and the group, until the bus has said the same: from now on events come. */
static bus_code_t join(wire_t *w, error_t *err)
{
    const bus_options_t *o = w->options;
    uint64_t deadline = cli_now_ms() + JOIN_MOST_MS;
    bus_message_t echo = {0};
    buffer_t said = {0};
    write_u8(&said, 1);
    write_bytes(&said, bytes_string(o->words.items[0]));
    size_t prefix_len = said.len;
    write_bytes(&said, bytes_string(o->group ? o->group : ""));
    const bytes_t frames[] = {bytes_make(said.data, prefix_len),
                              bytes_make(said.data + prefix_len, said.len - prefix_len)};
    bus_code_t code = send_frames(w, frames, o->group ? 2 : 1, deadline, err);
    if (code == BUS_OK)
        code = receive_frames(w, &echo, deadline, err);
    bool taken_in = bytes_equal(buffer_bytes(&echo.answer_to), buffer_bytes(&said));
    if ((code == BUS_OK && !taken_in) || (code == BUS_NOTHING && !cli_stopping()))
        code = zmtp_refused(w, err, "it did not take us in as a handler; is it a bus port?");
    bus_message_free(&echo);
    buffer_free(&said);
    return code;
}

static bus_code_t open_(wire_t *w, error_t *err)
{
    w->counts = (bus_counts_t){0};
    bus_code_t code = zmtp_connect(w, err);
    if (code == BUS_OK && w->options->role == BUS_SUBSCRIBE)
        code = subscribe(w);
    if (code == BUS_OK && w->options->role == BUS_HANDLE)
        code = join(w, err);
    return code;
}

/* ---- publishing ---- */

static bus_code_t publish(wire_t *w, bytes_t topic, bytes_t body, uint64_t deadline_ms, error_t *err)
{
    const bytes_t nothing = {0}, id = bytes_string(w->options->id ? w->options->id : "");
    const bytes_t frames[] = {id, nothing, topic, body};
    size_t skipped = w->options->role == BUS_PUBLISH ? 2 : w->options->id ? 0 : 1;
    bus_code_t code = send_frames(w, frames + skipped, 4 - skipped, deadline_ms, err);
    w->counts.published += code == BUS_OK;
    return code;
}

/* ZMTP has no confirms: it is done when all octets are on their way, and the connection was there until then. */
static bus_code_t flush(wire_t *w, uint64_t deadline_ms, error_t *err)
{
    uint64_t now = cli_now_ms(), left = deadline_ms > now ? deadline_ms - now : 1;
    if (zmtp_is_lost(w))
        return zmtp_lost(err, "connection lost");
    if (zmtp_close(w, left < INT32_MAX ? (int)left : INT32_MAX))
        return BUS_OK;
    error_set(err, "%s did not take all messages in time", w->address->endpoint);
    return BUS_NOTHING;
}

static const bus_counts_t *counts(const wire_t *w)
{
    return &w->counts;
}

/* ---- receiving ---- */

/* The topic of a message of one frame is its first word; all of it is the body. */
static void take_first_word(bus_message_t *m)
{
    buffer_t whole = {0};
    write_bytes(&whole, buffer_bytes(&m->octets));
    size_t len = 0;
    while (len < whole.len && len < 255 && !memchr(" \0\r\n", whole.data[len], 4))
        len++;
    buffer_clear(&m->octets);
    m->count = 0;
    m->whole = true;
    bus_message_add(m, bytes_make(whole.data, len));
    bus_message_add(m, buffer_bytes(&whole));
    buffer_free(&whole);
}

/* "SEQ/TAG" stands in front of an event. */
static void take_seq(bus_message_t *m)
{
    bytes_t id = buffer_bytes(&m->answer_to);
    size_t len = 0;
    while (len < id.len && id.data[len] >= '0' && id.data[len] <= '9')
        len++;
    text_format(m->seq, sizeof m->seq, "%.*s", (int)len, (const char *)id.data);
}

static bus_code_t receive(wire_t *w, bus_message_t *m, uint64_t deadline_ms, error_t *err)
{
    bus_code_t code;
    size_t before = w->options->role == BUS_ASK ? 1 : 0; /* a report has no topic */
    do {                                                 /* what has no parts is neither event nor report */
        bus_message_clear(m);
        if (before > 0)
            bus_message_add(m, bytes_make(NULL, 0));
        code = receive_frames(w, m, deadline_ms, err);
    } while (code == BUS_OK && m->count == before);
    if (code == BUS_OK && w->options->role == BUS_HANDLE)
        take_seq(m);
    if (code == BUS_OK && w->options->role == BUS_SUBSCRIBE && m->count == 1)
        take_first_word(m);
    return code;
}

static bus_code_t answer(wire_t *w, const bus_message_t *m, bool failed, bytes_t text, error_t *err)
{
    const bytes_t nothing = {0};
    const bytes_t handled[] = {buffer_bytes(&m->answer_to), nothing, text};
    const bytes_t failure[] = {buffer_bytes(&m->answer_to), nothing, nothing, text};
    uint64_t deadline = cli_now_ms() + ANSWER_MOST_MS;
    bus_code_t code = send_frames(w, failed ? failure : handled, failed ? 4 : 3, deadline, err);
    return code == BUS_NOTHING ? BUS_LOST : code;
}

/* libzmq's own thread answers PINGs. */
static void serve(wire_t *w)
{
    (void)w;
}

const wire_calls_t wire_zmtp = {create, destroy, open_, end, publish, flush, counts, receive, answer, serve};
