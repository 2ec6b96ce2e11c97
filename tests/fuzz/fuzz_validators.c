/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_validators: the input's lines are the file's tag, then the conditional fields. What matches
 * strongly matches weakly, a tag is in the list that is the tag alone, and where it stands in a list
 * says nothing.
 */
#include "fuzz.h"

#include "base/arena.h"
#include "http/validators.h"

/* The next line, or "not there" when there is none or it is "-". */
static struct str
take_value(struct str *rest)
{
    bool none = rest->len == 0;
    struct str line = take_line(rest);

    return none || str_eq(line, STR("-")) ? STR_NONE : line;
}

static void
try_modes(const struct validators *v, const struct conditions *c)
{
    static const enum ims_mode modes[] = { IMS_OFF, IMS_EXACT, IMS_BEFORE };

    for (size_t i = 0; i < ARRAY_LEN(modes); i++) {
        enum precondition safe = validators_check(v, c, true, modes[i]);
        enum precondition other = validators_check(v, c, false, modes[i]);

        require(other != PRECONDITION_NOT_MODIFIED);
        require(safe != PRECONDITION_FAILED || other == PRECONDITION_FAILED);
    }
}

/* The list with a tag in front of it and behind it, where others may stand, too. */
static void
try_places(struct str list, struct str etag)
{
    static const char *const others[] = { "", ",", "\"other\",", " , W/\"\" ,\t" };
    struct arena *arena = arena_create(1024, 0);

    require(arena != NULL);
    for (size_t i = 0; i < ARRAY_LEN(others); i++)
        for (unsigned weak = 0; weak < 2; weak++) {
            struct str first = arena_fmt(arena, "%.*s,%s%.*s", STR_ARG(etag), others[i],
                                         STR_ARG(list));
            struct str last = arena_fmt(arena, "%.*s,%s%.*s", STR_ARG(list), others[i],
                                        STR_ARG(etag));
            bool has = etag_list_has(first, etag, weak != 0);

            require(etag_list_has(last, etag, weak != 0) == has);
            if (etag_list_has(list, etag, weak != 0) && !str_eq(str_trim(list), STR("*")))
                require(has);
        }
    arena_destroy(arena);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, size };
    struct validators v = { take_value(&rest), 784111777 };
    struct conditions c = { 0 };

    c.if_match = take_value(&rest);
    c.if_none_match = take_value(&rest);
    c.if_modified_since = take_value(&rest);
    c.if_unmodified_since = take_value(&rest);
    c.if_range = take_value(&rest);
    try_modes(&v, &c);
    if (etag_list_has(c.if_match, v.etag, false))
        require(etag_list_has(c.if_match, v.etag, true));
    if (str_is_set(c.if_range) && validators_if_range(&v, c.if_range))
        require(!str_starts(c.if_range, STR("W/")));
    if (size < 1024 && memchr(data, '\0', size) == NULL && str_is_set(v.etag)
        && etag_list_has(v.etag, v.etag, true) && str_eq(str_trim(v.etag), v.etag))
        try_places(str_is_set(c.if_match) ? c.if_match : STR(""), v.etag);
    v.last_modified = (time_t)-1;
    try_modes(&v, &c);
    validators_if_range(&v, c.if_range);
    return 0;
}
