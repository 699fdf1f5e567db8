/* SPDX-License-Identifier: Apache-2.0
 *
 * console.c: one write(2) a line, so that lines of several threads do not mix. */
#include "daemon/console.h"

#include <time.h>
#include <unistd.h>

#include "base/text.h"
#include "os/os.h"

static void write_line(void *context, log_level_t level, const char *line)
{
    console_t *console = context;
    if ((int)level < atomic_load_explicit(&console->least, memory_order_relaxed))
        return;
    clock_source_t clock = os_clock();
    uint64_t wall_ms = clock.wall_ms(clock.context);
    time_t seconds = (time_t)(wall_ms / 1000);
    struct tm local;
    char text[2304], day[32] = "?";
    if (localtime_r(&seconds, &local))
        strftime(day, sizeof day, "%Y-%m-%d %H:%M:%S", &local);
    text_format(text, sizeof text, "%s.%03u [%s] %s", day, (unsigned)(wall_ms % 1000), log_level_name(level),
                line);
    os_write_line(STDOUT_FILENO, text);
}

log_t console_init(console_t *console, log_level_t least)
{
    tzset(); /* localtime_r need not */
    atomic_init(&console->least, (int)least);
    return (log_t){.least = LOG_DEBUG, .sink = write_line, .context = console};
}

void console_set_level(console_t *console, log_level_t least)
{
    atomic_store_explicit(&console->least, (int)least, memory_order_relaxed);
}
