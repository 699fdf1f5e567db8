/* SPDX-License-Identifier: Apache-2.0
 *
 * main.c: chaski VERB …: finds the verb. Exit codes: 0 done, 1 what was asked for did not go well, 2 wrong use. */
#include <stdio.h>
#include <string.h>

#include "base/version.h"
#include "cli/cli.h"

static const verb_t *const verbs[] = {&verb_publish, &verb_subscribe, &verb_event,
                                      &verb_handle,  &verb_results,   &verb_status,
                                      &verb_log,     &verb_perf,      &verb_curve};

#define VERB_COUNT (sizeof verbs / sizeof *verbs)

static const verb_t *find_verb(const char *name)
{
    for (size_t i = 0; i < VERB_COUNT; i++)
        if (strcmp(verbs[i]->name, name) == 0)
            return verbs[i];
    return NULL;
}

static int print_help(void)
{
    printf("usage: chaski VERB [OPTION]...\n\nThe tool of the chaski message broker.\n\n");
    for (size_t i = 0; i < VERB_COUNT; i++)
        printf("  %-9s  %s\n", verbs[i]->name, verbs[i]->summary);
    printf("\n  chaski VERB --help  what a verb does, and its options\n"
           "  chaski --version    show the version\n\n"
           "Exit codes: 0 done; 1 it did not go well, or faults were found; 2 wrong use, or nothing to read. "
           "An event has more.\n");
    return CLI_DONE;
}

static int refuse_verb(const char *name)
{
    const char *names[VERB_COUNT];
    for (size_t i = 0; i < VERB_COUNT; i++)
        names[i] = verbs[i]->name;
    const char *nearest = cli_nearest(name, names, VERB_COUNT);
    if (nearest)
        return cli_complain(CLI_WRONG_USE, "unknown verb '%s'; did you mean '%s'?", name, nearest);
    return cli_complain(CLI_WRONG_USE, "unknown verb '%s'; chaski --help lists all", name);
}

/* What stands behind -- is not for us. */
static bool asks_for_help(int argc, char **argv)
{
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++)
        if (strcmp(argv[i], "--help") == 0 || strcmp(argv[i], "-h") == 0)
            return true;
    return false;
}

static int run(int argc, char **argv)
{
    if (argc < 2)
        return cli_complain(CLI_WRONG_USE, "a verb is missing; chaski --help lists all");
    if (strcmp(argv[1], "--help") == 0 || strcmp(argv[1], "-h") == 0 || strcmp(argv[1], "help") == 0)
        return print_help();
    if (strcmp(argv[1], "--version") == 0 || strcmp(argv[1], "-V") == 0) {
        puts("chaski " CHASKI_VERSION);
        return CLI_DONE;
    }
    const verb_t *verb = find_verb(argv[1]);
    if (!verb)
        return refuse_verb(argv[1]);
    if (!asks_for_help(argc - 1, argv + 1))
        return verb->run(argc - 1, argv + 1);
    fputs(verb->help, stdout);
    return CLI_DONE;
}

int main(int argc, char **argv)
{
    int code = run(argc, argv);
    if (fflush(stdout) != 0 && code == CLI_DONE)
        return cli_complain(CLI_FAILED, "cannot write to standard output");
    return code;
}
