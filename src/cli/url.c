/* SPDX-License-Identifier: Apache-2.0 */
#include "cli/url.h"

#include <string.h>

#include "base/alloc.h"

char *url_copy(const char *text)
{
    size_t len = strlen(text) + 1;
    return memcpy(mem_alloc(len), text, len);
}

char *url_part(CURLU *url, CURLUPart which, const char *otherwise)
{
    char *part = NULL;
    bool whole = which == CURLUPART_URL || which == CURLUPART_HOST;
    bool has = curl_url_get(url, which, &part, whole ? 0 : CURLU_URLDECODE) == CURLUE_OK;
    char *out = url_copy(has ? part : otherwise);
    curl_free(part);
    return out;
}

/* An IPv6 address stands in brackets in a URL, and nowhere else. */
static char *without_brackets(char *host)
{
    size_t len = strlen(host);
    if (len >= 2 && host[0] == '[' && host[len - 1] == ']') {
        memmove(host, host + 1, len - 2);
        host[len - 2] = '\0';
    }
    return host;
}

static void take_amqp_parts(CURLU *url, url_amqp_t *out)
{
    char *path = url_part(url, CURLUPART_PATH, "");
    *out = (url_amqp_t){
        .host = without_brackets(url_part(url, CURLUPART_HOST, "localhost")),
        .port = url_part(url, CURLUPART_PORT, "5672"),
        .user = url_part(url, CURLUPART_USER, "guest"),
        .password = url_part(url, CURLUPART_PASSWORD, "guest"),
        .vhost = url_copy(path[0] == '/' && path[1] != '\0' ? path + 1 : "/"),
    };
    mem_free(path);
}

int url_parse_amqp(const char *text, url_amqp_t *out, error_t *err)
{
    *out = (url_amqp_t){0};
    int code = 0;
    CURLU *url = curl_url();
    CURLUcode rc = curl_url_set(url, CURLUPART_URL, text, CURLU_NON_SUPPORT_SCHEME);
    char *scheme = rc == CURLUE_OK ? url_part(url, CURLUPART_SCHEME, "") : url_copy("");
    if (strcmp(scheme, "amqps") == 0)
        code = error_set(err, "--url: chaski does not speak TLS; use amqp://, not amqps://");
    else if (strcmp(scheme, "amqp") != 0)
        code = error_set(err, "--url is no amqp://USER:PASSWORD@HOST:PORT/VHOST%s%s",
                         rc == CURLUE_OK ? "" : ": ", rc == CURLUE_OK ? "" : curl_url_strerror(rc));
    else
        take_amqp_parts(url, out);
    mem_free(scheme);
    curl_url_cleanup(url);
    return code;
}

void url_amqp_free(url_amqp_t *a)
{
    mem_free(a->host), mem_free(a->port);
    mem_free(a->user), mem_free(a->password), mem_free(a->vhost);
    *a = (url_amqp_t){0};
}
