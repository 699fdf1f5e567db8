/* SPDX-License-Identifier: Apache-2.0
 *
 * url.h: parts of URLs, for the verbs that take one (libcurl parses them). */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

#include "base/error.h"

/* A part, decoded (but for CURLUPART_URL and a host), or `otherwise` where it is missing: owned, mem_free. */
char *url_part(CURLU *url, CURLUPart which, const char *otherwise);

/* A copy of a text: owned, mem_free. */
char *url_copy(const char *text);

/* Where a broker that speaks AMQP is, and as whom; the parts are owned. */
typedef struct url_amqp {
    char *host; /* an IPv6 address without its brackets */
    char *port;
    char *user, *password;
    char *vhost;
} url_amqp_t;

/* amqp://USER:PASSWORD@HOST:PORT/VHOST; what is left out is guest, localhost, 5672 and "/". 0, or -1 with the reason, in
 * which no password stands; url_amqp_free in both cases. */
int url_parse_amqp(const char *text, url_amqp_t *out, error_t *err);
void url_amqp_free(url_amqp_t *a);
