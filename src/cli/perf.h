/* SPDX-License-Identifier: Apache-2.0
 *
 * perf.h: what the files of `chaski perf` share. */
#pragma once

#include "cli/cli.h"
#include "cli/url.h"
#include "perf/perf.h"

typedef struct perf_request {
    perf_options_t options;
    url_amqp_t url;
    char address[256]; /* its host and port */
    bool json;
    bool quiet; /* no line while it runs */
} perf_request_t;

/* ---- perf_args.c ---- */

extern const char perf_help[];

/* From the words behind `perf amqp`; CLI_DONE, or another code with everything said. */
int perf_parse(int argc, char **argv, perf_request_t *r);
void perf_request_free(perf_request_t *r);

/* ---- perf_report.c ---- */

/* The line while it runs, on stderr; a terminal has one that changes. `context`: the request. */
void perf_show_progress(void *context, const perf_progress_t *p);
void perf_end_progress(const perf_request_t *r);

void perf_print_report(const perf_request_t *r, const perf_report_t *report);
