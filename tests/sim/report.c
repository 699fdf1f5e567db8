/* SPDX-License-Identifier: Apache-2.0
 *
 * report.c: a process runs one history at a time, and where it is must be known when it crashes: the one mutable thing
 * of the simulator that belongs to nobody. */
#include "sim/report.h"

#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/text.h"

static struct {
    uint64_t seed;
    unsigned life;
    bool verbose;
    char last_error[400];
    log_t log;
} at;

static void say_where(void)
{
    char line[200];
    size_t len = text_format(
        line, sizeof line, "sim: seed %llu, life %u\nsim: replay it with: build/sim --seed %llu --verbose\n",
        (unsigned long long)at.seed, at.life, (unsigned long long)at.seed);
    fflush(stdout);
    if (write(STDOUT_FILENO, line, len) < 0)
        _exit(2);
}

static void on_crash(int signal)
{
    static const char what[] = "sim: FAILED: it crashed\n";
    if (write(STDOUT_FILENO, what, sizeof what - 1) > 0)
        say_where();
    (void)raise(signal); /* SA_RESETHAND: this time for good */
}

static void on_log(void *context, log_level_t level, const char *line)
{
    (void)context;
    if (level >= LOG_ERROR)
        text_format(at.last_error, sizeof at.last_error, "%s", line);
    if (at.verbose)
        printf("      [%s] %s\n", log_level_name(level), line);
}

void report_init(bool verbose)
{
    struct sigaction action = {.sa_handler = on_crash, .sa_flags = (int)SA_RESETHAND};
    at.verbose = verbose;
    at.log = (log_t){.least = verbose ? LOG_DEBUG : LOG_ERROR, .sink = on_log};
    (void)sigaction(SIGABRT, &action, NULL);
    (void)sigaction(SIGSEGV, &action, NULL);
    (void)sigaction(SIGBUS, &action, NULL);
}

void report_at(uint64_t seed, unsigned life)
{
    at.seed = seed;
    at.life = life;
    at.last_error[0] = 0;
    report_line("==== seed %llu, life %u", (unsigned long long)seed, life);
}

bool report_is_verbose(void)
{
    return at.verbose;
}

void report_line(const char *format, ...)
{
    if (!at.verbose)
        return;
    va_list args;
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    putchar('\n');
}

const log_t *report_log(void)
{
    return &at.log;
}

void report_failure(const char *format, ...)
{
    va_list args;
    va_start(args, format);
    printf("sim: FAILED: ");
    vprintf(format, args);
    va_end(args);
    putchar('\n');
    if (at.last_error[0])
        printf("sim: the last error in the log: %s\n", at.last_error);
    say_where();
    exit(1);
}
