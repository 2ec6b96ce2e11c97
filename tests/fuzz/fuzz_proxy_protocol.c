/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_proxy_protocol: a header says the same however much of it or behind it is there, ends
 * within its bounds, and survives the way to another process.
 */
#include "fuzz.h"

#include "net/proxy_protocol.h"

/* MORE for each shorter begin, until the one verdict that stays. */
static void
check_begins(const char *p, size_t size, enum proxy_verdict whole, size_t len)
{
    struct proxy_header h;
    enum proxy_verdict before = PROXY_MORE;

    for (size_t n = 0; n <= size && n <= PROXY_HEADER_MAX; n++) {
        enum proxy_verdict verdict = proxy_header_read(p, n, &h);

        if (before != PROXY_MORE && verdict != before)
            abort();
        if (verdict == PROXY_DONE && (whole != PROXY_DONE || h.len != len || n < len))
            abort();
        before = verdict;
    }
    if (size <= PROXY_HEADER_MAX && before != whole)
        abort();
}

static void
check_values(const struct proxied *a, const struct proxied *b)
{
    char name[16];
    uint32_t x = 0, y = 0;

    for (unsigned type = 0; type < 256; type++) {
        snprintf(name, sizeof(name), "ssl_0x%02x", type);
        if (!str_eq(proxied_tlv(a, str_of(name)), proxied_tlv(b, str_of(name)))
            || !str_eq(proxied_tlv(a, str_of(name + 4)), proxied_tlv(b, str_of(name + 4))))
            abort();
    }
    if (proxied_ssl_verify(a, &x) != proxied_ssl_verify(b, &y) || x != y)
        abort();
}

static void
check_flat(const struct proxy_header *h)
{
    uint8_t flat[PROXIED_FLAT_MAX], again[PROXIED_FLAT_MAX];
    struct proxied *a = proxied_create(h), *b;
    size_t len;

    if (a == NULL)
        return;
    len = proxied_encode(a, flat);
    b = len > sizeof(flat) ? NULL : proxied_decode(flat, len);
    if (b == NULL || proxied_encode(b, again) != len || memcmp(flat, again, len) != 0)
        abort();
    check_values(a, b);
    proxied_free(a);
    proxied_free(b);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    const char *p = (const char *)data;
    struct proxy_header h;
    enum proxy_verdict verdict = proxy_header_read(p, size, &h);
    struct proxied *decoded = proxied_decode(data, size);

    if (verdict == PROXY_MORE && size >= PROXY_HEADER_MAX)
        abort();
    if (verdict == PROXY_DONE && (h.len == 0 || h.len > size || h.len > PROXY_HEADER_MAX))
        abort();
    check_begins(p, size, verdict, h.len);
    if (verdict == PROXY_DONE)
        check_flat(&h);
    proxied_free(decoded);
    return 0;
}
