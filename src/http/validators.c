/* SPDX-License-Identifier: BSD-2-Clause */
/* validators: compares what a client has with what there is. */
#include "http/validators.h"
#include "base/clock.h"

/* An entity tag (RFC 9110 8.8.3) taken apart. */
struct etag {
    struct str opaque;          /* with its quotes */
    bool weak;
};

/* Takes the entity tag that `s` begins with off it. False when there is none. */
static bool
take_etag(struct str *s, struct etag *tag)
{
    size_t i = 1;

    tag->weak = str_starts(*s, STR("W/"));      /* case counts */
    if (tag->weak)
        *s = str_from(*s, 2);
    if (s->len < 2 || s->p[0] != '"')
        return false;
    while (i < s->len && s->p[i] != '"') {
        unsigned char c = (unsigned char)s->p[i++];

        if (c <= 0x20 || c == 0x7f)
            return false;
    }
    if (i == s->len)
        return false;
    tag->opaque = (struct str){ s->p, i + 1 };
    *s = str_from(*s, i + 1);
    return true;
}

/* RFC 9110 8.8.3.2 */
static bool
etag_matches(const struct etag *a, const struct etag *b, bool weak)
{
    return (weak || (!a->weak && !b->weak)) && str_eq(a->opaque, b->opaque);
}

/* The list is read to its end though a match was found before: a malformed one matches nothing. */
bool
etag_list_has(struct str list, struct str etag, bool weak)
{
    struct etag own = { 0 }, tag;
    bool has_own = take_etag(&etag, &own), found = false;

    list = str_trim(list);
    if (str_eq(list, STR("*")))
        return true;
    while (list.len > 0) {
        if (list.p[0] != ',') {
            if (!take_etag(&list, &tag))
                return false;
            found |= has_own && etag_matches(&tag, &own, weak);
            list = str_trim(list);
            if (list.len > 0 && list.p[0] != ',')
                return false;
        }
        list = str_trim(str_from(list, 1));
    }
    return found;
}

/* False when the field is missing, is no date, or there is no date to compare it with. */
static bool
read_date(const struct validators *v, struct str field, time_t *date)
{
    if (!str_is_set(field) || v->last_modified == (time_t)-1)
        return false;
    *date = http_date_parse(field);
    return *date != (time_t)-1;
}

static bool
is_modified_since(const struct validators *v, time_t date, enum ims_mode mode)
{
    switch (mode) {
    case IMS_OFF:
        break;
    case IMS_EXACT:
        return v->last_modified != date;
    case IMS_BEFORE:
        return v->last_modified > date;
    }
    return true;
}

enum precondition
validators_check(const struct validators *v, const struct conditions *c, bool safe_method,
                 enum ims_mode mode)
{
    time_t date;

    if (str_is_set(c->if_match)) {
        if (!etag_list_has(c->if_match, v->etag, false))
            return PRECONDITION_FAILED;
    } else if (read_date(v, c->if_unmodified_since, &date) && v->last_modified > date) {
        return PRECONDITION_FAILED;
    }

    if (str_is_set(c->if_none_match)) {
        if (!etag_list_has(c->if_none_match, v->etag, true))
            return PRECONDITION_PASS;
        return safe_method ? PRECONDITION_NOT_MODIFIED : PRECONDITION_FAILED;
    }
    if (safe_method && read_date(v, c->if_modified_since, &date)
        && !is_modified_since(v, date, mode))
        return PRECONDITION_NOT_MODIFIED;
    return PRECONDITION_PASS;
}

bool
validators_if_range(const struct validators *v, struct str if_range)
{
    struct str etag = v->etag;
    struct etag asked, own;
    time_t date;

    if (!str_is_set(if_range))
        return true;
    if (str_starts(if_range, STR("\"")) || str_starts(if_range, STR("W/")))
        return take_etag(&if_range, &asked) && if_range.len == 0 && take_etag(&etag, &own)
            && etag_matches(&asked, &own, false);
    return read_date(v, if_range, &date) && date == v->last_modified;
}
