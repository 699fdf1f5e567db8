/* SPDX-License-Identifier: Apache-2.0
 *
 * Listeners: where they listen, whose files they replace, and what they do when descriptors run out. */
#include <dirent.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>

#include "net_fixture.h"

static bool machine_has_ipv6(void)
{
    struct sockaddr_in6 a = {.sin6_family = AF_INET6, .sin6_addr = IN6ADDR_LOOPBACK_INIT};
    int fd = socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0);
    bool has = fd >= 0 && bind(fd, (struct sockaddr *)&a, sizeof a) == 0;
    if (fd >= 0)
        close(fd);
    return has;
}

static void assert_starts_with(const char *text, const char *start)
{
    if (strncmp(text, start, strlen(start)) != 0)
        fail_msg("'%s' does not start with '%s'", text, start);
}

static void bare_port_takes_both_families(void **state)
{
    fixture_t *f = *state;
    error_t err;
    assert_non_null(listen_on(f, "0", &err));
    assert_int_not_equal(f->port, 0);
    int fd4 = client(f);
    assert_starts_with(f->probe->transport->peer, "127.0.0.1:");
    assert_starts_with(f->probe->transport->local, "127.0.0.1:");
    assert_true(f->probe->transport->loopback);
    if (machine_has_ipv6()) {
        assert_starts_with(f->bound, "[::]:");
        int fd6 = connect_ipv6(f->port);
        assert_true(fd6 >= 0);
        TURN_UNTIL(f, f->probe_count == 2);
        assert_starts_with(f->probe->transport->peer, "[::1]:");
        assert_true(f->probe->transport->loopback);
        close(fd6);
    } else {
        assert_starts_with(f->bound, "0.0.0.0:");
    }
    close(fd4);
}

static void localhost_listens_on_all_its_addresses(void **state)
{
    fixture_t *f = *state;
    error_t err;
    if (listen_on(f, "localhost:0", &err) == NULL)
        fail_msg("%s", err.text);
    int fd = client(f);
    assert_starts_with(f->probe->transport->peer, "127.0.0.1:");
    close(fd);
}

static void bracketed_ipv6_listens_there_only(void **state)
{
    fixture_t *f = *state;
    error_t err;
    net_listener_t *n = listen_on(f, "[::1]:0", &err);
    if (!machine_has_ipv6()) {
        assert_null(n);
        assert_non_null(strstr(err.text, "[::1]:0"));
        return;
    }
    assert_non_null(n);
    assert_starts_with(f->bound, "[::1]:");
    assert_int_equal(connect_ipv4(f->port), -1);
    int fd = connect_ipv6(f->port);
    assert_true(fd >= 0);
    close(fd);
}

static void port_in_use_is_an_error_that_names_it(void **state)
{
    fixture_t *f = *state;
    error_t err;
    assert_non_null(listen_on(f, "127.0.0.1:0", &err));
    char again[64];
    text_format(again, sizeof again, "127.0.0.1:%u", f->port);
    assert_null(listen_on(f, again, &err));
    assert_non_null(strstr(err.text, again));
    assert_non_null(strstr(err.text, "in use"));
}

static void unknown_name_is_an_error_that_names_it(void **state)
{
    fixture_t *f = *state;
    error_t err;
    assert_null(listen_on(f, "no-such-host.invalid:5672", &err));
    assert_non_null(strstr(err.text, "no-such-host.invalid"));
}

/* ---- Unix sockets ---- */

typedef struct place {
    char folder[64];
    char path[80];
    char address[96];
} place_t;

static place_t new_place(void)
{
    place_t p;
    text_format(p.folder, sizeof p.folder, "/tmp/chaski-net-XXXXXX");
    assert_non_null(mkdtemp(p.folder));
    text_format(p.path, sizeof p.path, "%s/broker.sock", p.folder);
    text_format(p.address, sizeof p.address, "unix:%s", p.path);
    return p;
}

static void leave_place(const place_t *p)
{
    unlink(p->path);
    assert_int_equal(rmdir(p->folder), 0);
}

static void unix_socket_is_served_and_removed_at_the_end(void **state)
{
    fixture_t *f = *state;
    error_t err;
    place_t p = new_place();
    assert_non_null(listen_on(f, p.address, &err));
    assert_string_equal(f->bound, p.address);
    int fd = connect_unix(p.path);
    assert_true(fd >= 0);
    TURN_UNTIL(f, f->probe_count == 1);
    assert_string_equal(f->probe->transport->peer, "unix");
    assert_string_equal(f->probe->transport->local, "unix");
    assert_true(f->probe->transport->loopback);
    send_text(f, fd, "hello");
    TURN_UNTIL(f, f->probe->inputs == 1);
    assert_received(f->probe, "hello");
    net_stop_accepting(f->loop);
    assert_int_equal(access(p.path, F_OK), -1);
    close(fd);
    leave_place(&p);
}

static void stale_unix_socket_is_replaced(void **state)
{
    fixture_t *f = *state;
    error_t err;
    place_t p = new_place();
    struct sockaddr_un a = {.sun_family = AF_UNIX};
    text_format(a.sun_path, sizeof a.sun_path, "%s", p.path);
    int dead = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    assert_int_equal(bind(dead, (struct sockaddr *)&a, sizeof a), 0);
    assert_int_equal(listen(dead, 1), 0);
    close(dead); /* the file stays */
    assert_int_equal(access(p.path, F_OK), 0);

    if (listen_on(f, p.address, &err) == NULL)
        fail_msg("%s", err.text);
    int fd = connect_unix(p.path);
    assert_true(fd >= 0);
    TURN_UNTIL(f, f->probe_count == 1);
    close(fd);
    net_stop_accepting(f->loop);
    leave_place(&p);
}

static void unix_socket_that_answers_is_not_taken(void **state)
{
    fixture_t *f = *state;
    error_t err;
    place_t p = new_place();
    assert_non_null(listen_on(f, p.address, &err));
    assert_null(listen_on(f, p.address, &err));
    assert_non_null(strstr(err.text, p.path));
    assert_non_null(strstr(err.text, "in use"));
    int fd = connect_unix(p.path); /* the first one still works */
    assert_true(fd >= 0);
    close(fd);
    net_stop_accepting(f->loop);
    leave_place(&p);
}

static void file_of_another_kind_is_not_replaced(void **state)
{
    fixture_t *f = *state;
    error_t err;
    place_t p = new_place();
    int fd = open(p.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    assert_true(fd >= 0);
    close(fd);
    assert_null(listen_on(f, p.address, &err));
    assert_non_null(strstr(err.text, "another kind"));
    assert_int_equal(access(p.path, F_OK), 0);
    leave_place(&p);
}

static void file_of_a_successor_is_not_removed(void **state)
{
    fixture_t *f = *state;
    error_t err;
    place_t p = new_place();
    assert_non_null(listen_on(f, p.address, &err));
    assert_int_equal(unlink(p.path), 0);
    int fd = open(p.path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600);
    close(fd);
    net_stop_accepting(f->loop);
    assert_int_equal(access(p.path, F_OK), 0);
    leave_place(&p);
}

/* ---- many, and too many ---- */

static int open_descriptors(void)
{
    int count = 0;
    DIR *d = opendir("/proc/self/fd");
    assert_non_null(d);
    while (readdir(d) != NULL)
        count++;
    closedir(d);
    return count;
}

static void two_thousand_connections_leave_nothing_behind(void **state)
{
    enum { CONNECTIONS = 2000, AT_ONCE = 100 };
    fixture_t *f = *state;
    error_t err;
    assert_non_null(listen_on(f, "127.0.0.1:0", &err));
    int before = open_descriptors();
    for (int done = 0; done < CONNECTIONS; done += AT_ONCE) {
        int fds[AT_ONCE];
        for (int i = 0; i < AT_ONCE; i++) {
            fds[i] = connect_ipv4(f->port);
            assert_true(fds[i] >= 0);
            if (i % 3 == 0) /* some say something, some are dropped before they were accepted */
                assert_int_equal(send(fds[i], "hi", 2, 0), 2);
        }
        for (int i = 0; i < AT_ONCE; i++) {
            if (i % 5 == 0)
                reset(fds[i]);
            else
                close(fds[i]);
        }
        /* Behind them in the kernel's queue: when this one is here, all before it were accepted. */
        int last = connect_ipv4(f->port);
        assert_int_equal(send(last, "last", 4, 0), 4);
        TURN_UNTIL(f, f->probe != NULL && f->probe->received.len == 4);
        TURN_UNTIL(f, net_connection_count(f->loop) == 1);
        close(last);
        TURN_UNTIL(f, net_connection_count(f->loop) == 0);
    }
    assert_int_equal(f->alive, 0);
    assert_int_equal(open_descriptors(), before);
    assert_true(f->probe_count > CONNECTIONS / 2);
}

/* In a process of its own, whose limit on descriptors is low: returns 0, or the number of what went wrong. */
static int run_out_of_descriptors(fixture_t *f)
{
    enum { CLIENTS = 8 };
    int fds[CLIENTS];
    for (int i = 0; i < CLIENTS; i++)
        if ((fds[i] = connect_ipv4(f->port)) < 0)
            return 1;
    int filler;
    do /* no free number below the clients' */
        filler = dup(fds[0]);
    while (filler >= 0 && filler < fds[CLIENTS - 1]);
    close(filler);
    struct rlimit low = {.rlim_cur = (rlim_t)fds[CLIENTS - 1] + 3, .rlim_max = (rlim_t)fds[CLIENTS - 1] + 3};
    if (setrlimit(RLIMIT_NOFILE, &low) != 0)
        return 2;
    uint64_t end_ms = real_now_ms() + 400;
    unsigned turns = 0;
    while (real_now_ms() < end_ms) {
        net_poll(f->loop, 400);
        net_flush(f->loop);
        turns++;
    }
    if (f->probe_count != 2) /* two places were left */
        return 3;
    if (turns > 20) /* 400 ms in steps of 50: it does not spin */
        return 4;
    if (f->log_lines != 1 || strstr(f->log_text, "Too many open files") == NULL)
        return 5;
    for (int i = 1; i < CLIENTS; i++)
        close(fds[i]); /* makes room: the waiting ones are accepted, and end */
    uint64_t limit_ms = real_now_ms() + WAIT_LIMIT_MS;
    while (f->probe_count < CLIENTS || f->alive > 1) {
        if (real_now_ms() > limit_ms)
            return 6;
        turn(f);
    }
    return 0;
}

static void without_descriptors_accepting_backs_off_and_goes_on_later(void **state)
{
    fixture_t *f = *state;
    error_t err;
    assert_non_null(listen_on(f, "127.0.0.1:0", &err));
    pid_t child = fork();
    assert_true(child >= 0);
    if (child == 0)
        _exit(run_out_of_descriptors(f));
    int status = 0;
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFEXITED(status));
    assert_int_equal(WEXITSTATUS(status), 0);
}

static void stopped_listener_accepts_nothing_more(void **state)
{
    fixture_t *f = *state;
    error_t err;
    assert_non_null(listen_on(f, "127.0.0.1:0", &err));
    int fd = client(f);
    net_stop_accepting(f->loop);
    assert_int_equal(connect_ipv4(f->port), -1);
    send_text(f, fd, "still here");
    TURN_UNTIL(f, f->probe->inputs == 1);
    close(fd);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(bare_port_takes_both_families, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(localhost_listens_on_all_its_addresses, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(bracketed_ipv6_listens_there_only, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(port_in_use_is_an_error_that_names_it, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(unknown_name_is_an_error_that_names_it, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(unix_socket_is_served_and_removed_at_the_end, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(stale_unix_socket_is_replaced, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(unix_socket_that_answers_is_not_taken, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(file_of_another_kind_is_not_replaced, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(file_of_a_successor_is_not_removed, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(two_thousand_connections_leave_nothing_behind, loop_setup, teardown),
        cmocka_unit_test_setup_teardown(without_descriptors_accepting_backs_off_and_goes_on_later, loop_setup,
                                        teardown),
        cmocka_unit_test_setup_teardown(stopped_listener_accepts_nothing_more, loop_setup, teardown),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
