/* SPDX-License-Identifier: Apache-2.0
 *
 * random.c: unpredictable octets from the kernel. There is no second source: where getrandom(2) fails,
 * nothing that needs randomness may go on, so the process ends. */
#include <errno.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/random.h>

#include "os/os.h"

static void fill(void *context, void *out, size_t len)
{
    (void)context;
    uint8_t *at = out;
    while (len > 0) {
        ssize_t n = getrandom(at, len, 0);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0) {
            os_write_line(2, "getrandom(2) failed: no randomness on this machine", 1000);
            abort();
        }
        at += n;
        len -= (size_t)n;
    }
}

random_source_t os_random(void)
{
    return (random_source_t){.fill = fill, .context = NULL};
}
