/* SPDX-License-Identifier: Apache-2.0
 *
 * test_read.c: files and arguments together: what wins, what is refused and where, what is warned of. */
#include "config/config.h"

#include "config/folder.h"

typedef struct warnings {
    size_t count;
    char last[640];
} warnings_t;

static void remember_warning(void *context, const char *text)
{
    warnings_t *w = context;
    w->count++;
    snprintf(w->last, sizeof w->last, "%s", text);
}

#define MOST_ASSIGNMENTS 4

static settings_t *read_these(const char *file, const char *const *assignments, warnings_t *w, error_t *err)
{
    settings_source_t source = {
        .files = &file,
        .file_count = file ? 1 : 0,
        .assignments = assignments,
        .warning = w ? remember_warning : NULL,
        .context = w,
    };
    while (assignments && assignments[source.assignment_count])
        source.assignment_count++;
    return settings_read(&source, err);
}

/* Settings of one file and up to four assignments, which must be accepted. */
static settings_t *accept(const char *file, const char *const assignments[MOST_ASSIGNMENTS + 1])
{
    error_t err = {""};
    settings_t *s = read_these(file, assignments, NULL, &err);
    if (!s)
        fail_msg("refused: %s", err.text);
    return s;
}

#define ACCEPT(file, ...) accept(file, (const char *const[MOST_ASSIGNMENTS + 1]){__VA_ARGS__, NULL})

static void assert_refused(const char *file, const char *assignment, const char *expected)
{
    error_t err = {""};
    const char *const assignments[] = {assignment, NULL};
    if (read_these(file, assignments, NULL, &err))
        fail_msg("accepted, but expected '%s'", expected);
    if (!strstr(err.text, expected))
        fail_msg("'%s' does not say '%s'", err.text, expected);
}

static void without_anything_the_defaults_stand(void **state)
{
    (void)state;
    settings_t *s = ACCEPT(NULL, NULL);
    assert_int_equal(s->heartbeat_s, 60);
    assert_int_equal(s->frame_max, 131072);
    assert_int_equal(s->max_message_size, 128 << 20);
    assert_string_equal(s->default_user, "guest");
    assert_int_equal(s->listener_count, 1);
    assert_string_equal(s->listeners[0].address, "5672");
    assert_int_equal(s->loopback_user_count, 1);
    assert_string_equal(s->loopback_users[0].name, "guest");
    assert_true(s->loopback_users[0].only_loopback);
    settings_free(&s);
    assert_null(s);
}

static void a_file_is_read_line_by_line(void **state)
{
    settings_t *s = ACCEPT(folder_file(*state, "a.conf",
                                       "# a broker\n"
                                       "heartbeat = 30   # seconds\r\n"
                                       "\n"
                                       "default_user = 'a # b'\n"
                                       "frame_max=64KiB"),
                           NULL);
    assert_int_equal(s->heartbeat_s, 30);
    assert_string_equal(s->default_user, "a # b");
    assert_int_equal(s->frame_max, 65536);
    settings_free(&s);
}

static void a_byte_order_mark_is_passed_over(void **state)
{
    settings_t *s = ACCEPT(folder_file(*state, "a.conf", "\xef\xbb\xbfheartbeat = 30\n"), NULL);
    assert_int_equal(s->heartbeat_s, 30);
    settings_free(&s);
}

static void the_last_of_two_lines_wins(void **state)
{
    settings_t *s = ACCEPT(folder_file(*state, "a.conf",
                                       "heartbeat = 1\nheartbeat = 2\nlog.level = error\n"
                                       "log.console.level = debug\n"),
                           NULL);
    assert_int_equal(s->heartbeat_s, 2);
    assert_int_equal(s->log_level, LOG_DEBUG);
    settings_free(&s);
}

static void a_later_file_wins(void **state)
{
    const char *files[] = {folder_file(*state, "1.conf", "heartbeat = 1\nchannel_max = 1\n"),
                           folder_file(*state, "2.conf", "heartbeat = 2\n")};
    error_t err;
    settings_t *s = settings_read(&(settings_source_t){.files = files, .file_count = 2}, &err);
    assert_non_null(s);
    assert_int_equal(s->heartbeat_s, 2);
    assert_int_equal(s->channel_max, 1);
    settings_free(&s);
}

static void arguments_win_over_files_and_the_last_over_the_first(void **state)
{
    const char *file = folder_file(*state, "a.conf", "heartbeat = 1\n");
    settings_t *s = ACCEPT(file, "heartbeat=2", "heartbeat=3");
    assert_int_equal(s->heartbeat_s, 3);
    settings_free(&s);
}

static void a_wrong_line_is_named_with_its_file_and_number(void **state)
{
    const char *file = folder_file(*state, "a.conf", "heartbeat = 1\n\nheartbeat = soon\nchannel_max = x\n");
    char expected[256];
    snprintf(expected, sizeof expected, "%s:3: heartbeat = 'soon': expected a whole number from 0 to 65535",
             file);
    assert_refused(file, NULL, expected);
}

static void a_wrong_argument_is_named_as_one(void **state)
{
    (void)state;
    assert_refused(NULL, "heartbeat=soon", "command line: heartbeat = 'soon'");
    assert_refused(NULL, "heartbeat", "command line: expected KEY=VALUE");
}

static void an_unknown_key_is_refused_with_the_nearest_known_one(void **state)
{
    const char *file = folder_file(*state, "a.conf", "heartbeet = 1\n");
    char expected[256];
    snprintf(expected, sizeof expected, "%s:1: unknown key 'heartbeet'; did you mean 'heartbeat'?", file);
    assert_refused(file, NULL, expected);
    assert_refused(NULL, "framemax=1", "did you mean 'frame_max'?");
    assert_refused(NULL, "log.console.levle=info", "did you mean 'log.console.level'?");
    assert_refused(NULL, "vm_memory_high_watermark=0.4", "did you mean 'vm_memory_high_watermark.");
    assert_refused(NULL, "disk_free_limit.absolut=1GB", "did you mean 'disk_free_limit.absolute'?");
    assert_refused(NULL, "engine.slices=1", "did you mean 'engine.slice'?");
}

static void a_key_like_no_other_is_refused_without_a_guess(void **state)
{
    (void)state;
    assert_refused(NULL, "completely.different=1",
                   "unknown key 'completely.different'; chaskid --help lists all");
}

static void a_setting_of_rabbitmq_without_effect_is_warned_of(void **state)
{
    const char *file = folder_file(*state, "a.conf", "heartbeat = 5\nmqtt.allow_anonymous = false\n");
    warnings_t w = {0};
    error_t err = {""};
    settings_t *s = read_these(file, NULL, &w, &err);
    assert_non_null(s);
    assert_int_equal(w.count, 1);
    char expected[256];
    snprintf(expected, sizeof expected, "%s:2: 'mqtt.allow_anonymous' is a setting of RabbitMQ", file);
    assert_non_null(strstr(w.last, expected));
    settings_free(&s);
}

static void what_has_an_effect_is_not_warned_of(void **state)
{
    (void)state;
    warnings_t w = {0};
    error_t err = {""};
    const char *const assignments[] = {"heartbeat=5", "listeners.tcp.default=1", "loopback_users=none",
                                       "listeners.ssl=none", NULL};
    settings_t *s = read_these(NULL, assignments, &w, &err);
    assert_non_null(s);
    assert_int_equal(w.count, 0);
    settings_free(&s);
}

static void a_file_that_is_not_there_is_named(void **state)
{
    (void)state;
    assert_refused("/nonexistent/chaski.conf", NULL, "cannot open /nonexistent/chaski.conf: No such file");
}

static void a_folder_is_no_file(void **state)
{
    const folder_t *f = *state;
    assert_refused(f->path, NULL, "cannot read");
}

static void a_file_with_nul_octets_is_refused(void **state)
{
    static const char octets[] = "heartbeat = 1\n\0 = 2\n";
    assert_refused(folder_write(*state, "a.conf", octets, sizeof octets - 1), NULL, "NUL octet");
}

static void a_file_that_is_too_large_is_refused(void **state)
{
    size_t len = ((size_t)1 << 20) + 1;
    char *octets = malloc(len);
    assert_non_null(octets);
    memset(octets, '\n', len);
    const char *at_limit = folder_write(*state, "a.conf", octets, len - 1);
    const char *beyond = folder_write(*state, "b.conf", octets, len);
    free(octets);
    settings_t *s = ACCEPT(at_limit, NULL);
    settings_free(&s);
    assert_refused(beyond, NULL, "larger than 1 MiB");
}

/* ---- listeners ---- */

static void a_named_listener_replaces_the_default_one(void **state)
{
    (void)state;
    settings_t *s = ACCEPT(NULL, "listeners.tcp.local=127.0.0.1:5673", "listeners.tcp.all=0");
    assert_int_equal(s->listener_count, 2);
    assert_string_equal(s->listeners[0].name, "local");
    assert_string_equal(s->listeners[0].address, "127.0.0.1:5673");
    assert_string_equal(s->listeners[1].address, "0");
    settings_free(&s);
}

static void a_listener_named_twice_has_its_last_address(void **state)
{
    const char *file =
        folder_file(*state, "a.conf", "listeners.tcp.default = 5672\nlisteners.tcp.other = 1\n");
    settings_t *s = ACCEPT(file, "listeners.tcp.default=unix:/run/chaski.sock");
    assert_int_equal(s->listener_count, 2);
    assert_string_equal(s->listeners[0].address, "unix:/run/chaski.sock");
    assert_string_equal(s->listeners[0].where, "command line");
    settings_free(&s);
}

static void none_takes_away_the_listeners_of_all_files(void **state)
{
    settings_t *s =
        ACCEPT(folder_file(*state, "a.conf", "listeners.tcp = none\nlisteners.tcp.default = 5672\n"), NULL);
    assert_int_equal(s->listener_count, 0);
    settings_free(&s);
}

static void none_in_a_file_leaves_those_of_the_command_line(void **state)
{
    settings_t *s =
        ACCEPT(folder_file(*state, "a.conf", "listeners.tcp = none\n"), "listeners.tcp.default=0");
    assert_int_equal(s->listener_count, 1);
    assert_string_equal(s->listeners[0].address, "0");
    settings_free(&s);
}

static void none_on_the_command_line_takes_away_all(void **state)
{
    settings_t *s = ACCEPT(folder_file(*state, "a.conf", "listeners.tcp.a = 1\n"), "listeners.tcp=none",
                           "listeners.tcp.b=2");
    assert_int_equal(s->listener_count, 0);
    settings_free(&s);
}

static void more_listeners_than_there_is_room_for_are_refused(void **state)
{
    char text[SETTINGS_NAMES_MAX * 64] = "";
    for (int i = 0; i < SETTINGS_NAMES_MAX; i++)
        snprintf(text + strlen(text), 64, "listeners.tcp.n%d = %d\n", i, i);
    settings_t *s = ACCEPT(folder_file(*state, "a.conf", text), NULL);
    assert_int_equal(s->listener_count, SETTINGS_NAMES_MAX);
    settings_free(&s);
    strcat(text, "listeners.tcp.more = 1\n");
    assert_refused(folder_file(*state, "b.conf", text), NULL, "more than 64 names");
}

static void a_tls_listener_is_refused_by_name(void **state)
{
    (void)state;
    assert_refused(NULL, "listeners.ssl.default=5671", "listeners.ssl.default: this version has no TLS");
    assert_refused(NULL, "listeners.ssl=5671", "expected none");
    assert_refused(NULL, "listeners.tcp=5672", "expected none");
    assert_refused(NULL, "listeners.tcp.default=", "PORT, HOST:PORT or unix:/PATH");
}

/* ---- loopback users ---- */

static void loopback_users_replace_the_default_one(void **state)
{
    (void)state;
    settings_t *s = ACCEPT(NULL, "loopback_users.alice=true", "loopback_users.b\\.c=false");
    assert_int_equal(s->loopback_user_count, 2);
    assert_string_equal(s->loopback_users[0].name, "alice");
    assert_true(s->loopback_users[0].only_loopback);
    assert_string_equal(s->loopback_users[1].name, "b.c");
    assert_false(s->loopback_users[1].only_loopback);
    settings_free(&s);
}

static void no_loopback_users_means_nobody(void **state)
{
    (void)state;
    settings_t *s = ACCEPT(NULL, "loopback_users=none", "loopback_users.guest=true");
    assert_int_equal(s->loopback_user_count, 0);
    settings_free(&s);
}

static void wrong_loopback_users_are_refused(void **state)
{
    (void)state;
    assert_refused(NULL, "loopback_users=guest", "expected none");
    assert_refused(NULL, "loopback_users.guest=no", "expected true or false");
    assert_refused(NULL, "loopback_users.a,b=true", "no comma");
    assert_refused(NULL, "loopback_users.=true", "unknown key");
}

/* ---- comparing ---- */

typedef struct changes {
    size_t count;
    char keys[256];
} changes_t;

static void remember_change(void *context, const char *key, bool reloadable)
{
    changes_t *c = context;
    c->count++;
    snprintf(c->keys + strlen(c->keys), sizeof c->keys - strlen(c->keys), "%s%s ", key,
             reloadable ? "*" : "");
}

static void comparing_names_what_differs_and_whether_a_reload_is_enough(void **state)
{
    (void)state;
    settings_t *a = ACCEPT(NULL, NULL);
    settings_t *b = ACCEPT(NULL, "heartbeat=5", "log.level=debug", "amqp.product=other", "listeners.tcp.x=1");
    changes_t none = {0}, some = {0};
    settings_compare(a, a, remember_change, &none);
    settings_compare(a, b, remember_change, &some);
    assert_int_equal(none.count, 0);
    assert_string_equal(some.keys, "heartbeat log.console.level* amqp.product listeners.tcp ");
    settings_free(&a);
    settings_free(&b);
}

#define IN_FOLDER(test) cmocka_unit_test_setup_teardown(test, folder_setup, folder_teardown)

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(without_anything_the_defaults_stand),
        IN_FOLDER(a_file_is_read_line_by_line),
        IN_FOLDER(a_byte_order_mark_is_passed_over),
        IN_FOLDER(the_last_of_two_lines_wins),
        IN_FOLDER(a_later_file_wins),
        IN_FOLDER(arguments_win_over_files_and_the_last_over_the_first),
        IN_FOLDER(a_wrong_line_is_named_with_its_file_and_number),
        cmocka_unit_test(a_wrong_argument_is_named_as_one),
        IN_FOLDER(an_unknown_key_is_refused_with_the_nearest_known_one),
        cmocka_unit_test(a_key_like_no_other_is_refused_without_a_guess),
        IN_FOLDER(a_setting_of_rabbitmq_without_effect_is_warned_of),
        cmocka_unit_test(what_has_an_effect_is_not_warned_of),
        cmocka_unit_test(a_file_that_is_not_there_is_named),
        IN_FOLDER(a_folder_is_no_file),
        IN_FOLDER(a_file_with_nul_octets_is_refused),
        IN_FOLDER(a_file_that_is_too_large_is_refused),
        cmocka_unit_test(a_named_listener_replaces_the_default_one),
        IN_FOLDER(a_listener_named_twice_has_its_last_address),
        IN_FOLDER(none_takes_away_the_listeners_of_all_files),
        IN_FOLDER(none_in_a_file_leaves_those_of_the_command_line),
        IN_FOLDER(none_on_the_command_line_takes_away_all),
        IN_FOLDER(more_listeners_than_there_is_room_for_are_refused),
        cmocka_unit_test(a_tls_listener_is_refused_by_name),
        cmocka_unit_test(loopback_users_replace_the_default_one),
        cmocka_unit_test(no_loopback_users_means_nobody),
        cmocka_unit_test(wrong_loopback_users_are_refused),
        cmocka_unit_test(comparing_names_what_differs_and_whether_a_reload_is_enough),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
