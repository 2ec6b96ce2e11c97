/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_chunks: a chunked body says the same however it is split, and never more data than it has
 * bytes.
 */
#include "fuzz.h"

#include "http/h1/chunks.h"

struct outcome {
    enum chunks_verdict verdict;
    size_t used, data;
};

static struct outcome
feed(const char *p, size_t len, size_t piece)
{
    struct chunks c = { 0 };
    struct outcome o = { .verdict = CHUNKS_MORE };

    while (o.used < len && o.verdict != CHUNKS_DONE && o.verdict != CHUNKS_BAD) {
        size_t used, data;

        o.verdict = chunks_read(&c, p + o.used, MIN(piece, len - o.used), &used, &data);
        o.used += used;
        o.data += data;
        if (used == 0 && o.verdict != CHUNKS_BAD)
            abort();
    }
    return o;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    struct outcome whole = feed(p, size, size), bytes = feed(p, size, 1), three = feed(p, size, 3);

    if (whole.data > size || whole.used != bytes.used || whole.data != bytes.data
        || whole.used != three.used || whole.data != three.data
        || (whole.verdict == CHUNKS_BAD) != (bytes.verdict == CHUNKS_BAD)
        || (whole.verdict == CHUNKS_DONE) != (three.verdict == CHUNKS_DONE))
        abort();
    return 0;
}
