/* SPDX-License-Identifier: Apache-2.0
 *
 * due.h: what a session waits for by the clock. A transport has one deadline for a session; it is set to the earliest of
 * a few. */
#pragma once

#include <stdint.h>

#include "base/session.h"

#define DUES_MOST 4

/* Zeros to begin with. */
typedef struct dues {
    uint64_t at_ms[DUES_MOST]; /* 0: not waited for */
    uint64_t deadline_ms;      /* the transport's */
} dues_t;

/* Sets or moves (0: cancels) the time of one of them. */
void dues_set(dues_t *d, transport_t *t, unsigned which, uint64_t at_ms);

/* The deadline has come: calls what is due, each with its session and the time; then the transport gets the next one, if
 * the session still has it. `handlers` has one for each of the first `count`. */
typedef void due_handler_t(void *session, uint64_t now_ms);
void dues_come(dues_t *d, transport_t *t, due_handler_t *const *handlers, unsigned count, void *session);
