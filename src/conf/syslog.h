/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * syslog: a syslog server as the conf file names it:
 *     syslog:server=192.0.2.1:514,facility=local7,severity=info,tag=weir,nohostname
 */
#ifndef WEIR_CONF_SYSLOG_H
#define WEIR_CONF_SYSLOG_H

#include "base/log.h"
#include "conf/conf.h"

/*
 * The target that the word names, registered in `files`; a name is resolved now, which may take
 * its time. NULL after an error.
 */
struct log_file *syslog_target(struct conf *conf, const struct conf_word *word,
                               struct log_files *files);

#endif
