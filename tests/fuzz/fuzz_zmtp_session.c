/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_zmtp_session.c: octets as a history of one ZMTP connection: what its peer is and sends, in which pieces, what the
 * engine says, which keeps its side of the contract and nothing more.
 *
 * What must hold: the messages of a publisher reach the engine frame by frame as they were sent, those of the engine a
 * subscriber likewise; what is acked was given and is acked once; what the peer receives are whole frames, and no command
 * among the frames of a message; a full ring only makes the peer wait; a lent message is not touched once its loan went
 * back; nothing leaks. */
#include <stdio.h>

#include "zmtp_world.h"

/* ---- what the engine is told ---- */

static bool publishes(const world_t *w)
{
    return w->type == ZMTP_SOCKET_PUB || w->type == ZMTP_SOCKET_XPUB || w->type == ZMTP_SOCKET_PUSH;
}

static void take_publish(world_t *w, const command_t *c)
{
    const message_t *m = c->message;
    assert(properties_valid(message_properties(m)) && m->persistent);
    uint64_t digest = digest_of(m, message_exchange(m).len > 0);
    if (publishes(w) && !w->raw)
        digests_expect(&w->published, digest);
    if ((c->flags & COMMAND_ASKS) && w->ask_count < OPEN_MOST)
        w->asks[w->ask_count++] = c->cause;
}

static void take_settle(world_t *w, const command_t *c)
{
    size_t i = 0;
    while (i < w->tag_count && w->tags[i] != c->number)
        i++;
    assert(i < w->tag_count);
    size_t first = c->flags & COMMAND_MULTIPLE ? 0 : i;
    memmove(w->tags + first, w->tags + i + 1, (w->tag_count - i - 1) * sizeof *w->tags);
    w->tag_count -= i + 1 - first;
}

static void take_loans(world_t *w, uint64_t through)
{
    assert(through > w->returned && through <= w->lent);
    for (; w->returned < through; w->returned++) {
        message_free(w->loans[w->returned]);
        w->loans[w->returned] = NULL;
    }
}

static void take_request(world_t *w, const command_t *c)
{
    assert(c->request->name.len <= UINT8_MAX);
    switch (c->type) {
    case COMMAND_SUBSCRIBER:
        w->consumes = true;
        tell(w, (event_t){.type = EVENT_CONSUMER_STARTED, .cause = c->cause, .consumer = c->count});
        break;
    case COMMAND_CONSUME:
        w->consumes = true;
        w->acks = !(c->flags & COMMAND_NO_ACK);
        if (!(c->flags & COMMAND_NOWAIT))
            tell(w, (event_t){.type = EVENT_CONSUMER_STARTED, .cause = c->cause, .consumer = c->count});
        break;
    case COMMAND_CANCEL:
        tell(w, (event_t){.type = EVENT_CONSUMER_GONE, .consumer = 1});
        break;
    case COMMAND_QUEUE_BIND:
    case COMMAND_QUEUE_UNBIND:
        assert(c->request->routing_key.len <= UINT8_MAX && table_valid(c->request->arguments));
        break;
    default:
        break;
    }
}

static bool take_command(world_t *w)
{
    (void)port_flush(&w->port);
    const command_t *next = lane_peek(w->port.commands);
    if (!next)
        return false;
    command_t c = *next;
    lane_pop(w->port.commands);
    (void)lane_release(w->port.commands);
    if (c.type == COMMAND_CONNECTION_OPEN) {
        w->connection = c.connection;
        tell(w, (event_t){.type = EVENT_CONNECTION_OPENED});
    } else if (c.type == COMMAND_CONNECTION_CLOSE) {
        tell(w, (event_t){.type = EVENT_CONNECTION_CLOSED});
    } else if (c.type == COMMAND_SENT) {
        take_loans(w, c.number);
    } else if (c.type == COMMAND_PUBLISH) {
        take_publish(w, &c);
    } else if (c.type == COMMAND_ACK || c.type == COMMAND_NACK) {
        take_settle(w, &c);
    } else if (c.type == COMMAND_ECHO) {
        tell(w, (event_t){.type = EVENT_OK, .cause = c.cause});
    } else if (command_has_request(c.type)) {
        take_request(w, &c);
    }
    command_discard(&c);
    (void)port_flush(&w->port);
    return true;
}

/* As an I/O thread's turn goes on when the engine has taken something. */
static void run_engine(world_t *w, size_t most)
{
    for (size_t i = 0; i < most && !w->whole && take_command(w); i++) {
    }
    zmtp_io_resume(w->io);
    feed(w);
}

/* ---- what the engine says ---- */

/* A message with a `frames` header of some lengths, which need not add up. */
static message_t *some_message(world_t *w)
{
    uint8_t body[1024], key[16];
    buffer_t properties = {0}, lengths = {0};
    size_t body_bytes = choice(w, 255) * 4u, left = body_bytes;
    for (size_t i = 0; i < body_bytes; i++)
        body[i] = (uint8_t)(i * 7 + body_bytes);
    memset(key, 'k', sizeof key);
    unsigned kind = choice(w, 4), count = choice(w, 5);
    for (unsigned i = 0; i < count; i++) {
        size_t len = i + 1 < count || kind == 3 ? choice(w, 200) % (left + 1) : left;
        write_u8(&lengths, 'l');
        write_u64(&lengths, len);
        left -= len;
    }
    write_u16(&properties, kind > 0 ? PROPERTY_FLAG(PROPERTY_HEADERS) : 0);
    if (kind > 0) {
        write_u32(&properties, (uint32_t)(7 + 1 + 4 + lengths.len));
        write_short_string(&properties, BYTES("frames"));
        write_u8(&properties, 'A');
        write_long_string(&properties, buffer_bytes(&lengths));
    }
    assert(properties_valid(buffer_bytes(&properties)));
    message_t *m =
        message_new_whole(choice(w, 4) > 0 ? BYTES("x") : BYTES(""), bytes_make(key, choice(w, 16)),
                          buffer_bytes(&properties), bytes_make(body, body_bytes));
    buffer_free(&properties);
    buffer_free(&lengths);
    return m;
}

/* The same with its beginning as parts, and `whole` kept. */
static message_t *in_parts(world_t *w, message_t *whole)
{
    bytes_t body = message_body(whole);
    size_t rest = 1 + choice(w, 255) % body.len;
    if (rest == body.len)
        return whole;
    message_t *m =
        message_new_whole(message_exchange(whole), message_routing_key(whole), message_properties(whole),
                          bytes_make(body.data + body.len - rest, rest));
    message_part_t *parts = mem_alloc(sizeof *parts);
    *parts = (message_part_t){.record = 1, .bytes = body.len - rest};
    message_set_parts(m, parts, 1);
    w->whole = whole;
    w->whole_sent = 0;
    return m;
}

static void deliver(world_t *w)
{
    if (!w->consumes || w->engine_closed || w->whole || w->lent > LOANS - 300 || w->tag_count == OPEN_MOST)
        return;
    event_t e = {.type = EVENT_DELIVER, .consumer = 1, .delivery_tag = ++w->last_tag};
    message_t *m = some_message(w);
    if (choice(w, 2) == 1)
        e.flags = EVENT_ASKS;
    digests_push(&w->delivered, digest_of(m, message_exchange(m).len > 0));
    if (w->acks)
        w->tags[w->tag_count++] = w->last_tag;
    if (m->body_len > 1 && choice(w, 3) == 2)
        m = in_parts(w, m);
    lend(w, e, m);
}

static void report(world_t *w)
{
    if (w->ask_count == 0 || w->engine_closed || w->whole || w->lent > LOANS - 300)
        return;
    uint32_t cause = w->asks[--w->ask_count];
    lend(w, (event_t){.type = EVENT_REPORT, .cause = cause},
         message_new_whole(BYTES(""), BYTES(""), BYTES("\0\0"), BYTES("{}")));
}

static void engine_acts(world_t *w)
{
    static const uint8_t notices[] = {EVENT_READING_PAUSED, EVENT_READING_RESUMED, EVENT_CONNECTION_BLOCKED,
                                      EVENT_CONNECTION_UNBLOCKED};
    unsigned what = choice(w, 16);
    if (w->whole && what < 12)
        send_content(w, 1u + choice(w, 255));
    else if (what < 8)
        deliver(w);
    else if (what < 11)
        report(w);
    else if (what < 15)
        tell(w, (event_t){.type = notices[what - 11]});
    else if (choice(w, 16) == 15 && !w->whole)
        tell(w, (event_t){.type = EVENT_CHANNEL_REFUSED, .refusal = refusal_new(404, 0, "no")});
    feed(w);
}

/* ---- what the peer sends ---- */

static bytes_t some_octets(world_t *w, uint8_t *into, size_t most)
{
    size_t len = choice(w, 8) == 7 ? choice(w, 255) * 8u % most : choice(w, 24);
    for (size_t i = 0; i < len; i++)
        into[i] = (uint8_t)(i % 11 == 0 ? choice(w, 255) : 'a' + i % 26);
    return bytes_make(into, len);
}

/* Of one to four frames; of a publisher it must reach the engine so. */
static void send_message(world_t *w, bool answers)
{
    buffer_t b = {0}, digest = {0};
    uint8_t octets[2048];
    char id[64];
    unsigned count = 1 + choice(w, 4);
    if (answers && w->tag_count > 0) {
        int len =
            snprintf(id, sizeof id, "0/%llu", (unsigned long long)w->tags[choice(w, 255) % w->tag_count]);
        zmtp_write_frame(&b, bytes_make(id, (size_t)len), true);
        zmtp_write_frame(&b, BYTES(""), true);
    } else if (choice(w, 3) == 2 && !publishes(w)) {
        zmtp_write_frame(&b, some_octets(w, octets, 300), true);
        zmtp_write_frame(&b, BYTES(""), true);
    }
    for (unsigned i = 0; i < count; i++) {
        bytes_t frame = choice(w, 5) == 4 ? BYTES("") : some_octets(w, octets, 2000 / count);
        digest_frame(&digest, frame);
        zmtp_write_frame(&b, frame, i + 1 < count);
    }
    if (publishes(w) && !w->raw && w->published.count < LOANS)
        digests_push(&w->published, digest_end(&digest));
    buffer_free(&digest);
    give_in_pieces(w, &b);
}

static void send_subscription(world_t *w)
{
    buffer_t b = {0};
    uint8_t octets[400];
    zmtp_subscription_t s = {.subscribe = choice(w, 3) > 0, .prefix = some_octets(w, octets, 280)};
    zmtp_write_subscription(&b, w->version == ZMTP_3_1 && choice(w, 2) ? ZMTP_3_1 : ZMTP_3_0, &s);
    w->raw = true;
    if (choice(w, 4) == 3) { /* as a handler joins a group by name */
        buffer_clear(&b);
        octets[0] = s.subscribe;
        zmtp_write_frame(&b, bytes_make(octets, 1 + choice(w, 10)), true);
        zmtp_write_frame(&b, BYTES("group"), false);
    }
    give_in_pieces(w, &b);
}

static void send_ping(world_t *w)
{
    buffer_t b = {0};
    if (w->version == ZMTP_2_0)
        return;
    zmtp_write_ping(&b, &(zmtp_ping_t){.ttl_tenths = choice(w, 3), .context = BYTES("ctx")});
    give_in_pieces(w, &b);
}

static void send_octets(world_t *w)
{
    buffer_t b = {0};
    size_t left = reader_left(&w->input), most = choice(w, 64);
    write_bytes(&b, read_bytes(&w->input, most < left ? most : left));
    w->raw = true;
    give_in_pieces(w, &b);
}

static void act(world_t *w)
{
    switch (choice(w, 12)) {
    case 0:
    case 1:
        run_engine(w, 1u + choice(w, 8));
        break;
    case 2:
    case 3:
        engine_acts(w);
        break;
    case 4:
        drain(w, 1u + choice(w, 255) * 20u);
        break;
    case 5:
        w->now_ms += choice(w, 255) * 100u;
        if (w->session && !w->closed && choice(w, 4) == 3)
            w->session->kind->deadline(w->session);
        break;
    case 6:
        send_subscription(w);
        break;
    case 7:
        send_ping(w);
        break;
    case 8:
        if (choice(w, 16) == 15)
            send_octets(w);
        break;
    default:
        send_message(w, choice(w, 2) == 1);
        break;
    }
}

/* ---- all ---- */

static void fill_random(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 7, len);
}

static uint64_t wall(void *context)
{
    (void)context;
    return 1000;
}

static void drop_line(void *context, log_level_t level, const char *line)
{
    (void)context, (void)level, (void)line;
}

static void open_connection(world_t *w)
{
    buffer_t b = {0};
    zmtp_socket_t socket = {.type = w->type, .identity = choice(w, 2) ? BYTES("bob") : BYTES("")};
    zmtp_write_signature(&b);
    if (w->version == ZMTP_2_0) {
        write_u8(&b, 1);
        zmtp_write_greeting_2_0(&b, w->type);
        w->greeting_left = ZMTP_GREETING_2_0_BYTES + 2; /* and an empty identity */
    } else {
        static const uint8_t zeros[48];
        write_bytes(&b, w->version == ZMTP_3_0 ? BYTES("\3\0NULL") : BYTES("\3\1NULL"));
        write_bytes(&b, bytes_make(zeros, sizeof zeros));
        zmtp_write_ready(&b, &socket);
        w->greeting_left = ZMTP_GREETING_BYTES;
    }
    w->reading = true;
    w->transport.output = output_new();
    w->session = zmtp_session_accepted(w->io, &w->bus, &w->transport);
    give_in_pieces(w, &b);
}

static void close_world(world_t *w)
{
    while (w->whole)
        send_content(w, 100);
    drain(w, SIZE_MAX);
    if (w->session)
        hang_up(w);
    while (zmtp_io_sessions(w->io) > 0)
        assert(take_command(w));
    while (take_command(w)) {
    }
    zmtp_io_free(&w->io);
    port_deinit(&w->port);
    for (uint64_t i = w->returned; i < w->lent; i++)
        message_free(w->loans[i]);
    output_free(&w->transport.output);
    buffer_free(&w->unread);
    buffer_free(&w->got);
    buffer_free(&w->message);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static world_t world;
    world_t *w = &world;
    *w = (world_t){.transport = {.kind = &transport_kind, .loopback = true},
                   .input = bytes_reader(bytes_make(data, len)),
                   .reader.limits = {INT64_MAX, INT64_MAX, INT64_MAX, 0}};
    log_t log = {.least = LOG_DEBUG, .sink = drop_line};
    auth_t *auth = auth_new(&(auth_options_t){.user = "guest", .password = "guest", .loopback_users = ""});
    zmtp_options_t options;
    zmtp_options_default(&options);
    options.frame_bytes_most = FRAME_MOST;
    options.frames_most = 6;
    options.prefix_bytes_most = 270;
    options.subscriptions_most = 20;
    options.lend_bytes = 300;
    options.auth = auth;
    options.log = &log;
    options.random.fill = fill_random;
    options.clock.wall_ms = wall;
    w->bus = (zmtp_bus_t){.name = "bus",
                          .exchange = "x",
                          .user = "guest",
                          .mechanism = ZMTP_MECHANISM_NULL,
                          .high_messages = 10,
                          .high_bytes = 1000,
                          .credit = 8};
    w->bus.queue = choice(w, 2) ? "q" : NULL;
    w->type = (zmtp_socket_type_t)choice(w, ZMTP_SOCKET_NONE);
    w->version = (zmtp_version_t)(ZMTP_2_0 + choice(w, 3));
    port_init(&w->port, RING_ITEMS);
    w->io = zmtp_io_new(&options, &w->port);
    open_connection(w);
    for (size_t i = 0; i < ACTS_MOST && reader_left(&w->input) > 0 && w->session; i++)
        act(w);
    close_world(w);
    auth_free(&auth);
    return 0;
}
