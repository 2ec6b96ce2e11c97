/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * list: a ring of links that live inside the things listed.
 *
 * A head is a link whose neighbours are itself when the list is empty. A link that is in no list
 * points to itself, so that unlinking it again does no harm.
 */
#ifndef WEIR_BASE_LIST_H
#define WEIR_BASE_LIST_H

#include <stdbool.h>

struct link {
    struct link *prev, *next;
};

static inline void
link_init(struct link *link)
{
    link->prev = link->next = link;
}

static inline bool
link_is_linked(const struct link *link)
{
    return link->next != link;
}

static inline void
link_after(struct link *place, struct link *link)
{
    link->prev = place;
    link->next = place->next;
    place->next->prev = link;
    place->next = link;
}

static inline void
list_push(struct link *head, struct link *link)     /* at the end */
{
    link_after(head->prev, link);
}

static inline void
link_remove(struct link *link)
{
    link->prev->next = link->next;
    link->next->prev = link->prev;
    link->prev = link->next = link;
}

static inline bool
list_is_empty(const struct link *head)
{
    return head->next == head;
}

#endif
