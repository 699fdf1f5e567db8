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
