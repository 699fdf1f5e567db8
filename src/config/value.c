/* SPDX-License-Identifier: Apache-2.0
 *
 * value.c: one value from its text, within the bounds of its form, and the sentence that says what a form
 * wants. */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/text.h"
#include "config/config_internal.h"

typedef struct unit {
    const char *name;
    uint64_t factor;
} unit_t;

/* As RabbitMQ's information units: without B or with iB a power of 2, with B a power of 10. */
static const unit_t size_units[] = {
    {"", 1},
    {"k", 1ULL << 10},
    {"ki", 1ULL << 10},
    {"kib", 1ULL << 10},
    {"kb", 1000ULL},
    {"m", 1ULL << 20},
    {"mi", 1ULL << 20},
    {"mib", 1ULL << 20},
    {"mb", 1000000ULL},
    {"g", 1ULL << 30},
    {"gi", 1ULL << 30},
    {"gib", 1ULL << 30},
    {"gb", 1000000000ULL},
    {"t", 1ULL << 40},
    {"ti", 1ULL << 40},
    {"tib", 1ULL << 40},
    {"tb", 1000000000000ULL},
    {NULL, 0},
};

static const unit_t duration_units[] = {
    {"", 1}, {"ms", 1}, {"s", 1000}, {"m", 60000}, {"h", 3600000}, {NULL, 0},
};

/* RabbitMQ's levels, on the four there are. */
static const struct {
    const char *name;
    log_level_t level;
} levels[] = {
    {"debug", LOG_DEBUG},     {"info", LOG_INFO},       {"notice", LOG_INFO},
    {"warning", LOG_WARNING}, {"error", LOG_ERROR},     {"critical", LOG_ERROR},
    {"alert", LOG_ERROR},     {"emergency", LOG_ERROR}, {"none", SETTINGS_LEVEL_NONE},
};

static char lower(char c)
{
    return c >= 'A' && c <= 'Z' ? (char)(c - 'A' + 'a') : c;
}

static bool equal_ignoring_case(const char *a, const char *b)
{
    for (; *a && lower(*a) == lower(*b); a++, b++)
        ;
    return *a == *b;
}

static const unit_t *unit_find(const unit_t *units, const char *name)
{
    for (; units->name; units++)
        if (equal_ignoring_case(name, units->name))
            return units;
    return NULL;
}

/* Digits and a unit; false also for what does not fit 64 bits. */
static bool parse_with_unit(const char *value, const unit_t *units, uint64_t *out)
{
    size_t digits = strspn(value, "0123456789");
    uint64_t n;
    if (!text_parse_u64(bytes_make(value, digits), &n))
        return false;
    const unit_t *u = unit_find(units, value + digits);
    if (!u || n > UINT64_MAX / u->factor)
        return false;
    *out = n * u->factor;
    return true;
}

static bool within(const setting_form_t *form, uint64_t n)
{
    return n >= form->least && n <= form->most;
}

static bool is_power_of_two(uint64_t n)
{
    return n > 0 && (n & (n - 1)) == 0;
}

/* The kinds that are a number, with their words. */
static bool parse_number(const setting_form_t *form, const char *value, uint64_t *n)
{
    bool ok;
    switch (form->kind) {
    case SETTING_COUNT:
        *n = 0;
        if (strcmp(value, "infinity") == 0)
            return true;
        return text_parse_u64(bytes_string(value), n) && within(form, *n);
    case SETTING_THREADS:
        *n = SETTINGS_AUTO;
        if (strcmp(value, "auto") == 0)
            return true;
        return text_parse_u64(bytes_string(value), n) && within(form, *n);
    case SETTING_POWER:
        return text_parse_u64(bytes_string(value), n) && within(form, *n) && is_power_of_two(*n);
    case SETTING_SIZE:
        return parse_with_unit(value, size_units, n) && within(form, *n);
    case SETTING_FRAME:
        ok = parse_with_unit(value, size_units, n);
        return ok && (*n == 0 || within(form, *n));
    case SETTING_BUDGET:
        *n = SETTINGS_NONE;
        return strcmp(value, "none") == 0 || (parse_with_unit(value, size_units, n) && within(form, *n));
    case SETTING_DURATION:
        *n = form->most;
        return strcmp(value, "infinity") == 0 ||
               (parse_with_unit(value, duration_units, n) && within(form, *n));
    default:
        assert(form->kind == SETTING_NUMBER);
        return text_parse_u64(bytes_string(value), n) && within(form, *n);
    }
}

static bool parse_fraction(const setting_form_t *form, const char *value, double *out)
{
    size_t whole = strspn(value, "0123456789");
    size_t part = value[whole] == '.' ? strspn(value + whole + 1, "0123456789") : 0;
    size_t len = whole + (value[whole] == '.' ? part + 1 : 0);
    if (whole == 0 || whole > 9 || (value[whole] == '.' && part == 0) || value[len] != '\0')
        return false;
    double n = strtod(value, NULL);
    if (n < (double)form->least || n > (double)form->most)
        return false;
    *out = n;
    return true;
}

static bool parse_level(const char *value, log_level_t *out)
{
    for (size_t i = 0; i < sizeof levels / sizeof *levels; i++) {
        if (strcmp(value, levels[i].name) == 0) {
            *out = levels[i].level;
            return true;
        }
    }
    return false;
}

static bool is_version(const char *value)
{
    for (int part = 0; part < 3; part++) {
        size_t digits = strspn(value, "0123456789");
        if (digits == 0 || digits > 9 || value[digits] != (part < 2 ? '.' : '\0'))
            return false;
        value += digits + 1;
    }
    return true;
}

static bool text_fits(const setting_form_t *form, const char *value)
{
    bytes_t text = bytes_string(value);
    assert(form->most < SETTINGS_TEXT_BYTES);
    return within(form, text.len) && bytes_are_utf8(text);
}

bool value_set(void *s, const setting_form_t *form, const char *value)
{
    void *field = (char *)s + form->offset;
    uint64_t n;
    switch (form->kind) {
    case SETTING_FLAG:
        if (strcmp(value, "true") != 0 && strcmp(value, "false") != 0)
            return false;
        *(bool *)field = value[0] == 't';
        return true;
    case SETTING_DAMAGE:
        if (strcmp(value, "refuse") != 0 && strcmp(value, "serve") != 0)
            return false;
        *(bool *)field = value[0] == 's';
        return true;
    case SETTING_LEVEL:
        return parse_level(value, field);
    case SETTING_FRACTION:
        return parse_fraction(form, value, field);
    case SETTING_TEXT:
    case SETTING_VERSION:
    case SETTING_VHOST:
        if (!text_fits(form, value) || (form->kind == SETTING_VERSION && !is_version(value)) ||
            (form->kind == SETTING_VHOST && strcmp(value, "/") != 0))
            return false;
        text_format(field, SETTINGS_TEXT_BYTES, "%s", value);
        return true;
    default:
        if (!parse_number(form, value, &n))
            return false;
        *(uint64_t *)field = n;
        return true;
    }
}

/* A bound of a size: in the largest unit that it is a whole number of. */
static const char *size_text(uint64_t n, char *out, size_t out_bytes)
{
    static const char *const names[] = {"", "KiB", "MiB", "GiB", "TiB"};
    size_t unit = 0;
    while (unit < 4 && n >= 1024 && n % 1024 == 0) {
        n /= 1024;
        unit++;
    }
    text_format(out, out_bytes, "%llu%s", (unsigned long long)n, names[unit]);
    return out;
}

static void size_expected(const setting_form_t *form, const char *or_word, char *out, size_t out_bytes)
{
    char least[32], most[32];
    text_format(out, out_bytes, "%sa size like 4096, 64k, 512MiB or 2GB, from %s to %s", or_word,
                size_text(form->least, least, sizeof least), size_text(form->most, most, sizeof most));
}

void value_expected(const setting_form_t *form, char *out, size_t out_bytes)
{
    unsigned long long least = form->least, most = form->most;
    switch (form->kind) {
    case SETTING_NUMBER:
        text_format(out, out_bytes, "a whole number from %llu to %llu", least, most);
        return;
    case SETTING_COUNT:
        text_format(out, out_bytes, "infinity, or a whole number from %llu to %llu", least, most);
        return;
    case SETTING_THREADS:
        text_format(out, out_bytes, "auto, or a whole number from %llu to %llu", least, most);
        return;
    case SETTING_POWER:
        text_format(out, out_bytes, "a power of two from %llu to %llu", least, most);
        return;
    case SETTING_SIZE:
        size_expected(form, "", out, out_bytes);
        return;
    case SETTING_FRAME:
        size_expected(form, "0, or ", out, out_bytes);
        return;
    case SETTING_BUDGET:
        size_expected(form, "none, or ", out, out_bytes);
        return;
    case SETTING_DURATION:
        text_format(out, out_bytes,
                    "a time like 1500, 1500ms, 5s or 2m (a plain number is milliseconds), "
                    "from %llums to %llums",
                    least, most);
        return;
    case SETTING_FRACTION:
        text_format(out, out_bytes, "a number like 0.4, from %llu to %llu", least, most);
        return;
    case SETTING_FLAG:
        text_format(out, out_bytes, "true or false");
        return;
    case SETTING_DAMAGE:
        text_format(out, out_bytes, "refuse or serve");
        return;
    case SETTING_LEVEL:
        text_format(out, out_bytes, "debug, info, warning, error or none");
        return;
    case SETTING_TEXT:
        text_format(out, out_bytes, "%llu to %llu octets of UTF-8", least, most);
        return;
    case SETTING_VERSION:
        text_format(out, out_bytes, "three numbers like 1.2.3");
        return;
    case SETTING_VHOST:
        text_format(out, out_bytes, "'/': this version has one virtual host");
        return;
    }
}

bool value_equal(const settings_t *a, const settings_t *b, const setting_form_t *form)
{
    const void *x = (const char *)a + form->offset, *y = (const char *)b + form->offset;
    switch (form->kind) {
    case SETTING_FLAG:
    case SETTING_DAMAGE:
        return *(const bool *)x == *(const bool *)y;
    case SETTING_LEVEL:
        return *(const log_level_t *)x == *(const log_level_t *)y;
    case SETTING_FRACTION:
        return memcmp(x, y, sizeof(double)) == 0; /* both come from parse_fraction */
    case SETTING_TEXT:
    case SETTING_VERSION:
    case SETTING_VHOST:
        return strcmp(x, y) == 0;
    default:
        return *(const uint64_t *)x == *(const uint64_t *)y;
    }
}
