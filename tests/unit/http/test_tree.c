/* SPDX-License-Identifier: BSD-2-Clause */
/* tree: what comes to a name does so as a whole or not at all, and nothing else changes. */
#include "unit.h"
#include "http/tree.h"
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[] = "/tmp/weir-tree-XXXXXX";
static int root;

/* In the folder; it must succeed. */
static void
shell(const char *line)
{
    char command[1024];

    snprintf(command, sizeof(command), "cd %s && { %s; } > /dev/null", folder, line);
    ck_assert_msg(system(command) == 0, "%s", command);
}

static void
start(void)
{
    ck_assert_ptr_nonnull(mkdtemp(folder));
    root = open(folder, O_PATH | O_DIRECTORY);
    shell("mkdir -p d/e full empty && echo a > a && echo b > b && echo x > d/x && echo y > d/e/y"
          " && echo z > full/z && ln -s x d/link");
}

static void
end(void)
{
    char command[64];

    close(root);
    snprintf(command, sizeof(command), "rm -rf %s", folder);
    ck_assert_int_eq(system(command), 0);
}

static struct tree_spot
spot(const char *name)
{
    return (struct tree_spot){ root, name };
}

typedef bool (*bring_fn)(struct tree_work *work, struct tree_spot from, struct tree_spot to);

/* What a copy or move of `from` to `to` gives, and a shell's test that holds afterwards. */
static const struct {
    bring_fn bring;
    const char *from, *to;
    bool overwrite, shallow;
    int error;
    bool replaced;
    const char *then;
} brings[] = {
    { tree_copy, "a", "n", true, false, 0, false, "grep a n && grep a a" },
    { tree_copy, "a", "b", true, false, 0, true, "grep a b && grep a a" },
    { tree_copy, "a", "b", false, false, EEXIST, false, "grep b b" },
    { tree_copy, "a", "n", false, false, 0, false, "grep a n" },
    { tree_copy, "none", "n", true, false, ENOENT, false, "! test -e n" },
    { tree_copy, "a", "a", true, false, EPERM, false, "grep a a" },
    { tree_copy, "d", "n", true, false, 0, false, "diff -r d n && test -L n/link" },
    { tree_copy, "d", "n", true, true, 0, false, "test -d n && ! test -e n/x" },
    { tree_copy, "d", "full", true, false, 0, true, "diff -r d full" },
    { tree_copy, "d", "full", false, false, EEXIST, false, "grep z full/z" },
    { tree_copy, "d", "empty", true, false, 0, true, "diff -r d empty" },
    { tree_copy, "d", "a", true, false, ENOTDIR, false, "grep a a" },
    { tree_copy, "a", "full", true, false, EISDIR, false, "grep z full/z" },
    { tree_move, "a", "n", true, false, 0, false, "grep a n && ! test -e a" },
    { tree_move, "a", "b", true, false, 0, true, "grep a b && ! test -e a" },
    { tree_move, "a", "b", false, false, EEXIST, false, "grep a a && grep b b" },
    { tree_move, "a", "a", true, false, EPERM, false, "grep a a" },
    { tree_move, "d", "full", true, false, 0, true, "grep x full/x && ! test -e d" },
    { tree_move, "d", "full", false, false, EEXIST, false, "grep x d/x && grep z full/z" },
    { tree_move, "d", "a", true, false, ENOTDIR, false, "grep x d/x && grep a a" },
    { tree_move, "a", "full", true, false, EISDIR, false, "grep z full/z && grep a a" },
};

START_TEST(what_is_brought_is_there_whole)
{
    struct tree_work work = { .overwrite = brings[_i].overwrite, .shallow = brings[_i].shallow };
    bool ok;

    start();
    errno = 0;
    ok = brings[_i].bring(&work, spot(brings[_i].from), spot(brings[_i].to));
    ck_assert_int_eq(ok, brings[_i].error == 0);
    if (!ok)
        ck_assert_int_eq(errno, brings[_i].error);
    ck_assert_int_eq(ok && work.replaced, brings[_i].replaced);
    shell(brings[_i].then);
    shell("test -z \"$(find . -name '.weir*')\"");
    end();
}
END_TEST

START_TEST(folder_is_not_copied_into_itself)
{
    struct tree_work work = { .overwrite = true };
    int inner;

    start();
    inner = openat(root, "d/e", O_PATH | O_DIRECTORY);
    ck_assert(!tree_copy(&work, spot("d"), (struct tree_spot){ inner, "n" }));
    ck_assert_int_eq(errno, ELOOP);
    ck_assert(!tree_move(&work, spot("d"), (struct tree_spot){ inner, "n" }));
    ck_assert_int_eq(errno, EINVAL);
    close(inner);
    shell("grep x d/x && test \"$(ls -A d/e)\" = y");
    end();
}
END_TEST

START_TEST(removing_follows_no_link)
{
    struct tree_work work = { .overwrite = false };

    start();
    shell("ln -s ../full d/out && ln -s full out");
    ck_assert(tree_remove(&work, spot("d")));
    ck_assert(tree_remove(&work, spot("out")));
    ck_assert(tree_remove(&work, spot("a")));
    ck_assert(!tree_remove(&work, spot("a")));
    ck_assert_int_eq(errno, ENOENT);
    shell("test \"$(ls)\" = \"$(printf 'b\\nempty\\nfull')\" && grep z full/z");
    end();
}
END_TEST

static const struct { unsigned depth; bool ok; } depths[] = {
    { TREE_DEPTH_MAX - 1, true }, { TREE_DEPTH_MAX + 1, false },
};

START_TEST(depth_has_a_bound)
{
    struct tree_work work = { .overwrite = true };
    char path[2 * TREE_DEPTH_MAX + 32] = "mkdir -p p";

    start();
    for (unsigned i = 1; i < depths[_i].depth; i++)
        strcat(path, "/p");
    shell(path);
    ck_assert_int_eq(tree_copy(&work, spot("p"), spot("n")), depths[_i].ok);
    if (!depths[_i].ok)
        ck_assert_int_eq(errno, ELOOP);
    ck_assert(tree_remove(&work, spot("p")));         /* however deep */
    end();
}
END_TEST

/* As if there were no such folder, whatever the file system says: PUT and COPY answer 409 then. */
START_TEST(nothing_comes_into_a_folder_that_somebody_removes)
{
    static const char *const sources[] = { "a", "d", "d/link", "full" };
    struct tree_work work = { .overwrite = true };
    int gone;

    start();
    gone = openat(root, "empty", O_PATH | O_DIRECTORY);
    shell("rmdir empty");
    for (size_t i = 0; i < ARRAY_LEN(sources); i++) {
        errno = 0;
        ck_assert(!tree_copy(&work, spot(sources[i]), (struct tree_spot){ gone, "n" }));
        ck_assert_msg(errno == ENOENT, "%s: %s", sources[i], strerror(errno));
        ck_assert(!tree_move(&work, spot(sources[i]), (struct tree_spot){ gone, "n" }));
        ck_assert_msg(errno == ENOENT, "%s: %s", sources[i], strerror(errno));
    }
    close(gone);
    shell("grep x d/x && grep a a && grep z full/z && test -L d/link");
    end();
}
END_TEST

/* overwrite, and whether the file has a name before. */
START_TEST(file_comes_to_a_name)
{
    struct tree_work work = { .overwrite = _i % 2 == 0 };
    bool is_named = _i / 2 % 2 == 1, is_there = _i / 4 == 1, ok;
    char name[64];
    int fd;

    start();
    snprintf(name, sizeof(name), "%s/temp", folder);
    fd = is_named ? open(name, O_RDWR | O_CREAT | O_EXCL, 0600)
                  : open(folder, O_TMPFILE | O_RDWR, 0600);
    ck_assert_int_eq(write(fd, "new\n", 4), 4);
    ok = tree_place_file(&work, fd, is_named ? name : NULL, spot(is_there ? "a" : "n"));
    ck_assert_int_eq(ok, work.overwrite || !is_there);
    if (ok)
        ck_assert_int_eq(work.replaced, is_there);
    shell(!ok ? "grep a a" : is_there ? "grep new a" : "grep new n");
    close(fd);
    end();
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("http/tree");

    unit_add(suite, what_is_brought_is_there_whole, ARRAY_LEN(brings));
    unit_add(suite, folder_is_not_copied_into_itself, 1);
    unit_add(suite, removing_follows_no_link, 1);
    unit_add(suite, depth_has_a_bound, ARRAY_LEN(depths));
    unit_add(suite, nothing_comes_into_a_folder_that_somebody_removes, 1);
    unit_add(suite, file_comes_to_a_name, 8);
    return unit_run(suite);
}
