/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_amqp_session.c: octets as a history of one open connection: what its client sends, in which pieces, what
 * the engine says, which keeps its side of the contract (model/command.h, model/event.h) and nothing more.
 *
 * What must hold: every body reaches the engine octet for octet, a large persistent one in whole parts and a rest,
 * a full ring only makes the client wait, what the client receives are whole frames with every body whole and
 * unbroken in its channel, a lent message is not touched once its loan went back, and nothing leaks. */
#include "session_world.h"

/* ---- what the engine is told ---- */

static void take_part(world_t *w, channel_t *ch, const message_t *m)
{
    assert(m->body_len == PART && m->properties_len == 0 && m->exchange_len == 0 && m->routing_key_len == 0);
    if (!w->raw)
        assert_octets(message_body(m), ch->parts_bytes);
    ch->parts_bytes += PART;
}

/* The routing key says how large the body is. */
static void take_publish(world_t *w, channel_t *ch, const message_t *m)
{
    assert(ch->parts_bytes == 0 || (m->persistent && m->body_len > 0 && m->body_len <= PART));
    assert(!m->persistent || m->body_len <= PART);
    if (!w->raw) {
        uint32_t size;
        assert(message_routing_key(m).len == sizeof size);
        memcpy(&size, message_routing_key(m).data, sizeof size);
        assert(ch->parts_bytes + m->body_len == size);
        assert_octets(message_body(m), ch->parts_bytes);
    }
    ch->parts_bytes = 0;
}

static void take_loans(world_t *w, uint64_t through)
{
    assert(through > w->returned && through <= w->lent);
    for (; w->returned < through; w->returned++) {
        message_free(w->loans[w->returned]);
        w->loans[w->returned] = NULL;
    }
}

static void take_for_open(world_t *w, channel_t *ch, command_t *c)
{
    switch (c->type) {
    case COMMAND_CHANNEL_CLOSE:
        end_channel(w, c->channel);
        if (choice(w, 8) == 7)
            refuse_channel(w, c->channel, refusal_new(404, 0, "too late"));
        else
            tell(w, (event_t){.type = EVENT_CHANNEL_CLOSED, .channel = c->channel, .cause = c->cause});
        break;
    case COMMAND_REFUSE:
        refuse_channel(w, c->channel, c->refusal);
        c->refusal = NULL;
        break;
    case COMMAND_CONSUME:
        ch->consumer = ch->sent ? ch->consumer : c->count;
        break;
    case COMMAND_PART:
        take_part(w, ch, c->message);
        break;
    case COMMAND_PUBLISH:
        take_publish(w, ch, c->message);
        break;
    default:
        break;
    }
}

static void take_for_refused(world_t *w, channel_t *ch, const command_t *c)
{
    if (c->type == COMMAND_CHANNEL_RELEASE)
        ch->refused = false;
    else if (c->type == COMMAND_CHANNEL_CLOSE)
        tell(w, (event_t){.type = EVENT_CHANNEL_CLOSED, .channel = c->channel, .cause = c->cause});
    else if (c->type == COMMAND_CHANNEL_OPEN)
        tell(w, (event_t){.type = EVENT_CHANNEL_REFUSED,
                          .channel = c->channel,
                          .refusal = refusal_new(504, c->cause, "second 'channel.open' seen")});
}

static void take_channel_command(world_t *w, command_t *c)
{
    if (c->channel > CHANNELS)
        return;
    channel_t *ch = &w->channels[c->channel];
    if (ch->refused) {
        take_for_refused(w, ch, c);
    } else if (c->type == COMMAND_CHANNEL_OPEN) {
        assert(!ch->open);
        ch->open = true;
        tell(w, (event_t){.type = EVENT_CHANNEL_OPENED, .channel = c->channel});
    } else if (ch->open) {
        take_for_open(w, ch, c);
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
        refusal_t *r = c.refusal;
        c.refusal = NULL;
        for (uint16_t number = 1; number <= CHANNELS; number++)
            send_all_contents(w, number);
        tell(w, (event_t){.type = EVENT_CONNECTION_CLOSED, .refusal = r});
    } else if (c.type == COMMAND_SENT) {
        take_loans(w, c.number);
    } else if (!w->engine_closed && c.channel > 0) {
        take_channel_command(w, &c);
    }
    command_discard(&c);
    (void)port_flush(&w->port);
    return true;
}

/* As an I/O thread's turn goes on when the engine has taken something. */
static void run_engine(world_t *w, size_t most)
{
    for (size_t i = 0; i < most && take_command(w); i++) {
    }
    amqp_io_resume(w->io);
    feed(w);
}

/* ---- what the client sends ---- */

static void give_method(world_t *w, uint16_t channel, amqp_method_id id, const void *method)
{
    buffer_t b = {0};
    amqp_write_method(&b, channel, id, method);
    give_in_pieces(w, &b);
}

static void publish(world_t *w, uint16_t number)
{
    channel_t *ch = &w->channels[number];
    uint32_t size = choice(w, 255) * 4u % BODY_MOST;
    if (choice(w, 2) == 1)
        size = size / PART * PART;
    bool persistent = choice(w, 4) != 0;
    amqp_basic_publish_t m = {
        .exchange = BYTES("x"),
        .routing_key = bytes_make(&size, sizeof size),
        .immediate = choice(w, 16) == 15,
    };
    buffer_t b = {0};
    amqp_write_method(&b, number, AMQP_basic_publish, &m);
    amqp_write_header(&b, number, size, persistent ? BYTES("\x10\0\2") : BYTES("\x10\0\1"));
    ch->sending = size > 0;
    ch->at = 0;
    ch->size = size;
    give_in_pieces(w, &b);
}

static void send_body(world_t *w, uint16_t number)
{
    channel_t *ch = &w->channels[number];
    uint32_t most = choice(w, 255) * 2u, left = ch->size - ch->at;
    uint32_t len = most < left ? most : left;
    uint8_t octets[512];
    for (uint32_t i = 0; i < len; i++)
        octets[i] = octet_at(ch->at + i);
    ch->at += len;
    ch->sending = ch->at < ch->size;
    buffer_t b = {0};
    size_t mark = amqp_frame_begin(&b, AMQP_FRAME_BODY, number);
    write_bytes(&b, bytes_make(octets, len));
    amqp_frame_end(&b, mark);
    give_in_pieces(w, &b);
}

static void send_octets(world_t *w)
{
    buffer_t b = {0};
    size_t left = reader_left(&w->input), most = choice(w, 64);
    write_bytes(&b, read_bytes(&w->input, left > 0 && most < left ? most : 0));
    w->raw = true;
    give_in_pieces(w, &b);
}

static void client_acts(world_t *w, uint16_t number)
{
    channel_t *ch = &w->channels[number];
    if (ch->sending && choice(w, 32) != 31) {
        send_body(w, number);
        return;
    }
    switch (choice(w, 8)) {
    case 0:
        give_method(w, number, AMQP_channel_open, &(amqp_channel_open_t){0});
        break;
    case 1:
        ch->sending = false;
        give_method(w, number, AMQP_channel_close, &(amqp_channel_close_t){.reply_code = 200});
        break;
    case 2:
        ch->sending = false;
        give_method(w, number, AMQP_channel_close_ok, &(amqp_channel_close_ok_t){0});
        break;
    case 3:
        give_method(w, number, AMQP_basic_consume, &(amqp_basic_consume_t){.queue = BYTES("q")});
        break;
    default:
        publish(w, number);
        break;
    }
}

static void act(world_t *w)
{
    uint16_t number = (uint16_t)(1 + choice(w, CHANNELS));
    switch (choice(w, 10)) {
    case 0:
        run_engine(w, 1u + choice(w, 8));
        break;
    case 1:
        send_message(w, number);
        break;
    case 2:
        send_next_content(w, number);
        break;
    case 3:
        drain(w, 1u + choice(w, 255) * 40u);
        break;
    case 4:
        if (choice(w, 16) == 15 && w->channels[number].open)
            refuse_channel(w, number, refusal_new(404, 0, "no"));
        break;
    case 5:
        if (choice(w, 64) == 63)
            send_octets(w);
        break;
    default:
        if (w->session)
            client_acts(w, number);
        break;
    }
}

/* ---- all ---- */

static void fill_random(void *context, void *out, size_t len)
{
    (void)context;
    memset(out, 7, len);
}

static void drop_line(void *context, log_level_t level, const char *line)
{
    (void)context, (void)level, (void)line;
}

static void open_connection(world_t *w)
{
    session_factory_t factory = amqp_io_factory(w->io);
    w->reading = true;
    w->transport.output = output_new();
    w->session = factory.open(factory.context, &w->transport);
    give(w, BYTES("AMQP\0\0\x09\x01"));
    buffer_t b = {0};
    amqp_write_method(&b, 0, AMQP_connection_start_ok,
                      &(amqp_connection_start_ok_t){.mechanism = BYTES("PLAIN"),
                                                    .response = BYTES("\0guest\0guest"),
                                                    .locale = BYTES("en_US")});
    amqp_write_method(&b, 0, AMQP_connection_tune_ok,
                      &(amqp_connection_tune_ok_t){.frame_max = FRAME_MAX, .channel_max = CHANNELS});
    amqp_write_method(&b, 0, AMQP_connection_open, &(amqp_connection_open_t){.virtual_host = BYTES("/")});
    give(w, buffer_bytes(&b));
    buffer_free(&b);
    run_engine(w, 1);
    assert(w->connection != 0);
}

static void close_world(world_t *w)
{
    drain(w, SIZE_MAX);
    if (w->session)
        hang_up(w);
    while (amqp_io_sessions(w->io) > 0)
        assert(take_command(w));
    while (take_command(w)) {
    }
    amqp_io_free(&w->io);
    port_deinit(&w->port);
    for (uint16_t number = 1; number <= CHANNELS; number++)
        message_free(w->channels[number].sent);
    for (uint64_t i = w->returned; i < w->lent; i++)
        message_free(w->loans[i]);
    output_free(&w->transport.output);
    buffer_free(&w->unread);
    buffer_free(&w->got);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static world_t world;
    world_t *w = &world;
    *w = (world_t){.transport = {.kind = &transport_kind, .loopback = true},
                   .input = bytes_reader(bytes_make(data, len))};
    log_t log = {.least = LOG_ERROR, .sink = drop_line};
    auth_t *auth = auth_new(&(auth_options_t){.user = "guest", .password = "guest", .loopback_users = ""});
    amqp_options_t options;
    amqp_options_default(&options);
    options.part_bytes = PART;
    options.max_message_size = BODY_MOST - 10;
    options.lend_bytes = 300;
    options.auth = auth;
    options.log = &log;
    options.random.fill = fill_random;
    port_init(&w->port, RING_ITEMS);
    w->io = amqp_io_new(&options, &w->port);
    open_connection(w);
    for (size_t i = 0; i < ACTS_MOST && reader_left(&w->input) > 0; i++)
        act(w);
    close_world(w);
    auth_free(&auth);
    return 0;
}
