/* SPDX-License-Identifier: Apache-2.0
 *
 * test_bus.c: the lines of the event bus: what each option becomes, and what is refused, naming it. */
#include "config/config_internal.h"

#include "config/folder.h"

static settings_t *read_lines(const char *const *assignments, error_t *err)
{
    settings_source_t source = {.assignments = assignments};
    while (assignments[source.assignment_count])
        source.assignment_count++;
    return settings_read(&source, err);
}

static settings_t *accept(const char *const *assignments)
{
    error_t err = {""};
    settings_t *s = read_lines(assignments, &err);
    if (!s)
        fail_msg("refused: %s", err.text);
    return s;
}

#define ACCEPT(...) accept((const char *const[]){__VA_ARGS__, NULL})

static void assert_refused(const char *assignment, const char *expected)
{
    error_t err = {""};
    if (read_lines((const char *const[]){assignment, NULL}, &err))
        fail_msg("'%s' is accepted, but expected '%s'", assignment, expected);
    if (!strstr(err.text, expected))
        fail_msg("'%s' does not say '%s'", err.text, expected);
}

static void there_is_one_bus_if_nothing_is_said(void **state)
{
    (void)state;
    settings_t *s = ACCEPT("heartbeat=60");
    assert_int_equal(s->bus_listen_count, 1);
    assert_string_equal(s->bus_listen[0].name, "events");
    assert_string_equal(s->bus_listen[0].address, "127.0.0.1:5557");
    assert_string_equal(s->bus_listen[0].exchange, "amq.events");
    assert_string_equal(s->bus_listen[0].queue, "");
    assert_string_equal(s->bus_listen[0].where, "default");
    assert_int_equal(s->bus_connect_count, 0);
    assert_int_equal(s->topic_count, 0);
    assert_false(s->bus_allow_anonymous);
    assert_int_equal(s->bus_heartbeat_ms, 30000);
    settings_free(&s);
}

static void a_named_bus_replaces_the_default_one_and_none_takes_all_away(void **state)
{
    settings_t *s = ACCEPT("bus.listen.a=tcp://127.0.0.1:0", "bus.listen.b=tcp://*:5558 queue=b");
    assert_int_equal(s->bus_listen_count, 2);
    assert_string_equal(s->bus_listen[0].name, "a");
    settings_free(&s);
    s = ACCEPT("bus.listen=none", "bus.listen.a=tcp://127.0.0.1:0");
    assert_int_equal(s->bus_listen_count, 0);
    settings_free(&s);

    const char *file = folder_file(*state, "a.conf", "bus.listen = none\n");
    const char *const assignments[] = {"bus.listen.a=tcp://h:1"};
    settings_source_t source = {
        .files = &file, .file_count = 1, .assignments = assignments, .assignment_count = 1};
    s = settings_read(&source, NULL);
    assert_non_null(s);
    assert_int_equal(s->bus_listen_count, 1);
    settings_free(&s);
    assert_refused("bus.listen=tcp://*:5557", "expected none");
}

static void a_later_line_of_a_name_replaces_the_whole_line(void **state)
{
    (void)state;
    settings_t *s = ACCEPT("bus.listen.a=tcp://h:1 exchange=x hwm=5", "bus.listen.a=tcp://h:2");
    assert_int_equal(s->bus_listen_count, 1);
    assert_string_equal(s->bus_listen[0].address, "h:2");
    assert_string_equal(s->bus_listen[0].exchange, "amq.events");
    assert_int_equal(s->bus_listen[0].high_messages, 1000);
    settings_free(&s);
}

static void addresses_become_those_of_the_network_room(void **state)
{
    (void)state;
    static const char *const forms[][2] = {
        {"bus.listen.a=tcp://127.0.0.1:5557", "127.0.0.1:5557"},
        {"bus.listen.a=tcp://[::1]:0", "[::1]:0"},
        {"bus.listen.a=tcp://*:5557", "5557"},
        {"bus.listen.a=tcp://localhost:1", "localhost:1"},
        {"bus.listen.a=unix:/run/a.sock", "unix:/run/a.sock"},
    };
    for (size_t i = 0; i < sizeof forms / sizeof *forms; i++) {
        settings_t *s = ACCEPT(forms[i][0]);
        assert_string_equal(s->bus_listen[0].address, forms[i][1]);
        settings_free(&s);
    }
    assert_refused("bus.listen.a=", "expected tcp://HOST:PORT, tcp://*:PORT or unix:/PATH");
    assert_refused("bus.listen.a=5557", "'5557': expected tcp://");
    assert_refused("bus.listen.a=tcp://5557", "expected tcp://");
    assert_refused("bus.listen.a=ipc:///tmp/a", "expected tcp://");
    assert_refused("bus.listen.a=exchange=x", "expected tcp://");
    assert_refused("bus.connect.a=tcp://*:5557", "expected tcp://HOST:PORT or unix:/PATH");
    assert_refused("bus.connect.a=tcp://h:0", "expected tcp://HOST:PORT or unix:/PATH");
}

static void a_listener_has_all_its_options(void **state)
{
    (void)state;
    settings_t *s = ACCEPT(
        "bus.listen.a=tcp://h:1  exchange=x user=bob slow=drop-oldest hwm=10 hwm_bytes=1MiB "
        "welcome=\"hello you\"",
        "bus.listen.b=tcp://h:2 queue=q bind= credit=7",
        "bus.listen.c=tcp://h:3 security=curve key=/k clients=/c", "bus.listen.d=tcp://h:4 security=plain");
    const settings_bus_t *a = &s->bus_listen[0], *b = a + 1, *c = a + 2;
    assert_string_equal(a->exchange, "x");
    assert_string_equal(a->user, "bob");
    assert_int_equal(a->slow, SETTINGS_DROP_OLDEST);
    assert_int_equal(a->high_messages, 10);
    assert_int_equal(a->high_bytes, 1 << 20);
    assert_string_equal(a->welcome, "hello you");
    assert_false(a->bind);
    assert_string_equal(b->queue, "q");
    assert_true(b->bind);
    assert_string_equal(b->bind_prefix, "");
    assert_int_equal(b->credit, 7);
    assert_int_equal(c->security, SETTINGS_CURVE);
    assert_string_equal(c->key_file, "/k");
    assert_string_equal(c->clients_file, "/c");
    assert_int_equal(s->bus_listen[3].security, SETTINGS_PLAIN);
    settings_free(&s);
}

static void wrong_listeners_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"bus.listen.a=tcp://h:1 exchnge=x",
         "bus.listen.a: unknown option 'exchnge'; there are: exchange, queue"},
        {"bus.listen.a=tcp://h:1 replay=all", "unknown option 'replay'"},
        {"bus.listen.a=tcp://h:1 hwm", "expected OPTION=VALUE, got 'hwm'"},
        {"bus.listen.a=tcp://h:1 =x", "expected OPTION=VALUE"},
        {"bus.listen.a=tcp://h:1 hwm=1 hwm=1", "hwm is there twice"},
        {"bus.listen.a=tcp://h:1 hwm=0", "hwm = '0': expected a whole number from 1"},
        {"bus.listen.a=tcp://h:1 hwm_bytes=much", "expected a size like"},
        {"bus.listen.a=tcp://h:1 slow=drop",
         "slow = 'drop': expected drop-newest|drop-oldest|block|disconnect"},
        {"bus.listen.a=tcp://h:1 security=CURVE", "expected null|plain|curve"},
        {"bus.listen.a=tcp://h:1 exchange=", "exchange: expected 1 to 255 octets"},
        {"bus.listen.a=tcp://h:1 welcome=\"a", "a value in quotes ends with a quote"},
        {"bus.listen.a=tcp://h:1 welcome=\"a\"b", "a value in quotes ends with a quote"},
        {"bus.listen.a=tcp://h:1 bind=x", "bind needs queue="},
        {"bus.listen.a=tcp://h:1 credit=2", "credit needs queue="},
        {"bus.listen.a=tcp://h:1 queue=q hwm=2", "hwm needs a port of an exchange"},
        {"bus.listen.a=tcp://h:1 queue=q slow=block", "slow needs a port of an exchange"},
        {"bus.listen.a=tcp://h:1 key=/k", "key needs security=curve"},
        {"bus.listen.a=tcp://h:1 security=curve", "security=curve needs key="},
        {"bus.listen.a=tcp://h:1 security=plain clients=/c", "clients needs security=curve"},
        {"bus.listen.a=tcp://h:1 security=plain user=u", "user needs peers that do not say who they are"},
        {"bus.listen.a=tcp://h:1 security=curve key=/k clients=/c user=u", "user needs peers"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(wrong[i][0], wrong[i][1]);
}

static void what_is_connected_to_has_all_its_options(void **state)
{
    (void)state;
    settings_t *s = ACCEPT("bus.connect.a=tcp://h:1 as=PULL queue=q security=plain user=u password=p",
                           "bus.connect.b=tcp://h:2 prefix=log. exchange=x security=curve key=/k "
                           "server=rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
    const settings_bus_t *a = &s->bus_connect[0], *b = a + 1;
    assert_int_equal(s->bus_connect_count, 2);
    assert_int_equal(a->socket, SETTINGS_PULL);
    assert_string_equal(a->queue, "q");
    assert_string_equal(a->user, "u");
    assert_string_equal(a->password, "p");
    assert_int_equal(b->socket, SETTINGS_SUB);
    assert_string_equal(b->prefix, "log.");
    assert_string_equal(b->server_key, "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
    assert_int_equal(s->bus_listen_count, 1); /* the default stands */
    settings_free(&s);
}

static void wrong_connections_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"bus.connect.a=tcp://h:1 as=PUB", "as = 'PUB': expected SUB|PULL"},
        {"bus.connect.a=tcp://h:1 exchange=x queue=q", "exchange= or queue=, not both"},
        {"bus.connect.a=tcp://h:1 as=PULL prefix=x", "prefix needs as=SUB"},
        {"bus.connect.a=tcp://h:1 user=u", "user needs security=plain"},
        {"bus.connect.a=tcp://h:1 security=plain user=u", "security=plain needs password="},
        {"bus.connect.a=tcp://h:1 security=curve key=/k", "security=curve needs server="},
        {"bus.connect.a=tcp://h:1 security=curve key=/k server=short", "server: expected a key of 40"},
        {"bus.connect.a=tcp://h:1 slow=block", "unknown option 'slow'"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(wrong[i][0], wrong[i][1]);
}

static void a_password_is_not_repeated(void **state)
{
    (void)state;
    error_t err = {""};
    char line[400] = "bus.connect.a=tcp://h:1 security=plain user=u password=";
    memset(line + strlen(line), 's', 300);
    assert_null(read_lines((const char *const[]){line, NULL}, &err));
    assert_non_null(strstr(err.text, "password: expected 1 to 255 octets"));
    assert_null(strstr(err.text, "sss"));
}

static void topics_have_all_their_options(void **state)
{
    (void)state;
    settings_t *s =
        ACCEPT("bus.topic.a=exchange=x prefix=state. replay=last",
               "bus.topic.b=replay=all sync=2 timeout=5s window=1",
               "bus.topic.c=prefix=\"log \" replay=10000 sync=none", "bus.topic.d=prefix=d sync=one",
               "bus.topic.e=prefix=e sync=quorum", "bus.topic.f=prefix=f sync=all");
    const settings_topic_t *t = s->topics;
    assert_int_equal(s->topic_count, 6);
    assert_string_equal(t[0].exchange, "x");
    assert_string_equal(t[0].prefix, "state.");
    assert_true(t[0].replay_last);
    assert_int_equal(t[0].replay_count, 0);
    assert_int_equal(t[0].sync, SETTINGS_SYNC_UNSET);
    assert_string_equal(t[1].exchange, "amq.events");
    assert_string_equal(t[1].prefix, "");
    assert_false(t[1].replay_last);
    assert_true(t[1].replay_count == UINT64_MAX);
    assert_int_equal(t[1].sync, SETTINGS_SYNC_COUNT);
    assert_int_equal(t[1].sync_count, 2);
    assert_int_equal(t[1].timeout_ms, 5000);
    assert_int_equal(t[1].window, 1);
    assert_string_equal(t[2].prefix, "log ");
    assert_int_equal(t[2].replay_count, 10000);
    assert_int_equal(t[2].sync, SETTINGS_SYNC_NONE);
    assert_int_equal(t[3].sync, SETTINGS_SYNC_COUNT);
    assert_int_equal(t[3].sync_count, 1);
    assert_int_equal(t[4].sync, SETTINGS_SYNC_QUORUM);
    assert_int_equal(t[5].sync, SETTINGS_SYNC_ALL);
    settings_free(&s);
}

static void wrong_topics_are_refused(void **state)
{
    (void)state;
    static const char *const wrong[][2] = {
        {"bus.topic.a=", "expected at least one of replay="},
        {"bus.topic.a=exchange=x prefix=y", "expected at least one of replay="},
        {"bus.topic.a=replay=0", "replay = '0': expected last, all or a number"},
        {"bus.topic.a=sync=some", "expected all, quorum, one, none or a number"},
        {"bus.topic.a=sync=0", "expected all, quorum"},
        {"bus.topic.a=timeout=0", "expected a time like"},
        {"bus.topic.a=window=0", "expected a whole number from 1"},
        {"bus.topic.a=tcp://h:1 window=1", "expected OPTION=VALUE"},
    };
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++)
        assert_refused(wrong[i][0], wrong[i][1]);
    error_t err = {""};
    assert_null(
        read_lines((const char *const[]){"bus.topic.a=window=1", "bus.topic.b=sync=all", NULL}, &err));
    assert_non_null(strstr(err.text, "bus.topic.b: bus.topic.a (command line) is for the same exchange"));
}

typedef struct changes {
    char keys[256];
} changes_t;

static void remember_change(void *context, const char *key, bool reloadable)
{
    changes_t *c = context;
    assert_false(reloadable);
    snprintf(c->keys + strlen(c->keys), sizeof c->keys - strlen(c->keys), "%s ", key);
}

static void what_differs_takes_a_restart(void **state)
{
    (void)state;
    changes_t same = {""}, changed = {""};
    settings_t *a = ACCEPT("bus.heartbeat=30s");
    settings_t *b = ACCEPT("bus.listen.events=tcp://127.0.0.1:5557", "bus.connect.x=tcp://h:1",
                           "bus.topic.x=window=1", "bus.handshakes=5");
    settings_compare(a, a, remember_change, &same);
    settings_compare(a, b, remember_change, &changed);
    assert_string_equal(same.keys, "");
    assert_string_equal(changed.keys, "bus.handshakes bus.listen bus.connect bus.topic ");
    settings_free(&a);
    settings_free(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(there_is_one_bus_if_nothing_is_said),
        cmocka_unit_test_setup_teardown(a_named_bus_replaces_the_default_one_and_none_takes_all_away,
                                        folder_setup, folder_teardown),
        cmocka_unit_test(a_later_line_of_a_name_replaces_the_whole_line),
        cmocka_unit_test(addresses_become_those_of_the_network_room),
        cmocka_unit_test(a_listener_has_all_its_options),
        cmocka_unit_test(wrong_listeners_are_refused),
        cmocka_unit_test(what_is_connected_to_has_all_its_options),
        cmocka_unit_test(wrong_connections_are_refused),
        cmocka_unit_test(a_password_is_not_repeated),
        cmocka_unit_test(topics_have_all_their_options),
        cmocka_unit_test(wrong_topics_are_refused),
        cmocka_unit_test(what_differs_takes_a_restart),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
