/* SPDX-License-Identifier: Apache-2.0
 *
 * bus.c: the URL decides on the wire; what is lost is opened again. */
#include "cli/bus/bus.h"

#include <poll.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/text.h"
#include "cli/bus/wire.h"
#include "os/os.h"

#define REOPEN_LEAST_MS 200
#define REOPEN_MOST_MS  5000

struct bus {
    const wire_calls_t *calls;
    wire_address_t address;
    wire_t *wire;
};

/* ---- where ---- */

static void take_tcp_parts(CURLU *url, wire_address_t *out)
{
    char *host = url_part(url, CURLUPART_HOST, "localhost"), *port = url_part(url, CURLUPART_PORT, "5557");
    char endpoint[512];
    text_format(endpoint, sizeof endpoint, "tcp://%s:%s", host, port);
    out->endpoint = url_copy(endpoint);
    out->user = url_part(url, CURLUPART_USER, "");
    out->password = url_part(url, CURLUPART_PASSWORD, "");
    mem_free(host), mem_free(port);
}

static int parse_tcp(const char *text, wire_address_t *out, error_t *err)
{
    CURLU *url = curl_url();
    CURLUcode rc = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    char *path = rc == CURLUE_OK ? url_part(url, CURLUPART_PATH, "") : url_copy("");
    int code = 0;
    if (rc != CURLUE_OK)
        code = error_set(err, "--url is no tcp://HOST:PORT: %s", curl_url_strerror(rc));
    else if (path[0] != '\0' && strcmp(path, "/") != 0)
        code = error_set(err, "--url is no tcp://HOST:PORT: nothing stands behind the port");
    else
        take_tcp_parts(url, out);
    mem_free(path);
    curl_url_cleanup(url);
    return code;
}

static int read_keys(const char *file, zmtp_key_pair_t *out, error_t *err)
{
    buffer_t text;
    error_t why;
    int code = cli_read_file(file, &text, &why);
    if (code != 0)
        error_set(err, "--key %s", why.text);
    else if ((code = zmtp_key_pair_parse(buffer_bytes(&text), out, &why)) != 0)
        error_set(err, "--key %s: %s", file, why.text);
    cli_forget(&text);
    return code;
}

static int take_keys(const bus_options_t *o, wire_address_t *out, error_t *err)
{
    random_source_t random = os_random();
    out->curve = o->server_key != NULL;
    if (!out->curve)
        return 0;
    if (!zmtp_key_parse(bytes_string(o->server_key), out->server_key))
        return error_set(err, "--server-key: expected a public key, 40 characters of Z85");
    if (o->key)
        return read_keys(o->key, &out->keys, err);
    zmtp_key_pair_make(&random, &out->keys);
    return 0;
}

static int choose(bus_t *b, const bus_options_t *o, error_t *err)
{
    b->calls = bus_is_amqp(o) ? &wire_amqp : &wire_zmtp;
    if (!bus_is_amqp(o))
        return parse_tcp(o->url, &b->address, err) == 0 ? take_keys(o, &b->address, err) : -1;
    if (strncmp(o->url, "amqp", 4) == 0)
        return url_parse_amqp(o->url, &b->address.amqp, err);
    return error_set(err, "--url is neither amqp://USER:PASSWORD@HOST:PORT/VHOST nor tcp://HOST:PORT");
}

bus_t *bus_new(const bus_options_t *o, error_t *err)
{
    bus_t *b = MEM_NEW(bus_t);
    if (choose(b, o, err) != 0)
        bus_free(&b);
    else
        b->wire = b->calls->create(o, &b->address);
    return b;
}

void bus_free(bus_t **bp)
{
    bus_t *b = *bp;
    if (!b)
        return;
    if (b->wire)
        b->calls->destroy(b->wire);
    zmtp_key_pair_wipe(&b->address.keys);
    url_amqp_free(&b->address.amqp);
    mem_free(b->address.endpoint), mem_free(b->address.user), mem_free(b->address.password);
    mem_free(b);
    *bp = NULL;
}

/* ---- open, and again ---- */

bus_code_t bus_open(bus_t *b, error_t *err)
{
    b->calls->close(b->wire);
    return b->calls->open(b->wire, err);
}

static void pause_ms(uint64_t ms)
{
    for (uint64_t until = cli_now_ms() + ms, now; !cli_stopping() && (now = cli_now_ms()) < until;)
        (void)poll(NULL, 0, (int)(until - now < CLI_SLICE_MS ? until - now : CLI_SLICE_MS));
}

bus_code_t bus_reopen(bus_t *b, const error_t *why, error_t *err)
{
    uint64_t wait_ms = REOPEN_LEAST_MS;
    bus_code_t code = BUS_LOST;
    cli_complain(CLI_FAILED, "%s; trying again", why->text);
    while (code == BUS_LOST && !cli_stopping()) {
        pause_ms(wait_ms);
        wait_ms = wait_ms * 2 < REOPEN_MOST_MS ? wait_ms * 2 : REOPEN_MOST_MS;
        if (!cli_stopping())
            code = bus_open(b, err);
    }
    return code == BUS_LOST ? BUS_NOTHING : code;
}

/* ---- handed on ---- */

bus_code_t bus_publish(bus_t *b, bytes_t topic, bytes_t body, uint64_t deadline_ms, error_t *err)
{
    return b->calls->publish(b->wire, topic, body, deadline_ms, err);
}

bus_code_t bus_flush(bus_t *b, uint64_t deadline_ms, error_t *err)
{
    return b->calls->flush(b->wire, deadline_ms, err);
}

bus_counts_t bus_counts(const bus_t *b)
{
    return *b->calls->counts(b->wire);
}

bus_code_t bus_receive(bus_t *b, bus_message_t *m, uint64_t deadline_ms, error_t *err)
{
    bus_message_clear(m);
    return b->calls->receive(b->wire, m, deadline_ms, err);
}

bus_code_t bus_answer(bus_t *b, const bus_message_t *m, bool failed, bytes_t text, error_t *err)
{
    return b->calls->answer(b->wire, m, failed, text, err);
}

void bus_serve(bus_t *b)
{
    b->calls->serve(b->wire);
}

int bus_run(bus_role_t role, int argc, char **argv, int (*act)(bus_t *b, const bus_options_t *o))
{
    bus_options_t o;
    error_t err;
    bus_t *b = NULL;
    int code = bus_options_parse(&o, role, argc, argv);
    if (code == CLI_DONE && !(b = bus_new(&o, &err)))
        code = cli_complain(CLI_WRONG_USE, "%s", err.text);
    cli_stop_on_signals();
    if (code == CLI_DONE)
        code = act(b, &o);
    bus_free(&b);
    bus_options_free(&o);
    return code;
}
