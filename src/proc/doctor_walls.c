/* SPDX-License-Identifier: BSD-2-Clause */
/* doctor_walls: who the workers are, and what confines them. */
#include "base/landlock.h"
#include "proc/calls.h"
#include "proc/doctor_parts.h"

static void
check_user(struct doctor *d)
{
    const struct main_settings *s = d->rt->main;

    if (!d->worker.is_known) {
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_ERROR, .about = STR("user"),
            .text = doctor_text(d, "there is no user \"%s\", or no such group", d->worker.name),
            .why = STR("a server that root starts ends at once"),
            .mend = doctor_text(d, "useradd -r -s /usr/sbin/nologin %s", d->worker.name),
        });
        return;
    }
    if (d->worker.uid != 0) {
        doctor_fine(d, "workers are %s", d->worker.name);
        return;
    }
    doctor_add(d, &(struct doctor_finding){
        .level = DOCTOR_WARNING, .about = s->master_process ? STR("user") : STR("master_process"),
        .text = s->master_process ? STR("the workers are root")
            : STR("without a master, whoever starts the server serves: root"),
        .why = STR("who takes over a worker can read and write all that it is not confined from"),
        .mend = s->master_process ? STR("user nobody;") : STR("master_process on;"),
    });
}

static void
check_sandbox(struct doctor *d)
{
    const struct main_settings *s = d->rt->main;

    if (!s->master_process)
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_NOTICE, .about = STR("master_process"),
            .text = STR("off: it is for looking for errors"),
            .why = STR("the one process opens more files than a worker: its conf files and logs"),
            .mend = STR("master_process on;"),
        });
    if (s->sandbox == SANDBOX_OFF)
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_WARNING, .about = STR("sandbox"),
            .text = STR("off: workers can open all files that their user can"),
            .why = STR("who takes one over reads what the configuration never named"),
            .mend = STR("sandbox on;    # what it refuses is in the error log, with the mend"),
        });
    else if (s->sandbox == SANDBOX_REPORT)
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_NOTICE, .about = STR("sandbox"),
            .text = STR("report: nothing is refused while it reports"), .mend = STR("sandbox on;"),
        });
}

static void
check_kernel(struct doctor *d)
{
    int version = landlock_version();

    if (!calls_can_be_confined())
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_NOTICE,
            .text = STR("system calls of workers are not confined: the kernel has no seccomp for "
                        "us, or weir was built without libseccomp"),
            .why = STR("\"weir -V\" tells whether libseccomp is there"),
        });
    if (version == 0)
        doctor_add(d, &(struct doctor_finding){
            .level = DOCTOR_NOTICE,
            .text = STR("files of workers are not confined: the kernel has no Landlock for us"),
            .why = STR("Linux 5.13 and newer have it, if \"lsm=\" of the kernel's command line "
                       "names it"),
        });
    else if (version < LANDLOCK_NEWEST)
        doctor_fine(d, "the kernel has version %d of Landlock; %s", version,
                    landlock_lacks(version));
}

static const struct doctor_check checks[] = {
    { "user", check_user, "" },
    { "sandbox", check_sandbox, "workers are confined to the files that are served" },
    { "kernel", check_kernel, "the kernel has all that confines workers" },
};
const struct doctor_group doctor_walls = DOCTOR_GROUP("walls", checks);
