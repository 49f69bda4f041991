/* SPDX-License-Identifier: Apache-2.0 */
/* A session as runc makes one, with processes that do as they are told, and its supervisor. */
#ifndef SESSION_H
#define SESSION_H

#include "agent.h"
#include "deskpod_ioctl.h"

struct session {
	/* Outside, and started the others. */
	struct agent supervisor;
	/* The first process, root of its own user namespace. */
	struct agent init;
	/* Another process, which has all rights on the host, and the host's files. */
	struct agent escaped;
};

/* The host's ids that the session's begin with. */
#define FIRST_ID 1879048192

struct session session_start(void);
void session_stop(struct session *session);

/* In the session's first process, which lets SIGUSR1 wait: 1 if there was one. */
long take_signal(long unused);

/* What a supervisor does with /dev/deskpod. Each is a deed. */
long device_open(long unused);
long device_close(long unused);
/* The argument is a pid; gives the session's id. */
long device_register(long pid);
long device_register_quietly(long pid);
long device_release(long unused);
/* The argument is the session's id. */
long device_claim(long id);
long device_claim_wrongly(long id);
long device_end(long id);
long device_state(long id);
long device_refused_in(long id);
long device_alarms(long id);
/* Reads what there is; gives how many records. */
long device_drain(long unused);
/* Waits for a record of a kind. */
long device_wait(long kind);
/* What was read so far: records of kind * 256 + operation; those that had no room. */
long device_counted(long kind_and_operation);
long device_lost(long unused);
long device_last_actor(long unused);
long device_last_target(long unused);
/* Ill-formed wishes: a deed each, the argument is a pid. */
long device_register_with_flags(long pid);
long device_register_without_token(long pid);
long device_unknown(long unused);

#endif
