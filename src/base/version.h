/* SPDX-License-Identifier: Apache-2.0
 *
 * version.h: which chaski this is. */
#pragma once

#define CHASKI_VERSION "0.1.0"
