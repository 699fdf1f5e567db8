/* SPDX-License-Identifier: Apache-2.0
 *
 * error.c: the text is made aside first, so that it may quote the text it replaces. */
#include "base/error.h"

#include <stdarg.h>
#include <string.h>

#include "base/text.h"

int error_set(error_t *err, const char *format, ...)
{
    if (!err)
        return -1;
    char text[sizeof err->text];
    va_list args;
    va_start(args, format);
    size_t len = text_format_list(text, sizeof text, format, args);
    va_end(args);
    memcpy(err->text, text, len + 1);
    return -1;
}
