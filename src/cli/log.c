/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c: `chaski log verify` and `chaski log inspect`: the log on disk, read without opening it: nothing is locked,
 * written or repaired. */
#include "cli/log.h"

#include <errno.h>
#include <stdio.h>
#include <sys/stat.h>

#include "base/text.h"
#include "os/disk.h"

static const char help[] =
    "usage: chaski log verify DIR\n"
    "       chaski log inspect DIR [--records] [--from RECORD] [--json]\n"
    "\n"
    "Reads the log of a broker (its data_dir) without changing anything. While the broker runs the end of "
    "the log\n"
    "may be on its way: stop it first, or take what is said of the last records with care.\n"
    "\n"
    "  verify         checks every octet that belongs to a record; says what is wrong, and where\n"
    "  inspect        lists segments and frames\n"
    "    --records    and the records in them\n"
    "    --from N     only those from record N on\n"
    "    --json       one JSON object a line\n"
    "\n"
    "Exit codes of both: 0 nothing is wrong; 1 faults were found; 2 it cannot be read.\n";

static const char *const parts[] = {"verify", "inspect"};
static const char *const options[] = {"--records", "--from", "--json"};

static int not_known(const char *word, const char *nearest)
{
    return cli_complain(CLI_WRONG_USE, "log knows no '%s'%s%s%s; chaski log --help", word,
                        nearest ? "; did you mean '" : "", nearest ? nearest : "", nearest ? "'?" : "");
}

static int parse_option(int argc, char **argv, int *i, log_options_t *o)
{
    const char *from = NULL;
    int taken = cli_take_value(argc, argv, i, "--from", &from);
    if (taken < 0)
        return CLI_WRONG_USE;
    if (taken > 0 && !text_parse_u64(bytes_string(from), &o->from))
        return cli_complain(CLI_WRONG_USE, "--from %s: expected the number of a record", from);
    if (taken > 0)
        return CLI_DONE;
    if (strcmp(argv[*i], "--json") == 0)
        o->json = true;
    else if (strcmp(argv[*i], "--records") == 0)
        o->records = true;
    else if (argv[*i][0] == '-')
        return not_known(argv[*i], cli_nearest(argv[*i], options, 3));
    else if (o->folder)
        return cli_complain(CLI_WRONG_USE, "log %s reads one folder: '%s', or '%s'?", argv[1], o->folder,
                            argv[*i]);
    else
        o->folder = argv[*i];
    return CLI_DONE;
}

static int parse(int argc, char **argv, log_options_t *o)
{
    *o = (log_options_t){.lists = strcmp(argv[1], "inspect") == 0};
    for (int i = 2; i < argc; i++)
        if (parse_option(argc, argv, &i, o) != CLI_DONE)
            return CLI_WRONG_USE;
    if (!o->folder)
        return cli_complain(CLI_WRONG_USE, "log %s needs the folder of the log", argv[1]);
    if (!o->lists && (o->json || o->records || o->from > 0))
        return cli_complain(CLI_WRONG_USE, "log verify takes a folder only");
    return CLI_DONE;
}

/* The folder as a disk, if it is there: os_disk_open would make one. */
static disk_t *open_folder(const char *folder, error_t *err)
{
    struct stat found;
    if (stat(folder, &found) != 0) {
        error_set(err, "%s: %s", folder, strerror(errno));
        return NULL;
    }
    if (!S_ISDIR(found.st_mode)) {
        error_set(err, "%s is a file: name the folder that it is in, the data_dir of the broker", folder);
        return NULL;
    }
    return os_disk_open(folder, err);
}

static int run_on(const log_options_t *o)
{
    error_t err;
    disk_t *disk = open_folder(o->folder, &err);
    int code = disk ? log_inspect(o, disk, &err) : -1;
    disk_free(&disk);
    return code >= 0 ? code : cli_complain(CLI_WRONG_USE, "%s", err.text);
}

static int run(int argc, char **argv)
{
    log_options_t o;
    if (argc < 2)
        return cli_complain(CLI_WRONG_USE, "log: verify or inspect? chaski log --help");
    if (strcmp(argv[1], "verify") != 0 && strcmp(argv[1], "inspect") != 0)
        return not_known(argv[1], cli_nearest(argv[1], parts, 2));
    int code = parse(argc, argv, &o);
    return code == CLI_DONE ? run_on(&o) : code;
}

const verb_t verb_log = {"log", "the log on disk: is it whole, and what is in it", help, run};
