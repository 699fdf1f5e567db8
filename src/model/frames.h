/* SPDX-License-Identifier: Apache-2.0
 *
 * frames.h: a message as the frames of the other wire. ZMTP's messages are lists of frames, AMQP's have a routing key and a
 * body; one is kept as the other, with nothing lost:
 *
 *   [topic][a]          key = topic, body = a
 *   [topic][a][b]…      key = topic, body = ab…, header frames = (|a|, |b|, …): whenever it is not exactly one
 *   [all]               key = its first word, body = all, header frames = ()
 *   [topic > 255][a]…   key = its first word, body = topic a…, header frames = (|topic|, |a|, …), topic-in-body = true
 *
 * The first word ends before the first space, NUL, CR or LF, and is cut at 255 octets. A message of an AMQP publisher is
 * [key][body]; with a correct `frames` header its body is split again, as above. A header that does not add up to the body,
 * or is of another type, is taken as absent.
 *
 * A message that was put into a queue directly has no topic: its frames are its body's, and `frames` is there whenever they
 * are not exactly one. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "base/properties.h"
#include "base/table.h"
#include "model/message.h"

/* What prefixes of subscribers are compared with: the first frame, of what is present of it. */
bytes_t message_topic(const message_t *m);

/* ---- frames → message ---- */

/* What a wire room knows of a message beside its frames. Strings have at most 255 octets; "": none. */
typedef struct frames_envelope {
    bytes_t exchange;
    bool has_topic;      /* the first frame is, or begins with, the topic */
    bytes_t routing_key; /* without a topic */
    uint64_t time_s;     /* since 1970 */
    bytes_t user_id, correlation_id, reply_to, message_id;
} frames_envelope_t;

/* A message of `count` ≥ 1 frames of these lengths; persistent. `octets` are the frames end to end, but of the last one
 * some may still be missing: the caller appends them (message_append). Of an only frame that has a topic 256 octets, or
 * all, must be there. */
message_t *frames_message(const frames_envelope_t *e, const uint64_t *lengths, size_t count, bytes_t octets);

/* The two forms that nearly all messages have, to be made of properties that are made once. [topic][a], or [a] without a
 * topic: headers is "". [all]: FRAMES_ALONE, and the key is the first word. */
#define FRAMES_ALONE BYTES("\6framesA\0\0\0\0")
void frames_write_properties(buffer_t *b, const frames_envelope_t *e, bytes_t headers);

bytes_t frames_first_word(bytes_t frame);

/* True if these are what is written of FRAMES_ALONE and a time, and of nothing else: valid, and nobody need look into them.
 * Told at a glance, as most messages of PUB sockets have them. */
bool frames_properties_alone(bytes_t properties);

/* ---- message → frames ---- */

typedef struct frames_walk {
    table_iterator_t lengths; /* of a correct header */
    bool by_lengths;
    bool topic_due, body_due;
    bytes_t topic;
    uint64_t body_bytes;
} frames_walk_t;

typedef struct message_frame {
    bool more;
    bool is_topic; /* the frame is the routing key, and nothing of the body */
    bytes_t topic;
    uint64_t body_bytes; /* so many octets of the body, in order */
} message_frame_t;

/* At the first frame of `m`, which must outlive the walk; with its topic or without. Of a message with parts the lengths
 * are those of its whole body. */
frames_walk_t frames_walk(const message_t *m, bool with_topic);

/* The next frame; false behind the last. */
bool frames_next(frames_walk_t *w, message_frame_t *out);

/* What nearly all messages are, to be sent without a walk. */
typedef enum frames_form {
    FRAMES_FORM_TOPIC, /* the body is one frame, behind the topic if there is to be one */
    FRAMES_FORM_ALONE, /* the body is the only frame */
    FRAMES_FORM_CUT,   /* anything else */
} frames_form_t;

frames_form_t frames_form(const message_t *m);
