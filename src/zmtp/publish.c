/* SPDX-License-Identifier: Apache-2.0
 *
 * publish.c: PUB, XPUB and PUSH: each message is a publish, to the bus's exchange or straight into its queue.
 *
 * Nearly all messages have one or two frames that are at hand: they become a message and a command in one go, with
 * properties that are the same for a second. Whatever is unusual, and everything that is wrong, is left to input.c and
 * gather.c, which take the same octets frame by frame. */
#include "zmtp/session_internal.h"

/* ---- what messages have ---- */

static bool is_authenticated(const zmtp_session_t *s)
{
    const zmtp_bus_t *bus = s->bus;
    bool any_key = bus->mechanism == ZMTP_MECHANISM_CURVE && !bus->curve_users;
    return bus->mechanism != ZMTP_MECHANISM_NULL && !any_key && !s->handshake.dialled;
}

frames_envelope_t zmtp_envelope(const zmtp_session_t *s)
{
    return (frames_envelope_t){
        .exchange = bytes_string(s->bus->exchange),
        .has_topic = true,
        .time_s = s->wall_ms / 1000,
        .user_id = is_authenticated(s) ? bytes_string(s->handshake.user) : BYTES(""),
    };
}

frames_envelope_t zmtp_envelope_to(const zmtp_session_t *s, bytes_t queue)
{
    frames_envelope_t e = zmtp_envelope(s);
    e.exchange = BYTES("");
    e.has_topic = false;
    e.routing_key = queue;
    return e;
}

static frames_envelope_t envelope_of_role(const zmtp_session_t *s)
{
    return s->role == ZMTP_ROLE_SENDER ? zmtp_envelope_to(s, bytes_string(s->bus->queue)) : zmtp_envelope(s);
}

/* A queue may be deleted: who sends to it is told. To an exchange nobody need listen. */
static uint16_t flags_of_role(const zmtp_session_t *s)
{
    return s->role == ZMTP_ROLE_SENDER ? COMMAND_MANDATORY : 0;
}

void zmtp_push_message(zmtp_session_t *s, uint16_t flags, uint32_t cause)
{
    message_t *m = s->gather.message;
    s->gather.message = NULL;
    zmtp_session_push(s, (command_t){.type = COMMAND_PUBLISH, .flags = flags, .cause = cause, .message = m});
}

/* ---- frame by frame ---- */

void zmtp_publish_decide(zmtp_session_t *s)
{
    frames_envelope_t e = envelope_of_role(s);
    s->gather.intent = ZMTP_INTENT_PUBLISH;
    zmtp_gather_message(s, &e, 0);
}

void zmtp_publish_finish(zmtp_session_t *s)
{
    zmtp_push_message(s, flags_of_role(s), ZMTP_CAUSE_NONE);
}

/* ---- in one go ---- */

typedef enum stamp { STAMP_PLAIN, STAMP_ALONE } stamp_t;

static bytes_t stamp(zmtp_session_t *s, stamp_t which)
{
    uint64_t now_s = s->wall_ms / 1000;
    if (s->stamped_s != now_s || s->stamps[which].len == 0) {
        frames_envelope_t e = envelope_of_role(s);
        buffer_clear(&s->stamps[STAMP_PLAIN]);
        buffer_clear(&s->stamps[STAMP_ALONE]);
        frames_write_properties(&s->stamps[STAMP_PLAIN], &e, BYTES(""));
        frames_write_properties(&s->stamps[STAMP_ALONE], &e, FRAMES_ALONE);
        s->stamped_s = now_s;
    }
    return buffer_bytes(&s->stamps[which]);
}

/* A frame of a message that is all there, and not over the limit. */
static inline bool take_frame(bytes_reader_t *r, uint64_t most_bytes, bool *more, bytes_t *body)
{
    size_t left = reader_left(r), head = ZMTP_FRAME_HEAD_MOST_BYTES;
    if (left < 2)
        return false;
    uint8_t flags = r->at[0];
    uint64_t bytes;
    if (flags <= ZMTP_MORE)
        bytes = r->at[1], head = 2;
    else if ((flags & ~ZMTP_MORE) == ZMTP_LONG && left >= head)
        bytes = load_u64(r->at + 1);
    else
        return false;
    if (bytes > most_bytes || left - head < bytes)
        return false;
    *more = flags & ZMTP_MORE;
    *body = bytes_make(r->at + head, (size_t)bytes);
    r->at += head + (size_t)bytes;
    return true;
}

static size_t publish_one(zmtp_session_t *s, bytes_t frame, size_t used)
{
    bool sends = s->role == ZMTP_ROLE_SENDER;
    message_t *m =
        sends ? message_new_whole(BYTES(""), bytes_string(s->bus->queue), stamp(s, STAMP_PLAIN), frame)
              : message_new_whole(bytes_string(s->bus->exchange), frames_first_word(frame),
                                  stamp(s, STAMP_ALONE), frame);
    zmtp_session_push(s, (command_t){.type = COMMAND_PUBLISH, .flags = flags_of_role(s), .message = m});
    return used;
}

size_t zmtp_publish_whole(zmtp_session_t *s, bytes_t in)
{
    bool publishes = s->role == ZMTP_ROLE_PUBLISHER || s->role == ZMTP_ROLE_SENDER;
    if (!publishes || s->handshake.curve || s->reader.left_bytes > 0 || s->gather.count > 0)
        return 0;
    bool more;
    bytes_t topic, body;
    bytes_reader_t r = bytes_reader(in);
    uint64_t most_bytes = s->io->options.frame_bytes_most;
    if (!take_frame(&r, most_bytes, &more, &topic))
        return 0;
    if (!more)
        return publish_one(s, topic, in.len - reader_left(&r));
    if (s->role != ZMTP_ROLE_PUBLISHER || topic.len > UINT8_MAX || s->io->options.frames_most < 2 ||
        !take_frame(&r, most_bytes - topic.len, &more, &body) || more)
        return 0;
    message_t *m = message_new_whole(bytes_string(s->bus->exchange), topic, stamp(s, STAMP_PLAIN), body);
    zmtp_session_push(s, (command_t){.type = COMMAND_PUBLISH, .message = m});
    return in.len - reader_left(&r);
}
