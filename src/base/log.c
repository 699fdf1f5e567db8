/* SPDX-License-Identifier: Apache-2.0
 *
 * log.c: formats a line on the stack, makes it harmless, and hands it to the sink. */
#include "base/log.h"

#include <assert.h>
#include <stdarg.h>
#include <stdint.h>

#include "base/text.h"

#define LINE_MOST_BYTES 2048

const char *log_level_name(log_level_t level)
{
    static const char *const names[] = {
        [LOG_DEBUG] = "debug",
        [LOG_INFO] = "info",
        [LOG_WARNING] = "warning",
        [LOG_ERROR] = "error",
    };
    assert((unsigned)level < sizeof names / sizeof *names);
    return names[level];
}

/* Replaces C0, DEL, and C1 in its UTF-8 form (U+0080 to U+009F: c2 80 to c2 9f), which some terminals obey.
 */
static void mask_controls(char *line, size_t len)
{
    for (size_t i = 0; i < len; i++) {
        uint8_t c = (uint8_t)line[i];
        if (c < 0x20 || c == 0x7f) {
            line[i] = '?';
        } else if (c == 0xc2 && (uint8_t)line[i + 1] >= 0x80 && (uint8_t)line[i + 1] <= 0x9f) {
            line[i] = '?';
            line[++i] = '?';
        }
    }
}

void log_line(const log_t *log, log_level_t level, const char *format, ...)
{
    if (level < log->least || !log->sink)
        return;
    char line[LINE_MOST_BYTES];
    va_list args;
    va_start(args, format);
    size_t len = text_format_list(line, sizeof line, format, args);
    va_end(args);
    mask_controls(line, len);
    log->sink(log->context, level, line);
}
