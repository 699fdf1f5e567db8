/* SPDX-License-Identifier: Apache-2.0
 *
 * content.h: messages that can be recognised: everything in one follows from its number and its spec, so that what comes
 * back is compared octet by octet. */
#pragma once

#include "model/message.h"
#include "sim/universe.h"

typedef struct content_spec {
    uint32_t id;
    uint8_t exchange, key, headers;
    uint8_t copy;   /* another key + 1, in CC or BCC; 0: none */
    bool is_hidden; /* BCC, which nobody gets to see */
    bool persistent;
    uint8_t publisher; /* who numbers it: a channel + 1; 0: nobody */
    uint32_t sequence;
    uint32_t body_bytes;
} content_spec_t;

/* Properties and `len` octets of the body from `from` on. */
message_t *content_message(const content_spec_t *s, uint32_t from, uint32_t len);

/* Nothing but octets of the body. */
message_t *content_part(const content_spec_t *s, uint32_t from, uint32_t len);

/* The number that a message bears in its properties; false if it is none of ours. */
bool content_id(const message_t *m, uint32_t *id);

/* NULL, or what is wrong with envelope and properties. */
const char *content_check_envelope(const content_spec_t *s, const message_t *m);

/* True if these are the octets of the body from `from` on. */
bool content_check_body(const content_spec_t *s, uint64_t from, bytes_t octets);
