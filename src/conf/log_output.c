/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/log_output.h"
#include "base/compiler.h"
#include "conf/rotation.h"
#include "conf/syslog.h"

static const uint64_t ring_max = 1 << 30;

/* ---- where it goes ------------------------------------------------------------------------- */

struct log_file *
log_target(struct conf *conf, const struct conf_word *word, struct log_files *files)
{
    struct str path = word->text;
    struct log_file *file;

    if (str_starts(path, STR("syslog:")))
        return syslog_target(conf, word, files);
    if (!str_eq(path, STR("stderr")))
        path = conf_path_by_prefix(conf, path);
    if (!str_is_set(path) || (file = log_file_add(files, path)) == NULL) {
        conf_no_memory(conf);
        return NULL;
    }
    return file;
}

/* "memory:32k" */
static struct log_file *
ring_target(struct conf *conf, const struct conf_word *word, struct log_files *files)
{
    struct str text = str_from(word->text, sizeof("memory:") - 1);
    struct log_file *file;
    uint64_t size;

    if (!size_parse(text, &size) || size == 0 || size > ring_max) {
        conf_error(conf, word, "invalid buffer size \"%.*s\"", STR_ARG(text));
        conf_hint(conf, "bytes, as in memory:32k; 1g at most");
        return NULL;
    }
    file = log_file_add(files, word->text);
    if (file == NULL
        || (file->ring == NULL && !log_file_make_ring(files, file, (size_t)size))) {
        conf_no_memory(conf);
        return NULL;
    }
    return file;
}

/* ---- error_log ----------------------------------------------------------------------------- */

static bool
parse_level(struct conf *conf, const struct conf_word *word, struct log_output *output)
{
    int found = log_level_find(word->text);

    if (str_eq(word->text, STR("json")) && !output->json) {
        output->json = true;
        return true;
    }
    if (found < 0) {
        conf_error(conf, word, "invalid log level \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "one of debug, info, notice, warn, error, crit, alert, emerg; and json, rotate=, "
                  "keep=");
        return false;
    }
    if (output->level != LEVEL_COUNT)
        return conf_error(conf, word, "duplicate log level \"%.*s\"", STR_ARG(word->text));
    output->level = (enum log_level)found;
    return true;
}

bool
parse_log_output(struct conf *conf, const struct conf_node *node, struct log_files *files,
                 void *field)
{
    struct log_output **end = field;
    struct log_output *output = ARENA_NEW(conf->arena, struct log_output);
    const struct conf_word *word = &node->words[1];
    struct rotation_words rotation = { .rotate = NULL };

    if (output == NULL)
        return conf_no_memory(conf);
    output->file = str_starts(word->text, STR("memory:")) ? ring_target(conf, word, files)
                                                          : log_target(conf, word, files);
    if (output->file == NULL)
        return false;
    output->level = LEVEL_COUNT;
    for (uint32_t i = 2; i < node->count; i++)
        if (is_rotation_word(&node->words[i])
                ? !parse_rotation_word(conf, &node->words[i], &rotation)
                : !parse_level(conf, &node->words[i], output))
            return false;
    if (!rotation_apply(conf, &rotation, output->file))
        return false;
    if (output->level == LEVEL_COUNT)
        output->level = LEVEL_ERR;
    while (*end != NULL)
        end = &(*end)->next;
    *end = output;
    return true;
}

struct log
log_of_outputs(struct log_output *outputs)
{
    struct log log = { .outputs = outputs };

    for (const struct log_output *o = outputs; o != NULL; o = o->next)
        log.level = MAX(log.level, o->level);
    return log;
}
