/* SPDX-License-Identifier: BSD-2-Clause */
/*
 * status: the master's command "status", which tells the numbers of all processes from the memory
 * that they share; no worker is asked.
 */
#ifndef WEIR_PROC_STATUS_H
#define WEIR_PROC_STATUS_H

#include "base/str.h"

struct control_client;

/* Forms of the report for people and programs: text, json, metrics. */
bool status_knows(struct str form);

/* A struct control_command's: arguments name the form, text if nothing. data is not used. */
void status_answer(struct control_client *client, struct str arguments, void *data);

#endif
