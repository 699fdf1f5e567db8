/* SPDX-License-Identifier: Apache-2.0
 *
 * family.c: the keys that end in a name of the user's choice: listeners, the event bus, loopback users. */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "config/config_internal.h"

typedef int family_setter_t(family_state_t *f, const char *name, const line_t *line, const char *where,
                            error_t *err);

static const char none_expected[] = "none (or a name behind the key)";

static int wrong_value(const line_t *line, const char *expected, error_t *err)
{
    return error_set(err, "%s = %s: expected %s", line->key, line->value, expected);
}

static int too_many(const line_t *line, error_t *err)
{
    return error_set(err, "%s: more than %d names", line->key, SETTINGS_NAMES_MAX);
}

static int set_listener(family_state_t *f, const char *name, const line_t *line, const char *where,
                        error_t *err)
{
    settings_t *s = f->settings;
    if (line->value[0] == '\0' || strlen(line->value) >= sizeof s->listeners[0].address)
        return wrong_value(line, "PORT, HOST:PORT or unix:/PATH", err);
    if (!f->listeners_named)
        s->listener_count = 0;
    f->listeners_named = true;

    size_t i = 0;
    while (i < s->listener_count && strcmp(s->listeners[i].name, name) != 0)
        i++;
    if (i == SETTINGS_NAMES_MAX)
        return too_many(line, err);
    if (i == s->listener_count)
        s->listener_count++;
    settings_listener_t *l = &s->listeners[i];
    text_format(l->name, sizeof l->name, "%s", name);
    text_format(l->address, sizeof l->address, "%s", line->value);
    text_format(l->where, sizeof l->where, "%s", where);
    return 0;
}

static int set_no_listeners(family_state_t *f, const char *name, const line_t *line, const char *where,
                            error_t *err)
{
    (void)name, (void)where;
    if (strcmp(line->value, "none") != 0)
        return wrong_value(line, none_expected, err);
    f->no_listeners = true;
    return 0;
}

/* A listener that the operator believes to be encrypted must not be left out silently. */
static int set_tls_listener(family_state_t *f, const char *name, const line_t *line, const char *where,
                            error_t *err)
{
    (void)f, (void)name, (void)where;
    return error_set(err, "%s: this version has no TLS; take the line out, or put a TLS proxy in front",
                     line->key);
}

static int set_no_tls_listeners(family_state_t *f, const char *name, const line_t *line, const char *where,
                                error_t *err)
{
    (void)f, (void)name, (void)where;
    return strcmp(line->value, "none") == 0 ? 0 : wrong_value(line, none_expected, err);
}

/* ---- the event bus ---- */

/* A line of one name takes the place of the one before, whole. */
static int set_bus(settings_bus_t *all, size_t *count, const settings_bus_t *parsed, const line_t *line,
                   error_t *err)
{
    size_t i = 0;
    while (i < *count && strcmp(all[i].name, parsed->name) != 0)
        i++;
    if (i == SETTINGS_NAMES_MAX)
        return too_many(line, err);
    *count += i == *count;
    all[i] = *parsed;
    return 0;
}

static int set_bus_listen(family_state_t *f, const char *name, const line_t *line, const char *where,
                          error_t *err)
{
    settings_t *s = f->settings;
    settings_bus_t parsed;
    if (bus_parse_listen(&parsed, line, err) != 0)
        return -1;
    text_format(parsed.name, sizeof parsed.name, "%s", name);
    text_format(parsed.where, sizeof parsed.where, "%s", where);
    if (!f->bus_listen_named)
        s->bus_listen_count = 0;
    f->bus_listen_named = true;
    return set_bus(s->bus_listen, &s->bus_listen_count, &parsed, line, err);
}

static int set_bus_connect(family_state_t *f, const char *name, const line_t *line, const char *where,
                           error_t *err)
{
    settings_t *s = f->settings;
    settings_bus_t parsed;
    if (bus_parse_connect(&parsed, line, err) != 0)
        return -1;
    text_format(parsed.name, sizeof parsed.name, "%s", name);
    text_format(parsed.where, sizeof parsed.where, "%s", where);
    return set_bus(s->bus_connect, &s->bus_connect_count, &parsed, line, err);
}

static int set_no_bus_listen(family_state_t *f, const char *name, const line_t *line, const char *where,
                             error_t *err)
{
    (void)name, (void)where;
    if (strcmp(line->value, "none") != 0)
        return wrong_value(line, none_expected, err);
    f->no_bus_listen = true;
    return 0;
}

static int set_bus_topic(family_state_t *f, const char *name, const line_t *line, const char *where,
                         error_t *err)
{
    settings_t *s = f->settings;
    settings_topic_t parsed;
    if (bus_parse_topic(&parsed, line, err) != 0)
        return -1;
    text_format(parsed.name, sizeof parsed.name, "%s", name);
    text_format(parsed.where, sizeof parsed.where, "%s", where);
    size_t place = s->topic_count;
    for (size_t i = 0; i < s->topic_count; i++) {
        const settings_topic_t *t = &s->topics[i];
        if (strcmp(t->name, name) == 0)
            place = i;
        else if (strcmp(t->exchange, parsed.exchange) == 0 && strcmp(t->prefix, parsed.prefix) == 0)
            return error_set(err, "%s: bus.topic.%.64s (%s) is for the same exchange and prefix", line->key,
                             t->name, t->where);
    }
    if (place == SETTINGS_NAMES_MAX)
        return too_many(line, err);
    s->topic_count += place == s->topic_count;
    s->topics[place] = parsed;
    return 0;
}

/* ---- users ---- */

static int set_loopback_user(family_state_t *f, const char *name, const line_t *line, const char *where,
                             error_t *err)
{
    (void)where;
    settings_t *s = f->settings;
    bool yes = strcmp(line->value, "true") == 0;
    if (!yes && strcmp(line->value, "false") != 0)
        return wrong_value(line, "true or false", err);
    if (strchr(name, ','))
        return error_set(err, "%s: a user's name here has no comma", line->key);
    if (!f->loopback_users_named)
        s->loopback_user_count = 0;
    f->loopback_users_named = true;

    size_t i = 0;
    while (i < s->loopback_user_count && strcmp(s->loopback_users[i].name, name) != 0)
        i++;
    if (i == SETTINGS_NAMES_MAX)
        return too_many(line, err);
    if (i == s->loopback_user_count)
        s->loopback_user_count++;
    text_format(s->loopback_users[i].name, sizeof s->loopback_users[i].name, "%s", name);
    s->loopback_users[i].only_loopback = yes;
    return 0;
}

static int set_no_loopback_users(family_state_t *f, const char *name, const line_t *line, const char *where,
                                 error_t *err)
{
    (void)name, (void)where;
    if (strcmp(line->value, "none") != 0)
        return wrong_value(line, none_expected, err);
    f->no_loopback_users = true;
    return 0;
}

static const struct {
    const char *key; /* one that ends in NAME takes any name there */
    family_setter_t *set;
} setters[] = {
#define X(key, setter, help) {key, set_##setter},
    SETTING_FAMILIES(X)
#undef X
};

/* True if `key` is of the family; `name` gets the user's part, with `\.` read as a dot. */
static bool family_matches(const char *family, const char *key, settings_text_t name)
{
    size_t prefix = strlen(family);
    if (prefix < 4 || strcmp(family + prefix - 4, "NAME") != 0)
        return strcmp(family, key) == 0;
    prefix -= 4;
    if (strncmp(family, key, prefix) != 0 || key[prefix] == '\0')
        return false;
    size_t len = 0;
    for (const char *at = key + prefix; *at; at++) {
        if (at[0] == '\\' && at[1] == '.')
            at++;
        name[len++] = *at;
        assert(len < SETTINGS_TEXT_BYTES); /* a key is no longer */
    }
    name[len] = '\0';
    return true;
}

/* The bus of whoever says nothing about one. */
static void set_default_bus(settings_t *s)
{
    static const line_t line = {"bus.listen.events", "tcp://127.0.0.1:5557 exchange=" SETTINGS_BUS_EXCHANGE};
    settings_bus_t *bus = &s->bus_listen[0];
    error_t err;
    int rc = bus_parse_listen(bus, &line, &err);
    assert(rc == 0);
    (void)rc;
    text_format(bus->name, sizeof bus->name, "events");
    text_format(bus->where, sizeof bus->where, "default");
    s->bus_listen_count = 1;
}

void family_begin(family_state_t *f, settings_t *s)
{
    *f = (family_state_t){.settings = s};
    s->listeners[0] = (settings_listener_t){.name = "default", .address = "5672", .where = "default"};
    s->listener_count = 1;
    set_default_bus(s);
    s->loopback_users[0] = (settings_loopback_user_t){.name = "guest", .only_loopback = true};
    s->loopback_user_count = 1;
}

int family_set(family_state_t *f, const line_t *line, const char *where, bool *known, error_t *err)
{
    settings_text_t name = "";
    *known = true;
    for (size_t i = 0; i < sizeof setters / sizeof *setters; i++)
        if (family_matches(setters[i].key, line->key, name))
            return setters[i].set(f, name, line, where, err);
    *known = false;
    return 0;
}

void family_end_level(family_state_t *f)
{
    if (f->no_listeners) {
        f->settings->listener_count = 0;
        f->listeners_named = true;
    }
    if (f->no_bus_listen) {
        f->settings->bus_listen_count = 0;
        f->bus_listen_named = true;
    }
    if (f->no_loopback_users) {
        f->settings->loopback_user_count = 0;
        f->loopback_users_named = true;
    }
    f->no_listeners = false;
    f->no_bus_listen = false;
    f->no_loopback_users = false;
}

static bool same_bus(const settings_bus_t *a, size_t a_count, const settings_bus_t *b, size_t b_count)
{
    bool same = a_count == b_count;
    for (size_t i = 0; same && i < a_count; i++)
        same = strcmp(a[i].name, b[i].name) == 0 && strcmp(a[i].written, b[i].written) == 0;
    return same;
}

static void compare_bus(const settings_t *old, const settings_t *new, settings_changed_t *changed,
                        void *context)
{
    if (!same_bus(old->bus_listen, old->bus_listen_count, new->bus_listen, new->bus_listen_count))
        changed(context, "bus.listen", false);
    if (!same_bus(old->bus_connect, old->bus_connect_count, new->bus_connect, new->bus_connect_count))
        changed(context, "bus.connect", false);
    bool same = old->topic_count == new->topic_count;
    for (size_t i = 0; same && i < old->topic_count; i++)
        same = strcmp(old->topics[i].name, new->topics[i].name) == 0 &&
               strcmp(old->topics[i].written, new->topics[i].written) == 0;
    if (!same)
        changed(context, "bus.topic", false);
}

void family_compare(const settings_t *old, const settings_t *new, settings_changed_t *changed, void *context)
{
    bool same = old->listener_count == new->listener_count;
    for (size_t i = 0; same && i < old->listener_count; i++)
        same = strcmp(old->listeners[i].name, new->listeners[i].name) == 0 &&
               strcmp(old->listeners[i].address, new->listeners[i].address) == 0;
    if (!same)
        changed(context, "listeners.tcp", false);
    compare_bus(old, new, changed, context);

    same = old->loopback_user_count == new->loopback_user_count;
    for (size_t i = 0; same && i < old->loopback_user_count; i++)
        same = strcmp(old->loopback_users[i].name, new->loopback_users[i].name) == 0 &&
               old->loopback_users[i].only_loopback == new->loopback_users[i].only_loopback;
    if (!same)
        changed(context, "loopback_users", false);
}
