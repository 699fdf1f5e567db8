/* SPDX-License-Identifier: Apache-2.0
 *
 * event.h: a report: what became of an event, for people and as an exit code. */
#pragma once

#include <stdint.h>

#include "cli/cli.h"

/* Beside those of every verb. */
enum event_code { EVENT_FAILED = 3, EVENT_TIMEOUT = 4 };

/* What came as a report, parsed. NULL, with what is wrong with it. */
json_t *event_report_parse(bytes_t text, error_t *err);

/* The exit code for its status: ok and none are CLI_DONE. */
int event_report_code(const json_t *report);

/* A line for the event and one for each handler. `ms`: how long the publisher waited. */
void event_report_print(const json_t *report, uint64_t ms);
