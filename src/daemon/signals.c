/* SPDX-License-Identifier: Apache-2.0 */
#include "daemon/signals.h"

#include <errno.h>
#include <signal.h>
#include <string.h>
#include <sys/signalfd.h>
#include <unistd.h>

int signals_init(signals_t *s, error_t *err)
{
    *s = (signals_t){.fd = -1};
    sigset_t set;
    sigemptyset(&set);
    sigaddset(&set, SIGTERM);
    sigaddset(&set, SIGINT);
    sigaddset(&set, SIGHUP);
    if (sigprocmask(SIG_BLOCK, &set, NULL) != 0)
        return error_set(err, "cannot block signals: %s", strerror(errno));
    signal(SIGPIPE, SIG_IGN);
    s->fd = signalfd(-1, &set, SFD_NONBLOCK | SFD_CLOEXEC);
    if (s->fd < 0)
        return error_set(err, "cannot make a signalfd: %s", strerror(errno));
    return 0;
}

void signals_deinit(signals_t *s)
{
    if (s->fd >= 0)
        close(s->fd);
    s->fd = -1;
}

void signals_read(signals_t *s)
{
    struct signalfd_siginfo info;
    while (read(s->fd, &info, sizeof info) == (ssize_t)sizeof info) {
        if (info.ssi_signo == SIGHUP)
            s->reloads++;
        else
            s->stops++;
    }
}
