/* SPDX-License-Identifier: BSD-2-Clause */
/* forwarded: see forwarded.h. */
#include "http/forwarded.h"

bool
forwarded_trusts(const struct forwarded_trust *trust, const struct peer *peer)
{
    for (uint32_t i = 0; i < trust->proxies.len; i++)
        if (network_has(&trust->proxies.items[i], peer))
            return true;
    return false;
}

/* The addresses in all fields of one name, taken as one list, from its end. */
struct walk {
    const struct http_request *req;
    struct str name;
    uint32_t fields_left;
    struct str left;            /* of the current field's value */
};

static bool
to_field_before(struct walk *walk)
{
    while (walk->fields_left > 0) {
        const struct http_field *field = &walk->req->fields[--walk->fields_left];

        if (str_ieq(field->name, walk->name)) {
            walk->left = field->value;
            return true;
        }
    }
    return false;
}

/* Empty places in the list do not count (RFC 9110 5.6.1). */
static struct str
take_last(struct walk *walk)
{
    struct str text = STR("");

    while (text.len == 0) {
        const char *comma;

        if (walk->left.len == 0 && !to_field_before(walk))
            return STR("");
        comma = walk->left.len > 0 ? memrchr(walk->left.p, ',', walk->left.len) : NULL;
        text = comma == NULL ? walk->left
                             : str_from(walk->left, (size_t)(comma + 1 - walk->left.p));
        walk->left.len = comma == NULL ? 0 : (size_t)(comma - walk->left.p);
        text = str_trim(text);
    }
    return text;
}

/*
 * Each one names the one before it, and is believed when it is trusted itself. What is no address
 * ends the search: nobody vouches for what stands in front of it.
 */
bool
forwarded_find(const struct http_request *req, const struct forwarded_trust *trust, struct str name,
               struct peer *client)
{
    struct walk walk = { .req = req, .name = name, .fields_left = req->fields_len };
    struct peer next;
    bool found = false;

    while ((!found || (trust->recursive && forwarded_trusts(trust, client)))
           && peer_parse(take_last(&walk), &next)) {
        *client = next;
        found = true;
    }
    return found;
}
