/* SPDX-License-Identifier: Apache-2.0
 *
 * perf.c: `chaski perf amqp`: load for a broker, and what it made of it. */
#include "cli/perf.h"

#include <string.h>

static int run(int argc, char **argv)
{
    if (argc < 2)
        return cli_complain(CLI_WRONG_USE, "perf: which protocol? chaski perf amqp; chaski perf --help");
    if (strcmp(argv[1], "amqp") != 0)
        return cli_complain(CLI_WRONG_USE, "perf knows no '%s'; it knows amqp", argv[1]);
    perf_request_t r;
    perf_report_t report;
    error_t err;
    int code = perf_parse(argc - 2, argv + 2, &r);
    if (code == CLI_DONE) {
        int rc = perf_run(&r.options, r.quiet ? NULL : perf_show_progress, &r, &report, &err);
        perf_end_progress(&r);
        if (rc == 0)
            perf_print_report(&r, &report);
        if (rc != 0)
            code = cli_complain(CLI_FAILED, "%s", err.text);
        else if (perf_found_faults(&report))
            code = cli_complain(CLI_FAILED, "the broker lost, doubled, misplaced or damaged messages");
    }
    perf_request_free(&r);
    return code;
}

const verb_t verb_perf = {"perf", "load for a broker: how fast, and is everything right?", perf_help, run};
