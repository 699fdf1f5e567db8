/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/bus.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "base/alloc.h"
#include "base/text.h"
#include "zmtp/keys.h"

/* A list of a million clients and more. */
#define FILE_MOST_BYTES ((size_t)64 << 20)

/* ---- files ---- */

static int read_open(FILE *f, const char *name, buffer_t *out, error_t *err)
{
    uint8_t octets[16384];
    size_t len;
    while ((len = fread(octets, 1, sizeof octets, f)) > 0 && out->len <= FILE_MOST_BYTES)
        write_bytes(out, bytes_make(octets, len));
    explicit_bzero(octets, sizeof octets);
    if (ferror(f))
        return error_set(err, "cannot read %s: %s", name, strerror(errno));
    return out->len <= FILE_MOST_BYTES ? 0 : error_set(err, "%s is larger than 64 MiB", name);
}

/* A secret that others can read is one no more: said, and not refused, as a mount may leave no choice. */
static void warn_of_readers(FILE *f, const char *name, const log_t *log)
{
    struct stat about;
    if (fstat(fileno(f), &about) == 0 && (about.st_mode & (S_IRWXG | S_IRWXO)) != 0)
        log_line(log, LOG_WARNING, "%s holds a secret key, and others than its owner may read it: chmod 600",
                 name);
}

/* `secret_log`: not NULL if it is to be warned of. */
static int read_file(const char *name, buffer_t *out, const log_t *secret_log, error_t *err)
{
    FILE *f = fopen(name, "re");
    if (!f)
        return error_set(err, "cannot open %s: %s", name, strerror(errno));
    if (secret_log)
        warn_of_readers(f, name, secret_log);
    int rc = read_open(f, name, out, err);
    fclose(f);
    return rc;
}

static void wipe(buffer_t *text)
{
    if (text->len > 0)
        explicit_bzero(text->data, text->len);
    buffer_free(text);
}

static int load_pair(bus_port_t *p, const char *file, const log_t *log, error_t *err)
{
    zmtp_key_pair_t pair;
    buffer_t text;
    error_t why;
    buffer_init(&text, 0);
    int rc = read_file(file, &text, log, err);
    if (rc == 0 && zmtp_key_pair_parse(buffer_bytes(&text), &pair, &why) != 0)
        rc = error_set(err, "%s: %s", file, why.text);
    wipe(&text);
    if (rc != 0)
        return -1;
    memcpy(p->bus.secret_key, pair.secret_key, sizeof p->bus.secret_key);
    memcpy(p->bus.public_key, pair.public_key, sizeof p->bus.public_key);
    zmtp_key_pair_wipe(&pair);
    return 0;
}

static int load_clients(bus_port_t *p, const char *file, error_t *err)
{
    buffer_t text;
    error_t why;
    buffer_init(&text, 0);
    int rc = read_file(file, &text, NULL, err);
    if (rc == 0 &&
        zmtp_curve_users_parse(buffer_bytes(&text), &p->users, &p->bus.curve_user_count, &why) != 0)
        rc = error_set(err, "%s: %s", file, why.text);
    p->bus.curve_users = p->users;
    buffer_free(&text);
    return rc;
}

static int load_keys(bus_port_t *p, const log_t *log, error_t *err)
{
    const settings_bus_t *s = p->settings;
    error_t why;
    if (s->key_file[0] && load_pair(p, s->key_file, log, &why) != 0)
        return error_set(err, "%s (%s): %s", p->name, s->where, why.text);
    if (s->clients_file[0] && load_clients(p, s->clients_file, &why) != 0)
        return error_set(err, "%s (%s): %s", p->name, s->where, why.text);
    if (s->server_key[0] && !zmtp_key_parse(bytes_string(s->server_key), p->bus.server_key))
        return error_set(err, "%s (%s): server= is no key", p->name, s->where);
    return 0;
}

/* ---- ports ---- */

static zmtp_mechanism_t mechanism_of(int security)
{
    return security == SETTINGS_CURVE   ? ZMTP_MECHANISM_CURVE
           : security == SETTINGS_PLAIN ? ZMTP_MECHANISM_PLAIN
                                        : ZMTP_MECHANISM_NULL;
}

static zmtp_slow_t slow_of(int slow)
{
    static const zmtp_slow_t of[] = {
        [SETTINGS_DROP_NEWEST] = ZMTP_DROP_NEWEST,
        [SETTINGS_DROP_OLDEST] = ZMTP_DROP_OLDEST,
        [SETTINGS_BLOCK] = ZMTP_BLOCK,
        [SETTINGS_DISCONNECT] = ZMTP_DISCONNECT,
    };
    return of[slow];
}

static const char *or_null(const char *text)
{
    return text[0] ? text : NULL;
}

/* The user of peers that do not say who they are; a dialled one is never asked, and PLAIN's own is for the other end. */
static const char *user_of(const settings_t *all, const settings_bus_t *s)
{
    return s->user[0] && s->security != SETTINGS_PLAIN ? s->user : all->default_user;
}

static int bus_port_init(bus_port_t *p, const char *family, const settings_t *all, const settings_bus_t *s,
                         const log_t *log, error_t *err)
{
    p->settings = s;
    text_format(p->name, sizeof p->name, "%s.%s", family, s->name);
    p->bus = (zmtp_bus_t){
        .name = p->name,
        .exchange = s->exchange,
        .queue = or_null(s->queue),
        .mechanism = mechanism_of(s->security),
        .anonymous_anywhere = all->bus_allow_anonymous,
        .user = user_of(all, s),
        .plain_user = s->user,
        .plain_password = s->password,
        .dial_as = s->socket == SETTINGS_PULL ? ZMTP_SOCKET_PULL : ZMTP_SOCKET_SUB,
        .dial_prefix = s->prefix,
        .slow = slow_of(s->slow),
        .high_messages = s->high_messages,
        .high_bytes = s->high_bytes,
        .credit = (uint32_t)s->credit,
        .welcome = or_null(s->welcome),
    };
    return load_keys(p, log, err);
}

/* What ZMTP peers find on AMQP's listeners: the default port of the bus, with its defaults. */
static void amqp_port_init(bus_port_t *p, const settings_t *all)
{
    text_format(p->name, sizeof p->name, "listeners.tcp");
    p->bus = (zmtp_bus_t){
        .name = p->name,
        .exchange = SETTINGS_BUS_EXCHANGE,
        .mechanism = ZMTP_MECHANISM_NULL,
        .anonymous_anywhere = all->bus_allow_anonymous,
        .user = all->default_user,
        .slow = ZMTP_DROP_NEWEST,
        .high_messages = SETTINGS_BUS_HIGH_MESSAGES,
        .high_bytes = SETTINGS_BUS_HIGH_BYTES,
        .credit = SETTINGS_BUS_CREDIT,
    };
}

/* ---- topics ---- */

static need_t need_of(const settings_topic_t *t)
{
    static const need_policy_t of[] = {
        [SETTINGS_SYNC_UNSET] = NEED_UNSET,   [SETTINGS_SYNC_ALL] = NEED_ALL,
        [SETTINGS_SYNC_QUORUM] = NEED_QUORUM, [SETTINGS_SYNC_COUNT] = NEED_COUNT,
        [SETTINGS_SYNC_NONE] = NEED_NONE,
    };
    return (need_t){of[t->sync], (uint32_t)t->sync_count};
}

static void topics_init(bus_t *b, const settings_t *s)
{
    b->topics = mem_zero(s->topic_count * sizeof *b->topics);
    b->topic_count = s->topic_count;
    for (size_t i = 0; i < s->topic_count; i++) {
        const settings_topic_t *t = &s->topics[i];
        b->topics[i] = (engine_topic_t){
            .name = t->name,
            .exchange = t->exchange,
            .prefix = t->prefix,
            .replay_last = t->replay_last,
            .replay_count = t->replay_count == UINT64_MAX ? REPLAY_ALL : t->replay_count,
            .need = need_of(t),
            .timeout_ms = t->timeout_ms,
            .window = (uint32_t)t->window,
        };
    }
}

/* ---- all of it ---- */

int bus_init(bus_t *b, const settings_t *s, void *owner, const log_t *log, error_t *err)
{
    *b = (bus_t){0};
    amqp_port_init(&b->amqp, s);
    b->amqp.owner = owner;
    topics_init(b, s);
    b->listen = mem_zero(s->bus_listen_count * sizeof *b->listen);
    b->connect = mem_zero(s->bus_connect_count * sizeof *b->connect);
    for (size_t i = 0; i < s->bus_listen_count; i++) {
        bus_port_t *p = &b->listen[b->listen_count++];
        p->owner = owner;
        if (bus_port_init(p, "bus.listen", s, &s->bus_listen[i], log, err) != 0)
            return -1;
    }
    for (size_t i = 0; i < s->bus_connect_count; i++)
        if (bus_port_init(&b->connect[b->connect_count++], "bus.connect", s, &s->bus_connect[i], log, err) !=
            0)
            return -1;
    return 0;
}

static void ports_free(bus_port_t *ports, size_t count)
{
    for (size_t i = 0; i < count; i++) {
        explicit_bzero(ports[i].bus.secret_key, sizeof ports[i].bus.secret_key);
        mem_free(ports[i].users);
    }
    mem_free(ports);
}

void bus_deinit(bus_t *b)
{
    ports_free(b->listen, b->listen_count);
    ports_free(b->connect, b->connect_count);
    mem_free(b->topics);
    *b = (bus_t){0};
}
