/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * secure_link: links that only who knows a secret can make, and that may end: "secure_link
 * $arg_md5,$arg_expires; secure_link_md5 "$secure_link_expires$uri secret";"
 */
#include "base/base64.h"
#include "base/clock.h"
#include "base/digest.h"
#include "http/engine.h"
#include "http/module.h"

enum { MD5_SIZE = 16, MD5_LETTERS_MAX = 24 };

struct secure_link_conf {
    struct http_text link;      /* "HASH[,TIME]"; the source of one that is not set is STR_NONE */
    struct http_text md5;       /* what the hash is made of */
    struct str secret;          /* STR_NONE: the other way */
};

extern const struct http_module secure_link_module;

/* ---- the conf file ------------------------------------------------------------------------- */

static bool
parse_secure_text(struct conf *conf, const struct conf_node *node, void *field)
{
    return http_text_of_word(conf, &node->words[1], field);
}

static bool
sets(struct conf *conf, const struct conf_scope *scope, uint16_t offset)
{
    return conf_is_set(conf, scope, http_table_of(&secure_link_module), offset);
}

static bool
secure_link_check(struct conf *conf, struct conf_scope *scope, void *slot)
{
    (void)slot;
    if (!sets(conf, scope, offsetof(struct secure_link_conf, secret))
        || (!sets(conf, scope, offsetof(struct secure_link_conf, link))
            && !sets(conf, scope, offsetof(struct secure_link_conf, md5))))
        return true;
    conf_error(conf, &scope->node->words[0], "\"secure_link_secret\" cannot be mixed with "
               "\"secure_link\" and \"secure_link_md5\"");
    conf_hint(conf, "they are two ways: the second can end links, and is the one to choose");
    return false;
}

/* ---- the hash and its time as variables give them ------------------------------------------- */

struct signed_link {
    struct str hash;            /* in base64url */
    struct str expires;         /* "": it does not end */
    uint64_t time;              /* the same, in seconds since the epoch */
};

/* False: it is malformed. */
static bool
read_link(struct http_request *req, const struct secure_link_conf *sc, struct signed_link *link)
{
    struct str text = http_text_eval(req, &sc->link);
    ptrdiff_t comma = str_find(text, ',', 0);

    *link = (struct signed_link){ .hash = text, .expires = STR("") };
    if (comma < 0)
        return str_is_set(text);
    link->hash.len = (size_t)comma;
    link->expires = str_from(text, (size_t)comma + 1);
    return str_to_uint(link->expires, INT64_MAX, &link->time) && link->time > 0;
}

static void
wipe(struct str text)
{
    if (text.len > 0)
        explicit_bzero((char *)(uintptr_t)text.p, text.len);
}

static struct str
check_link(struct http_request *req, const struct secure_link_conf *sc)
{
    char given[MD5_LETTERS_MAX / 4 * 3 + 3];
    uint8_t wanted[MD5_SIZE];
    struct signed_link link;
    struct str text;
    bool ok;

    if (!read_link(req, sc, &link) || link.hash.len > MD5_LETTERS_MAX)
        return STR("");
    while (str_ends(link.hash, STR("=")))       /* padding is let pass, whole or not */
        link.hash.len--;
    if (base64_decode(BASE64_URL, link.hash, given) != MD5_SIZE)
        return STR("");
    text = http_text_eval(req, &sc->md5);
    ok = str_is_set(text) && digest_of(DIGEST_MD5, text, wanted);
    if (sc->md5.len > 1)        /* it was put together for this: a secret is in it */
        wipe(text);
    if (!ok || !digest_eq(given, wanted, MD5_SIZE))
        return STR("");
    return link.expires.len > 0 && link.time < (uint64_t)now.wall_s ? STR("0") : STR("1");
}

/* ---- the hash in the path: /prefix/HASH/link ------------------------------------------------ */

static bool
read_hex(struct str text, uint8_t *bytes)
{
    if (text.len != 2 * MD5_SIZE)
        return false;
    for (size_t i = 0; i < MD5_SIZE; i++) {
        int high = hex_digit(text.p[2 * i]), low = hex_digit(text.p[2 * i + 1]);

        if (high < 0 || low < 0)
            return false;
        bytes[i] = (uint8_t)(high << 4 | low);
    }
    return true;
}

/* The link, STR("") when it is not authentic. */
static struct str
check_path(struct http_request *req, const struct secure_link_conf *sc)
{
    struct str path = str_is_set(req->uri.raw) ? req->uri.raw : req->target, hash, link;
    ptrdiff_t before = str_find(path, '/', 1);
    ptrdiff_t behind = before > 0 ? str_find(path, '/', (size_t)before + 1) : -1;
    uint8_t given[MD5_SIZE], wanted[MD5_SIZE];
    struct writer w = writer_in(req->arena);
    struct str text;
    bool ok;

    if (behind < 0)
        return STR("");
    hash = (struct str){ path.p + before + 1, (size_t)(behind - before - 1) };
    link = str_from(path, (size_t)behind + 1);
    if (link.len == 0 || !read_hex(hash, given))
        return STR("");
    write_str(&w, link);
    write_str(&w, sc->secret);
    text = writer_str(&w);
    ok = w.ok && digest_of(DIGEST_MD5, text, wanted);
    wipe(text);
    if (!ok || !digest_eq(given, wanted, MD5_SIZE))
        return STR("");
    return link;
}

/* ---- variables ----------------------------------------------------------------------------- */

static struct str
get_secure_link(struct http_request *req, const void *data, struct str rest)
{
    const struct secure_link_conf *sc = http_slot_of(req, &secure_link_module);

    (void)data;
    (void)rest;
    if (sc->secret.len > 0)
        return check_path(req, sc);
    if (!str_is_set(sc->link.source) || !str_is_set(sc->md5.source))
        return STR("");
    return check_link(req, sc);
}

static struct str
get_expires(struct http_request *req, const void *data, struct str rest)
{
    const struct secure_link_conf *sc = http_slot_of(req, &secure_link_module);
    struct signed_link link;

    (void)data;
    (void)rest;
    return str_is_set(sc->link.source) && read_link(req, sc, &link) ? link.expires : STR("");
}

static const struct http_variable secure_link_variables[] = {
    { "secure_link", .get = get_secure_link },
    { "secure_link_expires", .get = get_expires },
    { 0 }
};

#define SECURE_FIELD(member) FIELD(struct secure_link_conf, member)

static const struct directive secure_link_directives[] = {
    { "secure_link", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_secure_text,
      SECURE_FIELD(link) },
    { "secure_link_md5", .where = IN_HTTP_ALL, .args = { 1, 1 }, .parse = parse_secure_text,
      SECURE_FIELD(md5) },
    { "secure_link_secret", .where = IN_LOCATION, .args = { 1, 1 }, .parse = parse_text,
      SECURE_FIELD(secret) },
    { 0 }
};

const struct http_module secure_link_module = {
    .name = "secure_link",
    .directives = secure_link_directives,
    .conf_size = sizeof(struct secure_link_conf),
    .check = secure_link_check,
    .variables = secure_link_variables,
};
