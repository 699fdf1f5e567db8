/* SPDX-License-Identifier: Apache-2.0
 *
 * reply.c: replies in RabbitMQ's words. */
#include "admin/admin_internal.h"

static const struct {
    int status;
    const char *reason;
} reasons[] = {
    {200, "OK"},        {400, "Bad Request"},        {401, "Unauthorized"},
    {404, "Not Found"}, {405, "Method Not Allowed"}, {503, "Service Unavailable"},
};

static void begin(reply_t *r, int status)
{
    r->status = status;
    r->type = "application/json";
    r->reason = "";
    for (size_t i = 0; i < sizeof reasons / sizeof *reasons; i++)
        if (reasons[i].status == status)
            r->reason = reasons[i].reason;
    buffer_clear(&r->body);
}

void reply_error(reply_t *r, int status, const char *error, const char *reason)
{
    begin(r, status);
    json_write(&r->body, json_pack("{s:s, s:s}", "error", error, "reason", reason));
}

void reply_not_found(reply_t *r)
{
    reply_error(r, 404, "Object Not Found", "Not Found");
}

void reply_json(reply_t *r, json_t *value)
{
    begin(r, 200);
    json_write(&r->body, value);
}

void reply_text(reply_t *r, const char *type)
{
    begin(r, 200);
    r->type = type;
}
