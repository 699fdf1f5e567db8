/* SPDX-License-Identifier: Apache-2.0
 *
 * thread.c: threads that never see a signal: signals are handled by the thread that asked for them, by
 * descriptor. */
#include <assert.h>
#include <pthread.h>
#include <sched.h>
#include <signal.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "os/os.h"

struct os_thread {
    pthread_t id;
    void (*run)(void *context);
    void *context;
    char name[16]; /* the kernel's limit, with the NUL */
};

static void *enter(void *argument)
{
    os_thread_t *t = argument;
    pthread_setname_np(pthread_self(), t->name);
    t->run(t->context);
    return NULL;
}

os_thread_t *os_thread_start(const char *name, void (*run)(void *context), void *context, error_t *err)
{
    os_thread_t *t = MEM_NEW(os_thread_t);
    t->run = run;
    t->context = context;
    text_format(t->name, sizeof t->name, "%s", name);

    /* The new thread inherits the mask, so that no signal finds it in between. */
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    int rc = pthread_create(&t->id, NULL, enter, t);
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    if (rc == 0)
        return t;
    error_set(err, "cannot start thread %s: %s", name, strerror(rc));
    mem_free(t);
    return NULL;
}

void os_thread_join(os_thread_t **t)
{
    if (*t == NULL)
        return;
    int rc = pthread_join((*t)->id, NULL);
    assert(rc == 0);
    (void)rc;
    mem_free(*t);
    *t = NULL;
}

void os_thread_yield(void)
{
    (void)sched_yield();
}
