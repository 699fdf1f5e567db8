/* SPDX-License-Identifier: Apache-2.0
 *
 * read.c: defaults, then the files, then the arguments, line by line into one settings_t. The first wrong
 * line ends it: half a configuration is none. */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "config/config_internal.h"

#define FILE_BYTES_MAX ((size_t)1 << 20)

typedef struct reading {
    const settings_source_t *source;
    settings_t *settings;
    family_state_t family;
} reading_t;

static void set_defaults(settings_t *s)
{
    const char *key, *value;
    bool reloadable;
    const setting_form_t *form;
    for (size_t i = 0; (form = keys_form(i, &key, &value, &reloadable)) != NULL; i++) {
        bool fits = value_set(s, form, value);
        assert(fits);
        (void)fits;
    }
}

static int refuse_value(const setting_form_t *form, const line_t *line, error_t *err)
{
    char expected[160];
    value_expected(form, expected, sizeof expected);
    if (form->kind == SETTING_TEXT) /* it may be a password */
        return error_set(err, "%s: expected %s", line->key, expected);
    return error_set(err, "%s = '%.64s': expected %s", line->key, line->value, expected);
}

static int refuse_key(const char *key, error_t *err)
{
    const char *nearest = keys_nearest(key);
    if (nearest)
        return error_set(err, "unknown key '%s'; did you mean '%s'?", key, nearest);
    return error_set(err, "unknown key '%s'; chaskid --help lists all keys", key);
}

static void warn_without_effect(const reading_t *r, const char *where, const char *key)
{
    char text[640];
    if (!r->source->warning)
        return;
    text_format(text, sizeof text, "%s: '%s' is a setting of RabbitMQ that has no effect in this version",
                where, key);
    r->source->warning(r->source->context, text);
}

static int set_pair(reading_t *r, const line_t *line, const char *where, error_t *err)
{
    const setting_form_t *form = keys_find(line->key);
    if (form)
        return value_set(r->settings, form, line->value) ? 0 : refuse_value(form, line, err);
    bool known = false;
    int rc = family_set(&r->family, line, where, &known, err);
    if (known)
        return rc;
    if (!settings_rabbitmq_knows(line->key))
        return refuse_key(line->key, err);
    warn_without_effect(r, where, line->key);
    return 0;
}

static int read_text(reading_t *r, const char *name, bytes_t text, error_t *err)
{
    size_t number = 0;
    while (text.len > 0) {
        const uint8_t *end = memchr(text.data, '\n', text.len);
        size_t len = end ? (size_t)(end - text.data) : text.len;
        char where[SETTINGS_WHERE_BYTES];
        text_format(where, sizeof where, "%.160s:%zu", name, ++number);

        line_t line;
        error_t why;
        line_result_t found = line_parse(bytes_make(text.data, len), &line, &why);
        if (found == LINE_WRONG || (found == LINE_PAIR && set_pair(r, &line, where, &why) != 0))
            return error_set(err, "%s: %s", where, why.text);
        size_t taken = end ? len + 1 : len;
        text = bytes_make(text.data + taken, text.len - taken);
    }
    return 0;
}

/* Reads all of an open file; `octets` has room for one more than may be in it. */
static int read_octets(FILE *f, const char *name, uint8_t *octets, size_t *len, error_t *err)
{
    *len = fread(octets, 1, FILE_BYTES_MAX + 1, f);
    if (ferror(f))
        return error_set(err, "cannot read %s: %s", name, strerror(errno));
    if (*len > FILE_BYTES_MAX)
        return error_set(err, "%s: larger than 1 MiB, which no configuration is", name);
    if (memchr(octets, '\0', *len))
        return error_set(err, "%s: has a NUL octet in it, so it is no text", name);
    return 0;
}

static int read_file(reading_t *r, const char *name, error_t *err)
{
    FILE *f = fopen(name, "r");
    if (!f)
        return error_set(err, "cannot open %s: %s", name, strerror(errno));
    uint8_t *octets = mem_alloc(FILE_BYTES_MAX + 1);
    size_t len = 0;
    int rc = read_octets(f, name, octets, &len, err);
    fclose(f);
    bytes_t text = bytes_make(octets, len), mark = BYTES("\xef\xbb\xbf");
    if (bytes_starts_with(text, mark))
        text = bytes_make(text.data + mark.len, text.len - mark.len);
    if (rc == 0)
        rc = read_text(r, name, text, err);
    mem_free(octets);
    return rc;
}

static int read_argument(reading_t *r, const char *argument, error_t *err)
{
    line_t line;
    error_t why;
    if (line_parse_argument(argument, &line, &why) != LINE_PAIR ||
        set_pair(r, &line, "command line", &why) != 0)
        return error_set(err, "command line: %s", why.text);
    return 0;
}

static int read_all(reading_t *r, error_t *err)
{
    set_defaults(r->settings);
    family_begin(&r->family, r->settings);
    for (size_t i = 0; i < r->source->file_count; i++)
        if (read_file(r, r->source->files[i], err) != 0)
            return -1;
    family_end_level(&r->family);
    for (size_t i = 0; i < r->source->assignment_count; i++)
        if (read_argument(r, r->source->assignments[i], err) != 0)
            return -1;
    family_end_level(&r->family);
    return 0;
}

settings_t *settings_read(const settings_source_t *source, error_t *err)
{
    settings_t *s = MEM_NEW(settings_t);
    reading_t r = {.source = source, .settings = s};
    if (read_all(&r, err) != 0)
        settings_free(&s);
    return s;
}

void settings_free(settings_t **s)
{
    mem_free(*s);
    *s = NULL;
}

void settings_compare(const settings_t *old, const settings_t *new, settings_changed_t *changed,
                      void *context)
{
    const char *key, *value;
    bool reloadable;
    const setting_form_t *form;
    for (size_t i = 0; (form = keys_form(i, &key, &value, &reloadable)) != NULL; i++)
        if (!value_equal(old, new, form))
            changed(context, key, reloadable);
    family_compare(old, new, changed, context);
}
