/* SPDX-License-Identifier: Apache-2.0
 *
 * console.h: log lines to stdout: "2026-11-23 07:40:01.123 [info] text". Who reads them may fall behind or stop: the
 * broker does not wait for it; what was lost is counted, and said as soon as a line goes out again. */
#pragma once

#include <stdatomic.h>

#include "base/log.h"

/* Shared by all threads. The level may change while they log, so it is here and not in the log_t, which
 * nobody writes to. */
typedef struct console {
    atomic_int least;
    atomic_uint lost; /* lines that nobody read in time, since the last one that went out */
} console_t;

/* The log that writes to this console; it must outlive the log and stay where it is. */
log_t console_init(console_t *console, log_level_t least);

void console_set_level(console_t *console, log_level_t least);
