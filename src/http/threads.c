/* SPDX-License-Identifier: BSD-2-Clause */
#include "http/threads.h"

bool
parse_threads(struct conf *conf, const struct conf_node *node, void *field)
{
    enum { THREADS_MAX = 64, QUEUE_MAX = 1000000, QUEUE = 256 };
    struct thread_limits *threads = field;
    uint64_t count, queue = QUEUE;

    if (!word_uint(conf, &node->words[1], node->words[1].text, THREADS_MAX, &count))
        return false;
    if (count == 0)
        return conf_error(conf, &node->words[1], "\"%.*s\" must be at least 1",
                          STR_ARG(node->words[0].text));
    if (node->count > 2) {
        const struct conf_word *word = &node->words[2];

        if (!str_starts(word->text, STR("queue=")))
            return conf_error(conf, word, "invalid parameter \"%.*s\"", STR_ARG(word->text));
        if (!word_uint(conf, word, str_from(word->text, sizeof("queue=") - 1), QUEUE_MAX, &queue))
            return false;
    }
    *threads = (struct thread_limits){ (uint32_t)count, (uint32_t)queue };
    return true;
}
