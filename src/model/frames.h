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
 * [key][body]; with a correct `frames` header its body is split again, as above. */
#pragma once

#include <stdbool.h>
#include <stddef.h>

#include "base/bytes.h"
#include "model/message.h"

/* What prefixes of subscribers are compared with: the first frame, of what is present of it. */
bytes_t message_topic(const message_t *m);
