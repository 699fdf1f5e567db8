/* SPDX-License-Identifier: Apache-2.0
 *
 * cli.h: the tool `chaski`: a table of verbs, and what they share. A verb is one file. */
#pragma once

#include <jansson.h>
#include <stdbool.h>

#include "base/bytes.h"
#include "base/error.h"

enum cli_code { CLI_DONE = 0, CLI_FAILED = 1, CLI_WRONG_USE = 2 };

typedef struct verb {
    const char *name;
    const char *summary;               /* for the list of verbs */
    const char *help;                  /* all of `chaski VERB --help` */
    int (*run)(int argc, char **argv); /* argv[0] is the verb; returns the exit code */
} verb_t;

extern const verb_t verb_status;  /* status.c */
extern const verb_t verb_log;     /* log.c */
extern const verb_t verb_perf;    /* perf.c */
extern const verb_t verb_curve;   /* curve.c */
extern const verb_t verb_results; /* results.c */

extern const verb_t verb_publish;   /* publish.c */
extern const verb_t verb_subscribe; /* subscribe.c */
extern const verb_t verb_event;     /* event.c */
extern const verb_t verb_handle;    /* handle.c */

/* ---- args.c ---- */

/* Prints "chaski: …" to stderr and returns `code`. */
int cli_complain(int code, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* Takes `--name VALUE` or `--name=VALUE` at argv[*i]: 1, with *i at its last word; 0 if it is another; -1 (said so) if
 * the value is missing. */
int cli_take_value(int argc, char **argv, int *i, const char *name, const char **value);

/* The name among `count` that is most like `wanted`, or NULL if none is near. */
const char *cli_nearest(const char *wanted, const char *const *names, size_t count);

/* ---- file.c ---- */

/* Reads a whole file; 0, or -1 with the reason. `out` is to be forgotten in any case. */
int cli_read_file(const char *file, buffer_t *out, error_t *err);

/* Frees it; what may be a secret is not left behind in memory. */
void cli_forget(buffer_t *text);

/* ---- http.c ---- */

typedef struct http_target http_target_t;

/* Where a broker answers HTTP: http://USER:PASSWORD@HOST:PORT. NULL: what is wrong with it. */
http_target_t *http_target_new(const char *url, error_t *err);
void http_target_free(http_target_t **t);

/* GETs `path` (with its query) and parses the JSON. NULL, with what to do about it. */
json_t *http_get_json(const http_target_t *t, const char *path, error_t *err);

/* ---- print.c ---- */

/* A JSON string of octets that may be anything. */
json_t *print_json_text(bytes_t text);

/* Writes octets to stdout so that they stay one line: what does not print is '?'. */
void print_text(bytes_t text);

/* "17 octets", "1.5 MiB", "2 d 3 h": into `out`, which is returned. */
const char *print_size(double bytes, char *out, size_t out_bytes);
const char *print_duration(double ms, char *out, size_t out_bytes);

/* One line, compact; frees `value`. */
void print_json_line(json_t *value);
