/* SPDX-License-Identifier: Apache-2.0
 *
 * listener_unix.c: Unix sockets leave a file behind when their process dies. Such a file is replaced, but
 * only if it is a socket and nobody answers on it; and at the end we remove only the file that we made. */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "base/text.h"
#include "net/net_internal.h"

static int unix_socket(void)
{
    return socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
}

/* 0 if nobody listens at the address any more, else why it may not be replaced. */
static int why_in_use(const struct sockaddr_un *a)
{
    struct stat s;
    if (lstat(a->sun_path, &s) != 0)
        return errno == ENOENT ? 0 : errno;
    if (!S_ISSOCK(s.st_mode))
        return EEXIST;
    int fd = unix_socket();
    if (fd < 0)
        return errno;
    int rc = connect(fd, (const struct sockaddr *)a, sizeof *a);
    int number =
        rc == 0 || errno == EAGAIN ? EADDRINUSE : errno; /* EAGAIN: its queue is full, so it is alive */
    close(fd);
    return number == ECONNREFUSED || number == ENOENT ? 0 : number;
}

/* Binds, replacing a stale file. 0, or -1 with errno. */
static int bind_file(int fd, const struct sockaddr_un *a)
{
    if (bind(fd, (const struct sockaddr *)a, sizeof *a) == 0)
        return 0;
    if (errno != EADDRINUSE)
        return -1;
    errno = why_in_use(a);
    if (errno != 0)
        return -1;
    if (unlink(a->sun_path) != 0 && errno != ENOENT)
        return -1;
    return bind(fd, (const struct sockaddr *)a, sizeof *a);
}

static void remember_file(unix_file_t *file, const char *path)
{
    struct stat s = {0};
    text_format(file->path, sizeof file->path, "%s", path);
    if (lstat(path, &s) != 0)
        file->path[0] = '\0'; /* somebody took it away already */
    file->device = s.st_dev;
    file->inode = s.st_ino;
}

size_t unix_listen(const char *path, int backlog, int *fd, unix_file_t *file, error_t *err)
{
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    text_format(a.sun_path, sizeof a.sun_path, "%s", path);
    *fd = unix_socket();
    bool bound = *fd >= 0 && bind_file(*fd, &a) == 0;
    if (bound)
        remember_file(file, path);
    if (bound && listen(*fd, backlog) == 0)
        return 1;
    error_set(err, "cannot listen on unix:%s: %s", path,
              errno == EEXIST ? "there is a file of another kind" : strerror(errno));
    if (bound)
        unix_file_remove(file);
    if (*fd >= 0)
        close(*fd);
    return 0;
}

void unix_file_remove(const unix_file_t *file)
{
    struct stat s;
    if (file->path[0] == '\0' || lstat(file->path, &s) != 0)
        return;
    if (S_ISSOCK(s.st_mode) && s.st_dev == file->device && s.st_ino == file->inode)
        (void)unlink(file->path);
}
