/* SPDX-License-Identifier: Apache-2.0
 *
 * rest.h: what a thread does before it waits for news: after many connections have gone, the memory they took goes back
 * to the machine, so that a storm of them does not stay in our size for ever. */
#pragma once

#include "os/os.h"

/* So many connections gone are worth the work. */
#define REST_AFTER_GONE 128

/* A larger process does not stop for it: giving back gigabytes takes time, and there these few do not matter. */
#define REST_RESIDENT_MOST_BYTES (256ull << 20)

/* `gone`: connections that ever ended here; *rested_with: those of them at the last rest. */
static inline void rest_if_many_gone(uint64_t gone, uint64_t *rested_with)
{
    if (gone - *rested_with < REST_AFTER_GONE)
        return;
    *rested_with = gone;
    if (os_memory_resident() <= REST_RESIDENT_MOST_BYTES)
        os_release_memory();
}
