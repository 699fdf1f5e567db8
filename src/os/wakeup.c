/* SPDX-License-Identifier: Apache-2.0
 *
 * wakeup.c: an eventfd behind one atomic word of two bits, so that only a ring that really has to end a sleep
 * writes.
 *
 *   bits                meaning                             ring does
 *   0                   awake, looked or will look          sets RUNG
 *   RUNG                awake, rung since it last slept     nothing more
 *   SLEEPING            asleep, or about to look and sleep  sets RUNG and writes the eventfd
 *   SLEEPING | RUNG     a write was made or is being made   nothing more
 *
 * No ring is lost: ring and prepare both read and write the word in one step, so one comes first. If ring
 * does, prepare reads what ring wrote, and with it sees the work that was made visible before; if prepare
 * does, ring finds SLEEPING and writes. That is why ring is a read-modify-write in every case: a plain look
 * at RUNG may be stale.
 *
 * The write comes after the bit, so a sleeper that wakes for another reason may find the bit and not yet the
 * octets. It counts such writes as owed and takes them when they come: the descriptor is never left readable
 * for nothing. */
#include <assert.h>
#include <errno.h>
#include <poll.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/eventfd.h>
#include <unistd.h>

#include "base/alloc.h"
#include "os/os.h"

enum { SLEEPING = 1, RUNG = 2 };

struct os_wakeup {
    atomic_uint bits;
    int fd;
    uint64_t owed; /* the sleeper's: writes announced by RUNG that were not read yet */
};

os_wakeup_t *os_wakeup_new(error_t *err)
{
    int fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
    if (fd < 0) {
        error_set(err, "cannot make an eventfd: %s", strerror(errno));
        return NULL;
    }
    os_wakeup_t *w = MEM_NEW(os_wakeup_t);
    atomic_init(&w->bits, 0);
    w->fd = fd;
    return w;
}

void os_wakeup_free(os_wakeup_t **w)
{
    if (*w == NULL)
        return;
    close((*w)->fd);
    mem_free(*w);
    *w = NULL;
}

int os_wakeup_fd(const os_wakeup_t *w)
{
    return w->fd;
}

void os_wakeup_prepare(os_wakeup_t *w)
{
    unsigned before = atomic_exchange(&w->bits, SLEEPING);
    if (before == (SLEEPING | RUNG))
        w->owed++; /* prepared twice without a cancel: what was written meanwhile is still to be read */
}

/* Takes the writes that are owed, as far as they have come. */
static void read_owed(os_wakeup_t *w)
{
    uint64_t count = 0;
    ssize_t n = read(w->fd, &count, sizeof count);
    if (n < 0)
        return; /* EAGAIN: the ringing thread is between its bit and its write */
    assert(n == (ssize_t)sizeof count && count <= w->owed);
    w->owed -= count;
}

void os_wakeup_cancel(os_wakeup_t *w)
{
    unsigned before = atomic_exchange(&w->bits, 0);
    if (before == (SLEEPING | RUNG))
        w->owed++;
    if (w->owed > 0)
        read_owed(w);
}

void os_wakeup_ring(os_wakeup_t *w)
{
    if (atomic_fetch_or(&w->bits, RUNG) != SLEEPING)
        return;
    uint64_t one = 1;
    ssize_t n;
    do
        n = write(w->fd, &one, sizeof one);
    while (n < 0 && errno == EINTR);
    assert(n == (ssize_t)sizeof one);
}

bool os_wakeup_wait(os_wakeup_t *w, int timeout_ms)
{
    /* Without a prepare before, a ring since the last cancel counts as well: it must not be slept over. It
     * has written nothing, so there is nothing to read either. */
    unsigned bits = 0;
    if (!atomic_compare_exchange_strong(&w->bits, &bits, SLEEPING) && bits == RUNG) {
        atomic_exchange(&w->bits, 0);
        return true;
    }
    struct pollfd p = {.fd = w->fd, .events = POLLIN};
    int ready = poll(&p, 1, timeout_ms); /* a signal ends the wait early; the caller looks again anyway */
    os_wakeup_cancel(w);
    return ready != 0;
}
