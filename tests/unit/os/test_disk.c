/* SPDX-License-Identifier: Apache-2.0
 *
 * The real disk, in a folder of its own under /tmp. */
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/text.h"
#include "disk_contract.h"
#include "os/disk.h"

/* If not 0, the system does reads and writes of so many octets at most, and is interrupted before each. */
static size_t most_bytes;
static bool is_interrupted;

static bool interrupt(void)
{
    is_interrupted = most_bytes > 0 && !is_interrupted;
    if (is_interrupted)
        errno = EINTR;
    return is_interrupted;
}

/* Stand before the C library's. */
ssize_t pwritev(int fd, const struct iovec *pieces, int count, off_t offset)
{
    if (interrupt())
        return -1;
    if (most_bytes == 0)
        return syscall(SYS_pwritev, fd, pieces, count, offset, 0);
    size_t left = most_bytes;
    for (ssize_t n; left > 0 && count > 0; pieces++, count--, left -= (size_t)n, offset += n) {
        n = pwrite(fd, pieces->iov_base, pieces->iov_len < left ? pieces->iov_len : left, offset);
        assert_true(n >= 0);
    }
    return (ssize_t)(most_bytes - left);
}

ssize_t pread(int fd, void *out, size_t len, off_t offset)
{
    if (interrupt())
        return -1;
    return syscall(SYS_pread64, fd, out, most_bytes && len > most_bytes ? most_bytes : len, offset);
}

typedef struct real_disk {
    disk_under_test_t under_test;
    char folder[64]; /* holds all that a test makes */
    char path[80];   /* the disk's */
} real_disk_t;

static int setup(void **state)
{
    real_disk_t *r = calloc(1, sizeof *r);
    if (!r)
        return -1;
    *state = r;
    strcpy(r->folder, "/tmp/chaski-test-XXXXXX");
    if (!mkdtemp(r->folder))
        return -1;
    text_format(r->path, sizeof r->path, "%s/data", r->folder);
    r->under_test.disk = os_disk_open(r->path, NULL);
    return r->under_test.disk ? 0 : -1;
}

static void remove_listed(void *context, const char *name)
{
    disk_remove(context, name, NULL);
}

static int teardown(void **state)
{
    real_disk_t *r = *state;
    disk_t *d = r->under_test.disk;
    disk_list(d, remove_listed, d, NULL);
    disk_free(&d);
    rmdir(r->path);
    rmdir(r->folder);
    free(r);
    return 0;
}

static void assert_refused(const char *folder, const char *reason)
{
    error_t err = {""};
    assert_null(os_disk_open(folder, &err));
    assert_non_null(strstr(err.text, folder));
    assert_non_null(strstr(err.text, reason));
}

/* ---- the folder ---- */

static void a_missing_folder_is_made_for_its_owner_and_group(void **state)
{
    real_disk_t *r = *state;
    struct stat st;
    assert_int_equal(stat(r->path, &st), 0);
    assert_true(S_ISDIR(st.st_mode));
    assert_int_equal(st.st_mode & 0027, 0);
    make_file(disk_in(state), "a", "");
    char file[96];
    text_format(file, sizeof file, "%s/a", r->path);
    assert_int_equal(stat(file, &st), 0);
    assert_int_equal(st.st_mode & 0137, 0);
}

static void a_folder_that_is_there_is_used(void **state)
{
    real_disk_t *r = *state;
    make_file(disk_in(state), "a", "found");
    disk_t *again = os_disk_open(r->path, NULL);
    assert_non_null(again);
    assert_text(again, "a", "found");
    disk_free(&again);
    assert_null(again);
}

static void a_folder_without_a_parent_is_refused_by_name(void **state)
{
    real_disk_t *r = *state;
    char path[128];
    text_format(path, sizeof path, "%s/missing/data", r->folder);
    assert_refused(path, "No such file or directory");
}

static void a_file_in_the_place_of_the_folder_is_refused_by_name(void **state)
{
    real_disk_t *r = *state;
    char path[128];
    text_format(path, sizeof path, "%s/a", r->path);
    make_file(disk_in(state), "a", "");
    assert_refused(path, "Not a directory");
}

/* In a child, which gives up being root if it is. */
static void a_folder_without_permission_is_refused_by_name(void **state)
{
    real_disk_t *r = *state;
    assert_int_equal(chmod(r->folder, 0755), 0);
    assert_int_equal(chmod(r->path, 0555), 0);
    pid_t child = fork();
    if (child == 0) {
        error_t err = {""};
        if (geteuid() == 0 && (setgid(65534) != 0 || setuid(65534) != 0))
            _exit(2);
        bool is_refused = os_disk_open(r->path, &err) == NULL;
        _exit(is_refused && strstr(err.text, r->path) && strstr(err.text, "Permission denied") ? 0 : 1);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_int_equal(status, 0);
    assert_int_equal(chmod(r->path, 0755), 0);
}

static void only_files_are_listed(void **state)
{
    real_disk_t *r = *state;
    char path[128];
    text_format(path, sizeof path, "%s/lost+found", r->path);
    assert_int_equal(mkdir(path, 0700), 0);
    make_file(disk_in(state), "a", "");
    assert_names(disk_in(state), "a");
    assert_int_equal(rmdir(path), 0);
}

static void descriptors_do_not_leak_into_other_programs(void **state)
{
    disk_t *d = disk_in(state);
    disk_file_t *f = open_file(d, "a", DISK_CREATE);
    assert_int_equal(disk_lock(d, "lock", NULL), 0);
    unsigned own = 0;
    for (int fd = 3; fd < 64; fd++) {
        int flags = fcntl(fd, F_GETFD);
        char link[32], target[128];
        text_format(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t len = readlink(link, target, sizeof target - 1);
        target[len > 0 ? len : 0] = '\0';
        if (flags < 0 || !strstr(target, ((real_disk_t *)*state)->path))
            continue;
        own++;
        assert_true(flags & FD_CLOEXEC);
    }
    assert_int_equal(own, 3);
    disk_close(&f);
}

/* ---- errors ---- */

static void an_error_names_what_failed_the_file_and_the_reason(void **state)
{
    real_disk_t *r = *state;
    error_t err;
    disk_file_t *f = NULL;
    char expected[256];
    text_format(expected, sizeof expected, "cannot open %s/missing: No such file or directory", r->path);
    assert_int_equal(disk_open(disk_in(state), "missing", DISK_READ, &f, &err), DISK_NOT_FOUND);
    assert_string_equal(err.text, expected);
}

/* /dev/full takes nothing. */
static void a_full_disk_is_told_from_other_failures(void **state)
{
    real_disk_t *r = *state;
    char path[128];
    error_t err = {""};
    text_format(path, sizeof path, "%s/full", r->path);
    assert_int_equal(symlink("/dev/full", path), 0);
    disk_file_t *f = open_file(disk_in(state), "full", DISK_WRITE);
    assert_int_equal(disk_write(f, 0, &(output_piece_t){"x", 1}, 1, &err), DISK_FULL);
    assert_non_null(strstr(err.text, "full: No space left on device"));
    disk_close(&f);
    assert_int_equal(disk_remove(disk_in(state), "full", NULL), 0);
}

static void a_short_write_goes_on_where_it_ended(void **state)
{
    disk_t *d = disk_in(state);
    output_piece_t pieces[] = {{"0123", 4}, {"", 0}, {"4567", 4}, {"89ab", 4}, {NULL, 0}};
    for (most_bytes = 1; most_bytes < 14; most_bytes++) {
        disk_file_t *f = open_file(d, "a", DISK_CREATE);
        assert_int_equal(disk_write(f, 0, pieces, 5, NULL), 0);
        assert_octets(f, 0, 100, "0123456789ab", 12);
        disk_close(&f);
        assert_int_equal(disk_remove(d, "a", NULL), 0);
    }
    most_bytes = 0;
}

/* ---- the lock ---- */

/* A process that tries to lock the folder; its exit status is 0 if it was told who has it. */
static int lock_in_a_child(const char *folder, const char *holder)
{
    pid_t child = fork();
    if (child == 0) {
        error_t err = {""};
        disk_t *d = os_disk_open(folder, &err);
        int rc = d ? disk_lock(d, "lock", &err) : -99;
        _exit(rc == 0 ? 1 : rc == DISK_LOCKED && strcmp(err.text, holder) == 0 ? 0 : 2);
    }
    int status = -1;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    return WEXITSTATUS(status);
}

static void another_process_is_told_who_has_the_lock(void **state)
{
    real_disk_t *r = *state;
    char holder[256];
    assert_int_equal(disk_lock(disk_in(state), "lock", NULL), 0);
    text_format(holder, sizeof holder, "%s is in use by process %ld", r->path, (long)getpid());
    assert_int_equal(lock_in_a_child(r->path, holder), 0);
    disk_file_t *f = open_file(disk_in(state), "lock", DISK_WRITE);
    write_text(f, 30, "of an earlier process");
    disk_close(&f);
    disk_free(&r->under_test.disk);
    assert_int_equal(lock_in_a_child(r->path, holder), 1); /* free again, and free after that child's end */
    assert_int_equal(lock_in_a_child(r->path, holder), 1);
    r->under_test.disk = os_disk_open(r->path, NULL);
    assert_int_equal(disk_lock(disk_in(state), "lock", NULL), 0);
    text_format(holder, sizeof holder, "%ld\n", (long)getpid());
    assert_text(disk_in(state), "lock", holder);
}

static void a_second_disk_of_this_process_is_refused_too(void **state)
{
    real_disk_t *r = *state;
    error_t err;
    assert_int_equal(disk_lock(disk_in(state), "lock", NULL), 0);
    disk_t *second = os_disk_open(r->path, NULL);
    assert_int_equal(disk_lock(second, "lock", &err), DISK_LOCKED);
    disk_free(&second); /* and its end does not open the first one's lock */
    second = os_disk_open(r->path, NULL);
    assert_int_equal(disk_lock(second, "lock", &err), DISK_LOCKED);
    disk_free(&second);
}

static void a_lock_without_a_number_is_a_lock(void **state)
{
    real_disk_t *r = *state;
    error_t err;
    char expected[256];
    assert_int_equal(disk_lock(disk_in(state), "lock", NULL), 0);
    disk_file_t *f = open_file(disk_in(state), "lock", DISK_WRITE);
    write_text(f, 0, "garbage");
    disk_close(&f);
    assert_int_equal(disk_lock(disk_in(state), "lock", &err), DISK_LOCKED);
    text_format(expected, sizeof expected, "%s is in use by another process", r->path);
    assert_string_equal(err.text, expected);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        DISK_CONTRACT_TESTS,
        DISK_CONTRACT_TEST(a_missing_folder_is_made_for_its_owner_and_group),
        DISK_CONTRACT_TEST(a_folder_that_is_there_is_used),
        DISK_CONTRACT_TEST(a_folder_without_a_parent_is_refused_by_name),
        DISK_CONTRACT_TEST(a_file_in_the_place_of_the_folder_is_refused_by_name),
        DISK_CONTRACT_TEST(a_folder_without_permission_is_refused_by_name),
        DISK_CONTRACT_TEST(only_files_are_listed),
        DISK_CONTRACT_TEST(descriptors_do_not_leak_into_other_programs),
        DISK_CONTRACT_TEST(an_error_names_what_failed_the_file_and_the_reason),
        DISK_CONTRACT_TEST(a_full_disk_is_told_from_other_failures),
        DISK_CONTRACT_TEST(a_short_write_goes_on_where_it_ended),
        DISK_CONTRACT_TEST(another_process_is_told_who_has_the_lock),
        DISK_CONTRACT_TEST(a_second_disk_of_this_process_is_refused_too),
        DISK_CONTRACT_TEST(a_lock_without_a_number_is_a_lock),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
