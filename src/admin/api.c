/* SPDX-License-Identifier: Apache-2.0
 *
 * api.c: from a request to who answers it, or why not: path, then method, then who asks. */
#include "admin/admin_internal.h"

#include <netinet/in.h>
#include <sys/socket.h>

#include "base/text.h"

#define REFUSED_LOG_EVERY_MS 1000

static const struct route {
    admin_kind_t kind;
    const char *parts[4]; /* "*": any; NULL: no more */
    query_type_t query;
    answer_t *answer;
} routes[] = {
    {ADMIN_API, {"api", "overview"}, QUERY_OVERVIEW, answer_overview},
    {ADMIN_API, {"api", "queues"}, QUERY_QUEUES, answer_queues},
    {ADMIN_API, {"api", "queues", "*"}, QUERY_QUEUES, answer_queues},
    {ADMIN_API, {"api", "queues", "*", "*"}, QUERY_QUEUES, answer_queue},
    {ADMIN_API, {"api", "events", "*", "*"}, QUERY_EVENTS, answer_events},
    {ADMIN_METRICS, {"metrics"}, QUERY_OVERVIEW, answer_metrics},
};

static bool route_fits(const struct route *route, const target_t *t)
{
    for (size_t i = 0; i < 4; i++) {
        const char *wanted = route->parts[i];
        if (!wanted || i >= t->part_count)
            return !wanted && i == t->part_count;
        if (strcmp(wanted, "*") != 0 && !bytes_equal(t->parts[i], bytes_string(wanted)))
            return false;
    }
    return t->part_count == 4;
}

static const struct route *find_route(admin_kind_t kind, const target_t *t)
{
    for (size_t i = 0; i < sizeof routes / sizeof *routes; i++)
        if (routes[i].kind == kind && route_fits(&routes[i], t))
            return &routes[i];
    return NULL;
}

/* ---- who asks ---- */

static bool is_loopback(const struct sockaddr_storage *a)
{
    const struct sockaddr_in *v4 = (const struct sockaddr_in *)(const void *)a;
    const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)(const void *)a;
    if (a->ss_family == AF_INET)
        return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
    if (a->ss_family != AF_INET6)
        return false;
    return IN6_IS_ADDR_LOOPBACK(&v6->sin6_addr) ||
           (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr) && v6->sin6_addr.s6_addr[12] == 127);
}

static bool peer_is_loopback(struct evhttp_connection *connection)
{
    struct sockaddr_storage a;
    socklen_t len = sizeof a;
    int fd = bufferevent_getfd(evhttp_connection_get_bufferevent(connection));
    return getpeername(fd, (struct sockaddr *)&a, &len) == 0 && is_loopback(&a);
}

/* One line a second at most: who tries a million passwords does not fill the log. */
static void log_refusal(admin_t *a, const exchange_t *x, bytes_t user, auth_verdict_t why)
{
    char *host = NULL;
    uint16_t port = 0;
    if (admin_now_ms(a) < a->log_again_ms)
        return;
    a->log_again_ms = admin_now_ms(a) + REFUSED_LOG_EVERY_MS;
    evhttp_connection_get_peer(x->connection, &host, &port);
    if (host && strncmp(host, "::ffff:", 7) == 0)
        host += 7; /* IPv4 on a dual-stack socket */
    log_line(a->options.log, LOG_WARNING, "HTTP %s:%u: login of user '%.*s' refused: %s", host ? host : "?",
             port, TEXT_ARG(user), auth_verdict_text(why));
}

static bool refuse_login(reply_t *r, const char *reason)
{
    reply_error(r, 401, "not_authorized", reason);
    r->extra[0] = "WWW-Authenticate";
    r->extra[1] = "Basic realm=\"chaski\"";
    return false;
}

static bool may_ask(admin_t *a, const exchange_t *x, reply_t *r)
{
    basic_t basic;
    const char *header = evhttp_find_header(evhttp_request_get_input_headers(x->request), "Authorization");
    if (!header || !basic_parse(header, &basic))
        return refuse_login(r, "Not_Authorized");
    auth_verdict_t verdict =
        auth_login(a->options.auth, basic.user, basic.password, peer_is_loopback(x->connection));
    if (verdict == AUTH_ACCEPTED)
        return true;
    log_refusal(a, x, basic.user, verdict);
    return refuse_login(r, verdict == AUTH_LOOPBACK_ONLY ? "User can only log in via localhost"
                                                         : "Not_Authorized");
}

/* ---- what is asked ---- */

static bool refuse_method(reply_t *r)
{
    reply_error(r, 405, "Method Not Allowed", "this version answers GET and HEAD only");
    r->extra[0] = "Allow";
    r->extra[1] = "GET, HEAD";
    return false;
}

static bool parse_target(exchange_t *x)
{
    const struct evhttp_uri *uri = evhttp_request_get_evhttp_uri(x->request);
    const char *path = uri ? evhttp_uri_get_path(uri) : NULL;
    return path && target_parse(path, evhttp_uri_get_query(uri), &x->target);
}

bool api_accept(admin_t *a, admin_kind_t kind, exchange_t *x, query_type_t *query, reply_t *r)
{
    enum evhttp_cmd_type method = evhttp_request_get_command(x->request);
    if (!parse_target(x)) {
        reply_error(r, 400, "bad_request", "malformed path or query");
        return false;
    }
    const struct route *route = find_route(kind, &x->target);
    if (!route) {
        reply_not_found(r);
        return false;
    }
    if (method != EVHTTP_REQ_GET && method != EVHTTP_REQ_HEAD)
        return refuse_method(r);
    if (kind == ADMIN_API && !may_ask(a, x, r))
        return false;
    if (x->target.part_count > 2 && !bytes_equal(x->target.parts[2], BYTES("/"))) {
        reply_not_found(r); /* no such virtual host */
        return false;
    }
    *query = route->query;
    x->answer = route->answer;
    return true;
}
