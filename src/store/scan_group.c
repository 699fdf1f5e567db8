/* SPDX-License-Identifier: Apache-2.0
 *
 * scan_group.c: a group is looked at twice, to know that it has an end before anything of it is used. Most have one
 * frame, which is in memory the second time. */
#include "store/scan_group.h"

/* ---- checking ---- */

static bool fits(const log_chain_t *chain, const frame_t *f)
{
    return (chain->expected == 0 || f->first == chain->expected) &&
           (chain->any_previous || f->previous == chain->previous) && f->incarnation == chain->incarnation;
}

static bool do_contents_hold(const frame_t *f, const log_identity_t *log, bytes_t octets)
{
    size_t at = (size_t)frame_head_bytes(f);
    if (octets.len < f->bytes)
        return false;
    for (size_t i = 0; i < f->piece_count; i++) {
        frame_piece_t piece = frame_piece(octets, i);
        if (!frame_piece_holds(&piece, log, bytes_make(octets.data + at, piece.bytes)))
            return false;
        at += piece.bytes;
    }
    return true;
}

/* Adds a valid frame to what is known of the group, and moves chain and place behind it. */
static int take_frame(window_t *w, frame_place_t *place, log_chain_t *chain, const frame_t *f, log_group_t *g,
                      error_t *err)
{
    bytes_t octets;
    int rc = window_get(w, place->offset, f->bytes, &octets, err);
    if (rc != 0)
        return rc;
    if (g->frames++ == 0)
        g->frame = *f;
    g->contents_hold = g->contents_hold && do_contents_hold(f, &place->log, octets);
    g->next = f->first + f->records;
    g->checksum = f->checksum;
    place->offset += f->bytes;
    g->end = frame_align(place->offset);
    *chain = (log_chain_t){.expected = g->next, .previous = f->checksum, .incarnation = f->incarnation};
    return 0;
}

int log_group_check(window_t *w, const frame_place_t *place, const log_chain_t *chain, log_group_t *g,
                    error_t *err)
{
    frame_place_t here = *place;
    log_chain_t inner = *chain;
    frame_t f;
    *g = (log_group_t){.at = place->offset, .contents_hold = true};
    do {
        bytes_t head;
        int rc = window_frame(w, &here, &f, &head, err);
        if (rc < 0)
            return rc;
        if (rc == 0 || (f.flags & FRAME_SPARSE) || ((f.flags & FRAME_FIRST) != 0) != (g->frames == 0))
            return GROUP_BROKEN;
        if (!fits(&inner, &f))
            return g->frames == 0 ? GROUP_OTHER : GROUP_BROKEN;
        rc = take_frame(w, &here, &inner, &f, g, err);
        if (rc < 0)
            return rc;
    } while ((f.flags & FRAME_LAST) == 0);
    return GROUP_NEXT;
}

/* ---- walking ---- */

static int read_again(window_t *w, const frame_place_t *place, frame_t *f, error_t *err)
{
    bytes_t head;
    int rc = window_frame(w, place, f, &head, err);
    if (rc == 0)
        rc = error_set(err, "segment %llu at %llu: it changed while it was read",
                       (unsigned long long)place->segment, (unsigned long long)place->offset);
    return rc < 0 ? rc : 0;
}

int log_group_each(window_t *w, const frame_place_t *place, const log_group_t *g, log_group_frame_t *each,
                   void *context, error_t *err)
{
    frame_place_t here = *place;
    frame_t f = g->frame;
    for (uint32_t i = 0; i < g->frames; i++) {
        bytes_t octets;
        int rc = i > 0 ? read_again(w, &here, &f, err) : 0;
        if (rc == 0)
            rc = window_get(w, here.offset, f.bytes, &octets, err);
        if (rc == 0)
            rc = each(context, &here, &f, octets, err);
        if (rc != 0)
            return rc;
        here.offset += f.bytes;
    }
    return 0;
}
