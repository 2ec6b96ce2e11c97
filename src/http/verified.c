/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/verified.h"
#include "base/compiler.h"
#include "base/digest.h"
#include "base/list.h"
#include "base/secret.h"
#include <assert.h>
#include <stdlib.h>
#include <sys/random.h>

/* Free ones lie before those in use, which are in the order of their last use. */
struct entry {
    struct link link;
    struct entry *next;         /* in its bucket */
    uint64_t until_ms;          /* 0: free */
    uint8_t key[VERIFIED_KEY_SIZE];
};

struct verified {
    uint8_t secret[32];
    uint64_t valid_ms;
    struct link order;
    struct entry *entries;
    struct entry **buckets;
    uint32_t buckets_mask;
};

static bool
allocate(struct verified *verified, uint32_t max)
{
    verified->buckets_mask = 1;
    while (verified->buckets_mask < max)
        verified->buckets_mask = 2 * verified->buckets_mask + 1;
    verified->entries = calloc(max, sizeof(*verified->entries));
    verified->buckets = calloc((size_t)verified->buckets_mask + 1, sizeof(struct entry *));
    if (verified->entries == NULL || verified->buckets == NULL)
        return false;
    for (uint32_t i = 0; i < max; i++)
        list_push(&verified->order, &verified->entries[i].link);
    return true;
}

struct verified *
verified_create(uint32_t max, uint64_t valid_ms)
{
    struct verified *verified = secret_alloc(sizeof(*verified));

    if (verified == NULL)
        return NULL;
    link_init(&verified->order);
    verified->valid_ms = valid_ms;
    if (getrandom(verified->secret, sizeof(verified->secret), 0) == sizeof(verified->secret)
        && allocate(verified, max))
        return verified;
    verified_destroy(verified);
    return NULL;
}

void
verified_destroy(struct verified *verified)
{
    if (verified == NULL)
        return;
    free(verified->entries);
    free(verified->buckets);
    secret_free(verified, sizeof(*verified));
}

/* Of three digests, so that it cannot matter where one text ends and the next begins. */
bool
verified_key(const struct verified *verified, const struct verified_login *login,
             uint8_t key[VERIFIED_KEY_SIZE])
{
    const struct str secret = { (const char *)verified->secret, sizeof(verified->secret) };
    uint8_t sums[3][VERIFIED_KEY_SIZE];
    const struct str text = { (const char *)sums, sizeof(sums) };
    bool ok = digest_of(DIGEST_SHA256, login->name, sums[0])
              && digest_of(DIGEST_SHA256, login->password, sums[1])
              && digest_of(DIGEST_SHA256, login->hash, sums[2])
              && digest_hmac(DIGEST_SHA256, secret, text, key);

    explicit_bzero(sums, sizeof(sums));
    return ok;
}

static struct entry **
bucket_of(struct verified *verified, const uint8_t *key)
{
    uint32_t word;

    memcpy(&word, key, sizeof(word));
    return &verified->buckets[word & verified->buckets_mask];
}

/* The pointer to the key's entry, or to the NULL at the end of its bucket. */
static struct entry **
find(struct verified *verified, const uint8_t *key)
{
    struct entry **place = bucket_of(verified, key);

    while (*place != NULL && !digest_eq((*place)->key, key, VERIFIED_KEY_SIZE))
        place = &(*place)->next;
    return place;
}

static void
release(struct verified *verified, struct entry **place)
{
    struct entry *entry = *place;

    assert(entry != NULL);              /* one with a time is in its bucket */
    *place = entry->next;
    entry->until_ms = 0;
    link_remove(&entry->link);
    link_after(&verified->order, &entry->link);
}

bool
verified_has(struct verified *verified, const uint8_t key[VERIFIED_KEY_SIZE], uint64_t now_ms)
{
    struct entry **place = find(verified, key);

    if (*place == NULL)
        return false;
    if ((*place)->until_ms <= now_ms) {
        release(verified, place);
        return false;
    }
    link_remove(&(*place)->link);
    list_push(&verified->order, &(*place)->link);
    return true;
}

void
verified_add(struct verified *verified, const uint8_t key[VERIFIED_KEY_SIZE], uint64_t now_ms)
{
    struct entry **place = find(verified, key);
    struct entry *entry;

    if (*place != NULL)         /* its time begins anew */
        release(verified, place);
    entry = CONTAINER_OF(verified->order.next, struct entry, link);
    if (entry->until_ms != 0)
        release(verified, find(verified, entry->key));
    place = bucket_of(verified, key);
    memcpy(entry->key, key, VERIFIED_KEY_SIZE);
    entry->until_ms = now_ms + verified->valid_ms;
    entry->next = *place;
    *place = entry;
    link_remove(&entry->link);
    list_push(&verified->order, &entry->link);
}
