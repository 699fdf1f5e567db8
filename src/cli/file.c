/* SPDX-License-Identifier: Apache-2.0
 *
 * file.c: reads a file that may hold a secret. */
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "cli/cli.h"

#define FILE_MOST_BYTES (64 << 20)
#define READ_BYTES      (64 << 10)

void cli_forget(buffer_t *text)
{
    if (text->data)
        explicit_bzero(text->data, text->capacity);
    buffer_free(text);
}

int cli_read_file(const char *file, buffer_t *out, error_t *err)
{
    ssize_t n = 0;
    buffer_init(out, FILE_MOST_BYTES);
    int fd = open(file, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return error_set(err, "%s: %s", file, strerror(errno));
    while (buffer_reserve(out, READ_BYTES) && (n = read(fd, out->data + out->len, READ_BYTES)) > 0)
        out->len += (size_t)n;
    int error = out->failed ? EFBIG : errno;
    close(fd);
    return n < 0 || out->failed ? error_set(err, "%s: %s", file, strerror(error)) : 0;
}
