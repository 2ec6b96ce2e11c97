/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * substitute: the automaton of Aho and Corasick, and in front of it a look for places at which a text
 * may begin: sixteen of them at a time have two bytes compared with those of each text, or where
 * there are many texts, a table knows the pairs of bytes with which they begin.
 *
 * The automaton tells of each text where it ends; which of them count is known once nothing can be
 * found any more that begins before. So finds are kept by the place where they begin, for as many
 * places as the longest text has bytes.
 */
#include "http/substitute.h"
#include "base/compiler.h"

enum {
    PROBES_MAX = 16,            /* with more the table is faster */
    PROBE_FAR = 64,             /* a probe looks at most so far ahead */
    PAIR_BITS = 12,
    CASE_BIT = 0x20             /* without it letters are alike in both cases, and some other bytes
                                   like their neighbours */
};

typedef uint8_t lanes __attribute__((vector_size(16)));

/* The first byte of a text, and another of it, CASE_BIT set, in all lanes. */
struct probe {
    lanes near, far;
};

/* A begin of one or more texts. The first is the empty one. */
struct node {
    uint32_t child, sibling;    /* 0: none */
    uint32_t shorter;           /* the longest end of it that begins a text, too */
    uint32_t ends;              /* the next on that way that is a whole text; 0: none */
    uint32_t depth;             /* its bytes */
    uint32_t text;              /* the first text that is this, or SUBSTITUTE_NONE */
    uint8_t byte;               /* its last, in lower case */
};

struct substitute_set {
    struct node *nodes;
    uint32_t node_count, count;
    uint32_t shortest;
    uint32_t longest;
    uint32_t *lengths;          /* of the texts */
    uint32_t *same;             /* the next text that is the same, or SUBSTITUTE_NONE */
    uint32_t first[256];        /* the node of that one byte, in either case; 0: none */
    uint32_t far;               /* how far behind the first byte of a text the other of a probe is */
    uint32_t probe_count;       /* 0: there would be too many */
    struct probe probes[PROBES_MAX];
    bool begins[1 << PAIR_BITS];        /* by pair_of: whether a text begins so; all when one has
                                           a single byte */
};

/* ---- compiling ----------------------------------------------------------------------------- */

static uint8_t
fold(char c)
{
    return (uint8_t)ascii_lower(c);
}

/* A number of two bytes: the same for both cases of letters, and now and then for others. */
static unsigned
pair_of(const char *p)
{
    uint16_t both;

    memcpy(&both, p, sizeof(both));
    return ((both | (CASE_BIT * 0x101u)) * 0x9e3779b1u) >> (32 - PAIR_BITS);
}

static uint32_t
child_of(const struct substitute_set *set, uint32_t node, uint8_t byte)
{
    if (node == 0)
        return set->first[byte];
    for (node = set->nodes[node].child; node != 0; node = set->nodes[node].sibling)
        if (set->nodes[node].byte == byte)
            return node;
    return 0;
}

static uint32_t
add_child(struct substitute_set *set, uint32_t parent, uint8_t byte)
{
    uint32_t number = set->node_count++;
    struct node *node = &set->nodes[number];

    *node = (struct node){ .sibling = set->nodes[parent].child, .byte = byte,
                           .depth = set->nodes[parent].depth + 1, .text = SUBSTITUTE_NONE };
    set->nodes[parent].child = number;
    if (parent == 0) {
        set->first[byte] = number;
        if (byte >= 'a' && byte <= 'z')
            set->first[byte - 'a' + 'A'] = number;
    }
    return number;
}

static void
add_text(struct substitute_set *set, uint32_t number, struct str text)
{
    uint32_t node = 0, *end;

    set->same[number] = SUBSTITUTE_NONE;
    set->lengths[number] = (uint32_t)text.len;
    if (text.len == 0)
        return;
    for (size_t i = 0; i < text.len; i++) {
        uint32_t child = child_of(set, node, fold(text.p[i]));

        node = child != 0 ? child : add_child(set, node, fold(text.p[i]));
    }
    for (end = &set->nodes[node].text; *end != SUBSTITUTE_NONE; end = &set->same[*end])
        ;
    *end = number;
    set->longest = MAX(set->longest, set->lengths[number]);
    set->shortest = MIN(set->shortest, set->lengths[number]);
}

/* Where a byte leads from a node. */
static uint32_t
step(const struct substitute_set *set, uint32_t node, uint8_t byte)
{
    uint32_t child;

    while ((child = child_of(set, node, byte)) == 0 && node != 0)
        node = set->nodes[node].shorter;
    return child;
}

/* Level by level: what a node falls back to is nearer to the first. */
static void
link_nodes(struct substitute_set *set, uint32_t *queue)
{
    uint32_t len = 1;

    queue[0] = 0;
    for (uint32_t i = 0; i < len; i++) {
        const struct node *parent = &set->nodes[queue[i]];

        for (uint32_t n = parent->child; n != 0; n = set->nodes[n].sibling) {
            struct node *node = &set->nodes[n];
            const struct node *shorter;

            node->shorter = queue[i] == 0 ? 0 : step(set, parent->shorter, node->byte);
            shorter = &set->nodes[node->shorter];
            node->ends = shorter->text != SUBSTITUTE_NONE ? node->shorter : shorter->ends;
            queue[len++] = n;
        }
    }
}

static bool
has_probe(const struct substitute_set *set, struct probe probe)
{
    for (uint32_t i = 0; i < set->probe_count; i++)
        if (set->probes[i].near[0] == probe.near[0] && set->probes[i].far[0] == probe.far[0])
            return true;
    return false;
}

static void
make_probes(struct substitute_set *set, const struct str *texts)
{
    set->far = MIN(set->shortest, PROBE_FAR) - 1;
    for (uint32_t i = 0; i < set->count; i++) {
        struct probe probe;

        if (texts[i].len == 0)
            continue;
        memset(&probe.near, texts[i].p[0] | CASE_BIT, sizeof(probe.near));
        memset(&probe.far, texts[i].p[set->far] | CASE_BIT, sizeof(probe.far));
        if (has_probe(set, probe))
            continue;
        if (set->probe_count == PROBES_MAX) {
            set->probe_count = 0;
            return;
        }
        set->probes[set->probe_count++] = probe;
    }
}

static void
note_begins(struct substitute_set *set, const struct str *texts)
{
    memset(set->begins, set->shortest == 1, sizeof(set->begins));
    for (uint32_t i = 0; i < set->count; i++)
        if (texts[i].len >= 2)
            set->begins[pair_of(texts[i].p)] = true;
}

static bool
make_room(struct arena *arena, struct substitute_set *set, const struct str *texts)
{
    size_t bytes = 0;

    for (uint32_t i = 0; i < set->count; i++)
        bytes += texts[i].len;
    if (bytes >= UINT32_MAX)
        return false;
    set->nodes = ARENA_ARRAY(arena, struct node, bytes + 1);
    set->lengths = ARENA_ARRAY(arena, uint32_t, set->count);
    set->same = ARENA_ARRAY(arena, uint32_t, set->count);
    return set->nodes != NULL && set->lengths != NULL && set->same != NULL;
}

const struct substitute_set *
substitute_compile(struct arena *arena, const struct str *texts, uint32_t count)
{
    struct substitute_set *set = ARENA_NEW(arena, struct substitute_set);
    uint32_t *queue;

    if (set == NULL)
        return NULL;
    set->count = count;
    set->shortest = UINT32_MAX;
    if (!make_room(arena, set, texts))
        return NULL;
    set->nodes[0].text = SUBSTITUTE_NONE;
    set->node_count = 1;
    for (uint32_t i = 0; i < count; i++)
        add_text(set, i, texts[i]);
    if ((queue = ARENA_ARRAY(arena, uint32_t, set->node_count)) == NULL)
        return NULL;
    link_nodes(set, queue);
    make_probes(set, texts);
    note_begins(set, texts);
    return set;
}

size_t
substitute_longest(const struct substitute_set *set)
{
    return set->longest;
}

/* ---- searching ----------------------------------------------------------------------------- */

bool
substitute_begin(struct substitute_run *run, struct arena *arena,
                 const struct substitute_set *set, bool once)
{
    *run = (struct substitute_run){ .set = set, .left = set->count };
    run->finds = ARENA_ARRAY(arena, uint32_t, set->longest);
    if (once)
        run->used = ARENA_ARRAY(arena, bool, set->count);
    return run->finds != NULL && (!once || run->used != NULL);
}

static bool
is_any(lanes hits)
{
    uint64_t halves[2];

    memcpy(halves, &hits, sizeof(halves));
    return (halves[0] | halves[1]) != 0;
}

static lanes
lanes_at(const char *p)
{
    lanes bytes;

    memcpy(&bytes, p, sizeof(bytes));
    return bytes | CASE_BIT;
}

/* From `at` on: the next place that a probe fits, or at which too little is left to look. */
static size_t
probe_ahead(const struct substitute_set *set, struct str text, size_t at)
{
    for (; at + set->far + sizeof(lanes) <= text.len; at += sizeof(lanes)) {
        lanes near = lanes_at(text.p + at), far = lanes_at(text.p + at + set->far), hits = { 0 };

        for (uint32_t i = 0; i < set->probe_count; i++)
            hits |= (lanes)(near == set->probes[i].near) & (lanes)(far == set->probes[i].far);
        if (!is_any(hits))
            continue;
        for (unsigned i = 0; hits[i] == 0; i++)
            at++;
        return at;
    }
    return at;
}

/* From `at` on: the next place at which a text may begin. */
static size_t
skip_ahead(const struct substitute_set *set, struct str text, size_t at)
{
    if (set->probe_count > 0)
        at = probe_ahead(set, text, at);
    else
        while (at + 1 < text.len && !set->begins[pair_of(text.p + at)])
            at++;
    while (at < text.len && set->first[(uint8_t)text.p[at]] == 0)
        at++;
    return at;
}

static uint32_t *
find_at(const struct substitute_run *run, size_t at)
{
    return &run->finds[(run->begin + at) % run->set->longest];
}

/* The first of the texts of a node that may still be found. */
static uint32_t
unused(const struct substitute_run *run, uint32_t text)
{
    while (text != SUBSTITUTE_NONE && run->used != NULL && run->used[text])
        text = run->set->same[text];
    return text;
}

/* The texts that end with the byte looked at last. */
static void
note_finds(struct substitute_run *run)
{
    const struct node *nodes = run->set->nodes;

    for (uint32_t n = run->node; n != 0; n = nodes[n].ends) {
        uint32_t text = unused(run, nodes[n].text), *find;

        if (text == SUBSTITUTE_NONE)
            continue;
        find = find_at(run, run->ahead - nodes[n].depth);
        run->waiting += *find == 0;
        if (*find == 0 || text + 1 < *find)
            *find = text + 1;
    }
}

/* An end that no text goes on from is the same as a shorter one from here on. */
static void
shorten(struct substitute_run *run)
{
    const struct node *nodes = run->set->nodes;

    while (run->node != 0 && nodes[run->node].child == 0)
        run->node = nodes[run->node].shorter;
}

/* Nothing of what was found from one place to another counts; before them nothing was. */
static void
drop_finds(struct substitute_run *run, size_t from, size_t to)
{
    for (size_t i = from; run->waiting > 0 && i < to; i++) {
        uint32_t *find = find_at(run, i);

        run->waiting -= *find != 0;
        *find = 0;
    }
}

/* So many bytes are done with. */
static void
pass(struct substitute_run *run, size_t len)
{
    run->begin += len;
    run->ahead -= len;
}

/* Bytes that are done with must not be a part of what is found next. */
static void
forget(struct substitute_run *run)
{
    while (run->set->nodes[run->node].depth > run->ahead)
        run->node = run->set->nodes[run->node].shorter;
}

/*
 * A text is used up. What was passed over for its sake may count now: the bytes behind it are looked
 * at once more, which happens once for each text at most.
 */
static void
use_up(struct substitute_run *run, uint32_t text)
{
    run->used[text] = true;
    run->left--;
    drop_finds(run, 0, run->ahead);
    run->ahead = 0;
    run->node = 0;
}

static struct substitute_piece
take(struct substitute_run *run, size_t at)
{
    uint32_t text = *find_at(run, at) - 1;
    struct substitute_piece piece = { at, at + run->set->lengths[text], text };

    drop_finds(run, at, piece.len);
    pass(run, piece.len);
    forget(run);
    if (run->used != NULL)
        use_up(run, text);
    return piece;
}

static struct substitute_piece
leave(struct substitute_run *run, size_t len)
{
    pass(run, len);
    return (struct substitute_piece){ len, len, SUBSTITUTE_NONE };
}

struct substitute_piece
substitute_next(struct substitute_run *run, struct str text, bool is_last)
{
    const struct substitute_set *set = run->set;
    size_t plain = 0, settled;

    if (substitute_is_over(run)) {
        run->ahead = text.len;
        return leave(run, text.len);
    }
    for (;;) {
        bool is_end = run->ahead == text.len;

        /* what begins before this is known; before plain nothing counts that was found */
        settled = is_end && is_last ? run->ahead : run->ahead - set->nodes[run->node].depth;
        for (; run->waiting > 0 && plain < settled; plain++)
            if (*find_at(run, plain) != 0)
                return take(run, plain);
        plain = settled;
        if (is_end)
            return leave(run, plain);
        if (run->node == 0)
            run->ahead = plain = skip_ahead(set, text, run->ahead);
        if (run->ahead == text.len)
            continue;
        run->node = step(set, run->node, fold(text.p[run->ahead++]));
        note_finds(run);
        shorten(run);
    }
}
