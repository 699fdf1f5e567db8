/* SPDX-License-Identifier: Apache-2.0
 *
 * options.h: the command line: chaskid [-c FILE] [KEY=VALUE]... */
#pragma once

#include <stddef.h>
#include <stdio.h>

#include "base/error.h"

typedef enum options_ask { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_VERSION } options_ask_t;

typedef struct options {
    options_ask_t ask;
    const char *config_file; /* NULL: embedded defaults only */
    const char **assignments;
    size_t assignment_count;
} options_t;

/* `argv` must outlive the options; -1 for what is none, saying so. options_deinit in both cases. */
int options_parse(options_t *o, int argc, char **argv, error_t *err);
void options_deinit(options_t *o);

/* Usage, with every key of the table. */
void options_print_help(FILE *out);
