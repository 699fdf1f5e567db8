/* SPDX-License-Identifier: Apache-2.0
 *
 * login.c: SASL, in the one step that PLAIN and AMQPLAIN take.
 *
 *   PLAIN       authzid NUL user NUL password (RFC 4616; authzid is ignored)
 *   AMQPLAIN    a field table without its length, with LOGIN and PASSWORD as long strings
 *
 * Why a login failed stands in the log only. The peer hears 403 if it said that it understands it, else
 * silence and then a closed socket: the delay is a brake on guessing. */
#include "amqp/session_internal.h"
#include "base/table.h"
#include "base/text.h"

typedef struct credentials {
    bytes_t user, password;
} credentials_t;

typedef bool mechanism_parse_t(bytes_t response, credentials_t *out);

/* Takes the octets before the first NUL off `rest`; false if there is none. */
static bool take_until_nul(bytes_t *rest, bytes_t *out)
{
    const uint8_t *nul = rest->len > 0 ? memchr(rest->data, 0, rest->len) : NULL;
    if (!nul)
        return false;
    *out = bytes_make(rest->data, (size_t)(nul - rest->data));
    *rest = bytes_make(nul + 1, rest->len - out->len - 1);
    return true;
}

static bool parse_plain(bytes_t response, credentials_t *out)
{
    bytes_t authzid, more;
    if (!take_until_nul(&response, &authzid) || !take_until_nul(&response, &out->user))
        return false;
    out->password = response;
    return !take_until_nul(&response, &more);
}

static bool parse_amqplain(bytes_t response, credentials_t *out)
{
    field_t user, password;
    if (!table_valid(response) || !table_find(response, BYTES("LOGIN"), &user) ||
        !table_find(response, BYTES("PASSWORD"), &password))
        return false;
    out->user = user.octets;
    out->password = password.octets;
    return user.tag == 'S' && password.tag == 'S';
}

static mechanism_parse_t *mechanism_find(bytes_t name)
{
    if (bytes_equal(name, BYTES("PLAIN")))
        return parse_plain;
    if (bytes_equal(name, BYTES("AMQPLAIN")))
        return parse_amqplain;
    return NULL;
}

static void refuse_login(amqp_session_t *s, bytes_t mechanism, bytes_t user, auth_verdict_t verdict)
{
    amqp_session_log(s, LOG_WARNING, "login of user '%.*s' by %.*s refused: %s", TEXT_ARG(user),
                     TEXT_ARG(mechanism), auth_verdict_text(verdict));
    s->explained = true;
    if (!s->wants_close_on_refused_login) {
        amqp_drop(s, "login refused");
        return;
    }
    amqp_close_with(s,
                    refusal_new(REFUSAL_ACCESS_REFUSED, 0,
                                "Login was refused using authentication mechanism %.*s. For details see the "
                                "broker logfile.",
                                TEXT_ARG(mechanism)));
}

void amqp_handshake_login(amqp_session_t *s, const amqp_connection_start_ok_t *m)
{
    mechanism_parse_t *parse = mechanism_find(m->mechanism);
    credentials_t who = {0};
    if (!parse) {
        amqp_drop(s, "unknown login mechanism '%.*s'", TEXT_ARG(m->mechanism));
        return;
    }
    if (!parse(m->response, &who)) {
        amqp_drop(s, "malformed %.*s response", TEXT_ARG(m->mechanism));
        return;
    }
    auth_verdict_t verdict = auth_login(s->io->options.auth, who.user, who.password, s->transport->loopback);
    if (verdict != AUTH_ACCEPTED)
        refuse_login(s, m->mechanism, who.user, verdict);
    else
        write_bytes(&s->user, who.user);
}
