/* SPDX-License-Identifier: Apache-2.0
 *
 * store_counts.h: how the log on disk is, in numbers: the store counts, who shows them does not know it. */
#pragma once

#include <stdint.h>

typedef struct store_counts {
    uint64_t segments;                       /* with records */
    uint64_t segments_free;                  /* lying ready */
    uint64_t bytes;                          /* of all its files */
    uint64_t free_limit_bytes;               /* less free on the disk is the disk alarm */
    uint64_t appended_bytes, syncs, records; /* since it was opened */
    uint64_t sync_ms_most;                   /* the longest sync, by the store's clock */
    uint64_t rewritten_bytes;                /* written when segments were rewritten, since it was opened */
    uint64_t segments_dropped;               /* likewise: nothing in them was needed any more */
} store_counts_t;
