/* SPDX-License-Identifier: Apache-2.0
 *
 * http.c: asks a broker's /api by libcurl. What goes wrong is said so that one knows what to do; a password is never
 * printed. */
#include "base/alloc.h"
#include "cli/cli.h"
#include "cli/url.h"

#define CONNECT_MOST_S   5L
#define ANSWER_MOST_S    30L
#define ANSWER_BYTES_MAX ((size_t)256 << 20)

struct http_target {
    CURLU *url;
    char *text, *user;
};

/* The URL without user, password and what stands behind the port. */
static char *describe(CURLU *url)
{
    static const CURLUPart secret[] = {CURLUPART_USER, CURLUPART_PASSWORD};
    CURLU *copy = curl_url_dup(url);
    for (size_t i = 0; i < 2; i++)
        (void)curl_url_set(copy, secret[i], NULL, 0);
    char *text = url_part(copy, CURLUPART_URL, "");
    size_t len = strlen(text);
    if (len > 0 && text[len - 1] == '/')
        text[len - 1] = '\0';
    curl_url_cleanup(copy);
    return text;
}

http_target_t *http_target_new(const char *url, error_t *err)
{
    CURLU *parsed = curl_url();
    CURLUcode rc = curl_url_set(parsed, CURLUPART_URL, url, 0);
    if (rc != CURLUE_OK) {
        curl_url_cleanup(parsed);
        error_set(err, "--url is no http://USER:PASSWORD@HOST:PORT: %s", curl_url_strerror(rc));
        return NULL;
    }
    http_target_t *t = MEM_NEW(http_target_t);
    t->url = parsed;
    t->user = url_part(parsed, CURLUPART_USER, "");
    t->text = describe(parsed);
    return t;
}

void http_target_free(http_target_t **tp)
{
    http_target_t *t = *tp;
    if (!t)
        return;
    curl_url_cleanup(t->url);
    mem_free(t->text);
    mem_free(t->user);
    mem_free(t);
    *tp = NULL;
}

/* ---- asking ---- */

static size_t take(char *data, size_t one, size_t len, void *context)
{
    buffer_t *body = context;
    write_bytes(body, bytes_make(data, one * len));
    return body->failed ? 0 : one * len;
}

/* The target's address with the path behind it; freed with curl_url_cleanup. */
static CURLU *address_of(const http_target_t *t, const char *path)
{
    CURLU *url = curl_url_dup(t->url);
    size_t len = strcspn(path, "?");
    char *only_path = mem_alloc(len + 1);
    memcpy(only_path, path, len);
    only_path[len] = '\0';
    (void)curl_url_set(url, CURLUPART_PATH, only_path, 0);
    (void)curl_url_set(url, CURLUPART_QUERY, path[len] ? path + len + 1 : NULL, 0);
    mem_free(only_path);
    return url;
}

static CURLcode get(CURL *curl, CURLU *url, buffer_t *body, long *status, char *why)
{
    curl_easy_setopt(curl, CURLOPT_CURLU, url);
    curl_easy_setopt(curl, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(curl, CURLOPT_NOPROXY, "localhost,127.0.0.1,::1");
    curl_easy_setopt(curl, CURLOPT_CONNECTTIMEOUT, CONNECT_MOST_S);
    curl_easy_setopt(curl, CURLOPT_TIMEOUT, ANSWER_MOST_S);
    curl_easy_setopt(curl, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(curl, CURLOPT_ERRORBUFFER, why);
    curl_easy_setopt(curl, CURLOPT_WRITEFUNCTION, take);
    curl_easy_setopt(curl, CURLOPT_WRITEDATA, body);
    CURLcode rc = curl_easy_perform(curl);
    curl_easy_getinfo(curl, CURLINFO_RESPONSE_CODE, status);
    return rc;
}

/* What came, as JSON; or why it is none. */
static json_t *judge(const http_target_t *t, long status, const buffer_t *body, error_t *err)
{
    json_error_t why;
    if (status == 401) {
        error_set(err,
                  "%s refuses user '%s'; give another by --url http://USER:PASSWORD@HOST:PORT "
                  "(guest is let in from the broker's own machine only)",
                  t->text, t->user);
        return NULL;
    }
    if (status == 503) {
        error_set(err,
                  "%s cannot answer now (HTTP status 503): the broker is busy, or has too many HTTP clients",
                  t->text);
        return NULL;
    }
    json_t *answer =
        status == 200 ? json_loadb((const char *)body->data, body->len, JSON_DECODE_ANY, &why) : NULL;
    if (!answer)
        error_set(err, "%s answers, but not like a broker's management address does (HTTP status %ld)",
                  t->text, status);
    return answer;
}

json_t *http_get_json(const http_target_t *t, const char *path, error_t *err)
{
    char why[CURL_ERROR_SIZE] = "";
    long status = 0;
    json_t *answer = NULL;
    buffer_t body;
    buffer_init(&body, ANSWER_BYTES_MAX);
    CURL *curl = curl_easy_init();
    CURLU *url = address_of(t, path);
    CURLcode rc = curl ? get(curl, url, &body, &status, why) : CURLE_FAILED_INIT;
    if (rc == CURLE_OK)
        answer = judge(t, status, &body, err);
    else
        error_set(err, "cannot ask %s: %s; is chaskid running there, with management.enabled = true?",
                  t->text, why[0] ? why : curl_easy_strerror(rc));
    curl_easy_cleanup(curl);
    curl_url_cleanup(url);
    buffer_free(&body);
    return answer;
}
