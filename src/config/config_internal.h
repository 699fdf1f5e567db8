/* SPDX-License-Identifier: Apache-2.0
 *
 * config_internal.h: what the files of this room share. */
#pragma once

#include "base/bytes.h"
#include "config/config.h"

/* ---- value.c: one value ---- */

typedef enum setting_kind {
    SETTING_NUMBER,
    SETTING_COUNT,
    SETTING_POWER,
    SETTING_SIZE,
    SETTING_FRAME,
    SETTING_BUDGET,
    SETTING_DURATION,
    SETTING_THREADS,
    SETTING_FRACTION,
    SETTING_FLAG,
    SETTING_LEVEL,
    SETTING_TEXT,
    SETTING_VERSION,
    SETTING_VHOST,
    SETTING_DAMAGE,
} setting_kind_t;

/* What a value must be like, and where it goes. */
typedef struct setting_form {
    setting_kind_t kind;
    uint64_t least, most;
    size_t offset; /* in settings_t, or in the struct of a family */
} setting_form_t;

/* Writes the value into its field of `s`, the struct that the form's offset is in; false if it does not fit the form, and
 * then changes nothing. */
bool value_set(void *s, const setting_form_t *form, const char *value);

/* "a whole number from 0 to 65535": what the form wants, for the message. */
void value_expected(const setting_form_t *form, char *out, size_t out_bytes);

bool value_equal(const settings_t *a, const settings_t *b, const setting_form_t *form);

/* ---- line.c: one line ---- */

#define LINE_KEY_BYTES   256
#define LINE_VALUE_BYTES 4096

typedef struct line {
    char key[LINE_KEY_BYTES];
    char value[LINE_VALUE_BYTES];
} line_t;

typedef enum line_result { LINE_EMPTY, LINE_PAIR, LINE_WRONG } line_result_t;

/* Takes `key = value # comment` apart; LINE_WRONG says why. */
line_result_t line_parse(bytes_t text, line_t *out, error_t *err);

/* The same for an argument KEY=VALUE, where quotes and # mean nothing: the shell had its say. */
line_result_t line_parse_argument(const char *text, line_t *out, error_t *err);

/* ---- family.c: keys that name many things ---- */

/* What was said so far about families. `none` decides among the lines of its own level (all files; the
 * command line), wherever it stands, and so is carried out when the level ends. */
typedef struct family_state {
    settings_t *settings;
    bool listeners_named, bus_listen_named, loopback_users_named; /* else the defaults stand */
    bool no_listeners, no_bus_listen, no_loopback_users;          /* said on this level */
} family_state_t;

/* Puts the defaults in. */
void family_begin(family_state_t *f, settings_t *s);

/* Sets a key of a family; *known is false if it belongs to none. `where` is kept with a listener. */
int family_set(family_state_t *f, const line_t *line, const char *where, bool *known, error_t *err);

void family_end_level(family_state_t *f);

/* Calls `changed` for the families whose members differ. */
void family_compare(const settings_t *old, const settings_t *new, settings_changed_t *changed, void *context);

/* ---- bus.c: the lines of the event bus, ADDRESS OPTION=VALUE… ---- */

/* Fill `out`, all of it but its name and place; -1 without any use of it if the line is wrong. */
int bus_parse_listen(settings_bus_t *out, const line_t *line, error_t *err);
int bus_parse_connect(settings_bus_t *out, const line_t *line, error_t *err);
int bus_parse_topic(settings_topic_t *out, const line_t *line, error_t *err);

/* ---- keys.c: what keys there are ---- */

/* The form of a key (by its first or second name), or NULL. */
const setting_form_t *keys_find(const char *key);

/* The known key most like this one, or NULL if none is near. */
const char *keys_nearest(const char *key);

/* The field's form and default for all rows with one field: index from 0; NULL past the end. */
const setting_form_t *keys_form(size_t index, const char **key, const char **value, bool *reloadable);
