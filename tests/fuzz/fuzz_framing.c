/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_framing: a head in any pieces gets one verdict, nothing beyond it is looked at, and what the
 * parser is given passes the same check.
 */
#include "fuzz.h"

#include "http/h1/framing.h"

/* Every piece lies in a block of its own. */
static enum framing_verdict
look(struct framing *f, const uint8_t *data, size_t len, const struct framing_limits *limits)
{
    char *copy = malloc(len + (len == 0));
    enum framing_verdict verdict;

    require(copy != NULL);
    memcpy(copy, data, len);
    verdict = framing_check(f, copy, len, limits);
    free(copy);
    return verdict;
}

/* First `first` bytes, then `step` more at a time. */
static enum framing_verdict
feed(struct framing *f, const uint8_t *data, size_t size, size_t first, size_t step,
     const struct framing_limits *limits)
{
    enum framing_verdict verdict;

    *f = (struct framing){ 0 };
    for (size_t len = MIN(first, size);; len = MIN(len + step, size)) {
        verdict = look(f, data, len, limits);
        if (verdict != FRAMING_MORE || len == size)
            return verdict;
    }
}

static void
require_same(const struct framing *a, const struct framing *b)
{
    require(a->reason == b->reason && a->status == b->status);
    require(a->head_too_large == b->head_too_large && a->skipped == b->skipped);
    require(a->head_len == b->head_len && a->method_len == b->method_len);
    require(a->target_start == b->target_start && a->target_len == b->target_len);
    require(a->raw_target_bytes == b->raw_target_bytes && a->minor == b->minor);
    require(a->odd_names == b->odd_names && a->body == b->body);
    require(a->content_length == b->content_length && a->fields == b->fields);
}

/* RFC 9112 2.2: in a sound head every CR and LF is part of a CRLF; and there is no NUL. */
static void
require_whole_lines(const uint8_t *data, size_t len)
{
    require(len >= 4 && memcmp(data + len - 4, "\r\n\r\n", 4) == 0);
    for (size_t i = 0; i < len; i++) {
        require(data[i] != '\0');
        require(data[i] != '\n' || (i > 0 && data[i - 1] == '\r'));
        require(data[i] != '\r' || data[i + 1] == '\n');
    }
}

static void
require_parser_form(const struct framing *f, const uint8_t *data,
                    const struct framing_limits *limits)
{
    struct framing_limits wider = { 3 * limits->request_line_max, limits->field_max,
                                    3 * limits->head_max, limits->fields_max };
    size_t len = framing_parser_len(f);
    char *to = malloc(len);
    struct framing again = { 0 };

    require(to != NULL && framing_to_parser(f, (const char *)data, to) == len);
    require(framing_check(&again, to, len, &wider) == FRAMING_DONE);
    require(again.head_len == len && again.skipped == 0 && again.raw_target_bytes == 0);
    require(again.minor == MIN(f->minor, 1) && again.body == f->body);
    require(again.content_length == f->content_length && again.fields == f->fields);
    free(to);
}

static void
try_limits(const uint8_t *data, size_t size, const struct framing_limits *limits)
{
    struct framing whole, split;
    enum framing_verdict verdict = feed(&whole, data, size, size, 1, limits);

    for (size_t first = size > 64 ? size - 64 : 0; first < size; first++) {
        require(feed(&split, data, size, first, size, limits) == verdict);
        require_same(&split, &whole);
    }
    require(feed(&split, data, size, 1, 1, limits) == verdict);
    require_same(&split, &whole);
    require(feed(&split, data, size, size % 7, 1 + size % 11, limits) == verdict);
    require_same(&split, &whole);

    require((verdict == FRAMING_REFUSED) == (whole.status != 0));
    require((verdict == FRAMING_REFUSED) == (whole.reason != NULL));
    require(verdict != FRAMING_MORE || size < limits->head_max);
    if (verdict != FRAMING_DONE)
        return;
    require(whole.head_len <= size && whole.head_len <= limits->head_max);
    require_whole_lines(data, whole.head_len);
    require_parser_form(&whole, data, limits);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const struct framing_limits roomy = { 4096, 4096, 16384, 50 };
    static const struct framing_limits tight = { 32, 24, 80, 3 };
    size_t half = size / 2;

    try_limits(data, size, &roomy);
    try_limits(data, size, &tight);
    framing_is_token((struct str){ (const char *)data, size });
    framing_host_is_valid((struct str){ (const char *)data + half, size - half });
    return 0;
}
