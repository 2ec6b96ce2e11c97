/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * doctor_clock: Date, Last-Modified, the times in logs and what expires go by the machine's clock.
 */
#include "proc/doctor_scan.h"
#include "proc/title.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/timex.h>
#include <time.h>

enum {
    DAY_S = 86400,
    FUTURE_S = 5                /* clocks of a network file system and ours differ by less */
};

static const int64_t year_2100 = 4102444800;

static struct str
date_text(const struct doctor *d, int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    char text[32] = "?";

    if (gmtime_r(&t, &tm) != NULL)
        strftime(text, sizeof(text), "%Y-%m-%d %H:%M:%S UTC", &tm);
    return doctor_text(d, "%s", text);
}

static void
check_date(struct doctor *d)
{
    int64_t now = time(NULL);
    struct str today = date_text(d, now);
    struct stat st;
    bool is_old = stat("/proc/self/exe", &st) == 0 && now < st.st_mtim.tv_sec - DAY_S;

    if (!is_old && now < year_2100) {
        doctor_fine(d, "it is %.*s", STR_ARG(today));
        return;
    }
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_ERROR,
        .text = is_old ? doctor_text(d, "it is %.*s, which is before this program was installed",
                                     STR_ARG(today))
                       : doctor_text(d, "it is %.*s", STR_ARG(today)),
        .why = STR("Date, Expires, logs and signed links go by it, and browsers keep pages for the "
                   "wrong time"),
        .mend = STR("timedatectl set-ntp true"),
    });
}

static void
check_synchronised(struct doctor *d)
{
    struct timex t = { .modes = 0 };

    if (adjtimex(&t) < 0 || !(t.status & STA_UNSYNC))
        return;
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_NOTICE,
        .text = STR("the kernel knows of nobody who keeps the clock right"),
        .why = STR("it drifts by seconds a day; in a container or a virtual machine the host may "
                   "keep it"),
        .mend = STR("timedatectl set-ntp true"),
    });
}

/* Files that were made tomorrow: of another clock, or this one is slow. */
static void
check_files(struct doctor *d)
{
    int64_t now = time(NULL);

    for (uint32_t i = 0; i < d->places.len; i++) {
        const struct doctor_place *place = &d->places.items[i];
        const struct scan *scan = scan_of(d, place);
        const struct scan_entry *first = NULL;
        unsigned n = 0;

        for (uint32_t k = 0; scan != NULL && k < scan->entries.len; k++) {
            const struct scan_entry *e = &scan->entries.items[k];

            if (e->is_folder || e->changed_s <= now + FUTURE_S)
                continue;
            if (n++ == 0)
                first = e;
        }
        if (first == NULL)
            continue;
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_WARNING, .about = doctor_text(d, "%.*s %s", STR_ARG(place->name),
                                                          place->path.p),
            .text = doctor_text(d, "%u file%s of the future, such as %.*s: %.*s", n,
                                n == 1 ? "" : "s", STR_ARG(first->name),
                                STR_ARG(date_text(d, first->changed_s))),
            .why = STR("browsers and caches take a later change for an older one; or this clock is "
                       "slow"),
            .mend = doctor_text(d, "touch %s/%s", doctor_shell(d, place->path.p),
                                doctor_shell(d, first->name.p)),
            .where = place->where,
        });
    }
}

/* What "env" says of TZ, which is passed on when nothing is said. */
static const char *
zone_of(const struct main_settings *s)
{
    for (uint32_t i = 0; i < s->env.list.len; i++)
        if (str_starts(s->env.list.items[i], STR("TZ=")))
            return s->env.list.items[i].p + 3;
    return title_getenv("TZ");
}

/* ":Europe/Berlin", "Europe/Berlin"; rules such as "CET-1CEST" need no file. */
static void
check_zone(struct doctor *d)
{
    const char *zone = zone_of(d->rt->main);
    struct str path = STR("/etc/localtime");
    struct stat st;

    if (zone != NULL && zone[0] == ':')
        zone++;
    if (zone != NULL && zone[0] == '/')
        path = doctor_text(d, "%s", zone);
    else if (zone != NULL && strchr(zone, '/') != NULL)
        path = doctor_text(d, "/usr/share/zoneinfo/%s", zone);
    else if (zone != NULL)
        return;
    if (stat(path.p, &st) == 0 || (zone == NULL && lstat(path.p, &st) != 0))
        return;                 /* without a word of it the zone is UTC, as in containers */
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_WARNING, .about = path,
        .text = zone != NULL ? doctor_text(d, "TZ=%s names it, and it cannot be read", zone)
                             : STR("a link that leads nowhere"),
        .why = STR("the times in logs are those of UTC"),
        .mend = zone != NULL ? STR("apt-get install tzdata")
                             : STR("timedatectl set-timezone Europe/Berlin"),
    });
}

static const struct doctor_check checks[] = {
    { "date", check_date, "" },
    { "synchronised", check_synchronised, "somebody keeps the clock right" },
    { "files", check_files, "no file is of the future" },
    { "zone", check_zone, "the time zone is there" },
};
const struct doctor_group doctor_clock = DOCTOR_GROUP("clock", checks);
