/* SPDX-License-Identifier: Apache-2.0
 *
 * fuzz_engine.c: octets as a history: what a few clients on two ports say, when the engine steps, when events
 * are taken, when loans come back. The clients keep the wire rooms' side of the contract and nothing more.
 *
 * The last octet says whether there is a log (on paper), which then syncs, reads back and is damaged as the history says;
 * after a crash another engine goes on with what was synced.
 *
 * What must hold, whatever happens: answers come in the order of their requests, delivery tags rise by one, a
 * consumer that is gone gets nothing, a lent message stays readable until it is given back, every goodbye is
 * answered once nothing is held back, nothing comes between the parts of a message, a log that begins where it may gives
 * the state that all of it gives, and when all have left nothing of theirs is left (engine_free asserts that no message
 * is). Some clients are subscribers, and in some histories rules keep messages for those who come late, or some queues and
 * exchanges know repeats. */
#include "engine_world.h"

/* ---- commands ---- */

static void push(world_t *w, client_t *c, command_t cmd)
{
    cmd.cause = ++w->causes;
    port_push(c->port, &c->port_client, &cmd);
}

static bytes_t name_of(uint8_t n)
{
    static const char *const names[] = {"a",   "b", "c",          "",          "a.b",        "a.#",
                                        "*.b", "#", "amq.direct", "amq.topic", "amq.fanout", "amq.match"};
    return bytes_string(names[n % (sizeof names / sizeof *names)]);
}

static bytes_t some_name(world_t *w)
{
    return name_of(choice(w, 12));
}

/* Mostly a queue or exchange that was declared. */
static bytes_t usual_name(world_t *w)
{
    return name_of(choice(w, 3));
}

static bytes_t some_arguments(world_t *w, buffer_t *b)
{
    switch (choice(w, 8)) {
    case 0:
        table_put_long(b, "x-expires", 1 + choice(w, 4));
        break;
    case 1:
        table_put_string(b, "x-match", choice(w, 2) ? BYTES("any") : BYTES("all"));
        table_put_string(b, "a", BYTES("1"));
        break;
    case 2:
        table_put_string(b, "x-queue-type", choice(w, 2) ? BYTES("quorum") : BYTES("classic"));
        break;
    default:
        break;
    }
    return buffer_bytes(b);
}

static void push_request(world_t *w, client_t *c, uint16_t channel, uint8_t type)
{
    static const char *const kinds[] = {"direct", "fanout", "topic", "headers"};
    buffer_t b = {0};
    request_t view = {.name = usual_name(w), .kind = bytes_string(kinds[choice(w, 4)])};
    uint16_t flags = choice(w, 4) ? (uint16_t)(choice(w, 16) & COMMAND_NOWAIT)
                                  : (uint16_t)(choice(w, 255) | choice(w, 4) << 8);
    if (w->paper && choice(w, 8))
        flags |= COMMAND_DURABLE; /* as what is there */
    flags &= COMMAND_NOWAIT | COMMAND_PASSIVE | COMMAND_DURABLE | COMMAND_EXCLUSIVE | COMMAND_AUTO_DELETE |
             COMMAND_INTERNAL | COMMAND_IF_UNUSED | COMMAND_IF_EMPTY | COMMAND_NO_ACK;
    view.source = usual_name(w);
    if (choice(w, 4) == 0)
        view.source = some_name(w);
    view.routing_key = choice(w, 2) ? usual_name(w) : some_name(w);
    view.tag = some_name(w);
    view.arguments = some_arguments(w, &b);
    command_t cmd = {.type = type, .flags = flags, .channel = channel};
    if (type == COMMAND_CONSUME) {
        cmd.count = ++c->consumer_count;
        c->consumer_channel[cmd.count] = (uint8_t)channel;
    }
    cmd.request = request_new(&view);
    push(w, c, cmd);
    buffer_free(&b);
}

static const uint8_t octets[300] = {1};

static bool step(world_t *w);

/* The beginning of a large body; the engine may step between. */
static void push_parts(world_t *w, client_t *c, uint16_t channel)
{
    for (uint8_t n = 1 + choice(w, 3); n > 0; n--) {
        message_t *m = message_new(BYTES(""), BYTES(""), BYTES(""), 50);
        m = message_append(m, bytes_make(octets, 50), 50);
        push(w, c, (command_t){.type = COMMAND_PART, .channel = channel, .message = m});
        if (choice(w, 4) == 0)
            (void)step(w);
    }
}

static void put_copies(world_t *w, buffer_t *table, uint8_t copies)
{
    buffer_t items = {0};
    for (uint8_t i = 0; i < copies; i++)
        write_u8(&items, 'S'), write_long_string(&items, some_name(w));
    field_t field = {'A', buffer_bytes(&items)};
    table_put_field(table, choice(w, 2) ? BYTES("CC") : BYTES("BCC"), &field);
    buffer_free(&items);
}

/* Of few, so that many are repeats; numbers rise now and then. */
static void put_ids(const world_t *w, buffer_t *table, uint8_t which)
{
    if (which & 1)
        table_put_string(table, "x-deduplication-header", name_of((uint8_t)(w->causes % 3)));
    if (which & 2) {
        table_put_string(table, "x-publisher-id", name_of((uint8_t)(w->causes % 2)));
        table_put_long(table, "x-publisher-sequence", w->causes / 4);
    }
}

static void push_publish(world_t *w, client_t *c, uint16_t channel)
{
    buffer_t table = {0}, properties = {0};
    uint8_t what = choice(w, 16), copies = what % 4 ? 0 : choice(w, 4), ids = w->has_windows ? what / 4 : 0;
    bool persistent = w->paper && choice(w, 4);
    if (persistent && choice(w, 8) == 0)
        push_parts(w, c, channel);
    if (copies)
        put_copies(w, &table, copies);
    put_ids(w, &table, ids);
    write_u16(&properties, (uint16_t)((table.len > 0 ? PROPERTY_FLAG(PROPERTY_HEADERS) : 0) |
                                      (persistent ? PROPERTY_FLAG(PROPERTY_DELIVERY_MODE) : 0)));
    if (table.len > 0)
        write_long_string(&properties, buffer_bytes(&table));
    if (persistent)
        write_u8(&properties, 2);
    bytes_t exchange = choice(w, 2) ? usual_name(w) : BYTES("");
    size_t len = choice(w, 4) ? 10 : sizeof octets;
    message_t *m =
        message_new(exchange, choice(w, 2) ? usual_name(w) : some_name(w), buffer_bytes(&properties), len);
    m = message_append(m, bytes_make(octets, len), len);
    push(w, c,
         (command_t){.type = COMMAND_PUBLISH,
                     .channel = channel,
                     .flags = choice(w, 2) ? COMMAND_MANDATORY : 0,
                     .message = m});
    buffer_free(&table);
    buffer_free(&properties);
}

static void push_settle(world_t *w, client_t *c, uint16_t channel)
{
    const channel_t *ch = &c->channels[channel];
    uint64_t back = choice(w, 8);
    uint64_t tag = ch->last_tag > back ? ch->last_tag - back : 0;
    uint16_t flags = choice(w, 3) ? 0 : COMMAND_MULTIPLE;
    if (tag == 0)
        flags |= COMMAND_MULTIPLE; /* mostly not an error */
    if (choice(w, 2))
        flags |= COMMAND_REQUEUE;
    uint8_t type = choice(w, 2) ? COMMAND_ACK : COMMAND_NACK;
    push(w, c, (command_t){.type = type, .channel = channel, .flags = flags, .number = tag});
}

static void push_plain(world_t *w, client_t *c, uint16_t channel)
{
    static const uint8_t types[] = {COMMAND_QOS,       COMMAND_RECOVER,    COMMAND_CONFIRM_SELECT,
                                    COMMAND_ECHO,      COMMAND_TX_SELECT,  COMMAND_TX_COMMIT,
                                    COMMAND_TX_COMMIT, COMMAND_TX_ROLLBACK};
    uint8_t type = types[choice(w, 8)];
    uint16_t flags = choice(w, 2) ? COMMAND_GLOBAL : COMMAND_NOWAIT;
    if (type == COMMAND_QOS)
        flags &= COMMAND_GLOBAL;
    push(w, c, (command_t){.type = type, .channel = channel, .flags = flags, .count = choice(w, 4)});
}

static void open_command(world_t *w, client_t *c, uint16_t channel)
{
    channel_t *ch = &c->channels[channel];
    uint8_t what = choice(w, 40);
    if (what < 12) {
        push_publish(w, c, channel);
    } else if (what < 20) {
        push_settle(w, c, channel);
    } else if (what < 23) {
        push_plain(w, c, channel);
    } else if (what < 26 && c->consumer_count + 1 < CONSUMERS) {
        push_request(w, c, channel, COMMAND_CONSUME);
    } else if (what == 26 && ch->closing_count < CLOSINGS) {
        ch->life = LIFE_ABSENT;
        ch->closing[ch->closing_count++] = w->causes + 1;
        push(w, c, (command_t){.type = COMMAND_CHANNEL_CLOSE, .channel = channel});
    } else if (what == 27) {
        uint16_t code = choice(w, 30) ? 406 : 540;
        push(w, c,
             (command_t){
                 .type = COMMAND_REFUSE, .channel = channel, .refusal = refusal_new(code, 0, "so it is")});
    } else {
        static const uint8_t requests[] = {
            COMMAND_EXCHANGE_DECLARE, COMMAND_EXCHANGE_DELETE, COMMAND_EXCHANGE_BIND, COMMAND_EXCHANGE_UNBIND,
            COMMAND_QUEUE_DECLARE,    COMMAND_QUEUE_BIND,      COMMAND_QUEUE_UNBIND,  COMMAND_QUEUE_PURGE,
            COMMAND_QUEUE_DELETE,     COMMAND_CANCEL,          COMMAND_GET,
        };
        push_request(w, c, channel, requests[what % 11]);
    }
}

/* Names of queues too, so that some are refused. */
static bytes_t subscriber_name(world_t *w)
{
    static const char *const names[] = {"s", "t", "u", "a"};
    return bytes_string(names[choice(w, 4)]);
}

static void push_subscriber(world_t *w, client_t *c, uint16_t channel)
{
    static const char *const policies[] = {"drop-newest", "drop-oldest", "block", "disconnect"};
    buffer_t b = {0};
    table_put_long(&b, "x-max-length", 1 + choice(w, 8));
    table_put_string(&b, "x-overflow", bytes_string(policies[choice(w, 4)]));
    request_t view = {.name = subscriber_name(w), .arguments = buffer_bytes(&b)};
    command_t cmd = {.type = COMMAND_SUBSCRIBER, .channel = channel, .count = ++c->consumer_count};
    c->consumer_channel[cmd.count] = (uint8_t)channel;
    cmd.request = request_new(&view);
    push(w, c, cmd);
    buffer_free(&b);
}

static void bus_command(world_t *w, client_t *c)
{
    uint16_t channel = (uint16_t)(1 + choice(w, CHANNELS));
    uint8_t what = choice(w, 5);
    if (c->channels[channel].life != LIFE_OPEN)
        return;
    if (what == 0) {
        if (c->consumer_count + 1 < CONSUMERS)
            push_subscriber(w, c, channel);
        return;
    }
    request_t view = {.name = subscriber_name(w), .source = usual_name(w), .routing_key = some_name(w)};
    push(w, c,
         (command_t){.type = what == 4 ? COMMAND_UNSUBSCRIBE : COMMAND_SUBSCRIBE,
                     .channel = channel,
                     .request = request_new(&view)});
}

/* The consumers of an earlier life of the number are over once it is opened anew. */
static void channel_command(world_t *w, client_t *c)
{
    uint16_t channel = (uint16_t)(1 + choice(w, CHANNELS));
    channel_t *ch = &c->channels[channel];
    if (ch->life == LIFE_OPEN) {
        open_command(w, c, channel);
    } else if (ch->life == LIFE_REFUSED) {
        ch->life = LIFE_ABSENT;
        push(w, c, (command_t){.type = COMMAND_CHANNEL_RELEASE, .channel = channel});
    } else {
        ch->life = LIFE_OPEN;
        push(w, c, (command_t){.type = COMMAND_CHANNEL_OPEN, .channel = channel});
    }
}

/* Reads what was lent: the sanitizer sees it if it is gone already. */
static void return_loans(world_t *w, client_t *c, uint64_t count)
{
    for (; count > 0 && c->returned < c->lent; count--) {
        bytes_t body = message_body(c->loans[c->returned++ % LOANS]);
        assert(body.data[0] == 1 && body.data[body.len - 1] <= 1);
    }
    push(w, c, (command_t){.type = COMMAND_SENT, .number = c->returned});
}

static void enter(world_t *w, client_t *c, size_t port)
{
    *c = (client_t){.port = &w->ports[port], .stage = STAGE_OPEN};
    c->port_client.on_event = on_event;
    port_register(c->port, &c->port_client);
    opening_t view = {.vhost = choice(w, 30) == 29 ? BYTES("nowhere") : BYTES("/"),
                      .wants_cancel_notify = choice(w, 2)};
    push(w, c, (command_t){.type = COMMAND_CONNECTION_OPEN, .opening = opening_new(&view)});
}

static void leave(world_t *w, client_t *c, uint8_t how)
{
    refusal_t *why = how == 2 ? refusal_new(501, 0, "frame") : NULL;
    c->stage = STAGE_LEAVING;
    c->gone = how == 1;
    push(w, c,
         (command_t){.type = COMMAND_CONNECTION_CLOSE, .flags = how == 1 ? COMMAND_GONE : 0, .refusal = why});
}

static bool step(world_t *w)
{
    for (size_t i = 0; i < PORTS; i++)
        (void)port_flush(&w->ports[i]);
    bool more = engine_step(w->engine, w->now_ms, w->now_ms);
    return (w->paper && paper_turn(w->paper)) || more;
}

static void push_named(world_t *w, client_t *c, uint16_t channel, uint8_t type, uint16_t flags,
                       request_t view)
{
    push(w, c,
         (command_t){.type = type,
                     .flags = (uint16_t)(flags | COMMAND_NOWAIT | (w->paper ? COMMAND_DURABLE : 0)),
                     .channel = channel,
                     .request = request_new(&view)});
}

/* Somebody deletes a queue that takes a while to go; somebody else declares and binds it as it was. */
static void rebirth(world_t *w, client_t *a, client_t *b)
{
    bytes_t name = usual_name(w), exchange = usual_name(w), key = usual_name(w);
    if (a->channels[1].life != LIFE_OPEN || b->channels[2].life != LIFE_OPEN)
        return;
    push_named(w, a, 1, COMMAND_QUEUE_BIND, 0,
               (request_t){.name = name, .source = exchange, .routing_key = key});
    for (uint8_t n = choice(w, 8); n > 0 && a->consumer_count + 1 < CONSUMERS; n--)
        push_request(w, a, 1, COMMAND_CONSUME);
    push_named(w, a, 1, COMMAND_QUEUE_DELETE, 0, (request_t){.name = name});
    (void)step(w);
    push_named(w, b, 2, COMMAND_QUEUE_DECLARE, 0, (request_t){.name = name});
    push_named(w, b, 2, COMMAND_QUEUE_BIND, 0,
               (request_t){.name = name, .source = exchange, .routing_key = key});
}

static void client_command(world_t *w)
{
    size_t n = choice(w, CLIENTS);
    client_t *c = &w->clients[n];
    uint8_t what = choice(w, 64);
    if (c->stage == STAGE_NONE)
        enter(w, c, n % PORTS);
    else if (c->stage == STAGE_CLOSED)
        port_unregister(c->port, &c->port_client), c->stage = STAGE_NONE;
    else if (what < 8)
        return_loans(w, c, what);
    else if (c->stage == STAGE_LEAVING && what < 12 && !c->gone)
        leave(w, c, 1); /* the socket dies while the goodbye waits */
    else if (c->stage == STAGE_LEAVING)
        return;
    else if (what == 63)
        leave(w, c, choice(w, 3));
    else if (what == 61 && w->clients[(n + 1) % CLIENTS].stage == STAGE_OPEN)
        rebirth(w, c, &w->clients[(n + 1) % CLIENTS]);
    else if (what >= 52 && what <= 60)
        bus_command(w, c);
    else if (what == 62)
        push(w, c, (command_t){.type = COMMAND_HELD, .number = choice(w, 3) * 500u});
    else
        channel_command(w, c);
}

/* What every history begins with, so that octets are not spent on it: queues, exchanges, some bindings. */
static void prologue(world_t *w)
{
    static const struct {
        uint8_t type;
        uint16_t flags;
        const char *name, *source, *key, *kind;
    } table[] = {
        {COMMAND_QUEUE_DECLARE, 0, "a", "", "", ""},
        {COMMAND_QUEUE_DECLARE, COMMAND_AUTO_DELETE, "b", "", "", ""},
        {COMMAND_QUEUE_DECLARE, COMMAND_EXCLUSIVE, "c", "", "", ""},
        {COMMAND_EXCHANGE_DECLARE, 0, "a", "", "", "topic"},
        {COMMAND_EXCHANGE_DECLARE, COMMAND_AUTO_DELETE, "b", "", "", "fanout"},
        {COMMAND_EXCHANGE_DECLARE, COMMAND_AUTO_DELETE, "c", "", "", "direct"},
        {COMMAND_EXCHANGE_BIND, 0, "b", "a", "a.#", ""},
        {COMMAND_EXCHANGE_BIND, 0, "c", "b", "", ""},
        {COMMAND_QUEUE_BIND, 0, "a", "b", "", ""},
        {COMMAND_QUEUE_BIND, 0, "b", "c", "a.b", ""},
        {COMMAND_QUEUE_BIND, 0, "c", "a", "#", ""},
    };
    client_t *c = &w->clients[0];
    buffer_t window = {0};
    table_put_bool(&window, "x-message-deduplication", true);
    table_put_long(&window, "x-cache-size", 2);
    enter(w, c, 0);
    c->channels[1].life = LIFE_OPEN;
    push(w, c, (command_t){.type = COMMAND_CHANNEL_OPEN, .channel = 1});
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        request_t view = {.name = bytes_string(table[i].name),
                          .source = bytes_string(table[i].source),
                          .routing_key = bytes_string(table[i].key),
                          .kind = bytes_string(table[i].kind)};
        bool declares = table[i].type == COMMAND_QUEUE_DECLARE || table[i].type == COMMAND_EXCHANGE_DECLARE;
        if (w->has_windows && declares && table[i].name[0] != 'b')
            view.arguments = buffer_bytes(&window);
        push_named(w, c, 1, table[i].type, table[i].flags, view);
    }
    buffer_free(&window);
}

/* ---- the log ---- */

static engine_t *engine_from_paper(world_t *w, record_no from)
{
    const paper_t *p = w->paper;
    engine_t *e = engine_new(&w->options);
    for (record_no n = from; n <= p->count; n++) {
        record_t r = paper_read(p, n);
        bool damaged = paper_at(p, n)->outcome == READ_DAMAGED;
        bool applied = engine_apply(e, n, &r, buffer_bytes(&paper_at(p, n)->content), damaged);
        assert(applied);
        (void)applied;
    }
    engine_recovered(e, p->count, w->now_ms);
    return e;
}

/* What of a content is damaged, an opening knows only if it reads it; which ids were forgotten, as those of transient messages
 * took their place, only if it begins behind them. */
static engine_counts_t count_as_whole(const engine_t *e)
{
    engine_counts_t n;
    engine_count(e, &n);
    n.messages_ready += n.messages_damaged;
    n.messages_stored += n.messages_damaged;
    n.messages_damaged = 0;
    n.deduplication_ids = n.publishers = 0;
    return n;
}

/* What is not needed any more does not change anything. */
static void check_later_beginning(world_t *w)
{
    if (w->paper->replay_from <= 1)
        return;
    engine_t *e = engine_from_paper(w, w->paper->replay_from);
    engine_counts_t all = count_as_whole(w->engine), later = count_as_whole(e);
    assert(memcmp(&all, &later, sizeof all) == 0);
    engine_free(&e);
}

static void open_ports(world_t *w)
{
    for (size_t i = 0; i < PORTS; i++) {
        port_init(&w->ports[i], w->ring_items[i]);
        engine_attach(w->engine, &w->ports[i]);
        w->askers[i] = (asker_t){.port_client.on_event = on_answer};
        port_register(&w->ports[i], &w->askers[i].port_client);
    }
}

/* Everybody is gone, and what was not synced too. */
static void crash(world_t *w)
{
    paper_t *p = w->paper;
    engine_free(&w->engine);
    for (size_t i = 0; i < PORTS; i++)
        port_deinit(&w->ports[i]);
    memset(w->clients, 0, sizeof w->clients);
    paper_drop_work(p);
    paper_cut(p, p->synced);
    p->holds = p->holds_reads = false;
    w->engine = engine_from_paper(w, 1);
    check_later_beginning(w);
    open_ports(w);
    journal_init(&p->journal, w->ring_items[0]);
    engine_attach_journal(w->engine, &p->journal);
}

static void paper_act(world_t *w)
{
    paper_t *p = w->paper;
    switch (choice(w, 8)) {
    case 0:
        p->holds = !p->holds;
        break;
    case 1:
        p->holds_reads = !p->holds_reads;
        break;
    case 2:
    case 3:
        (void)paper_sync(p, 1u + choice(w, 4));
        break;
    case 4:
    case 5:
        (void)paper_answer(p, 1u + choice(w, 4));
        break;
    case 6:
        if (p->count > 0)
            paper_at(p, p->count - choice(w, p->count < 20 ? (uint8_t)p->count : 20))->outcome = choice(w, 3);
        break;
    default:
        if (choice(w, 4) == 0)
            crash(w);
    }
    (void)lane_flush(p->journal.done);
    (void)lane_flush(p->journal.read);
}

/* ---- time ---- */

/* Everybody takes all events and gives everything back, until nothing happens any more. */
static void settle_down(world_t *w)
{
    bool busy = true;
    if (w->paper)
        w->paper->holds = w->paper->holds_reads = false;
    for (int steps = 0; busy; steps++) {
        assert(steps < STEPS_MOST);
        busy = step(w);
        for (size_t i = 0; i < PORTS; i++) {
            busy |= port_dispatch(&w->ports[i], SIZE_MAX) > 0;
            port_turn(&w->ports[i]);
            busy |= port_flush(&w->ports[i]);
        }
        for (size_t i = 0; i < CLIENTS; i++) {
            client_t *c = &w->clients[i];
            if (c->stage != STAGE_NONE && c->returned < c->lent)
                return_loans(w, c, UINT64_MAX), busy = true;
        }
    }
}

static void ask(world_t *w, size_t port, query_type_t type)
{
    asker_t *a = &w->askers[port];
    command_t c = {.type = COMMAND_QUERY, .query = query_new(type)};
    a->asked++;
    port_push(&w->ports[port], &a->port_client, &c);
}

static void act(world_t *w)
{
    uint8_t what = choice(w, 16);
    if (what < 11) {
        client_command(w);
    } else if (what < 13) {
        (void)step(w);
    } else if (what < 15) {
        port_t *p = &w->ports[choice(w, PORTS)];
        (void)port_dispatch(p, 1u + choice(w, 8));
        if (what == 13)
            port_turn(p);
    } else {
        uint8_t how = choice(w, 8);
        if (how < 4)
            w->now_ms += how;
        else
            ask(w, how % PORTS, how < 6 ? QUERY_QUEUES : QUERY_OVERVIEW);
        if (w->paper)
            paper_act(w);
    }
    for (size_t i = 0; i < CLIENTS; i++) /* more than a wire room would ever leave unreturned */
        if (w->clients[i].lent - w->clients[i].returned > LOANS - ACTS_MOST)
            settle_down(w);
}

/* ---- the end of a history ---- */

static void everybody_leaves(world_t *w, bool politely)
{
    engine_counts_t n;
    for (size_t i = 0; i < CLIENTS; i++)
        if (w->clients[i].stage == STAGE_OPEN)
            leave(w, &w->clients[i], politely ? 0 : 1);
    settle_down(w);
    engine_count(w->engine, &n);
    if (n.memory_alarm) /* publishes are held back, and goodbyes behind them: only the dead go now */
        for (size_t i = 0; i < CLIENTS; i++)
            if (w->clients[i].stage == STAGE_LEAVING && !w->clients[i].gone)
                leave(w, &w->clients[i], 1);
    settle_down(w);
    for (size_t i = 0; i < CLIENTS; i++) {
        client_t *c = &w->clients[i];
        assert(c->stage == STAGE_NONE || c->stage == STAGE_CLOSED);
        if (c->stage == STAGE_CLOSED)
            port_unregister(c->port, &c->port_client), c->stage = STAGE_NONE;
    }
    settle_down(w);
    for (size_t i = 0; i < PORTS; i++)
        assert(w->askers[i].answered == w->askers[i].asked);
    engine_count(w->engine, &n);
    assert(n.connections == 0 && n.channels == 0 && n.consumers == 0 && n.messages_unacked == 0);
}

static void attach_paper(world_t *w, uint8_t how)
{
    w->options.memory_bodies = how & 2 ? 0 : 2000;
    w->options.unwritten_bytes = how & 4 ? 500 : 5000;
    w->options.batch_bytes = how & 8 ? 50 : 1000;
    w->options.checkpoint_bytes = how & 16 ? 300 : 10000;
    w->paper = paper_new(w->ring_items[0]);
    w->paper->holds = how & 32;
}

static const engine_topic_t rules[] = {
    {.name = "last", .exchange = "a", .prefix = "", .replay_last = true},
    {.name = "ring", .exchange = "b", .prefix = "a", .replay_count = 3},
    {.name = "all", .exchange = "c", .prefix = "", .replay_count = REPLAY_ALL},
};

static void world_init(world_t *w, bytes_t input)
{
    w->input = bytes_reader(input);
    w->log = (log_t){.least = LOG_ERROR};
    w->options = (engine_options_t){
        .memory_high_bytes = choice(w, 2) ? 4000u + 100u * choice(w, 255) : 0,
        .held_bytes = 500u + 10u * choice(w, 255),
        .output_bytes = 300u + 10u * choice(w, 255),
        .parked_commands = 4u + choice(w, 16),
        .unacked_max = 4u + choice(w, 64),
        .page_entries = choice(w, 2) ? 2 : 4,
        .slice = 1u + choice(w, 6),
        .transaction_bytes = 2000,
        .transaction_actions = 20,
        .deduplication_ids_max = 100,
        .publishers_max = 3,
        .log = &w->log,
    };
    for (size_t i = 0; i < PORTS; i++)
        w->ring_items[i] = 2u << choice(w, 6);
    w->options.topics = rules;
    w->options.topic_count = w->options.slice % 2 ? sizeof rules / sizeof *rules : 0;
    uint8_t how = input.len > 0 ? input.data[input.len - 1] : 0;
    w->has_windows = how & 64;
    if (how & 1)
        attach_paper(w, how);
    w->engine = engine_new(&w->options);
    open_ports(w);
    if (w->paper)
        engine_attach_journal(w->engine, &w->paper->journal);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    world_t *w = MEM_NEW(world_t);
    world_init(w, bytes_make(data, len));
    uint8_t end = choice(w, 4);
    prologue(w);
    for (int n = 0; n < ACTS_MOST && reader_left(&w->input) > 0; n++)
        act(w);
    if (end > 0)
        everybody_leaves(w, end > 1);
    if (end == 2)
        engine_shutdown(w->engine);
    engine_free(&w->engine);
    for (size_t i = 0; i < PORTS; i++)
        port_deinit(&w->ports[i]);
    if (w->paper)
        paper_free(w->paper);
    mem_free(w);
    return 0;
}
