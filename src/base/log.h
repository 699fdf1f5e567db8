/* SPDX-License-Identifier: Apache-2.0
 *
 * log.h: log lines: one line, lower case, what happened, to whom. Formatting is here; where lines go and what time
 * it is, the assembly decides by the sink it gives. A log_t may be shared by threads: it is never written to. */
#pragma once

typedef enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARNING, LOG_ERROR } log_level_t;

/* Writes one line (no newline in it) in one go. Called by any thread. */
typedef void log_sink_t(void *context, log_level_t level, const char *line);

typedef struct log {
    log_level_t least; /* lines below this are not formatted */
    log_sink_t *sink;
    void *context;
} log_t;

/* "debug", "info", "warning", "error". */
const char *log_level_name(log_level_t level);

/* Control characters in what a peer chose are replaced by '?', so that a name cannot forge a line. */
void log_line(const log_t *log, log_level_t level, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
