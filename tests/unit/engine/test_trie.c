/* SPDX-License-Identifier: Apache-2.0
 *
 * test_trie.c: binding keys of topic exchanges: what matches what, and how much a match may cost. */
#include "engine/trie.h"

#include "engine/fixture.h"

/* A trie with the patterns it holds; a member of its node's list stands for the binding. */
typedef struct bound {
    list_t link;
    trie_node_t *node;
    char pattern[256];
} bound_t;

typedef struct garden {
    trie_t trie;
    trie_walk_t walk;
} garden_t;

static void plant(garden_t *g, bound_t *b, const char *pattern)
{
    text_format(b->pattern, sizeof b->pattern, "%s", pattern);
    b->node = trie_node_for(&g->trie, bytes_string(pattern));
    list_init(&b->link);
    list_append(&b->node->bindings, &b->link);
}

static void uproot(garden_t *g, bound_t *b)
{
    list_remove(&b->link);
    trie_prune(&g->trie, b->node);
}

/* How often the pattern's node is among the matches of `key`. */
static int hits(garden_t *g, const bound_t *b, const char *key)
{
    int count = 0;
    trie_match(&g->trie, &g->walk, bytes_string(key));
    for (size_t i = 0; i < g->walk.now_count; i++)
        count += g->walk.now[i] == b->node;
    return count;
}

static void garden_free(garden_t *g)
{
    trie_deinit(&g->trie);
    trie_walk_deinit(&g->walk);
}

/* ---- the table of the protocol's own examples ---- */

static const struct {
    const char *pattern, *key;
    bool match;
} table[] = {
    {"#", "", true},         {"#", "a", true},         {"#", "a.b.c", true},   {"#", ".", true},
    {"*", "", false},        {"*", "a", true},         {"*", "a.b", false},    {"*", ".", false},
    {"a.#", "a", true},      {"a.#", "a.", true},      {"a.#", "a.b", true},   {"a.#", "ab", false},
    {"a.#", "", false},      {"a.*", "a.", true},      {"a.*", "a", false},    {"a.*", "a.b.c", false},
    {"*.*", ".", true},      {"*.*", "a", false},      {"*.*", "a.b", true},   {"#.a", "a", true},
    {"#.a", ".a", true},     {"#.a", "b.c.a", true},   {"#.a", "a.b", false},  {"a.#.b", "a.b", true},
    {"a.#.b", "a..b", true}, {"a.#.b", "a.c.b", true}, {"a.#.b", "a", false},  {"a.#.b", "ab", false},
    {"*.#", "", false},      {"*.#", "a", true},       {"*.#", "a.b.c", true}, {"#.*", "", false},
    {"#.*", "a", true},      {"#.*", "a.b.c", true},   {"", "", true},         {"", "a", false},
    {"", ".", false},        {"a..b", "a..b", true},   {"a..b", "a.b", false}, {"a..b", "a.x.b", false},
    {"a.*.b", "a..b", true}, {"a.*.b", "a.b", false},  {"#.#", "", true},      {"#.#", "a", true},
    {"#.#", "a.b.c", true},  {"a#", "a#", true},       {"a#", "a", false},     {"a#", "ab", false},
    {"*a", "*a", true},      {"*a", "xa", false},      {"a.#b", "a.b", false}, {"a.#b", "a.#b", true},
    {"*", "*", true},        {"a", "a", true},         {"a", "A", false},      {"a.b", "a.b", true},
};

static void words_match_as_the_protocol_says(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        garden_t g = {0};
        bound_t b;
        plant(&g, &b, table[i].pattern);
        if (hits(&g, &b, table[i].key) != table[i].match)
            fail_msg("'%s' against '%s'", table[i].pattern, table[i].key);
        uproot(&g, &b);
        garden_free(&g);
    }
}

static void a_pattern_matches_the_same_among_all_others(void **state)
{
    (void)state;
    enum { PATTERNS = sizeof table / sizeof *table };
    static bound_t bounds[PATTERNS];
    garden_t g = {0};
    for (size_t i = 0; i < PATTERNS; i++)
        plant(&g, &bounds[i], table[i].pattern);
    for (size_t i = 0; i < PATTERNS; i++)
        if (hits(&g, &bounds[i], table[i].key) != table[i].match)
            fail_msg("'%s' against '%s'", table[i].pattern, table[i].key);
    for (size_t i = 0; i < PATTERNS; i++)
        uproot(&g, &bounds[i]);
    garden_free(&g);
}

/* ---- beside a naive matcher ---- */

typedef struct words {
    bytes_t at[130];
    size_t count;
} words_t;

static words_t split(const char *s)
{
    words_t w = {0};
    if (*s == '\0')
        return w;
    for (;;) {
        size_t len = strcspn(s, ".");
        w.at[w.count++] = bytes_make(s, len);
        if (s[len] == '\0')
            return w;
        s += len + 1;
    }
}

/* The definition itself, word by word. */
static bool naive(const words_t *p, size_t i, const words_t *k, size_t j)
{
    if (i == p->count)
        return j == k->count;
    if (bytes_equal(p->at[i], BYTES("#")))
        return naive(p, i + 1, k, j) || (j < k->count && naive(p, i, k, j + 1));
    if (j == k->count)
        return false;
    return (bytes_equal(p->at[i], BYTES("*")) || bytes_equal(p->at[i], k->at[j])) &&
           naive(p, i + 1, k, j + 1);
}

/* Up to five words out of a tiny alphabet, "" among them. */
static void random_key(uint64_t *seed, bool pattern, char out[64])
{
    static const char *const words[] = {"a", "b", "", "*", "#", "#"};
    uint32_t count = chance(seed, 6);
    out[0] = '\0';
    for (uint32_t i = 0; i < count; i++) {
        if (i > 0)
            strcat(out, ".");
        strcat(out, words[chance(seed, pattern ? 6 : 3)]);
    }
}

static void check_all(garden_t *g, const bound_t *bounds, size_t count, const char *key)
{
    words_t k = split(key);
    for (size_t i = 0; i < count; i++) {
        words_t p = split(bounds[i].pattern);
        if (hits(g, &bounds[i], key) != naive(&p, 0, &k, 0))
            fail_msg("'%s' against '%s'", bounds[i].pattern, key);
    }
}

static void random_patterns_match_as_the_definition_says(void **state)
{
    (void)state;
    enum { PATTERNS = 40 };
    static bound_t bounds[PATTERNS];
    uint64_t seed = 0x1234567;
    char key[64];
    for (int round = 0; round < 60; round++) {
        garden_t g = {0};
        for (size_t i = 0; i < PATTERNS; i++) {
            random_key(&seed, true, key);
            plant(&g, &bounds[i], key);
        }
        for (int n = 0; n < 20; n++) {
            random_key(&seed, false, key);
            check_all(&g, bounds, PATTERNS, key);
        }
        for (size_t i = 0; i < PATTERNS; i++)
            uproot(&g, &bounds[i]);
        assert_null(g.trie.root);
        garden_free(&g);
    }
}

/* ---- pruning ---- */

static void nodes_go_with_the_last_binding_that_needs_them(void **state)
{
    (void)state;
    garden_t g = {0};
    bound_t shallow, deep, twin;
    plant(&g, &shallow, "a");
    plant(&g, &deep, "a.#.*.b");
    plant(&g, &twin, "a.#.*.b");
    assert_ptr_equal(deep.node, twin.node);
    uproot(&g, &deep);
    assert_int_equal(hits(&g, &twin, "a.x.b"), 1);
    uproot(&g, &twin);
    assert_int_equal(hits(&g, &shallow, "a"), 1);
    assert_null(shallow.node->hash); /* nothing is left below */
    uproot(&g, &shallow);
    assert_null(g.trie.root);
    trie_match(&g.trie, &g.walk, BYTES("a"));
    assert_int_equal(g.walk.now_count, 0);
    garden_free(&g);
}

static void a_node_between_two_bindings_stays_while_one_below_needs_it(void **state)
{
    (void)state;
    garden_t g = {0};
    bound_t parent, child;
    plant(&g, &parent, "a.b");
    plant(&g, &child, "a.b.c");
    uproot(&g, &parent);
    assert_int_equal(hits(&g, &child, "a.b.c"), 1);
    uproot(&g, &child);
    assert_null(g.trie.root);
    garden_free(&g);
}

/* ---- the bound ---- */

/* "#.a.#.a…": `words` words. */
static void hash_pattern(char *out, size_t words, char letter)
{
    out[0] = '\0';
    for (size_t i = 0; i < words; i++) {
        size_t len = strlen(out);
        text_format(out + len, 256 - len, "%s%c", i > 0 ? "." : "", i % 2 ? letter : '#');
    }
}

static size_t count_nodes(const trie_node_t *n)
{
    if (n == NULL)
        return 0;
    size_t count = 1 + count_nodes(n->star) + count_nodes(n->hash);
    for (hash_node_t *w = hash_next(&n->words, NULL); w; w = hash_next(&n->words, w))
        count += count_nodes(HASH_OF(w, const trie_node_t, node));
    return count;
}

static void a_long_key_enters_each_node_at_most_once_a_word(void **state)
{
    (void)state;
    enum { PATTERNS = 60 };
    static bound_t bounds[PATTERNS];
    garden_t g = {0};
    char pattern[256], key[256] = "a";
    for (size_t i = 0; i < PATTERNS; i++) {
        hash_pattern(pattern, 2 * i + 1, "ab"[i % 2]);
        plant(&g, &bounds[i], pattern);
    }
    for (int i = 1; i < 127; i++)
        strcat(key, ".a");
    size_t nodes = count_nodes(g.trie.root);

    trie_match(&g.trie, &g.walk, bytes_string(key));

    /* A set that let nodes in twice would double with every `#` and every word; both sets were used for all
     * words, so their rooms tell the largest set there was: at most every node once. */
    assert_true(g.walk.now_count <= nodes);
    assert_true(g.walk.now_capacity <= 2 * nodes && g.walk.next_capacity <= 2 * nodes);
    for (size_t i = 0; i < g.walk.now_count; i++)
        for (size_t j = 0; j < i; j++)
            assert_ptr_not_equal(g.walk.now[i], g.walk.now[j]);
    for (size_t i = 0; i < PATTERNS; i++)
        uproot(&g, &bounds[i]);
    garden_free(&g);
}

static void a_walk_serves_several_tries_in_turn(void **state)
{
    (void)state;
    garden_t g = {0};
    trie_t other = {0};
    bound_t a, b;
    plant(&g, &a, "#");
    b.node = trie_node_for(&other, BYTES("#"));
    list_init(&b.link);
    list_append(&b.node->bindings, &b.link);
    for (int i = 0; i < 3; i++) {
        assert_int_equal(hits(&g, &a, "x"), 1);
        trie_match(&other, &g.walk, BYTES("x"));
        assert_int_equal(g.walk.now_count, 1); /* `#` alone: the root is left behind by a word */
        assert_ptr_equal(g.walk.now[0], b.node);
    }
    list_remove(&b.link);
    trie_prune(&other, b.node);
    uproot(&g, &a);
    garden_free(&g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(words_match_as_the_protocol_says),
        cmocka_unit_test(a_pattern_matches_the_same_among_all_others),
        cmocka_unit_test(random_patterns_match_as_the_definition_says),
        cmocka_unit_test(nodes_go_with_the_last_binding_that_needs_them),
        cmocka_unit_test(a_node_between_two_bindings_stays_while_one_below_needs_it),
        cmocka_unit_test(a_long_key_enters_each_node_at_most_once_a_word),
        cmocka_unit_test(a_walk_serves_several_tries_in_turn),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
