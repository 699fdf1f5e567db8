/* SPDX-License-Identifier: Apache-2.0
 *
 * auth.c: one user, and the names that may only connect from this machine. A login says why it failed to the
 * log alone: the peer must not learn whether the name or the password was wrong, neither from the reply nor
 * from the time. */
#include "auth/auth.h"

#include <string.h>

#include "base/alloc.h"

struct auth {
    char *user;
    char *password;
    char *loopback_users;
};

static char *copy(const char *text)
{
    size_t bytes = strlen(text) + 1;
    return memcpy(mem_alloc(bytes), text, bytes);
}

auth_t *auth_new(const auth_options_t *options)
{
    auth_t *a = MEM_NEW(auth_t);
    a->user = copy(options->user);
    a->password = copy(options->password);
    a->loopback_users = copy(options->loopback_users);
    return a;
}

void auth_free(auth_t **a)
{
    if (!*a)
        return;
    mem_free((*a)->user);
    mem_free((*a)->password);
    mem_free((*a)->loopback_users);
    mem_free(*a);
    *a = NULL;
}

/* Takes a time that depends on the length of what the peer sent only. */
static bool equal_in_constant_time(bytes_t sent, bytes_t stored)
{
    volatile uint8_t differs = sent.len != stored.len;
    for (size_t i = 0; i < sent.len; i++) {
        uint8_t other = stored.len > 0 ? stored.data[i % stored.len] : 0;
        differs = (uint8_t)(differs | (sent.data[i] ^ other));
    }
    return differs == 0;
}

static bool is_loopback_user(const auth_t *a, bytes_t user)
{
    for (const char *at = a->loopback_users; *at;) {
        size_t len = strcspn(at, ",");
        if (bytes_equal(bytes_make(at, len), user))
            return true;
        at += len + (at[len] == ',');
    }
    return false;
}

/* The order is RabbitMQ's: a blank password is refused before anything is looked up, and where the peer is
 * counts only once it has proven who it is. */
auth_verdict_t auth_login(const auth_t *a, bytes_t user, bytes_t password, bool loopback)
{
    if (password.len == 0)
        return AUTH_BLANK_PASSWORD;
    bool known = bytes_equal(user, bytes_string(a->user));
    bool right = equal_in_constant_time(password, bytes_string(a->password));
    if (!known)
        return AUTH_UNKNOWN_USER;
    if (!right)
        return AUTH_WRONG_PASSWORD;
    if (!loopback && is_loopback_user(a, user))
        return AUTH_LOOPBACK_ONLY;
    return AUTH_ACCEPTED;
}

const char *auth_verdict_text(auth_verdict_t v)
{
    switch (v) {
    case AUTH_ACCEPTED:
        return "accepted";
    case AUTH_UNKNOWN_USER:
        return "unknown user";
    case AUTH_WRONG_PASSWORD:
        return "wrong password";
    case AUTH_BLANK_PASSWORD:
        return "blank password";
    case AUTH_LOOPBACK_ONLY:
        return "user may only connect from this machine (loopback_users)";
    }
    return "unknown verdict";
}
