/* SPDX-License-Identifier: Apache-2.0
 *
 * Traffic by CURVE: a session that dialled and one that was accepted, and what each says to its engine. The boxes are
 * test_curve's; here it is that whatever goes in the open goes sealed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <sodium.h>

#include "unit/zmtp/test_session.h"

typedef struct pair {
    hands_t *server, *client;
} pair_t;

static void listens(hands_t *h)
{
    h->bus.mechanism = ZMTP_MECHANISM_CURVE;
    memset(h->bus.secret_key, 3, sizeof h->bus.secret_key);
    crypto_scalarmult_base(h->bus.public_key, h->bus.secret_key);
}

static void dials(hands_t *h)
{
    listens(h);
    memcpy(h->bus.server_key, h->bus.public_key, sizeof h->bus.server_key);
    memset(h->bus.secret_key, 7, sizeof h->bus.secret_key);
    crypto_scalarmult_base(h->bus.public_key, h->bus.secret_key);
    h->bus.dial_as = ZMTP_SOCKET_SUB;
    h->bus.dial_prefix = "ev";
    h->random = 99;
}

/* What each has sent goes to the other, until both are silent. */
static void pump(pair_t *p)
{
    do {
        drain(p->client);
        give(p->server, buffer_bytes(&p->client->got));
        buffer_clear(&p->client->got);
        drain(p->server);
        give(p->client, buffer_bytes(&p->server->got));
        buffer_clear(&p->server->got);
    } while (output_waiting(p->client->transport.output) > 0);
}

/* `as`: what the one that dials is. */
static void open_pair(pair_t *p, zmtp_socket_type_t as)
{
    p->client->bus.dial_as = as;
    connect_client(p->server);
    dial(p->client);
    pump(p);
    expect_opening(p->server, "guest");
    expect_opening(p->client, "guest");
}

static void a_subscription_and_a_message_go_sealed(void **state)
{
    pair_t *p = *state;
    for (p->server->cut = 0; p->server->cut < 2; p->server->cut++) {
        p->client->cut = p->server->cut;
        open_pair(p, ZMTP_SOCKET_SUB);
        (void)expect_command(p->server, COMMAND_SUBSCRIBER);
        assert_text(expect_command(p->server, COMMAND_SUBSCRIBE)->request->routing_key, "ev");
        deliver(p->server, 1, message("amq.events", "event", "hello"));
        drain(p->server);
        assert_null(memmem(p->server->got.data, p->server->got.len, "hello", 5));
        give(p->client, buffer_bytes(&p->server->got));
        buffer_clear(&p->server->got);
        const message_t *m = expect_publish(p->client, "amq.events", "event");
        expect_frames(m, true, FRAMES("event", "hello"));
        expect_property(m, PROPERTY_USER_ID, NULL); /* any key is the port's user: nobody was identified */
        hands_t *both[] = {p->server, p->client};
        for (int i = 0; i < 2; i++) {
            hang_up(both[i]);
            tell(both[i], (event_t){.type = EVENT_CONNECTION_CLOSED});
            while (next_command(both[i])->type != COMMANDS_END) {
            }
        }
    }
}

static void large_and_many_frames_go_sealed(void **state)
{
    pair_t *p = *state;
    static char large[300001];
    memset(large, 'l', 300000);
    uint64_t lengths[] = {1, 300000, 0};
    buffer_t octets = {0};
    open_pair(p, ZMTP_SOCKET_SUB);
    write_bytes(&octets, BYTES("a"));
    write_bytes(&octets, bytes_string(large));
    frames_envelope_t e = {.exchange = BYTES("amq.events"), .has_topic = true};
    deliver(p->server, 1, frames_message(&e, lengths, 3, buffer_bytes(&octets)));
    p->client->cut = 10000;
    pump(p);
    while (next_command(p->client)->type == COMMAND_HELD) {
    }
    assert_int_equal(p->client->last.type, COMMAND_PUBLISH);
    expect_frames(p->client->last.message, true, FRAMES("a", large, ""));
    buffer_free(&octets);
}

static void a_body_in_parts_is_sealed_frame_by_frame(void **state)
{
    pair_t *p = *state;
    open_pair(p, ZMTP_SOCKET_SUB);
    message_t *m = message("amq.events", "k", "7");
    message_part_t *parts = mem_alloc(sizeof *parts);
    *parts = (message_part_t){.record = 1, .bytes = 6};
    message_set_parts(m, parts, 1);
    deliver(p->server, 1, m);
    lend(p->server, (event_t){.type = EVENT_CONTENT}, message("", "", "123456"));
    pump(p);
    expect_no_command(p->client);
    lend(p->server, (event_t){.type = EVENT_CONTENT}, message("", "", "7"));
    pump(p);
    expect_frames(expect_publish(p->client, "amq.events", "k"), true, FRAMES("k", "1234567"));
}

static void pings_go_sealed(void **state)
{
    pair_t *p = *state;
    open_pair(p, ZMTP_SOCKET_SUB);
    at(p->client, 31000);
    pump(p); /* PING there, PONG back */
    at(p->client, 61000);
    pump(p);
    at(p->client, 91000);
    assert_false(p->client->closed || p->server->closed);
}

static void empty_frames_go_sealed(void **state)
{
    pair_t *p = *state;
    open_pair(p, ZMTP_SOCKET_SUB);
    deliver(p->server, 1, message("amq.events", "", ""));
    pump(p);
    expect_frames(expect_publish(p->client, "amq.events", ""), true, FRAMES("", ""));
}

static void what_is_altered_closes(void **state)
{
    pair_t *p = *state;
    open_pair(p, ZMTP_SOCKET_SUB);
    deliver(p->server, 1, message("amq.events", "k", "v"));
    drain(p->server);
    p->server->got.data[p->server->got.len - 1] ^= 1;
    give(p->client, buffer_bytes(&p->server->got));
    (void)expect_command(p->client, COMMAND_CONNECTION_CLOSE);
    expect_closed(p->client, "a frame that does not open");
    buffer_clear(&p->server->got);
}

static void what_is_not_sealed_closes(void **state)
{
    pair_t *p = *state;
    open_pair(p, ZMTP_SOCKET_SUB);
    GIVE(p->server, "\0\1x");
    expect_closed(p->server, "a frame that does not open");
    GIVE(p->client, "\4\7\4PING\0\0");
    expect_closed(p->client, "a frame that does not open");
}

static int set_up_pair(void **state)
{
    pair_t *p = calloc(1, sizeof *p);
    p->server = hands_new(64, listens);
    p->client = hands_new(64, dials);
    *state = p;
    return 0;
}

static int tear_down_pair(void **state)
{
    pair_t *p = *state;
    void *server = p->server, *client = p->client;
    tear_down(&server);
    tear_down(&client);
    free(p);
    return 0;
}

#define PAIR(f) cmocka_unit_test_setup_teardown(f, set_up_pair, tear_down_pair)

int main(void)
{
    const struct CMUnitTest tests[] = {
        PAIR(a_subscription_and_a_message_go_sealed),
        PAIR(large_and_many_frames_go_sealed),
        PAIR(a_body_in_parts_is_sealed_frame_by_frame),
        PAIR(pings_go_sealed),
        PAIR(empty_frames_go_sealed),
        PAIR(what_is_altered_closes),
        PAIR(what_is_not_sealed_closes),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
