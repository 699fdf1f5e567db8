/* SPDX-License-Identifier: Apache-2.0
 *
 * keys.c: which keys there are: the rows of settings.h, the families, the second names, and RabbitMQ's own
 * list. */
#include <assert.h>
#include <string.h>

#include "base/text.h"
#include "config/config_internal.h"

/* One row of settings.h. */
typedef struct key_row {
    setting_t text;
    setting_form_t form;
} key_row_t;

#define RELOAD  true
#define RESTART false

static const key_row_t rows[] = {
#define X(field, key, kind, value, least, most, reload, help)                                                \
    {{key, value, help, reload}, {SETTING_##kind, least, most, offsetof(settings_t, field)}},
    SETTINGS(X)
#undef X
};

static const setting_t families[] = {
#define X(key, setter, help) {key, "", help, false},
    SETTING_FAMILIES(X)
#undef X
};

static const struct {
    setting_t text;
    const char *key;
} aliases[] = {
#define X(name, key, reload) {{name, "", "the same as " key, reload}, key},
    SETTING_ALIASES(X)
#undef X
};

static const char *const rabbitmq_keys[] = {
#define KEY(key) key,
#include "config/rabbitmq_keys.def"
#undef KEY
};

#define COUNT(array) (sizeof(array) / sizeof *(array))

const setting_form_t *keys_form(size_t index, const char **key, const char **value, bool *reloadable)
{
    if (index >= COUNT(rows))
        return NULL;
    *key = rows[index].text.key;
    *value = rows[index].text.value;
    *reloadable = rows[index].text.reloadable;
    return &rows[index].form;
}

bool settings_row(size_t index, setting_t *out)
{
    if (index < COUNT(rows))
        *out = rows[index].text;
    else if (index - COUNT(rows) < COUNT(families))
        *out = families[index - COUNT(rows)];
    else if (index - COUNT(rows) - COUNT(families) < COUNT(aliases))
        *out = aliases[index - COUNT(rows) - COUNT(families)].text;
    else
        return false;
    return true;
}

const setting_form_t *keys_find(const char *key)
{
    for (size_t i = 0; i < COUNT(aliases); i++)
        if (strcmp(key, aliases[i].text.key) == 0)
            key = aliases[i].key;
    for (size_t i = 0; i < COUNT(rows); i++)
        if (strcmp(key, rows[i].text.key) == 0)
            return &rows[i].form;
    return NULL;
}

/* Length of the first name of a dotted key; `\.` is no dot. */
static size_t segment_len(const char *key)
{
    size_t len = 0;
    while (key[len] && key[len] != '.')
        len += key[len] == '\\' && key[len + 1] ? 2 : 1;
    return len;
}

static bool pattern_matches(const char *pattern, const char *key)
{
    for (;;) {
        if (strcmp(pattern, "**") == 0)
            return key[0] != '\0';
        size_t p = segment_len(pattern), k = segment_len(key);
        bool any = p == 1 && pattern[0] == '*' && k > 0;
        if (!any && (p != k || memcmp(pattern, key, p) != 0))
            return false;
        if (!pattern[p] || !key[k])
            return pattern[p] == key[k];
        pattern += p + 1;
        key += k + 1;
    }
}

bool settings_rabbitmq_knows(const char *key)
{
    for (size_t i = 0; i < COUNT(rabbitmq_keys); i++)
        if (pattern_matches(rabbitmq_keys[i], key))
            return true;
    return false;
}

/* ---- the nearest key ---- */

typedef struct nearest {
    const char *wanted;
    const char *key;
    size_t distance;
} nearest_t;

static void nearest_try(nearest_t *n, const char *key)
{
    size_t len = strlen(n->wanted);
    if (strlen(key) > TEXT_DISTANCE_BYTES || strchr(key, '*'))
        return;
    bool begins = strncmp(key, n->wanted, len) == 0 && key[len] == '.';
    size_t distance = begins ? 1 : text_distance(n->wanted, key);
    if (distance < n->distance) {
        n->distance = distance;
        n->key = key;
    }
}

const char *keys_nearest(const char *key)
{
    size_t len = strlen(key);
    if (len > TEXT_DISTANCE_BYTES)
        return NULL;
    nearest_t n = {.wanted = key, .distance = 2 + len / 5};
    setting_t row;
    for (size_t i = 0; settings_row(i, &row); i++)
        nearest_try(&n, row.key);
    for (size_t i = 0; i < COUNT(rabbitmq_keys); i++)
        nearest_try(&n, rabbitmq_keys[i]);
    return n.key;
}
