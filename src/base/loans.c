/* SPDX-License-Identifier: Apache-2.0 */
#include "base/loans.h"

#include "base/alloc.h"

static loan_mark_t *mark_at(const loans_t *l, size_t index)
{
    return &l->marks[(l->first + index) & (l->capacity - 1)];
}

void loans_mark(loans_t *l, uint64_t begin, uint64_t end)
{
    if (l->count == 0 || end - l->mark_start > l->step_bytes) {
        l->marks = mem_grow_circle(l->marks, sizeof *l->marks, l->count, &l->capacity, &l->first, 4);
        l->count++;
        l->mark_start = begin;
    }
    *mark_at(l, l->count - 1) =
        (loan_mark_t){.offset = end, .loans = l->taken, .delivered_bytes = l->delivered_bytes, .tag = l->tag};
}

uint64_t loans_sent(loans_t *l, uint64_t sent)
{
    uint64_t back = 0;
    while (l->count > 0 && mark_at(l, 0)->offset <= sent) {
        const loan_mark_t *mark = mark_at(l, 0);
        back = mark->loans;
        l->delivered_back = mark->delivered_bytes;
        l->tag_back = mark->tag;
        l->first = (l->first + 1) & (l->capacity - 1);
        l->count--;
    }
    return back;
}

void loans_free(loans_t *l)
{
    mem_free(l->marks);
    *l = (loans_t){0};
}
