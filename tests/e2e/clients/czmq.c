/* SPDX-License-Identifier: Apache-2.0
 *
 * czmq.c: sockets of czmq, led by lines on stdin (zeromq_clients.py): one answer a line. Frames are hexadecimal; "-" is an empty
 * one.
 *
 *   open NAME TYPE ADDRESS         ok
 *   subscribe NAME FRAME           ok
 *   send NAME FRAME...             ok, or nothing: it could not be sent in time
 *   receive NAME                   FRAME..., or nothing: none came in time
 *   close NAME                     ok */
#include <czmq.h>

#define WORDS_MOST 64
#define LIMIT_MS   10000

static const char *const types[] = {
    [ZMQ_PUB] = "PUB",       [ZMQ_SUB] = "SUB",       [ZMQ_REQ] = "REQ",   [ZMQ_REP] = "REP",
    [ZMQ_DEALER] = "DEALER", [ZMQ_ROUTER] = "ROUTER", [ZMQ_PULL] = "PULL", [ZMQ_PUSH] = "PUSH"};

static int type_of(const char *name)
{
    for (size_t i = 0; i < sizeof types / sizeof *types; i++) {
        if (types[i] && strcmp(types[i], name) == 0)
            return (int)i;
    }
    abort();
}

static zframe_t *frame_of(const char *text)
{
    size_t bytes = strcmp(text, "-") == 0 ? 0 : strlen(text) / 2;
    zframe_t *frame = zframe_new(NULL, bytes);
    for (size_t i = 0; i < bytes; i++) {
        unsigned octet = 0;
        if (sscanf(text + 2 * i, "%2x", &octet) != 1)
            abort();
        zframe_data(frame)[i] = (byte)octet;
    }
    return frame;
}

static void open_socket(zhash_t *sockets, const char *name, const char *type, const char *address)
{
    zsock_t *socket = zsock_new(type_of(type));
    zsock_set_linger(socket, 0);
    zsock_set_rcvtimeo(socket, LIMIT_MS);
    zsock_set_sndtimeo(socket, LIMIT_MS);
    if (zsock_connect(socket, "%s", address) != 0 || zhash_insert(sockets, name, socket) != 0)
        abort();
    puts("ok");
}

static void subscribe(zsock_t *socket, const char *prefix)
{
    zframe_t *frame = frame_of(prefix);
    char *text = zframe_strdup(frame);
    zsock_set_subscribe(socket, text);
    zstr_free(&text);
    zframe_destroy(&frame);
    puts("ok");
}

static void send_frames(zsock_t *socket, char **words, size_t count)
{
    zmsg_t *message = zmsg_new();
    for (size_t i = 0; i < count; i++) {
        zframe_t *frame = frame_of(words[i]);
        zmsg_append(message, &frame);
    }
    puts(zmsg_send(&message, socket) == 0 ? "ok" : "nothing");
    zmsg_destroy(&message);
}

static void receive(zsock_t *socket)
{
    zmsg_t *message = zmsg_recv(socket);
    if (message == NULL) {
        puts("nothing");
        return;
    }
    for (zframe_t *frame = zmsg_first(message); frame; frame = zmsg_next(message)) {
        char *text = zframe_strhex(frame);
        printf("%s ", *text ? text : "-");
        zstr_free(&text);
    }
    puts("");
    zmsg_destroy(&message);
}

static void close_socket(zhash_t *sockets, const char *name, zsock_t *socket)
{
    zhash_delete(sockets, name);
    zsock_destroy(&socket);
    puts("ok");
}

static void obey(zhash_t *sockets, char **words, size_t count)
{
    zsock_t *socket = zhash_lookup(sockets, words[1]);
    if (strcmp(words[0], "open") == 0)
        open_socket(sockets, words[1], words[2], words[3]);
    else if (strcmp(words[0], "subscribe") == 0)
        subscribe(socket, words[2]);
    else if (strcmp(words[0], "send") == 0)
        send_frames(socket, words + 2, count - 2);
    else if (strcmp(words[0], "receive") == 0)
        receive(socket);
    else
        close_socket(sockets, words[1], socket);
    fflush(stdout);
}

int main(void)
{
    zhash_t *sockets = zhash_new();
    char *line = NULL;
    size_t capacity = 0;
    while (getline(&line, &capacity, stdin) > 0) {
        char *words[WORDS_MOST], *rest = line;
        size_t count = 0;
        for (char *word; count < WORDS_MOST && (word = strtok_r(rest, " \n", &rest));)
            words[count++] = word;
        obey(sockets, words, count);
    }
    free(line);
    zhash_destroy(&sockets);
    return 0;
}
