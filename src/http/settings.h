/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * settings: what the core directives of http, server and location set, and the immutable structure
 * of hosts and locations that a conf file becomes.
 */
#ifndef WEIR_HTTP_SETTINGS_H
#define WEIR_HTTP_SETTINGS_H

#include "base/map.h"
#include "conf/conf.h"
#include "http/aio.h"
#include "http/encoding.h"
#include "http/h1/framing.h"
#include "http/hostnames.h"
#include "http/limit_rate.h"
#include "http/log_buffer.h"
#include "http/module.h"
#include "http/regex.h"
#include "http/temp_file.h"
#include "http/threads.h"
#include "http/validators.h"
#include "net/listener.h"

struct http_worker;

/* "4 8k" */
struct buffers {
    uint32_t count;
    uint64_t size;              /* bytes of each */
};

/* client_min_rate */
struct min_rate {
    uint64_t bytes;             /* a second; 0: off */
    uint64_t after_ms;          /* how often it is looked at */
};

struct two_ms {
    uint64_t ms;
    uint64_t header_ms;         /* keepalive_timeout's second value, for the Keep-Alive field; 0:
                                   none */
};

/* Set for the whole connection or host: known before a location is. Contexts http and server. */
struct server_settings {
    uint64_t client_header_buffer_size;
    struct buffers large_client_header_buffers;
    uint64_t client_header_timeout_ms;
    bool ignore_invalid_headers;
    bool underscores_in_headers;
    bool merge_slashes;
    uint32_t max_headers;
    uint32_t max_subrequests;   /* below one request of a client */
    struct framing_limits limits;       /* made of these by check */
};

enum server_tokens { TOKENS_OFF, TOKENS_ON, TOKENS_BUILD, TOKENS_TEXT, TOKENS_COUNT };

/* What the server says that it is. */
enum { SIGNATURE_MAX = 256 };     /* bytes of it */
struct signature {
    enum server_tokens tokens;
    struct http_text text;      /* TOKENS_TEXT */
};
enum satisfy { SATISFY_ALL, SATISFY_ANY };
enum lingering { LINGER_OFF, LINGER_ON, LINGER_ALWAYS };

/* root or alias */
struct root {
    struct http_text path;      /* absolute, no "/" at its end (root); as written (alias) */
    size_t trusted;             /* of a path with variables: bytes before the first name that
                                   one makes */
    bool is_alias;
    bool is_whole;              /* alias: it stands for the whole path */
    struct str prefix;          /* alias: the begin of the path that it stands for */
    struct conf_mark mark;
};

struct open_file_settings {
    bool enabled;               /* false: nothing is trusted without a look at the file system */
    uint32_t max;
    uint64_t inactive_ms;
};

/* disable_symlinks */
struct symlink_settings {
    int mode;                   /* enum symlinks */
    struct http_text from;
};

/* Contexts http, server, location. */
struct location_settings {
    bool internal;              /* reached by internal redirects alone */
    int satisfy;                /* enum satisfy */
    uint64_t auth_delay_ms;     /* 0: none */
    struct symlink_settings disable_symlinks;
    struct root root;
    struct map *types;          /* extension, lower case, without dot -> const struct http_text * */
    struct http_text default_type;      /* empty: none */
    bool etag;
    int if_modified_since;      /* enum ims_mode */
    uint32_t max_ranges;        /* UINT32_MAX: no bound */
    uint64_t client_max_body_size;      /* 0: no bound */
    uint64_t client_body_timeout_ms;
    uint64_t client_body_buffer_size;
    struct temp_path client_body_temp_path;
    int client_body_in_file_only;       /* enum body_files */
    uint64_t send_timeout_ms;
    struct min_rate client_min_rate;
    struct size_text limit_rate, limit_rate_after;
    struct two_ms keepalive;
    uint32_t keepalive_requests;
    uint64_t keepalive_time_ms;
    uint64_t keepalive_min_timeout_ms;
    uint32_t keepalive_disable; /* bits: 1 msie6, 2 safari; 0 none */
    bool absolute_redirect, server_name_in_redirect, port_in_redirect;
    struct signature signature; /* server_tokens */
    bool sendfile;
    uint64_t sendfile_max_chunk;
    struct aio_settings aio;
    uint64_t directio_bytes;    /* files of that size or more; UINT64_MAX: off */
    uint64_t directio_alignment;
    struct buffers output_buffers;
    uint64_t read_ahead_bytes;
    uint64_t postpone_output_bytes;
    uint64_t subrequest_output_buffer_size;
    bool tcp_nodelay, tcp_nopush;
    bool reset_timedout_connection;
    int lingering_close;        /* enum lingering */
    uint64_t lingering_time_ms, lingering_timeout_ms;
    bool log_not_found;
    bool serve_hidden;
    bool log_subrequest;
    bool chunked_transfer_encoding;
    bool recursive_error_pages;
    bool rewrite_log, uninitialized_variable_warn;
    struct open_file_settings open_file_cache;
    bool open_file_cache_errors;
    uint32_t open_file_cache_min_uses;
    uint64_t open_file_cache_valid_ms;
    struct encoding_settings encoding;
    struct log_output *error_log;       /* list; NULL: the outer one */
    struct log log;             /* made of error_log by check */
};

/* ---- locations ----------------------------------------------------------------------------- */

enum location_kind {
    LOCATION_PREFIX,
    LOCATION_PREFIX_FINAL,      /* ^~ */
    LOCATION_EXACT,
    LOCATION_REGEX,
    LOCATION_NAMED
};

/* A hook with the settings that it gets. */
struct http_handler {
    enum http_next (*handle)(struct http_request *req, const void *slot);
    const void *slot;
    bool main_only;             /* not for requests below another */
};

struct http_log_hook {
    void (*log)(struct http_request *req, const void *slot);
    const void *slot;
};

/* The prefix locations of one level, sorted, and the others; see location.c. */
struct location_entry {
    struct str prefix;
    struct http_location *location;
    int32_t parent;             /* the longest other entry that begins this one, -1: none */
};

struct location_set {
    struct map *exact;          /* NULL: none */
    struct location_entry *entries;
    uint32_t len;
    uint32_t longest;           /* bytes of the longest prefix */
    struct http_location **regexes;     /* in the order of the file */
    uint32_t regexes_len, regexes_cap;
};

/*
 * Within a location, "limit_except" and each "if" with settings make it another place while they
 * hold, and so does each combination of "if". A bit stands for the block.
 */
struct http_part {
    uint32_t mask;              /* of the blocks that hold */
    struct http_location *place;
    struct conf_scope *scope;   /* while the file is read */
};
enum {
    PART_LIMITED = 1 << 0,      /* limit_except */
    PART_FIRST_IF = 1 << 1,
    PARTS_COMBINED = 5,         /* so many "if" are combined with each other; what comes then
                                   stands alone: the last that holds counts */
    PARTS_MAX = 30
};

/*
 * The place where a request is served: a location { }, or the server level itself when none
 * matches.
 */
struct http_location {
    struct str name;            /* prefix, exact path, expression, or name with its "@" */
    enum location_kind kind;
    const struct http_regex *regex;     /* LOCATION_REGEX */
    bool ignore_case;           /* LOCATION_REGEX: "~*" */
    struct conf_mark mark;
    const struct http_location *base;   /* of a part: its location; else itself */
    uint32_t mask;              /* of a part; 0: it is none */
    VEC(struct http_part) parts;
    uint32_t part_bits;         /* those that are in use */
    uint32_t methods;           /* limit_except: those that are not limited, bits by enum
                                   http_method; 0: there is no limit_except */
    uint32_t after_rewrite;     /* the first handler behind PHASE_REWRITE */
    const struct location_settings *settings;
    struct http_handler *handlers;      /* of all phases but the server's first, in order; ends
                                           with NULL */
    struct http_handler *filters, *on_fail;
    struct http_log_hook *logs;
    void *const *slots;         /* settings of all tables, see http_slot_of */
    struct location_set *nested;        /* NULL: none */
    struct http_location *next; /* while the file is read: siblings */
    struct http_location *children, *last_child;
    const struct conf_word *word;       /* of its name, while the file is read */
};

struct server_name {
    struct str name;            /* lower case; "*.example.com", "www.example.*", ".example.com",
                                   "" */
    struct conf_word word;
    struct conf_mark mark;
    struct http_regex *regex;   /* NULL: it is none */
};

struct http_server {
    struct http *http;
    const struct server_settings *settings;
    struct http_location *root; /* the server level as a place */
    struct http_handler *rewrite;       /* of server level, and what runs before */
    uint32_t rewrite_step;      /* the first of them that is of PHASE_REWRITE */
    struct map *named;          /* locations, by their name with "@"; NULL: none */
    struct conf_mark mark;
    VEC(struct server_name) names;
    struct str name;            /* the first: $server_name */
    unsigned row;               /* of counters_host() */
    VEC(struct server_listen *) listens;
    struct http_server *next;
};

/* One "listen" of one server. */
struct server_listen {
    struct address address;
    struct listen_options options;
    bool options_given;         /* options that belong to the socket were written */
    bool is_default;
    bool proxy_protocol;
    struct conf_word word;
    struct conf_mark mark;      /* of the word */
};

/* ---- addresses ----------------------------------------------------------------------------- */

struct host_regex {
    const struct http_regex *regex;
    struct http_server *server;
};

/* The servers that share a listening socket. */
struct http_address {
    struct listener listener;   /* .owner is this struct */
    struct http *http;
    struct http_worker *worker; /* set in the worker */
    struct http_server *default_server;
    bool default_given, options_given;
    bool proxy_protocol;        /* a header of the PROXY protocol comes first */
    bool only_default;          /* no other server: no name needs to be looked up */
    struct hostnames names;     /* to struct http_server */
    VEC(struct host_regex) regexes;     /* in the order of the file */
    VEC(struct http_server *) servers;
    struct http_address *singles, *next_single; /* addresses served by the socket of all */
    struct http_address *next;
};

struct http {
    struct arena *arena;
    struct map *variables;      /* by name: those that the conf file uses or defines */
    uint32_t value_count;       /* slots of a request's values */
    uint32_t first_slot;        /* of http_modules[0] in the slots of places */
    uint32_t regex_match_limit;
    bool pcre_jit;
    const struct thread_pool *thread_pools;
    bool has_regex_locations;
    struct http_server *servers, **servers_end;
    struct http_address *addresses, **addresses_end;
    struct map *address_names;  /* to them, by their text */
    struct map *types;          /* built in; NULL: not needed yet */
    struct link listeners;
    struct log_files *log_files;
    struct log_buffers log_buffers;     /* of access logs */
    struct link log_caches;     /* of struct log_cache */
    uint32_t file_cache_max;    /* the largest open_file_cache max= */
    uint64_t file_cache_inactive_ms;
    uint64_t file_cache_body_bytes;     /* open_file_cache_body_memory */
    struct thread_limits folder_threads; /* autoindex_threads */
    uint64_t folder_memory;     /* autoindex_memory */
    /* while the file is read */
    struct http_server *reading_server;
    struct http_location *reading_place;
};

/* Settings of the http level that no server can change. */
struct http_settings {
    uint64_t file_cache_body_bytes;
    uint32_t regex_match_limit;
    struct thread_limits folder_threads;
    uint64_t folder_memory;
};

extern const struct conf_module http_table, server_table, location_table;

bool parse_http(struct conf *conf, const struct conf_node *node, void *field);
bool parse_server(struct conf *conf, const struct conf_node *node, void *field);
bool parse_location(struct conf *conf, const struct conf_node *node, void *field);
bool parse_listen(struct conf *conf, const struct conf_node *node, void *field);
/* Takes a copy. False: memory is short, and was noted. */
bool http_listen_add(struct conf *conf, struct http_server *server, const struct server_listen *l);
/* struct buffers: "4 8k". */
bool parse_buffers(struct conf *conf, const struct conf_node *node, void *field);
bool parse_server_name(struct conf *conf, const struct conf_node *node, void *field);

/* The table of a module's settings. NULL when it is not compiled in. */
const struct conf_module *http_table_of(const struct http_module *module);
/* The settings of a module at the place where the request is, for its variables. */
const void *http_slot_of(const struct http_request *req, const struct http_module *module);
/* The settings of http_modules[i] at a level. */
const void *http_module_slot(const struct conf *conf, const struct conf_scope *scope, unsigned i);
/* The same by the module's table; NULL when it is not compiled in. */
void *http_settings_of(const struct conf *conf, const struct conf_scope *scope,
                       const struct http_module *module);

/* Parse functions and checks of http/core.c need the http being built; NULL outside. */
struct http *http_of(const struct conf *conf);

/* Sorts the locations below a place into its set. False after an error. */
bool locations_build(struct conf *conf, struct http_location *place);
/*
 * The place for the request's path: the location of its server that fits best, or the server level
 * itself. NULL: a regular expression was given up.
 */
const struct http_location *location_find(struct http_request *req);
/* Why it was that one, for req->trace. */
void location_tell(struct http_request *req, const struct http_location *place);

/* ---- places (place.c) ---------------------------------------------------------------------- */

bool parse_limit_except(struct conf *conf, const struct conf_node *node, void *field);
/* The scope's settings are final: what the place does is made of them. False after an error. */
bool place_finish(struct conf *conf, struct conf_scope *scope, struct http_location *place);
/* The server's own level, as a place; and what runs before a location is chosen. */
bool place_finish_server(struct conf *conf, struct conf_scope *scope, struct http_server *server);
/*
 * Applies a block within the location being read: "if" (bit 0) or "limit_except" (PART_LIMITED).
 * *bit: that of the block, or 0 when it sets nothing beside the settings of `but`. Returns the
 * level of the block; NULL after errors.
 */
struct conf_scope *place_read_part(struct conf *conf, const struct conf_node *node,
                                   const struct conf_module *but, uint32_t *bit);
/* What a place is when the block of that bit holds too. */
const struct http_location *place_part(const struct http_location *place, uint32_t bit);

/* Puts the servers of an address into its tables; conflicts are warned of. */
bool hosts_build(struct conf *conf, struct http_address *address);
/*
 * By req->host: lower case, no port, no dot at its end; "": not sent. Never NULL. *by_regex: a
 * regular expression had a part in it, and may have set variables.
 */
struct http_server *host_find(struct http_request *req, const struct http_address *address,
                              bool *by_regex);
/* Whether the server has the host's name, other than by a regular expression. */
bool host_is_named(struct http_request *req);
/* Why req->server was that one, for req->trace. */
void host_tell(struct http_request *req, const struct http_address *address);

/*
 * The type for a file name by its extension, else the default type (an empty text for none). Good as
 * long as the settings.
 */
const struct http_text *type_of(const struct location_settings *settings, struct str filename);
/*
 * The types that count where none are given: location_settings.types. Made once for each http; NULL
 * when memory is short.
 */
struct map *types_built_in(struct http *http);

#endif
