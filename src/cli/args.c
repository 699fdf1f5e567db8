/* SPDX-License-Identifier: Apache-2.0
 *
 * args.c: what verbs do with their arguments: take values, complain, and guess what was meant. */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/text.h"
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

const char *cli_nearest(const char *wanted, const char *const *names, size_t count)
{
    const char *nearest = NULL;
    size_t best = 3;
    for (size_t i = 0; i < count; i++) {
        size_t distance = text_distance(wanted, names[i]);
        if (distance < best) {
            best = distance;
            nearest = names[i];
        }
    }
    return nearest;
}
