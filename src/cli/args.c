/* SPDX-License-Identifier: Apache-2.0
 *
 * args.c: what verbs do with their arguments: take values, complain, and guess what was meant. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "cli/cli.h"

int cli_complain(int code, const char *format, ...)
{
    va_list args;
    fflush(stdout);
    fputs("chaski: ", stderr);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fputc('\n', stderr);
    return code;
}

int cli_take_value(int argc, char **argv, int *i, const char *name, const char **value)
{
    size_t len = strlen(name);
    if (strncmp(argv[*i], name, len) != 0)
        return 0;
    if (argv[*i][len] == '=') {
        *value = argv[*i] + len + 1;
        return 1;
    }
    if (argv[*i][len] != '\0')
        return 0;
    if (*i + 1 == argc) {
        cli_complain(CLI_WRONG_USE, "%s needs a value", name);
        return -1;
    }
    *value = argv[++*i];
    return 1;
}

/* ---- the nearest name ---- */

#define NAME_BYTES_MAX 32

/* Levenshtein: the fewest insertions, deletions and replacements that make b of a. */
static size_t edit_distance(const char *a, const char *b)
{
    size_t row[NAME_BYTES_MAX + 1], b_len = strlen(b);
    for (size_t j = 0; j <= b_len; j++)
        row[j] = j;
    for (size_t i = 1; a[i - 1]; i++) {
        size_t diagonal = row[0];
        row[0] = i;
        for (size_t j = 1; j <= b_len; j++) {
            size_t replaced = diagonal + (a[i - 1] != b[j - 1]);
            size_t least = row[j] < row[j - 1] ? row[j] + 1 : row[j - 1] + 1;
            diagonal = row[j];
            row[j] = replaced < least ? replaced : least;
        }
    }
    return row[b_len];
}

const char *cli_nearest(const char *wanted, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t best = 3;
    if (strlen(wanted) > NAME_BYTES_MAX)
        return NULL;
    for (size_t i = 0; i < count; i++) {
        size_t distance = edit_distance(wanted, names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}
