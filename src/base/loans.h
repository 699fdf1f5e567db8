/* SPDX-License-Identifier: Apache-2.0
 *
 * loans.h: which lent messages may go back, by how much of a connection's output has been sent: marks remember "at this
 * offset, so many messages", one for a stretch of output. */
#pragma once

#include <stddef.h>
#include <stdint.h>

/* Coarse enough that small messages share a mark. */
#define LOANS_STEP_BYTES (16u << 10)

typedef struct loan_mark {
    uint64_t offset;          /* of the output, behind the newest message that it covers */
    uint64_t loans;           /* so many are back when so much was sent */
    uint64_t delivered_bytes; /* of the output so far, octets of deliveries */
    uint64_t tag;             /* of the newest delivery that is whole in the output */
} loan_mark_t;

/* Zeros to begin with; loans_free in the end. The owner counts `taken`, `delivered_bytes` and `tag` up as it writes. */
typedef struct loans {
    loan_mark_t *marks; /* a ring, oldest first */
    size_t first, count, capacity;
    uint64_t taken;           /* messages lent to this connection, ever */
    uint64_t delivered_bytes; /* octets of deliveries written … */
    uint64_t delivered_back;  /* … and of them sent */
    uint64_t tag, tag_back;
    uint64_t mark_start; /* output offset at which the newest mark began to cover */
    uint64_t
        step_bytes; /* a mark covers so much output: so many octets later than possible a loan goes back at most */
} loans_t;

/* A message was written from offset `begin` to `end`. */
void loans_mark(loans_t *l, uint64_t begin, uint64_t end);

/* The output was sent up to `sent`: how many loans are back, counted from the first; 0: no more than before.
 * delivered_back and tag_back follow. */
uint64_t loans_sent(loans_t *l, uint64_t sent);

void loans_free(loans_t *l);
