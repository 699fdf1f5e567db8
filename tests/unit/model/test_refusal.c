/* SPDX-License-Identifier: Apache-2.0
 *
 * Refusals: names, what ends the connection, texts. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/alloc.h"
#include "model/refusal.h"

static void codes_have_the_names_of_the_specification(void **state)
{
    (void)state;
    assert_string_equal(refusal_name(404), "NOT_FOUND");
    assert_string_equal(refusal_name(REFUSAL_PRECONDITION_FAILED), "PRECONDITION_FAILED");
    assert_string_equal(refusal_name(541), "INTERNAL_ERROR");
    assert_string_equal(refusal_name(0), "UNKNOWN");
    assert_string_equal(refusal_name(200), "UNKNOWN");
}

/* AMQP 0-9-1 §1.2: all of 500 and above, 320 and 402 are connection errors. */
static void hard_codes_end_the_connection(void **state)
{
    (void)state;
#define X(code, name, hard)                                                                                  \
    assert_int_equal(refusal_is_hard(code), code >= 500 || code == 320 || code == 402);
    REFUSAL_CODES(X)
#undef X
    assert_true(refusal_is_hard(999));
}

static void a_refusal_bears_code_cause_and_text(void **state)
{
    (void)state;
    refusal_t *r = refusal_new(404, 50 << 16 | 10, "no queue '%s' in vhost '%s'", "q", "/");
    assert_int_equal(r->code, 404);
    assert_int_equal(r->cause, 50 << 16 | 10);
    assert_string_equal(r->text, "no queue 'q' in vhost '/'");
    mem_free(r);
}

static void a_long_text_is_cut_to_fit(void **state)
{
    (void)state;
    refusal_t *r = refusal_new(406, 0, "%0*d", 5000, 1);
    assert_int_equal(strlen(r->text), sizeof r->text - 1);
    mem_free(r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(codes_have_the_names_of_the_specification),
        cmocka_unit_test(hard_codes_end_the_connection),
        cmocka_unit_test(a_refusal_bears_code_cause_and_text),
        cmocka_unit_test(a_long_text_is_cut_to_fit),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
