/* SPDX-License-Identifier: Apache-2.0
 *
 * url.h: parts of URLs, for the verbs that take one (libcurl parses them). */
#pragma once

#include <curl/curl.h>
#include <stdbool.h>

/* A part, decoded (but for CURLUPART_URL and a host), or `otherwise` where it is missing: owned, mem_free. */
char *url_part(CURLU *url, CURLUPart which, const char *otherwise);

/* A copy of a text: owned, mem_free. */
char *url_copy(const char *text);
