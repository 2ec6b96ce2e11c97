/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/login.h"
#include "base/base64.h"

/* What was decoded. */
struct secret {
    struct http_login login;
    size_t len;
    char bytes[];
};

static const struct http_login nobody;

static void
wipe(void *data)
{
    struct secret *secret = data;

    explicit_bzero(secret->bytes, secret->len);
}

/* The letters behind "Basic", STR_NONE: another scheme. */
static struct str
letters_of(struct str field)
{
    static const struct str scheme = STR_INIT("Basic ");

    return str_istarts(field, scheme) ? str_trim(str_from(field, scheme.len)) : STR_NONE;
}

/* "name:password" */
static bool
split(struct secret *secret)
{
    struct str text = { secret->bytes, secret->len };
    ptrdiff_t colon = str_find(text, ':', 0);

    if (colon <= 0 || memchr(text.p, '\0', text.len) != NULL)
        return false;
    secret->login.name = (struct str){ text.p, (size_t)colon };
    secret->login.password = str_from(text, (size_t)colon + 1);
    return true;
}

static const struct http_login *
read_login(struct http_request *req)
{
    struct str letters = letters_of(req->known[FIELD_AUTHORIZATION]);
    struct secret *secret;
    ptrdiff_t len;

    if (letters.len == 0)
        return &nobody;
    secret = arena_zalloc(req->arena, sizeof(*secret) + base64_decoded_max(letters.len));
    if (secret == NULL)
        return &nobody;
    len = base64_decode(BASE64_PLAIN, letters, secret->bytes);
    secret->len = len < 0 ? base64_decoded_max(letters.len) : (size_t)len;
    if (!arena_defer(req->arena, wipe, secret)) {
        wipe(secret);
        return &nobody;
    }
    return len >= 0 && split(secret) ? &secret->login : &nobody;
}

const struct http_login *
http_login_of(struct http_request *req)
{
    if (req->login == NULL)
        req->login = read_login(req);
    return req->login != &nobody ? req->login : NULL;
}
