/* SPDX-License-Identifier: Apache-2.0
 *
 * report.h: what is said when a history goes wrong: seed, life, what, and how to see it again. One history at a time, so
 * there is one place where it is; a crash of the program finds it there too. */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "base/log.h"

/* Installs what reports a crash. */
void report_init(bool verbose);
void report_at(uint64_t seed, unsigned life);
bool report_is_verbose(void);

/* One line of the history, if it is wanted. */
void report_line(const char *format, ...) __attribute__((format(printf, 1, 2)));

/* A log to give to engine and store; its last error is part of a failure's report. */
const log_t *report_log(void);

/* Says so and ends the program with 1. */
void report_failure(const char *format, ...) __attribute__((format(printf, 1, 2), noreturn));
