/* SPDX-License-Identifier: Apache-2.0
 *
 * console.c: one write(2) a line, so that lines of several threads do not mix. */
#include "daemon/console.h"

#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "os/os.h"

/* How long a line may wait for a reader that is behind, before the lines that come are lost; only the first one waits. */
#define READER_WAIT_MS 200

/* "2026-11-23 07:40:01.123 [info] text", in the machine's local time. */
static void stamp(char *out, size_t out_bytes, log_level_t level, const char *line)
{
    clock_source_t clock = os_clock();
    uint64_t wall_ms = clock.wall_ms(clock.context);
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;
    char day[32] = "?";
    if (localtime_r(&seconds, &local))
        strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &local);
    text_format(out, out_bytes, "%s.%03u [%s] %s", day, (unsigned)(wall_ms % 1000), log_level_name(level),
                line);
}

/* True if stdout takes lines (again). */
static bool say_what_was_lost(console_t *console)
{
    unsigned lost = atomic_exchange(&console->lost, 0);
    if (lost == 0)
        return true;
    char line[96], text[192];
    text_format(line, sizeof line, "%u log lines before this one were lost: nobody read them", lost);
    stamp(text, sizeof text, LOG_WARNING, line);
    if (os_write_line(STDOUT_FILENO, text, 0))
        return true;
    atomic_fetch_add(&console->lost, lost);
    return false;
}

static void write_line(void *context, log_level_t level, const char *line)
{
    console_t *console = context;
    if ((int)level < atomic_load_explicit(&console->least, memory_order_relaxed))
        return;
    char text[2304];
    stamp(text, sizeof text, level, line);
    if (!say_what_was_lost(console) || !os_write_line(STDOUT_FILENO, text, READER_WAIT_MS))
        atomic_fetch_add(&console->lost, 1);
}

log_t console_init(console_t *console, log_level_t least)
{
    tzset(); /* localtime_r need not */
    atomic_init(&console->least, (int)least);
    atomic_init(&console->lost, 0);
    return (log_t){.least = LOG_DEBUG, .sink = write_line, .context = console};
}

void console_set_level(console_t *console, log_level_t least)
{
    atomic_store_explicit(&console->least, (int)least, memory_order_relaxed);
}
