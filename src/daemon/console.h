/* SPDX-License-Identifier: Apache-2.0
 *
 * console.h: log lines to stdout: "2026-11-23 07:40:01.123 [info] text". */
#pragma once

#include <stdatomic.h>

#include "base/log.h"

/* Shared by all threads. The level may change while they log, so it is here and not in the log_t, which
 * nobody writes to. */
typedef struct console {
    atomic_int least;
} console_t;

/* The log that writes to this console; it must outlive the log and stay where it is. */
log_t console_init(console_t *console, log_level_t least);

void console_set_level(console_t *console, log_level_t least);
