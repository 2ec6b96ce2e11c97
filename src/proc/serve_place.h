/* SPDX-License-Identifier: BSD-2-Clause */
/* serve_place: where "weir serve" listens: an address that is given, or a port that is free. */
#ifndef WEIR_PROC_SERVE_PLACE_H
#define WEIR_PROC_SERVE_PLACE_H

#include "net/listener.h"
#include "proc/serve.h"

struct serve_place {
    struct str listen[2];       /* what stands behind "listen"; the second may be missing */
    struct listener held[2];    /* open already: nobody can snatch the port away */
    struct link inherited;      /* of these */
    unsigned port;              /* that was chosen; 0: an address was given */
    char url[ADDRESS_TEXT_MAX + 16];    /* as in the address line of a browser */
};

/* False, told, when there is none. To be given back in any case. */
bool serve_place_find(struct arena *arena, const struct serve *serve, struct serve_place *place);
void serve_place_give_back(struct serve_place *place);

/* Where others in the network find it: for each address of this machine, URLs of `port`. */
void write_network_urls(struct writer *w, struct str before_each, unsigned port);

#endif
