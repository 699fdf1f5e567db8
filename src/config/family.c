/* SPDX-License-Identifier: Apache-2.0
 *
 * family.c: the keys that end in a name of the user's choice: listeners and loopback users. */
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

void family_begin(family_state_t *f, settings_t *s)
{
    *f = (family_state_t){.settings = s};
    s->listeners[0] = (settings_listener_t){.name = "default", .address = "5672", .where = "default"};
    s->listener_count = 1;
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
    if (f->no_loopback_users) {
        f->settings->loopback_user_count = 0;
        f->loopback_users_named = true;
    }
    f->no_listeners = false;
    f->no_loopback_users = false;
}

void family_compare(const settings_t *old, const settings_t *new, settings_changed_t *changed, void *context)
{
    bool same = old->listener_count == new->listener_count;
    for (size_t i = 0; same && i < old->listener_count; i++)
        same = strcmp(old->listeners[i].name, new->listeners[i].name) == 0 &&
               strcmp(old->listeners[i].address, new->listeners[i].address) == 0;
    if (!same)
        changed(context, "listeners.tcp", false);

    same = old->loopback_user_count == new->loopback_user_count;
    for (size_t i = 0; same && i < old->loopback_user_count; i++)
        same = strcmp(old->loopback_users[i].name, new->loopback_users[i].name) == 0 &&
               old->loopback_users[i].only_loopback == new->loopback_users[i].only_loopback;
    if (!same)
        changed(context, "loopback_users", false);
}
