/* SPDX-License-Identifier: BSD-2-Clause */
/* accept_encoding: what clients take, and which of what is offered they get. */
#include "unit.h"
#include "http/accept_encoding.h"

#define S(text) STR_INIT(text)
#define GZIP ENCODING_BIT(ENCODING_GZIP)
#define BR ENCODING_BIT(ENCODING_BR)
#define ZSTD ENCODING_BIT(ENCODING_ZSTD)

static const struct encoding_order usual = { { ENCODING_BR, ENCODING_ZSTD, ENCODING_GZIP } };

static const struct {
    struct str field;
    unsigned taken;
} fields[] = {
    { S(""), 0 },
    { S("gzip"), GZIP },
    { S("GZip"), GZIP },
    { S("x-gzip"), GZIP },
    { S("X-GZIP;q=0.1"), GZIP },
    { S("gzip, deflate, br, zstd"), GZIP | BR | ZSTD },
    { S("gzip,br"), GZIP | BR },
    { S(" \tgzip\t ,\tbr "), GZIP | BR },
    { S(",, gzip,,"), GZIP },
    { S(","), 0 },
    { S("deflate, compress, identity"), 0 },
    { S("gzippy, agzip, gz, b, brr, br-1, zst"), 0 },
    { S("gzip br"), 0 },
    /* weights */
    { S("gzip;q=1"), GZIP },
    { S("gzip;q=1."), GZIP },
    { S("gzip;q=1.000"), GZIP },
    { S("gzip;q=0.001"), GZIP },
    { S("gzip;Q=0.5"), GZIP },
    { S("gzip \t; \tq=0.5"), GZIP },
    { S("gzip;q=0"), 0 },
    { S("gzip;q=0."), 0 },
    { S("gzip;q=0.000"), 0 },
    { S("gzip;Q=0"), 0 },
    /* what is malformed is refused */
    { S("gzip;q="), 0 },
    { S("gzip;q=.5"), 0 },
    { S("gzip;q=2"), 0 },
    { S("gzip;q=1.001"), 0 },
    { S("gzip;q=1.0000"), 0 },
    { S("gzip;q=0.0001"), 0 },
    { S("gzip;q=-1"), 0 },
    { S("gzip;q=0,5"), 0 },
    { S("gzip;q=0.x"), 0 },
    { S("gzip;q=00.5"), 0 },
    { S("gzip;q =1"), 0 },
    { S("gzip;q= 1"), 0 },
    { S("gzip;x=1"), 0 },
    { S("gzip;q=1;x=1"), 0 },
    { S("gzip;q=1;q=1"), 0 },
    { S("gzip;level"), 0 },
    { S("gzip=1"), 0 },
    { S("\"gzip\""), 0 },
    { S("gzip;q=x, br"), BR },
    /* the first mention counts */
    { S("gzip;q=0, gzip"), 0 },
    { S("gzip, gzip;q=0"), GZIP },
    { S("x-gzip;q=0, gzip"), 0 },
    /* anything else */
    { S("*"), GZIP | BR | ZSTD },
    { S("*;q=0"), 0 },
    { S("*;q=x"), 0 },
    { S("*, br;q=0"), GZIP | ZSTD },
    { S("gzip, *;q=0"), GZIP },
    { S("br;q=0, *;q=0.5"), GZIP | ZSTD },
    { S("identity, *"), GZIP | BR | ZSTD },
};

/* In a block of its own size, so that a sanitizer sees what is read behind its end. */
static struct accept_encoding
read_field(struct str field)
{
    struct accept_encoding accept;
    char *copy = malloc(field.len + 1);

    ck_assert_ptr_nonnull(copy);
    if (field.len > 0)
        memcpy(copy + 1, field.p, field.len);
    accept_encoding_init(&accept);
    accept_encoding_read(&accept, (struct str){ copy + 1, field.len });
    free(copy);
    return accept;
}

START_TEST(a_field_says_what_is_taken)
{
    struct accept_encoding accept = read_field(fields[_i].field);
    unsigned taken = 0;

    for (unsigned e = ENCODING_GZIP; e < ENCODING_COUNT; e++)
        if (accept_encoding_takes(&accept, (enum encoding)e))
            taken |= ENCODING_BIT(e);
    ck_assert_uint_eq(taken, fields[_i].taken);
}
END_TEST

static const struct {
    struct str field;
    unsigned offered;
    enum encoding chosen;
} choices[] = {
    { S("gzip"), GZIP, ENCODING_GZIP },
    { S("gzip"), BR | ZSTD, ENCODING_IDENTITY },
    { S("gzip"), 0, ENCODING_IDENTITY },
    { S(""), GZIP | BR | ZSTD, ENCODING_IDENTITY },
    /* by order where the client does not care */
    { S("gzip, deflate, br, zstd"), GZIP | BR | ZSTD, ENCODING_BR },
    { S("gzip, deflate, br, zstd"), GZIP | ZSTD, ENCODING_ZSTD },
    { S("gzip, deflate, br, zstd"), GZIP, ENCODING_GZIP },
    { S("*"), GZIP | BR | ZSTD, ENCODING_BR },
    { S("br;q=0.5, zstd;q=0.5, gzip;q=0.5"), GZIP | BR | ZSTD, ENCODING_BR },
    /* by weight where it does */
    { S("gzip, br;q=0.9"), GZIP | BR, ENCODING_GZIP },
    { S("gzip;q=0.8, br;q=0.9"), GZIP | BR, ENCODING_BR },
    { S("gzip;q=0.001, *;q=0.002"), GZIP | ZSTD, ENCODING_ZSTD },
    { S("gzip;q=0.1, br"), GZIP, ENCODING_GZIP },
    /* identity by name */
    { S("identity, gzip;q=0.1"), GZIP, ENCODING_IDENTITY },
    { S("identity;q=0.5, gzip;q=0.5"), GZIP, ENCODING_GZIP },
    { S("identity;q=0.4, gzip;q=0.5"), GZIP, ENCODING_GZIP },
    { S("identity, *;q=0.5"), GZIP, ENCODING_IDENTITY },
    { S("identity;q=0, gzip;q=0.1"), GZIP, ENCODING_GZIP },
    { S("identity;q=0"), GZIP, ENCODING_IDENTITY },
    { S("identity;q=x, gzip"), GZIP, ENCODING_GZIP },
};

START_TEST(the_best_of_what_is_offered_is_chosen)
{
    struct accept_encoding accept = read_field(choices[_i].field);

    ck_assert_int_eq(accept_encoding_choose(&accept, choices[_i].offered, &usual),
                     choices[_i].chosen);
}
END_TEST

START_TEST(order_decides_where_weights_are_equal)
{
    static const struct encoding_order orders[] = {
        { { ENCODING_GZIP, ENCODING_BR, ENCODING_ZSTD } },
        { { ENCODING_BR, ENCODING_GZIP, ENCODING_ZSTD } },
        { { ENCODING_ZSTD, ENCODING_GZIP, ENCODING_BR } },
    };
    struct accept_encoding accept = read_field(STR("br, gzip, zstd"));

    ck_assert_int_eq(accept_encoding_choose(&accept, GZIP | BR | ZSTD, &orders[_i]),
                     orders[_i].list[0]);
}
END_TEST

START_TEST(further_fields_continue_the_list)
{
    struct accept_encoding accept = read_field(STR("br;q=0.1"));

    accept_encoding_read(&accept, STR("gzip, br"));
    ck_assert(accept_encoding_takes(&accept, ENCODING_GZIP));
    ck_assert_int_eq(accept_encoding_choose(&accept, GZIP | BR, &usual), ENCODING_GZIP);
}
END_TEST

START_TEST(names_are_found_again)
{
    for (unsigned e = ENCODING_GZIP; e < ENCODING_COUNT; e++)
        ck_assert_int_eq(encoding_of_name(encoding_name((enum encoding)e)), (int)e);
    ck_assert_uint_eq(encoding_name(ENCODING_IDENTITY).len, 0);
    ck_assert_int_eq(encoding_of_name(STR("")), ENCODING_COUNT);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/accept_encoding");

    unit_add(suite, a_field_says_what_is_taken, ARRAY_LEN(fields));
    unit_add(suite, the_best_of_what_is_offered_is_chosen, ARRAY_LEN(choices));
    unit_add(suite, order_decides_where_weights_are_equal, 3);
    unit_add(suite, further_fields_continue_the_list, 1);
    unit_add(suite, names_are_found_again, 1);
    return unit_run(suite);
}
