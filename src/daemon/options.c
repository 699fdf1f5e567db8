/* SPDX-License-Identifier: Apache-2.0
 *
 * options.c: takes argv apart by hand: there are three options, and KEY=VALUE may stand anywhere between
 * them. */
#include "daemon/options.h"

#include <string.h>

#include "base/alloc.h"
#include "config/config.h"

/* The rest of `argument` behind `name` and '=', or NULL. */
static const char *attached_value(const char *argument, const char *name)
{
    size_t len = strlen(name);
    return strncmp(argument, name, len) == 0 && argument[len] == '=' ? argument + len + 1 : NULL;
}

/* Handles argv[*i] if it is -c FILE in one of its spellings; 1 if it was, 0 if not, -1 without a FILE. */
static int take_config_file(options_t *o, int *i, int argc, char **argv, error_t *err)
{
    const char *argument = argv[*i], *file = attached_value(argument, "--config");
    if (strcmp(argument, "-c") == 0 || strcmp(argument, "--config") == 0) {
        if (++*i == argc)
            return error_set(err, "%s needs a FILE", argument);
        file = argv[*i];
    } else if (strncmp(argument, "-c", 2) == 0) {
        file = argument + 2;
    }
    if (!file)
        return 0;
    o->config_file = file;
    return 1;
}

int options_parse(options_t *o, int argc, char **argv, error_t *err)
{
    *o = (options_t){.assignments = mem_alloc(sizeof(char *) * (size_t)(argc > 0 ? argc : 1))};
    for (int i = 1; i < argc; i++) {
        const char *argument = argv[i];
        int config_file = take_config_file(o, &i, argc, argv, err);
        if (config_file < 0)
            return -1;
        if (config_file > 0)
            continue;
        if (strcmp(argument, "-h") == 0 || strcmp(argument, "--help") == 0)
            o->ask = OPTIONS_HELP;
        else if (strcmp(argument, "-V") == 0 || strcmp(argument, "--version") == 0)
            o->ask = OPTIONS_VERSION;
        else if (argument[0] == '-')
            return error_set(err, "unknown option '%s'; chaskid --help lists all", argument);
        else
            o->assignments[o->assignment_count++] = argument;
    }
    return 0;
}

void options_deinit(options_t *o)
{
    mem_free(o->assignments);
    *o = (options_t){0};
}

void options_print_help(FILE *out)
{
    fputs("usage: chaskid [-c FILE] [KEY=VALUE]...\n"
          "\n"
          "The chaski message broker.\n"
          "\n"
          "  -c, --config FILE  read settings from FILE (in the form of rabbitmq.conf), then from the files\n"
          "                     conf.d/*.conf beside it, in the order of their names\n"
          "  KEY=VALUE          one setting; wins over the files; of two with one key the last wins\n"
          "  -h, --help         show this\n"
          "  -V, --version      show the version\n"
          "\n"
          "Settings (those marked * are taken over on SIGHUP):\n\n",
          out);
    setting_t row;
    for (size_t i = 0; settings_row(i, &row); i++) {
        fprintf(out, "  %s%s%s%s\n", row.key, row.value[0] ? " = " : "", row.value,
                row.reloadable ? " *" : "");
        fprintf(out, "      %s\n", row.help);
    }
}
