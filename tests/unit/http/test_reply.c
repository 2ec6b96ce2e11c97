/* SPDX-License-Identifier: BSD-2-Clause */
/* reply: fields of an answer, those of a block among them, and bodies that are changed. */
#include "unit.h"
#include "http/request.h"

static struct http_field block_fields[] = {
    { STR_INIT("A"), STR_INIT("a") }, { STR_INIT("B"), STR_INIT("b") },
};
static const struct http_block block = { block_fields, 2, STR_INIT("A: a\r\nB: b\r\n") };

static struct http_request *
make(void)
{
    struct http_request *req = calloc(1, sizeof(*req));

    req->arena = arena_create(4096, 0);
    http_response_reset(&req->response, HTTP_OK);
    return req;
}

static void
end(struct http_request *req)
{
    arena_destroy(req->arena);
    free(req);
}

/* "A=a B=b" */
static struct str
fields_of(const struct http_request *req)
{
    struct writer w = writer_in(req->arena);

    for (uint32_t i = 0; i < req->response.fields_len; i++)
        write_fmt(&w, "%s%.*s=%.*s", i > 0 ? " " : "", STR_ARG(req->response.fields[i].name),
                  STR_ARG(req->response.fields[i].value));
    return writer_str(&w);
}

static void
check(struct http_request *req, const char *expected)
{
    struct str got = fields_of(req);

    ck_assert_msg(str_eq(got, str_of(expected)), "%.*s", STR_ARG(got));
    ck_assert(str_eq(block_fields[0].value, STR("a")) && str_eq(block_fields[1].value, STR("b")));
}

START_TEST(what_is_added_behind_a_block_leaves_it_as_it_is)
{
    struct http_request *req = make();

    ck_assert(http_response_add_block(req, &block));
    ck_assert_ptr_eq(req->response.block, &block);
    ck_assert(http_response_add(req, STR("C"), STR("c")));
    check(req, "A=a B=b C=c");
    ck_assert_ptr_eq(req->response.block, &block);
    end(req);
}
END_TEST

START_TEST(a_block_behind_others_is_one_field_after_the_other)
{
    struct http_request *req = make();

    ck_assert(http_response_add(req, STR("C"), STR("c")));
    ck_assert(http_response_add_block(req, &block));
    check(req, "C=c A=a B=b");
    ck_assert_ptr_null(req->response.block);
    end(req);
}
END_TEST

START_TEST(a_field_that_is_set_replaces_those_of_a_block_too)
{
    struct http_request *req = make();

    ck_assert(http_response_add_block(req, &block));
    ck_assert(http_response_set(req, STR("D"), STR("d")));
    ck_assert_ptr_eq(req->response.block, &block);
    ck_assert(http_response_set(req, STR("a"), STR("x")));
    check(req, "B=b D=d a=x");
    ck_assert_ptr_null(req->response.block);    /* its lines are not what is to be said any more */
    end(req);
}
END_TEST

START_TEST(each_is_replaced)
{
    struct http_request *req = make();

    for (int i = 0; i < 5; i++)
        ck_assert(http_response_add(req, i % 2 == 0 ? STR("A") : STR("B"), STR("v")));
    ck_assert(http_response_set(req, STR("A"), STR("x")));
    check(req, "B=v B=v A=x");
    end(req);
}
END_TEST

START_TEST(a_control_byte_is_found_wherever_it_stands)
{
    struct http_request *req = make();
    struct log log = { .level = LEVEL_EMERG };
    char *value;

    req->log.log = &log;
    for (size_t len = 1; len <= 26; len++)
        for (size_t at = 0; at < len; at++) {
            bool good = _i == '\t' || (_i >= ' ' && _i != 0x7f);

            value = malloc(len);
            memset(value, 'x', len);
            if (at > 0)
                value[at - 1] = '\t';
            value[at] = (char)_i;
            ck_assert(http_value_is_sound(req, STR("A"), (struct str){ value, len }) == good);
            free(value);
        }
    end(req);
}
END_TEST

static enum io
no_pull(struct body_source *source, char *room, size_t cap, size_t *done)
{
    (void)source;
    (void)room;
    (void)cap;
    *done = 0;
    return IO_CLOSED;
}

static const struct { struct str tag, weak; } tags[] = {
    { STR_INIT("\"x\""), STR_INIT("W/\"x\"") }, { STR_INIT("W/\"x\""), STR_INIT("W/\"x\"") },
    { { NULL, 0 }, { NULL, 0 } },
};

START_TEST(a_body_that_is_changed_says_so)
{
    static const struct http_ready ready;
    struct http_request *req = make();
    struct http_response *resp = &req->response;
    struct body_source source = { .pull = no_pull };

    http_body_memory(resp, "text", 4);
    resp->etag = tags[_i].tag;
    resp->accept_ranges = true;
    resp->ready = &ready;
    ck_assert(http_body_change(req, &source));
    ck_assert_ptr_eq(resp->body, &source.part);
    ck_assert_ptr_eq(source.from, &resp->first);
    ck_assert_int_eq(resp->content_length, -1);
    ck_assert(!resp->accept_ranges && resp->ready == NULL);
    ck_assert(str_eq(resp->etag, tags[_i].weak));
    end(req);
}
END_TEST

START_TEST(an_empty_body_is_not_changed)
{
    struct http_request *req = make();
    struct body_source source = { .pull = no_pull };

    http_body_memory(&req->response, "", 0);
    req->response.etag = STR("\"x\"");
    ck_assert(http_body_change(req, &source));
    ck_assert_ptr_null(req->response.body);
    ck_assert_int_eq(req->response.content_length, 0);
    ck_assert(str_eq(req->response.etag, STR("\"x\"")));
    end(req);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/reply");

    unit_add(suite, what_is_added_behind_a_block_leaves_it_as_it_is, 1);
    unit_add(suite, a_block_behind_others_is_one_field_after_the_other, 1);
    unit_add(suite, a_field_that_is_set_replaces_those_of_a_block_too, 1);
    unit_add(suite, each_is_replaced, 1);
    unit_add(suite, a_control_byte_is_found_wherever_it_stands, 256);
    unit_add(suite, a_body_that_is_changed_says_so, ARRAY_LEN(tags));
    unit_add(suite, an_empty_body_is_not_changed, 1);
    return unit_run(suite);
}
