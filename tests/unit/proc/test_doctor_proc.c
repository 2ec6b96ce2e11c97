/* SPDX-License-Identifier: BSD-2-Clause */
#include "proc/doctor_proc.h"
#include "unit.h"

#include <arpa/inet.h>
#include <unistd.h>

static const char limits[] =
    "Limit                     Soft Limit           Hard Limit           Units     \n"
    "Max processes             95922                95922                processes \n"
    "Max open files            1024                 524288               files     \n";

START_TEST(open_files_are_found_among_the_limits)
{
    uint64_t soft = 0, hard = 0;

    ck_assert(limits_parse(str_of(limits), &soft, &hard));
    ck_assert_uint_eq(soft, 1024);
    ck_assert_uint_eq(hard, 524288);
    ck_assert(limits_parse(STR("Max open files unlimited unlimited files"), &soft, &hard));
    ck_assert_uint_eq(hard, UINT64_MAX);
    ck_assert(!limits_parse(STR("Max open files  12"), &soft, &hard));
    ck_assert(!limits_parse(STR("Max open files x 12 files"), &soft, &hard));
    ck_assert(!limits_parse(STR("Max processes 1 2 processes\n"), &soft, &hard));
    ck_assert(!limits_parse(STR(""), &soft, &hard));
}
END_TEST

START_TEST(effective_number_is_the_second)
{
    static const char text[] = "Name:\tweir\nUid:\t1000\t33\t0\t0\nGid:\t5\t6\t7\t8\n";
    uint32_t n = 0;

    ck_assert(status_parse(str_of(text), STR("Uid:"), &n) && n == 33);
    ck_assert(status_parse(str_of(text), STR("Gid:"), &n) && n == 6);
    ck_assert(!status_parse(str_of(text), STR("Pid:"), &n));
    ck_assert(!status_parse(STR("Uid:\t1000\n"), STR("Uid:"), &n));
    ck_assert(!status_parse(STR(""), STR("Uid:"), &n));
}
END_TEST

START_TEST(memory_is_in_kibibytes)
{
    static const char text[] = "MemTotalHuge: 1 kB\nMemTotal:        2048 kB\nMemFree: 5 kB";
    uint64_t n = 0;

    ck_assert(meminfo_parse(str_of(text), STR("MemTotal"), &n) && n == 2048 * 1024);
    ck_assert(meminfo_parse(str_of(text), STR("MemFree"), &n) && n == 5 * 1024);
    ck_assert(!meminfo_parse(str_of(text), STR("Mem"), &n));
    ck_assert(!meminfo_parse(STR("MemTotal:"), STR("MemTotal"), &n));
    ck_assert(!meminfo_parse(STR("MemTotal"), STR("MemTotal"), &n));
}
END_TEST

#define REST " 00000000:0000 0A 00000000:00000000 00:00000000 00000000  1000        0 4711 1 ff"

static const struct { const char *line; bool listens; const char *address; } sockets[] = {
    { "   0: 0100007F:1F90" REST, true, "127.0.0.1:8080" },
    { "   0: 00000000:0050" REST, true, "0.0.0.0:80" },
    { "  12: 00000000000000000000000000000000:0050 00000000000000000000000000000000:0000 0A "
      "00000000:00000000 00:00000000 00000000  1000        0 4711", true, "[::]:80" },
    { "  12: 00000000000000000000000001000000:0050" REST, true, "[::1]:80" },
    { "   0: 0100007F:1F90 00000000:0000 01 0:0 0:0 0 1000 0 4711", false, NULL },  /* connected */
    { "   0: 0100007F:1F90 00000000:0000 0A 0:0 0:0 0 1000 0", false, NULL },
    { "   0: 0100007F:1F90 00000000:0000 0A", false, NULL },
    { "   0: 0100007F:11F90" REST, false, NULL },
    { "   0: 0100007:1F90" REST, false, NULL },
    { "   0: 0100007F" REST, false, NULL },
    { "   0: 0100007G:1F90" REST, false, NULL },
    { "  sl  local_address rem_address   st tx_queue rx_queue tr tm->when retrnsmt   uid", false,
      NULL },
    { "", false, NULL },
};

START_TEST(listening_socket_is_read)
{
    struct proc_listener l = { 0 };
    char text[ADDRESS_TEXT_MAX];
    struct writer w = writer_at(text, sizeof(text));

    if (htonl(1) == 1)
        return;                 /* the kernel prints words of the machine */
    ck_assert_int_eq(tcp_parse(str_of(sockets[_i].line), &l), sockets[_i].listens);
    if (!sockets[_i].listens)
        return;
    write_address(&w, &l.address);
    ck_assert_str_eq(writer_cstr(&w), sockets[_i].address);
    ck_assert_uint_eq(l.inode, 4711);
    ck_assert_uint_eq(l.uid, 1000);
}
END_TEST

START_TEST(words_and_lines_are_cut)
{
    struct str rest = STR("  one\ttwo \n\nlast");
    struct str line = proc_line(&rest);

    ck_assert(str_eq(proc_word(&line), STR("one")));
    ck_assert(str_eq(proc_word(&line), STR("two")));
    ck_assert_uint_eq(proc_word(&line).len, 0);
    ck_assert_uint_eq(proc_line(&rest).len, 0);
    ck_assert(str_eq(proc_line(&rest), STR("last")));
    ck_assert_uint_eq(rest.len, 0);
}
END_TEST

START_TEST(a_process_that_is_none_of_ours_is_not_taken_for_one)
{
    uid_t uid;
    gid_t gid;

    ck_assert(!proc_is_weir(getpid()));
    ck_assert(proc_ids(getpid(), &uid, &gid));
    ck_assert_uint_eq(uid, geteuid());
    ck_assert_uint_eq(gid, getegid());
}
END_TEST

int
main(void)
{
    Suite *suite = suite_create("proc/doctor_proc");

    unit_add(suite, open_files_are_found_among_the_limits, 1);
    unit_add(suite, effective_number_is_the_second, 1);
    unit_add(suite, memory_is_in_kibibytes, 1);
    unit_add(suite, listening_socket_is_read, ARRAY_LEN(sockets));
    unit_add(suite, words_and_lines_are_cut, 1);
    unit_add(suite, a_process_that_is_none_of_ours_is_not_taken_for_one, 1);
    return unit_run(suite);
}
