/* SPDX-License-Identifier: BSD-2-Clause */
/* index: for an address that ends with "/", the first file of a list that is there. */
#include "http/engine.h"
#include "http/module.h"
#include "http/path.h"
#include <errno.h>
#include <limits.h>
#include <string.h>

struct index_name {
    struct http_text text;
    struct conf_mark mark;
};

struct index_conf {
    VEC(struct index_name) names;
};

static bool
parse_index(struct conf *conf, const struct conf_node *node, void *field)
{
    struct index_conf *ic = field;

    for (uint32_t i = 1; i < node->count; i++) {
        const struct conf_word *word = &node->words[i];
        struct index_name *name;

        if (word->text.len == 0)
            return conf_error(conf, word, "index \"\" in \"index\" directive is invalid");
        if ((name = VEC_ADD(conf->arena, &ic->names)) == NULL)
            return conf_no_memory(conf);
        name->mark = conf_mark_of(conf, word);
        if (!http_text_compile(conf, word, arena_str(conf->arena, word->text), &name->text))
            return false;
    }
    return true;
}

/* "/docs/" + "index.html"; a name that begins with "/" is an address of its own. */
static struct str
index_path(struct http_request *req, struct str name)
{
    struct writer w;

    if (name.len > 0 && name.p[0] == '/')
        return name;
    w = writer_in(req->arena);
    write_str(&w, req->path);
    write_str(&w, name);
    return writer_str(&w);
}

/* Its file: below the folder's, wherever an alias has that. */
static struct str
index_file(struct http_request *req, struct str name)
{
    struct str folder = http_map_path(req, name.len + 1);
    char *end;

    if (!str_is_set(folder) || folder.len + name.len >= PATH_MAX)
        return STR_NONE;
    end = (char *)(uintptr_t)folder.p + folder.len;
    memcpy(end, name.p, name.len);
    end[name.len] = '\0';
    return (struct str){ folder.p, folder.len + name.len };
}

static enum http_next
index_handle(struct http_request *req, const void *slot)
{
    const struct index_conf *ic = slot;

    if (LIKELY(req->path.p[req->path.len - 1] != '/'))
        return HTTP_PASS;
    if (!http_seeks_file(req))
        return http_not_allowed(req, STR("GET, HEAD"));
    for (uint32_t i = 0; i < ic->names.len; i++) {
        const struct conf_mark *mark = &ic->names.items[i].mark;
        const struct http_text *text = &ic->names.items[i].text;
        struct str name = http_text_eval(req, text);
        struct str path = index_path(req, name), file_path;
        struct file *file;

        if (!str_is_set(path))
            return http_fail(req, HTTP_INTERNAL_ERROR);
        if (!http_path_is_safe(path))
            return http_fail(req, HTTP_NOT_FOUND);
        if (name.len > 0 && name.p[0] == '/') {
            HTTP_TRACE(req, mark, "index: the address %.*s", STR_ARG(path));
            return http_redirect_internal(req, path, req->args, text);
        }
        if (http_brings_hidden(req, name, text))
            continue;
        file_path = index_file(req, name);
        if (!str_is_set(file_path))
            continue;
        if ((file = http_open_file(req, file_path)) == NULL)
            return http_fail(req, HTTP_INTERNAL_ERROR);
        HTTP_TRACE(req, mark, "index: %.*s%s", STR_ARG(file_path),
                   file->error == ENOENT ? " is not there" : file->error != 0 ? " cannot be had"
                   : file->is_dir ? " is a folder" : " is there");
        if (file->error == 0 && !file->is_dir)
            return http_redirect_internal(req, path, req->args, text);
        if (file->error != 0 && file->error != ENOENT && file->error != ENOTDIR)
            return http_fail(req, http_open_failed(req, file_path, file->error));
    }
    return HTTP_PASS;
}

static const struct directive index_directives[] = {
    { "index", .where = IN_HTTP_ALL, .args = {1, ARGS_ANY}, .flags = DIRECTIVE_REPEAT,
      .parse = parse_index, FIELD(struct index_conf, names), .initial = "index.html" },
    { 0 }
};

const struct http_module index_module = {
    .name = "index",
    .directives = index_directives,
    .conf_size = sizeof(struct index_conf),
    .phase = PHASE_CONTENT,
    .handle = index_handle,
};
