/* SPDX-License-Identifier: BSD-2-Clause */
/* accept: real sockets, a full pool, a worker without descriptors. */
#include "unit.h"
#include "net/pool.h"
#include "base/clock.h"
#include "base/counters.h"
#include "net/listener.h"

#include <errno.h>
#include <fcntl.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

/* What accept4() fails with in the place of libc's; 0: it does not. */
static int accept_errno;
static unsigned accept_calls;

int
accept4(int fd, struct sockaddr *addr, socklen_t *len, int flags)
{
    accept_calls++;
    if (accept_errno == 0)
        return (int)syscall(SYS_accept4, fd, addr, len, flags);
    errno = accept_errno;
    return -1;
}

static struct loop loop;
static struct pool pool;
static struct listener listeners[2];
static struct conn *accepted[256];
static unsigned accepted_count;

static void
on_close(struct conn *conn, enum close_reason reason)
{
    (void)conn;
    (void)reason;
}

static const struct conn_ops ops = { .on_close = on_close };

static void
on_accept(struct conn *conn)
{
    ck_assert_int_eq(conn->state, CONN_ACCEPTED);
    conn->ops = &ops;
    conn_state_set(conn, CONN_READING);
    accepted[accepted_count++ % ARRAY_LEN(accepted)] = conn;
}

static void
start_listener(struct listener *listener, const char *text)
{
    const char *step;
    unsigned count;

    *listener = (struct listener){
        .fd = -1, .text = str_of(text), .on_accept = on_accept,
        .options = { .backlog = 511, .rcvbuf = -1, .sndbuf = -1, .fastopen = -1, .deferred = 0,
                     .nodelay = 1, .so_keepalive = -1, .keepidle = -1, .keepintvl = -1,
                     .keepcnt = -1, .mode = -1, .uid = -1, .gid = -1 },
    };
    ck_assert_ptr_null(address_parse(listener->text, &listener->address, 1, &count));
    address_set_port(&listener->address, 0);
    ck_assert_msg(listener_open(listener, &step), "%s: errno %d", step, errno);
    ck_assert(pool_listen(&pool, listener));
}

static void
start(uint32_t size)
{
    memset(stats, 0, sizeof(*stats));
    accepted_count = 0;
    ck_assert(loop_init(&loop, 64));
    ck_assert(pool_init(&pool, &loop, size, &pool_default_limits));
    start_listener(&listeners[0], "127.0.0.1");
}

static void
close_it(void *ctx, struct conn *conn)
{
    (void)ctx;
    conn_close(conn, CLOSE_SHUTDOWN);
}

static void
end(void)
{
    pool_each(&pool, close_it, NULL);
    pool_fini(&pool);
    loop_fini(&loop);
    listener_close(&listeners[0]);
}

/* A kept connection may be closed for another once it has been idle for so long. */
static void
let_ripen(void)
{
    usleep((useconds_t)pool.limits.drain_idle_ms * 1000 + 2000);
    clock_update();
}

/* The connection waits in the backlog when this returns. */
static int
connect_to(const struct listener *listener)
{
    int fd = socket(listener->address.sa.sa_family, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(connect(fd, &listener->address.sa, listener->address.len), 0);
    return fd;
}

static void
connect_many(unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        connect_to(&listeners[0]);
}

/* Turns until nothing is left to do at once. */
static void
settle(void)
{
    while (loop_turn(&loop, 0) > 0 || !list_is_empty(&loop.posted))
        ;
}

static void
release(struct conn *conn)
{
    conn_close(conn, CLOSE_NORMAL);
    pool_batch_end(&pool);
}

static void
check_sums(void)
{
    ck_assert_uint_eq(stats->total_connections, stats->handled + stats->rejected_no_slot
                                                + stats->rejected_overload);
    ck_assert_uint_eq(stats->handled, stats->curr_connections + stats->closed_normal
                                      + stats->closed_drained + stats->closed_shutdown);
}

START_TEST(accepted_client_is_described_in_its_slot)
{
    struct sockaddr_in client;
    socklen_t len = sizeof(client), nodelay_len = sizeof(int);
    struct conn *conn;
    int fd, nodelay = 0;

    start(8);
    ck_assert_uint_eq(stats->accepting_conns, 1);
    fd = connect_to(&listeners[0]);
    ck_assert_int_eq(loop_turn(&loop, -1), 1);
    ck_assert_uint_eq(accepted_count, 1);
    conn = accepted[0];
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&client, &len), 0);
    ck_assert_int_eq(conn->peer.family, AF_INET);
    ck_assert_uint_eq(conn->peer.port, ntohs(client.sin_port));
    ck_assert_mem_eq(conn->peer.ip, &client.sin_addr, 4);
    ck_assert_ptr_eq(conn->listener, &listeners[0]);
    ck_assert_uint_eq(conn->since_ms, now.mono_ms);
    ck_assert(!conn->in_epoll);
    ck_assert_int_ne(fcntl(conn->fd, F_GETFL) & O_NONBLOCK, 0);
    ck_assert_int_ne(fcntl(conn->fd, F_GETFD) & FD_CLOEXEC, 0);
    getsockopt(conn->fd, IPPROTO_TCP, TCP_NODELAY, &nodelay, &nodelay_len);
    ck_assert_int_ne(nodelay, 0);
    check_sums();
    end();
}
END_TEST

START_TEST(turn_accepts_all_that_wait_but_64_at_most)
{
    start(256);
    connect_many(100);
    ck_assert_int_eq(loop_turn(&loop, -1), 1);
    ck_assert_uint_eq(accepted_count, 64);
    ck_assert_int_eq(loop_turn(&loop, -1), 1);
    ck_assert_uint_eq(accepted_count, 100);
    ck_assert_int_eq(loop_turn(&loop, 0), 0);
    end();
}
END_TEST

START_TEST(full_pool_leaves_clients_in_the_backlog)
{
    start(4);
    connect_many(6);
    settle();
    ck_assert_uint_eq(accepted_count, 4);
    ck_assert(pool.paused);
    ck_assert_uint_eq(stats->accepting_conns, 0);
    ck_assert_uint_eq(stats->listen_disabled_num, 1);
    ck_assert_uint_eq(stats->total_connections, 4);
    ck_assert_int_eq(loop_turn(&loop, 0), 0);   /* the listener says nothing: no spinning */
    end();
}
END_TEST

START_TEST(release_lets_in_one_who_waits_at_once)
{
    start(4);
    connect_many(6);
    settle();
    for (unsigned i = 0; i < 2; i++) {
        ck_assert(pool.paused);
        release(accepted[i]);
        loop_turn(&loop, 0);
        ck_assert_uint_eq(accepted_count, 5 + i);
    }
    release(accepted[2]);
    loop_turn(&loop, 0);                        /* room, and nobody waits: the pause is over */
    ck_assert(!pool.paused);
    ck_assert_uint_eq(stats->accepting_conns, 1);
    ck_assert_uint_eq(stats->listen_disabled_num, 1);
    ck_assert_int_gt((int64_t)stats->time_in_listen_disabled_us, 0);
    connect_many(1);
    settle();
    ck_assert_uint_eq(accepted_count, 7);
    ck_assert_uint_eq(stats->rejected_no_slot, 0);
    check_sums();
    end();
}
END_TEST

START_TEST(release_and_newcomer_in_one_turn_do_not_meet)
{
    start(1);
    connect_many(2);
    settle();
    conn_close(accepted[0], CLOSE_NORMAL);      /* in a batch: the slot is not free yet */
    ck_assert(!pool_has_room(&pool));
    pool_batch_end(&pool);
    loop_turn(&loop, 0);
    ck_assert_uint_eq(accepted_count, 2);
    end();
}
END_TEST

START_TEST(connection_that_becomes_idle_makes_room)
{
    uint64_t idle_ms;

    start(2);
    connect_many(3);
    settle();
    ck_assert_uint_eq(accepted_count, 2);
    conn_state_set(accepted[1], CONN_PROCESSING);
    conn_state_set(accepted[1], CONN_IDLE);
    idle_ms = now.mono_ms;
    settle();
    ck_assert_uint_eq(accepted_count, 2);       /* too young */
    while (accepted_count == 2)
        ck_assert_int_eq(loop_turn(&loop, -1), 0);
    ck_assert_uint_ge(now.mono_ms - idle_ms, 100);
    ck_assert_uint_eq(accepted_count, 3);
    ck_assert_uint_eq(stats->drained_connections, 1);
    ck_assert_int_eq(accepted[0]->state, CONN_READING);
    check_sums();
    end();
}
END_TEST

START_TEST(idle_connections_make_room_without_a_pause)
{
    start(64);
    connect_many(64);
    settle();
    for (unsigned i = 0; i < 32; i++)
        conn_state_set(accepted[i], CONN_IDLE);
    let_ripen();
    connect_many(20);
    settle();
    ck_assert_uint_eq(accepted_count, 84);
    ck_assert_uint_eq(stats->listen_disabled_num, 0);
    ck_assert_uint_eq(stats->reading, 52);
    check_sums();
    end();
}
END_TEST

START_TEST(listeners_take_turns_while_slots_are_short)
{
    unsigned of_second = 0;

    start(1);
    start_listener(&listeners[1], "127.0.0.1");
    for (unsigned i = 0; i < 16; i++)
        connect_to(&listeners[i % 2]);
    for (unsigned i = 0; i < 8; i++) {
        settle();
        ck_assert_uint_eq(accepted_count, i + 1);
        of_second += accepted[i]->listener == &listeners[1];
        release(accepted[i]);
    }
    ck_assert_uint_ge(of_second, 2);
    ck_assert_uint_le(of_second, 6);
    settle();
    end();
    listener_close(&listeners[1]);
}
END_TEST

START_TEST(last_unlisten_ends_a_pause)
{
    uint64_t later;

    start(1);
    connect_many(2);
    settle();
    ck_assert(pool.paused);
    ck_assert_int_lt((int64_t)stats->time_in_listen_disabled_us, 0);    /* minus its start */
    for (later = clock_mono_us() + 5; clock_mono_us() < later;)
        ;
    ck_assert(!listeners[0].source.added);
    pool_unlisten(&pool, &listeners[0]);
    pool_unlisten(&pool, &listeners[0]);        /* once more does no harm */
    ck_assert(!pool.paused);
    ck_assert_uint_eq(stats->accepting_conns, 0);
    ck_assert_int_ge((int64_t)stats->time_in_listen_disabled_us, 5);
    release(accepted[0]);
    settle();
    ck_assert_uint_eq(accepted_count, 1);
    ck_assert(pool_listen(&pool, &listeners[0]));
    settle();
    ck_assert_uint_eq(accepted_count, 2);
    end();
}
END_TEST

/* So many descriptors more can be opened; returns what to set it back to. */
static struct rlimit
limit_descriptors(unsigned more)
{
    int next = fcntl(0, F_DUPFD_CLOEXEC, 0);
    struct rlimit old, low;

    close(next);
    ck_assert_int_eq(getrlimit(RLIMIT_NOFILE, &old), 0);
    low = old;
    low.rlim_cur = (rlim_t)next + more;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &low), 0);
    return old;
}

START_TEST(worker_out_of_descriptors_neither_spins_nor_stays_deaf)
{
    struct rlimit old;
    uint64_t before_ms;

    start(64);
    connect_many(5);
    old = limit_descriptors(3);
    settle();
    ck_assert_uint_eq(accepted_count, 3);
    ck_assert(pool.paused);
    before_ms = pool.paused_since_us / 1000;
    for (unsigned i = 0; i < 3; i++)            /* after 10, 20 and 40 ms, but for cascades */
        while (pool.pause_backoff_ms == 10u << i)
            ck_assert_int_eq(loop_turn(&loop, -1), 0);
    ck_assert_uint_ge(now.mono_ms - before_ms, 70);
    ck_assert_uint_eq(stats->listen_disabled_num, 1);

    release(accepted[0]);
    loop_turn(&loop, 0);
    ck_assert_uint_eq(accepted_count, 4);       /* at the very release */
    ck_assert(pool.paused);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    while (pool.paused)                         /* nobody tells: the timer finds it */
        loop_turn(&loop, -1);
    ck_assert_uint_eq(accepted_count, 5);
    check_sums();
    end();
}
END_TEST

static struct rlimit spare_limit;
static unsigned spares;

/* Stands for the files that are open only because they may be asked for again. */
static unsigned
spare(struct pool *of)
{
    (void)of;
    if (spares == 0)
        return 0;
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &spare_limit), 0);
    return spares--;
}

START_TEST(descriptors_spared_in_a_pause_are_used_at_once)
{
    start(64);
    connect_many(5);
    spare_limit = limit_descriptors(3);
    spares = 0;
    pool.spare_descriptors = spare;
    settle();
    ck_assert_uint_eq(accepted_count, 3);
    ck_assert(pool.paused);
    spares = 1;
    release(accepted[0]);
    for (unsigned i = 0; i < 3; i++)
        loop_turn(&loop, 0);
    ck_assert_uint_eq(accepted_count, 5);
    ck_assert(!pool.paused);
    check_sums();
    end();
}
END_TEST

START_TEST(worker_out_of_descriptors_drains_idle_ones)
{
    struct rlimit old;

    start(64);
    connect_many(3);
    settle();
    for (unsigned i = 0; i < 3; i++)
        conn_state_set(accepted[i], CONN_IDLE);
    let_ripen();
    connect_many(2);
    old = limit_descriptors(0);
    settle();
    ck_assert_uint_eq(accepted_count, 5);
    ck_assert_uint_eq(stats->listen_disabled_num, 0);
    ck_assert_uint_eq(stats->drained_connections, 2);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    check_sums();
    end();
}
END_TEST

static void
reject_when_full(void)
{
    struct pool_limits limits = pool_default_limits;

    limits.overload.action = OVERLOAD_REJECT;
    pool_set_limits(&pool, &limits);
    listeners[0].overload_answer = STR("no room");
}

/* The client gets the whole answer and then an orderly end. */
static void
check_rejected(int fd)
{
    char text[64];

    ck_assert_int_eq(recv(fd, text, sizeof(text), MSG_WAITALL), 7);
    ck_assert_mem_eq(text, "no room", 7);
    ck_assert_int_eq(recv(fd, text, sizeof(text), 0), 0);
    close(fd);
}

START_TEST(full_pool_rejects_in_words_when_told_to)
{
    int clients[3];

    start(2);
    reject_when_full();
    connect_many(2);
    settle();
    for (unsigned i = 0; i < 3; i++) {
        clients[i] = connect_to(&listeners[0]);
        ck_assert_int_eq(send(clients[i], "GET", 3, 0), 3);
    }
    settle();
    ck_assert(!pool.paused);
    for (unsigned i = 0; i < 3; i++)
        check_rejected(clients[i]);
    ck_assert_uint_eq(stats->rejected_overload, 3);
    ck_assert_uint_eq(stats->total_connections, 5);
    check_sums();
    release(accepted[0]);
    connect_many(1);
    settle();
    ck_assert_uint_eq(accepted_count, 3);
    end();
    ck_assert_int_eq(pool.reserve_fd, -1);
}
END_TEST

START_TEST(client_is_rejected_in_words_without_a_descriptor_too)
{
    struct rlimit old;
    int clients[8], spare;

    start(64);
    reject_when_full();
    for (unsigned i = 0; i < 8; i++)
        clients[i] = connect_to(&listeners[0]);
    old = limit_descriptors(2);
    settle();
    ck_assert_uint_eq(accepted_count, 2);
    ck_assert(!pool.paused);
    ck_assert_int_ge(pool.reserve_fd, 0);
    ck_assert_uint_eq(stats->rejected_overload, 6);
    for (unsigned i = 2; i < 8; i++)
        check_rejected(clients[i]);             /* frees the client's own descriptor */
    check_sums();
    while ((spare = fcntl(0, F_DUPFD_CLOEXEC, 0)) >= 0)
        ;
    close(pool.reserve_fd);                     /* and somebody else takes it at once */
    pool.reserve_fd = -1;
    spare = fcntl(0, F_DUPFD_CLOEXEC, 0);
    ck_assert_int_ge(spare, 0);
    close(spare);
    clients[0] = connect_to(&listeners[0]);
    settle();
    ck_assert(pool.paused);                     /* no word to say: they wait */
    ck_assert_uint_eq(stats->listen_disabled_num, 1);
    ck_assert_int_eq(setrlimit(RLIMIT_NOFILE, &old), 0);
    while (pool.paused)
        loop_turn(&loop, -1);
    ck_assert_uint_eq(accepted_count, 3);
    check_sums();
    end();
}
END_TEST

/* What may last, and whether idle connections are closed for it. */
static const struct { int err; bool drains; } errors[] = {
    { EMFILE,  true },
    { ENFILE,  true },
    { ENOMEM,  true },
    { ENOBUFS, true },
    { EPERM,   false },
    { EINVAL,  false },
};

START_TEST(lasting_error_drains_then_pauses_and_does_not_spin)
{
    start(64);
    connect_many(2);
    settle();
    conn_state_set(accepted[0], CONN_IDLE);
    let_ripen();
    connect_many(1);
    accept_errno = errors[_i].err;
    loop_turn(&loop, 0);
    ck_assert_int_eq(pool.paused, !errors[_i].drains);
    ck_assert_uint_eq(stats->drained_connections, errors[_i].drains);
    settle();
    ck_assert(pool.paused);
    accept_calls = 0;
    for (unsigned i = 0; i < 10; i++)
        ck_assert_int_eq(loop_turn(&loop, 0), 0);
    ck_assert_uint_eq(accept_calls, 0);
    ck_assert_uint_eq(stats->listen_disabled_num, 1);
    accept_errno = 0;
    while (pool.paused)
        loop_turn(&loop, -1);
    ck_assert_uint_eq(accepted_count, 3);
    check_sums();
    end();
}
END_TEST

START_TEST(clients_own_error_is_no_reason_to_pause)
{
    static const int own[] = { EINTR, ECONNABORTED, EPROTO };

    start(8);
    connect_many(1);
    accept_errno = own[_i];
    accept_calls = 0;
    loop_turn(&loop, -1);
    ck_assert(!pool.paused);
    ck_assert_uint_eq(accept_calls, 1);         /* one waits: one is tried */
    accept_errno = 0;
    settle();
    ck_assert_uint_eq(accepted_count, 1);
    end();
}
END_TEST

/* ---- many workers --------------------------------------------------------------------------- */

static struct counters *other_worker;

/* This process is one of two workers; the other has so many connections. */
static void
start_beside(uint64_t connections)
{
    struct counters_segment *segment = counters_create(4);
    struct pool_limits limits = pool_default_limits;

    counters_use(segment, 1, 7);
    other_worker = stats;
    counters_use(segment, 0, 7);
    start(1024);
    *stats = (struct counters){ .pid = getpid(), .generation = 7, .accepting_conns = 1 };
    other_worker->curr_connections = connections;
    limits.workers = 2;
    pool_set_limits(&pool, &limits);
}

START_TEST(worker_takes_sixteen_and_steps_back)
{
    start_beside(1000);
    connect_many(40);
    for (unsigned taken = 16; taken <= 48; taken += 16) {
        ck_assert_int_eq(loop_turn(&loop, -1), 1);
        ck_assert_uint_eq(accepted_count, MIN(taken, 40));
        ck_assert_uint_eq(listeners[0].accepts, taken == 48 ? 8 : 0);
    }
    ck_assert_int_eq(loop_turn(&loop, 0), 0);
    connect_many(8);
    settle();
    ck_assert_uint_eq(listeners[0].accepts, 0);
    end();
}
END_TEST

START_TEST(worker_that_is_ahead_lets_the_others_go_first)
{
    static const unsigned after[] = { 16, 17, 19, 23, 31, 40 };

    start_beside(3);
    connect_many(40);
    for (unsigned i = 0; i < ARRAY_LEN(after); i++) {
        while (accepted_count < after[i]) {
            clock_update();
            loop_turn(&loop, -1);
        }
        ck_assert_uint_eq(accepted_count, after[i]);
        ck_assert(!listeners[0].source.added);  /* stands aside */
        ck_assert_int_eq(loop_turn(&loop, 0), 0);
    }
    other_worker->curr_connections = 100;
    connect_many(16);
    while (accepted_count < 56)
        loop_turn(&loop, -1);
    ck_assert(listeners[0].source.added);
    ck_assert_uint_eq(stats->listen_disabled_num, 0);
    end();
}
END_TEST

START_TEST(worker_with_a_queue_of_its_own_waits_for_nobody)
{
    start_beside(3);
    listeners[0].options.reuseport = 1;
    connect_many(40);
    ck_assert_int_eq(loop_turn(&loop, -1), 1);
    ck_assert_uint_eq(accepted_count, 40);
    ck_assert(listeners[0].source.added);
    end();
}
END_TEST

START_TEST(worker_of_another_configuration_does_not_count)
{
    start_beside(3);
    other_worker->generation = 6;
    connect_many(40);
    settle();
    ck_assert_uint_eq(accepted_count, 40);
    end();
}
END_TEST

START_TEST(unix_socket_is_accepted_from_until_nobody_waits)
{
    char folder[] = "/tmp/weir-accept-XXXXXX", text[64];

    start(16);
    ck_assert_ptr_nonnull(mkdtemp(folder));
    snprintf(text, sizeof(text), "unix:%s/s", folder);
    start_listener(&listeners[1], text);
    for (unsigned i = 0; i < 5; i++)
        connect_to(&listeners[1]);
    ck_assert_int_eq(loop_turn(&loop, -1), 1);
    ck_assert_uint_eq(accepted_count, 5);
    ck_assert_int_eq(accepted[4]->peer.family, AF_UNIX);
    ck_assert(!pool.paused);
    end();
    listener_close(&listeners[1]);
    listener_unlink(&listeners[1]);
    ck_assert_int_eq(rmdir(folder), 0);
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("net/accept");

    unit_add(suite, accepted_client_is_described_in_its_slot, 1);
    unit_add(suite, turn_accepts_all_that_wait_but_64_at_most, 1);
    unit_add(suite, full_pool_leaves_clients_in_the_backlog, 1);
    unit_add(suite, release_lets_in_one_who_waits_at_once, 1);
    unit_add(suite, release_and_newcomer_in_one_turn_do_not_meet, 1);
    unit_add(suite, connection_that_becomes_idle_makes_room, 1);
    unit_add(suite, idle_connections_make_room_without_a_pause, 1);
    unit_add(suite, listeners_take_turns_while_slots_are_short, 1);
    unit_add(suite, last_unlisten_ends_a_pause, 1);
    unit_add(suite, worker_out_of_descriptors_neither_spins_nor_stays_deaf, 1);
    unit_add(suite, descriptors_spared_in_a_pause_are_used_at_once, 1);
    unit_add(suite, worker_out_of_descriptors_drains_idle_ones, 1);
    unit_add(suite, full_pool_rejects_in_words_when_told_to, 1);
    unit_add(suite, client_is_rejected_in_words_without_a_descriptor_too, 1);
    unit_add(suite, lasting_error_drains_then_pauses_and_does_not_spin, ARRAY_LEN(errors));
    unit_add(suite, clients_own_error_is_no_reason_to_pause, 3);
    unit_add(suite, worker_takes_sixteen_and_steps_back, 1);
    unit_add(suite, worker_that_is_ahead_lets_the_others_go_first, 1);
    unit_add(suite, worker_with_a_queue_of_its_own_waits_for_nobody, 1);
    unit_add(suite, worker_of_another_configuration_does_not_count, 1);
    unit_add(suite, unix_socket_is_accepted_from_until_nobody_waits, 1);
    return unit_run(suite);
}
