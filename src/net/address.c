/* SPDX-License-Identifier: Apache-2.0
 *
 * address.c: addresses as text, both ways. Parsing only checks the form; names are asked for when the
 * listener opens. */
#include <arpa/inet.h>
#include <assert.h>
#include <ctype.h>
#include <netdb.h>
#include <string.h>

#include "base/text.h"
#include "net/net_internal.h"

static const char UNIX_PREFIX[] = "unix:";

/* "HOST:PORT" taken apart; an empty host is a bare port. */
typedef struct host_port {
    char host[sizeof(net_address_t)];
    uint16_t port;
} host_port_t;

/* ---- parsing ---- */

static bool parse_port(const char *text, uint16_t *port)
{
    uint64_t number = 0;
    if (!text_parse_u64(bytes_string(text), &number) || number > UINT16_MAX)
        return false;
    *port = (uint16_t)number;
    return true;
}

static bool is_ipv4(const char *host)
{
    struct in_addr a;
    return inet_pton(AF_INET, host, &a) == 1;
}

static bool is_ipv6(const char *host)
{
    struct in6_addr a;
    return inet_pton(AF_INET6, host, &a) == 1;
}

/* A host name's letters, and not something that wants to be an IPv4 address and is none. */
static bool is_name(const char *host)
{
    bool letters = false;
    for (const char *c = host; *c != '\0'; c++) {
        if (!isalnum((unsigned char)*c) && strchr("-._", *c) == NULL)
            return false;
        letters |= !isdigit((unsigned char)*c) && *c != '.';
    }
    return letters;
}

/* Splits at the last colon. NULL, or why the text has none of the forms. */
static const char *split(const char *text, host_port_t *out)
{
    static const char bad_port[] = "the port must be a number from 0 to 65535";
    const char *colon = strrchr(text, ':');
    out->host[0] = '\0';
    if (colon == NULL) {
        bool number = text[0] != '\0' && strspn(text, "0123456789") == strlen(text);
        if (!number)
            return "expected PORT, HOST:PORT, [IPV6]:PORT or unix:PATH";
        return parse_port(text, &out->port) ? NULL : bad_port;
    }
    bool bracketed = text[0] == '[';
    const char *begin = bracketed ? text + 1 : text;
    const char *end = bracketed ? strchr(text, ']') : colon;
    if (end == NULL || (bracketed && end + 1 != colon))
        return "expected [IPV6]:PORT";
    text_format(out->host, sizeof out->host, "%.*s", (int)(end - begin), begin);
    if (!parse_port(colon + 1, &out->port))
        return bad_port;
    bool ipv6 = bracketed || strchr(out->host, ':') != NULL;
    if (ipv6 ? is_ipv6(out->host) : is_ipv4(out->host) || is_name(out->host))
        return NULL;
    return ipv6 ? "no IPv6 address before the port" : "no IPv4 address or host name before the port";
}

const char *address_unix_path(const net_address_t *address)
{
    size_t prefix = sizeof UNIX_PREFIX - 1;
    return strncmp(address->text, UNIX_PREFIX, prefix) == 0 ? address->text + prefix : NULL;
}

static const char *why_no_address(const char *text, net_address_t *out)
{
    if (strlen(text) >= sizeof out->text)
        return "longer than any address";
    text_format(out->text, sizeof out->text, "%s", text);
    const char *path = address_unix_path(out);
    if (path != NULL && path[0] == '\0')
        return "expected unix:PATH";
    if (path != NULL)
        return strlen(path) < sizeof(((struct sockaddr_un *)0)->sun_path)
                   ? NULL
                   : "the path is too long for a socket";
    host_port_t parts;
    return split(text, &parts);
}

bool net_address_parse(const char *text, net_address_t *out, error_t *err)
{
    const char *why = why_no_address(text, out);
    if (why == NULL)
        return true;
    out->text[0] = '\0';
    error_set(err, "'%s' is no address to listen on: %s", text, why);
    return false;
}

/* ---- resolving ---- */

static void set_ipv4(socket_address_t *a, struct in_addr host, uint16_t port)
{
    *a = (socket_address_t){.of.v4 = {.sin_family = AF_INET, .sin_addr = host, .sin_port = htons(port)},
                            .len = sizeof a->of.v4};
}

static void set_ipv6(socket_address_t *a, struct in6_addr host, uint16_t port)
{
    *a = (socket_address_t){.of.v6 = {.sin6_family = AF_INET6, .sin6_addr = host, .sin6_port = htons(port)},
                            .len = sizeof a->of.v6};
}

/* All addresses: the dual-stack one, or IPv4's alone where there is no IPv6. */
static void resolve_any(uint16_t port, address_list_t *out)
{
    set_ipv6(&out->items[0], in6addr_any, port);
    set_ipv4(&out->items[1], (struct in_addr){htonl(INADDR_ANY)}, port);
    out->count = 2;
    out->alternatives = true;
}

static int resolve_name(const host_port_t *parts, address_list_t *out, error_t *err)
{
    struct addrinfo hints = {.ai_family = AF_UNSPEC, .ai_socktype = SOCK_STREAM, .ai_flags = AI_PASSIVE};
    struct addrinfo *found = NULL;
    int rc = getaddrinfo(parts->host, NULL, &hints, &found);
    if (rc != 0)
        return error_set(err, "cannot resolve '%s': %s", parts->host, gai_strerror(rc));
    for (struct addrinfo *i = found; i != NULL && out->count < ADDRESS_LIST_MAX; i = i->ai_next) {
        if (i->ai_family != AF_INET && i->ai_family != AF_INET6)
            continue;
        socket_address_t *a = &out->items[out->count++];
        memcpy(&a->of, i->ai_addr, i->ai_addrlen);
        a->len = i->ai_addrlen;
        address_set_port(a, parts->port);
    }
    freeaddrinfo(found);
    return out->count > 0 ? 0 : error_set(err, "'%s' has no IP address", parts->host);
}

int address_resolve(const net_address_t *address, address_list_t *out, error_t *err)
{
    host_port_t parts;
    const char *why = split(address->text, &parts);
    assert(why == NULL); /* net_address_parse let it through */
    (void)why;
    *out = (address_list_t){0};
    struct in_addr v4;
    struct in6_addr v6;
    if (parts.host[0] == '\0') {
        resolve_any(parts.port, out);
    } else if (inet_pton(AF_INET, parts.host, &v4) == 1) {
        set_ipv4(&out->items[out->count++], v4, parts.port);
    } else if (inet_pton(AF_INET6, parts.host, &v6) == 1) {
        set_ipv6(&out->items[out->count++], v6, parts.port);
    } else {
        return resolve_name(&parts, out, err);
    }
    return 0;
}

/* ---- addresses in use ---- */

uint16_t address_port(const socket_address_t *a)
{
    return ntohs(a->of.any.sa_family == AF_INET ? a->of.v4.sin_port : a->of.v6.sin6_port);
}

void address_set_port(socket_address_t *a, uint16_t port)
{
    if (a->of.any.sa_family == AF_INET)
        a->of.v4.sin_port = htons(port);
    else
        a->of.v6.sin6_port = htons(port);
}

/* The IPv4 address in `a`, also one mapped into IPv6. */
static bool get_ipv4(const socket_address_t *a, struct in_addr *out)
{
    if (a->of.any.sa_family == AF_INET) {
        *out = a->of.v4.sin_addr;
        return true;
    }
    if (a->of.any.sa_family != AF_INET6 || !IN6_IS_ADDR_V4MAPPED(&a->of.v6.sin6_addr))
        return false;
    memcpy(out, a->of.v6.sin6_addr.s6_addr + 12, sizeof *out);
    return true;
}

void address_text(const socket_address_t *a, char *out, size_t out_bytes)
{
    char host[INET6_ADDRSTRLEN] = "";
    struct in_addr v4;
    if (a->of.any.sa_family == AF_UNIX) {
        text_format(out, out_bytes, "unix");
    } else if (get_ipv4(a, &v4)) {
        inet_ntop(AF_INET, &v4, host, sizeof host);
        text_format(out, out_bytes, "%s:%u", host, address_port(a));
    } else {
        inet_ntop(AF_INET6, &a->of.v6.sin6_addr, host, sizeof host);
        text_format(out, out_bytes, "[%s]:%u", host, address_port(a));
    }
}

bool address_is_loopback(const socket_address_t *a)
{
    struct in_addr v4;
    if (a->of.any.sa_family == AF_UNIX)
        return true;
    if (get_ipv4(a, &v4))
        return ntohl(v4.s_addr) >> 24 == 127;
    return IN6_IS_ADDR_LOOPBACK(&a->of.v6.sin6_addr);
}

int address_of_socket(int fd, socket_address_t *out)
{
    *out = (socket_address_t){.len = sizeof out->of};
    return getsockname(fd, &out->of.any, &out->len);
}

int address_of_peer(int fd, socket_address_t *out)
{
    *out = (socket_address_t){.len = sizeof out->of};
    return getpeername(fd, &out->of.any, &out->len);
}
