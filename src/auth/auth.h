/* SPDX-License-Identifier: Apache-2.0
 *
 * auth.h: who is it, may he. Read-only after auth_new, so threads share it without locks. */
#pragma once

#include <stdbool.h>

#include "base/bytes.h"

typedef struct auth auth_t;

typedef struct auth_options {
    const char *user;     /* default_user */
    const char *password; /* default_pass */
    const char
        *loopback_users; /* names separated by commas that may only connect from this machine; "" for none */
} auth_options_t;

typedef enum auth_verdict {
    AUTH_ACCEPTED,
    AUTH_UNKNOWN_USER,
    AUTH_WRONG_PASSWORD,
    AUTH_BLANK_PASSWORD, /* never accepted, whatever is stored */
    AUTH_LOOPBACK_ONLY,
} auth_verdict_t;

auth_t *auth_new(const auth_options_t *options);
void auth_free(auth_t **a);

/* Compares in time that does not depend on where passwords differ. `loopback`: the peer is on this machine. */
auth_verdict_t auth_login(const auth_t *a, bytes_t user, bytes_t password, bool loopback);

/* Why, for the log: "unknown user", "wrong password", … */
const char *auth_verdict_text(auth_verdict_t v);
