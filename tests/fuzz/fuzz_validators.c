/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * fuzz_validators: the input's lines are the file's tag, then the conditional fields. What matches
 * strongly matches weakly, and a tag is in the list that is the tag alone.
 */
#include "base/compiler.h"
#include "http/validators.h"
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void
require(bool holds)
{
    if (!holds)
        abort();
}

/* The next line, or "not there" when there is none or it is "-". */
static struct str
take_line(struct str *rest)
{
    ptrdiff_t end = str_find(*rest, '\n', 0);
    struct str line = { rest->p, end >= 0 ? (size_t)end : rest->len };

    if (rest->len == 0 || str_eq(line, STR("-")))
        line = STR_NONE;
    *rest = str_from(*rest, end >= 0 ? (size_t)end + 1 : rest->len);
    return line;
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

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    struct str rest = { (const char *)data, size };
    struct validators v = { take_line(&rest), 784111777 };
    struct conditions c = { 0 };

    c.if_match = take_line(&rest);
    c.if_none_match = take_line(&rest);
    c.if_modified_since = take_line(&rest);
    c.if_unmodified_since = take_line(&rest);
    c.if_range = take_line(&rest);
    try_modes(&v, &c);
    if (etag_list_has(c.if_match, v.etag, false))
        require(etag_list_has(c.if_match, v.etag, true));
    if (str_is_set(c.if_range) && validators_if_range(&v, c.if_range))
        require(!str_starts(c.if_range, STR("W/")));
    v.last_modified = (time_t)-1;
    try_modes(&v, &c);
    validators_if_range(&v, c.if_range);
    return 0;
}
