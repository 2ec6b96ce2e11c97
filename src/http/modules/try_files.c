/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * try_files: the first file of a list that is there, else another place: "try_files $uri $uri/
 * /index.html;"
 */
#include "http/engine.h"
#include "http/module.h"
#include "http/path.h"

struct try_name {
    struct http_text text;      /* without the slash at its end */
    bool is_folder;             /* there was one */
};

struct try_files_conf {
    VEC(struct try_name) names; /* the last argument is not among them */
    struct http_text last;      /* a path or "@name" */
    unsigned status;            /* "=404" instead of last; 0: none */
    struct conf_mark mark;
    bool is_set;
};

/* ---- reading ------------------------------------------------------------------------------- */

static bool
parse_last(struct conf *conf, const struct conf_word *word, struct try_files_conf *tc)
{
    uint64_t status;

    if (!str_starts(word->text, STR("=")))
        return http_text_of_word(conf, word, &tc->last);
    if (!str_to_uint(str_from(word->text, 1), 999, &status) || status < 200) {
        conf_error(conf, word, "invalid code \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "\"=\" and a status from 200 to 999, such as =404");
        return false;
    }
    tc->status = (unsigned)status;
    return true;
}

/* A value that ends with a slash is no folder's name: the slash must stand in the file. */
static bool
parse_name(struct conf *conf, const struct conf_word *word, struct try_name *name)
{
    struct str text = arena_str(conf->arena, word->text);

    if (!str_is_set(text))
        return conf_no_memory(conf);
    if (str_starts(text, STR("@")) || str_starts(text, STR("="))) {
        conf_warn(conf, word, "\"%.*s\" is taken for a file", STR_ARG(text));
        conf_hint(conf, "only the last argument can be a named location or a status");
    }
    name->is_folder = str_ends(text, STR("/"));
    text.len -= name->is_folder;
    return http_text_compile(conf, word, text, &name->text);
}

static bool
parse_try_files(struct conf *conf, const struct conf_node *node, void *field)
{
    struct try_files_conf *tc = field;
    uint32_t last = node->count - 1;

    tc->is_set = true;
    tc->mark = conf_mark_of(conf, &node->words[0]);
    for (uint32_t i = 1; i < last; i++) {
        struct try_name *name = VEC_ADD(conf->arena, &tc->names);

        if (name == NULL)
            return conf_no_memory(conf);
        if (!parse_name(conf, &node->words[i], name))
            return false;
    }
    return parse_last(conf, &node->words[last], tc);
}

/* ---- trying -------------------------------------------------------------------------------- */

/* A name as a path that begins with prefix. STR_NONE: memory is short. */
static struct str
path_below(struct http_request *req, struct str prefix, struct str name)
{
    struct writer w;

    if (str_starts(name, prefix))
        return name;
    w = writer_in(req->arena);
    write_str(&w, prefix);
    if (str_ends(prefix, STR("/")) && str_starts(name, STR("/")))
        name = str_from(name, 1);
    write_str(&w, name);
    return writer_str(&w);
}

/* A file's name as a path of the site; with an alias, below what it stands for. */
static struct str
path_of(struct http_request *req, struct str name)
{
    const struct root *root = &req->location->settings->root;
    bool is_below = root->is_alias && !root->is_whole;

    return path_below(req, is_below ? root->prefix : STR("/"), name);
}

static bool
is_there(struct http_request *req, struct str path, const struct try_name *name)
{
    bool wants_folder = name->is_folder;
    struct str file_path;
    struct file *file;

    if (!http_path_is_safe(path))
        return false;
    file_path = http_map_other(req, path, &name->text);
    while (file_path.len > 1 && wants_folder && file_path.p[file_path.len - 1] == '/')
        file_path.len--;
    if (file_path.len == 0)
        return false;
    ((char *)(uintptr_t)file_path.p)[file_path.len] = '\0';
    file = http_open_file(req, file_path);
    return file != NULL && file->error == 0 && file->is_dir == wants_folder;
}

static enum http_next
go_to_last(struct http_request *req, const struct try_files_conf *tc)
{
    struct str place, path, args;
    ptrdiff_t query;

    if (tc->status != 0) {
        HTTP_TRACE(req, &tc->mark, "try_files: answers %u", tc->status);
        return http_answer_status(req, tc->status);
    }
    place = http_text_eval(req, &tc->last);
    if (str_starts(place, STR("@")))
        return http_redirect_named(req, place);
    query = str_find(place, '?', 0);
    path = path_below(req, STR("/"), query < 0 ? place : (struct str){ place.p, (size_t)query });
    args = query < 0 ? STR_NONE : str_from(place, (size_t)query + 1);
    if (!str_is_set(path))
        return http_fail(req, HTTP_INTERNAL_ERROR);
    if (!http_path_is_safe(path)) {
        LOG(&req->log, ERR, 0, "\"%.*s\" of \"try_files\" is unsafe", STR_ARG(path));
        return http_fail(req, HTTP_BAD_REQUEST);
    }
    return http_redirect_internal(req, path, args, &tc->last);
}

static enum http_next
try_files_handle(struct http_request *req, const void *slot)
{
    const struct try_files_conf *tc = slot;

    for (uint32_t i = 0; i < tc->names.len; i++) {
        const struct try_name *name = &tc->names.items[i];
        struct str path = path_of(req, http_text_eval(req, &name->text));

        if (!str_is_set(path))
            return http_fail(req, HTTP_INTERNAL_ERROR);
        if (is_there(req, path, name)) {
            HTTP_TRACE(req, &tc->mark, "try_files: the %s %.*s is there",
                       name->is_folder ? "folder" : "file", STR_ARG(path));
            http_path_set(req, req, path, &name->text);
            return HTTP_PASS;
        }
        HTTP_TRACE(req, &tc->mark, "try_files: there is no %s %.*s",
                   name->is_folder ? "folder" : "file", STR_ARG(path));
    }
    return go_to_last(req, tc);
}

static bool
try_files_wanted(const void *slot)
{
    return ((const struct try_files_conf *)slot)->is_set;
}

static const struct directive try_files_directives[] = {
    { "try_files", .where = IN_SERVER | IN_LOCATION, .args = { 2, ARGS_ANY },
      .parse = parse_try_files, .offset = 0, .size = sizeof(struct try_files_conf) },
    { 0 }
};

const struct http_module try_files_module = {
    .name = "try_files",
    .directives = try_files_directives,
    .conf_size = sizeof(struct try_files_conf),
    .own_level = true,
    .phase = PHASE_PRECONTENT,
    .handle = try_files_handle,
    .wanted = try_files_wanted,
};
