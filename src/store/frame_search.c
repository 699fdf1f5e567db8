/* SPDX-License-Identifier: Apache-2.0
 *
 * frame_search.c: a group begins at a multiple of 512, so only there need one look, and, behind a frame that was found,
 * at its end. */
#include "store/frame_search.h"

frame_search_t frame_search(window_t *w, const log_identity_t *log, uint64_t segment, uint64_t offset)
{
    return (frame_search_t){.window = w, .place = {*log, segment, offset}, .blank_bytes = UINT64_MAX};
}

int frame_search_next(frame_search_t *s, frame_t *f, error_t *err)
{
    uint64_t *at = &s->place.offset, from = *at;
    while (*at < s->window->file_bytes && *at - from < s->blank_bytes) {
        bytes_t head;
        int rc = window_frame(s->window, &s->place, f, &head, err);
        if (rc < 0)
            return rc;
        if (rc > 0) {
            s->found_at = *at;
            *at += f->bytes;
            if (f->flags & FRAME_LAST)
                *at = frame_align(*at);
            return 1;
        }
        *at = frame_align(*at + 1);
    }
    return 0;
}
