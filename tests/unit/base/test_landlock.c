/* SPDX-License-Identifier: BSD-2-Clause */
/* landlock: what each kind of access opens, with each version of the interface. */
#include "base/landlock.h"
#include "unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <ftw.h>
#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

/* "own" is opened, "other" is not; each has the files "file" and "old", and a folder "sub". */
static char folder[64];
static uint16_t port;           /* that somebody listens at */
static struct sockaddr_un abstract;     /* the same */
static socklen_t abstract_len;

static const char *
at(const char *name)
{
    static char paths[4][128];
    static unsigned next;
    char *path = paths[next++ % ARRAY_LEN(paths)];

    snprintf(path, sizeof(paths[0]), "%s/%s", folder, name);
    return path;
}

static void
make(const char *name)
{
    int fd = open(at(name), O_WRONLY | O_CREAT | O_CLOEXEC, 0600);

    ck_assert_int_ge(fd, 0);
    ck_assert_int_eq(write(fd, "text", 4), 4);
    close(fd);
}

static void
listen_somewhere(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    socklen_t len = sizeof(in);
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

    ck_assert_int_eq(bind(fd, (struct sockaddr *)&in, len), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
    ck_assert_int_eq(getsockname(fd, (struct sockaddr *)&in, &len), 0);
    port = ntohs(in.sin_port);
    fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    abstract.sun_family = AF_UNIX;
    snprintf(abstract.sun_path + 1, sizeof(abstract.sun_path) - 1, "%s", folder);
    abstract_len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + 1 + strlen(folder));
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&abstract, abstract_len), 0);
    ck_assert_int_eq(listen(fd, 64), 0);
}

static void
setup(void)
{
    static const char *const folders[] = { "own", "own/sub", "other", "other/sub" };

    strcpy(folder, "/tmp/weir-landlock-XXXXXX");
    ck_assert_ptr_nonnull(mkdtemp(folder));
    for (size_t i = 0; i < ARRAY_LEN(folders); i++)
        ck_assert_int_eq(mkdir(at(folders[i]), 0700), 0);
    make("own/file");
    make("own/old");
    make("other/file");
    make("other/old");
    listen_somewhere();
}

static int
remove_one(const char *path, const struct stat *st, int type, struct FTW *ftw)
{
    (void)st;
    (void)type;
    (void)ftw;
    return remove(path);
}

static void
teardown(void)
{
    nftw(folder, remove_one, 8, FTW_DEPTH | FTW_PHYS);
}

/* ---- what is tried: 0, or the error's number ------------------------------------------------- */

static int
result(int value)
{
    return value >= 0 ? 0 : errno;
}

static int
try_open(const char *path, int flags)
{
    int fd = open(path, flags | O_CLOEXEC, 0600), err = result(fd);

    if (fd >= 0)
        close(fd);
    return err;
}

static int read_file(void) { return try_open(at("own/file"), O_RDONLY); }
static int read_folder(void) { return try_open(at("own"), O_RDONLY | O_DIRECTORY); }
static int write_file(void) { return try_open(at("own/file"), O_WRONLY | O_APPEND); }
static int make_file(void) { return try_open(at("own/new"), O_WRONLY | O_CREAT | O_EXCL); }
static int cut_file(void) { return result(truncate(at("own/old"), 1)); }
static int make_folder(void) { return result(mkdir(at("own/made"), 0700)); }
static int make_link(void) { return result(symlink("file", at("own/link"))); }
static int remove_file(void) { return result(unlink(at("own/old"))); }
static int remove_folder(void) { return result(rmdir(at("own/sub"))); }
static int move_within(void) { return result(rename(at("own/file"), at("own/file.1"))); }
static int read_outside(void) { return try_open(at("other/file"), O_RDONLY); }
static int write_outside(void) { return try_open(at("other/file"), O_WRONLY); }

static int
move_between_folders(void)
{
    return result(rename(at("own/file"), at("own/sub/file")));
}

static int
make_socket(void)
{
    struct sockaddr_un un = { .sun_family = AF_UNIX };
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0), err;

    strcpy(un.sun_path, at("own/sock"));
    err = result(bind(fd, (struct sockaddr *)&un, sizeof(un)));
    close(fd);
    return err;
}

static int
bind_tcp(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = result(bind(fd, (struct sockaddr *)&in, sizeof(in)));

    close(fd);
    return err;
}

static int
connect_tcp(void)
{
    struct sockaddr_in in = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK),
                              .sin_port = htons(port) };
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = result(connect(fd, (struct sockaddr *)&in, sizeof(in)));

    close(fd);
    return err;
}

static int
connect_abstract(void)
{
    int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    int err = result(connect(fd, (struct sockaddr *)&abstract, abstract_len));

    close(fd);
    return err;
}

static int
signal_parent(void)
{
    return result(kill(getppid(), 0));
}

/* ---- cases ----------------------------------------------------------------------------------- */

enum {
    FOREVER = LANDLOCK_NEWEST + 1,
    R = 1 << LANDLOCK_READ, W = 1 << LANDLOCK_WRITE, A = 1 << LANDLOCK_APPEND,
    K = 1 << LANDLOCK_KEEP, D = 1 << LANDLOCK_REMOVE, NONE = 0, ALL = R | W | A | K | D
};

/*
 * Whose access allows it, from the first version that knows of it on; before, all may, but where
 * `before` is an error.
 */
static const struct {
    const char *name;
    int (*what)(void);
    unsigned allows;            /* bits of enum landlock_access */
    int from;
    int before, refusal;
} tries[] = {
    { "read a file",            read_file,     R | W,         1, 0, EACCES },
    { "list a folder",          read_folder,   R | W | K,     1, 0, EACCES },
    { "append to a file",       write_file,    W | A | K,     1, 0, EACCES },
    { "make a file",            make_file,     W | A | K,     1, 0, EACCES },
    { "truncate a file",        cut_file,      W | K,         3, 0, EACCES },
    { "make a folder",          make_folder,   W,             1, 0, EACCES },
    { "make a link",            make_link,     W,             1, 0, EACCES },
    { "make a Unix socket",     make_socket,   K,             1, 0, EACCES },
    { "remove a file",          remove_file,   W | K | D,     1, 0, EACCES },
    { "remove a folder",        remove_folder, W,             1, 0, EACCES },
    { "rename a file",          move_within,   W | K,         1, 0, EACCES },
    { "move to another folder", move_between_folders, W,      2, EXDEV, -1 },
    { "read elsewhere",         read_outside,  NONE,          1, 0, EACCES },
    { "write elsewhere",        write_outside, NONE,          1, 0, EACCES },
    { "bind TCP",               bind_tcp,      NONE,          4, 0, EACCES },
    { "connect TCP",            connect_tcp,   NONE,          4, 0, EACCES },
    { "reach an abstract socket", connect_abstract, NONE,     6, 0, EPERM },
    { "signal another process", signal_parent, NONE,          6, 0, EPERM },
};

enum { VERSIONS = LANDLOCK_NEWEST, ACCESSES = LANDLOCK_REMOVE + 1, FAILED = 99, NO_CHILD = 100 };

/* In a process of its own, which is behind walls with `own` opened; gives what `what` gives. */
static int
behind_walls(int version, enum landlock_access access, unsigned open, int (*what)(void))
{
    pid_t pid = fork();
    int status;

    if (pid == 0) {
        struct landlock walls;

        landlock_pretend(version);
        if (!landlock_begin(&walls, open) || !landlock_allow(&walls, at("own"), access)
            || walls.rules != 1 || !landlock_enforce(&walls))
            _exit(FAILED);
        _exit(what());
    }
    if (pid < 0 || waitpid(pid, &status, 0) != pid || !WIFEXITED(status))
        return NO_CHILD;
    return WEXITSTATUS(status);
}

static bool
is_missing(int version)
{
    landlock_pretend(FOREVER);
    return landlock_version() < version;
}

START_TEST(each_access_opens_what_it_says_with_each_version)
{
    int version = 1 + _i / ACCESSES;
    enum landlock_access access = (enum landlock_access)(_i % ACCESSES);

    if (is_missing(version))
        return;
    for (size_t i = 0; i < ARRAY_LEN(tries); i++) {
        bool allowed = (tries[i].allows & 1u << access) != 0;
        int got, wanted;

        setup();
        got = behind_walls(version, access, 0, tries[i].what);
        if (version < tries[i].from)
            wanted = tries[i].before;
        else
            wanted = allowed ? 0 : tries[i].refusal;
        /* Moving is refused as making is, or as something that would widen rights. */
        if (tries[i].what == move_between_folders && !allowed)
            ck_assert_msg(got == EACCES || got == EXDEV, "version %d, access %d: %s gave %d", version,
                          access, tries[i].name, got);
        else
            ck_assert_msg(got == wanted, "version %d, access %d: %s gave %d, not %d", version, access,
                          tries[i].name, got, wanted);
        teardown();
    }
}
END_TEST

static const struct { unsigned open; int (*what)(void); int refusal; } left_open[] = {
    { 0,                                 bind_tcp,         EACCES },
    { LANDLOCK_ABSTRACT,                 bind_tcp,         EACCES },
    { LANDLOCK_BINDS,                    bind_tcp,         0 },
    { LANDLOCK_BINDS,                    connect_tcp,      EACCES },
    { LANDLOCK_BINDS,                    connect_abstract, EPERM },
    { LANDLOCK_ABSTRACT,                 connect_abstract, 0 },
    { LANDLOCK_ABSTRACT,                 signal_parent,    EPERM },
    { LANDLOCK_BINDS | LANDLOCK_ABSTRACT, bind_tcp,        0 },
    { LANDLOCK_BINDS | LANDLOCK_ABSTRACT, read_outside,    EACCES },
};

START_TEST(what_is_left_open_is_that_alone)
{
    if (is_missing(LANDLOCK_NEWEST))
        return;
    setup();
    ck_assert_int_eq(behind_walls(LANDLOCK_NEWEST, LANDLOCK_READ, left_open[_i].open, left_open[_i].what),
                     left_open[_i].refusal);
    teardown();
}
END_TEST

START_TEST(rules_are_counted_and_names_that_lead_nowhere_are_none)
{
    struct landlock walls;

    if (is_missing(1))
        return;
    setup();
    ck_assert(landlock_begin(&walls, 0));
    ck_assert_uint_eq(walls.rules, 0);
    ck_assert(!landlock_allow(&walls, at("none"), LANDLOCK_READ));
    ck_assert_int_eq(errno, ENOENT);
    ck_assert_uint_eq(walls.rules, 0);
    ck_assert(landlock_allow(&walls, at("own"), LANDLOCK_READ));
    ck_assert(landlock_allow(&walls, at("own/file"), LANDLOCK_WRITE));
    ck_assert(!landlock_allow(&walls, at("own/file"), LANDLOCK_REMOVE));    /* is of folders alone */
    ck_assert_uint_eq(walls.rules, 2);
    close(walls.fd);
    teardown();
}
END_TEST

START_TEST(a_kernel_is_no_newer_than_it_pretends_to_be)
{
    int there;

    landlock_pretend(FOREVER);
    there = landlock_version();
    landlock_pretend(_i);
    ck_assert_int_eq(landlock_version(), MIN(_i, there));
    ck_assert((strcmp(landlock_lacks(_i), "nothing") == 0) == (_i >= LANDLOCK_NEWEST));
}
END_TEST

static int
tell_whose_refusal(void)
{
    /* Behind walls: what they refuse, what they do not, and what failed for another reason. */
    return landlock_refused(at("other/file"), R_OK, EACCES)
           && !landlock_refused(at("other/file"), R_OK, ENOENT)
           && !landlock_refused(at("other/none"), R_OK, EACCES) ? 0 : 1;
}

START_TEST(a_refusal_is_told_from_others)
{
    if (is_missing(1))
        return;
    setup();
    ck_assert(!landlock_refused(at("other/file"), R_OK, EACCES));   /* there are no walls here */
    ck_assert_int_eq(behind_walls(1, LANDLOCK_READ, 0, tell_whose_refusal), 0);
    teardown();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("base/landlock");

    unit_add(suite, each_access_opens_what_it_says_with_each_version, VERSIONS * ACCESSES);
    unit_add(suite, what_is_left_open_is_that_alone, ARRAY_LEN(left_open));
    unit_add(suite, rules_are_counted_and_names_that_lead_nowhere_are_none, 1);
    unit_add(suite, a_kernel_is_no_newer_than_it_pretends_to_be, LANDLOCK_NEWEST + 2);
    unit_add(suite, a_refusal_is_told_from_others, 1);
    return unit_run(suite);
}
