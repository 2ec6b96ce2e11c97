/* SPDX-License-Identifier: BSD-2-Clause */
#include "conf/log_output.h"

static bool
parse_level(struct conf *conf, const struct conf_word *word, enum log_level *level)
{
    int found = log_level_find(word->text);

    if (found < 0) {
        conf_error(conf, word, "invalid log level \"%.*s\"", STR_ARG(word->text));
        conf_hint(conf, "one of debug, info, notice, warn, error, crit, alert, emerg");
        return false;
    }
    *level = (enum log_level)found;
    return true;
}

bool
parse_log_output(struct conf *conf, const struct conf_node *node, struct log_files *files,
                 void *field)
{
    struct log_output **end = field;
    struct log_output *output = ARENA_NEW(conf->arena, struct log_output);
    const struct conf_word *word = &node->words[1];
    struct str path = word->text;

    if (output == NULL)
        return conf_no_memory(conf);
    if (str_starts(path, STR("syslog:")) || str_starts(path, STR("memory:"))) {
        conf_error(conf, word, "\"%.*s\" is not supported", STR_ARG(path));
        conf_hint(conf, "weir writes error logs to a file or to stderr");
        return false;
    }
    output->level = LEVEL_ERR;
    if (node->count > 2 && !parse_level(conf, &node->words[2], &output->level))
        return false;
    if (!str_eq(path, STR("stderr"))) {
        path = conf_path_by_prefix(conf, path);
        if (!str_is_set(path))
            return conf_no_memory(conf);
    }
    output->file = log_file_add(files, path);
    if (output->file == NULL)
        return conf_no_memory(conf);
    while (*end != NULL)
        end = &(*end)->next;
    *end = output;
    return true;
}
