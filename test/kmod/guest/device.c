// SPDX-License-Identifier: Apache-2.0
// What a supervisor says to /dev/deskpod, and what it reads there.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "session.h"

#define WAIT_MS 20000

static int device = -1;
static unsigned int counted[16][32];
static unsigned long lost;
static struct deskpod_record last;

long device_open(long unused)
{
	(void)unused;
	device = open("/dev/deskpod", O_RDWR | O_NONBLOCK | O_CLOEXEC);
	return device < 0 ? -errno : 0;
}

long device_close(long unused)
{
	(void)unused;
	return outcome(close(device));
}

static void make_token(__u8 *token)
{
	memset(token, 0x5a, DESKPOD_TOKEN_BYTES);
}

static long do_register(long pid, __u32 flags, __u32 want, int has_token)
{
	struct deskpod_register wish = { .flags = flags, .pid = pid, .want = want };

	if (has_token)
		make_token(wish.token);
	if (ioctl(device, DESKPOD_IOC_REGISTER, &wish) < 0)
		return -errno;
	return wish.session;
}

long device_register(long pid) { return do_register(pid, 0, DESKPOD_WANT_PROCESSES, 1); }
long device_register_quietly(long pid) { return do_register(pid, 0, 0, 1); }
long device_register_with_flags(long pid) { return do_register(pid, 1, 0, 1); }
long device_register_without_token(long pid) { return do_register(pid, 0, 0, 0); }

long device_release(long unused)
{
	(void)unused;
	return outcome(ioctl(device, DESKPOD_IOC_RELEASE, 0));
}

long device_unknown(long unused)
{
	(void)unused;
	return outcome(ioctl(device, _IO(DESKPOD_IOC_MAGIC, 99), 0));
}

static long claim(long id, int right)
{
	struct deskpod_claim wish = { .session = id };

	make_token(wish.token);
	if (!right)
		wish.token[DESKPOD_TOKEN_BYTES - 1] ^= 1;
	return outcome(ioctl(device, DESKPOD_IOC_CLAIM, &wish));
}

long device_claim(long id) { return claim(id, 1); }
long device_claim_wrongly(long id) { return claim(id, 0); }

long device_end(long id)
{
	struct deskpod_end wish = { .session = id };

	return outcome(ioctl(device, DESKPOD_IOC_END, &wish));
}

static long ask_status(long id, struct deskpod_status *status)
{
	memset(status, 0, sizeof(*status));
	status->session = id;
	if (ioctl(device, DESKPOD_IOC_STATUS, status) < 0)
		return -errno;
	return status->session == (__u64)id ? 0 : -ENOENT;
}

long device_state(long id)
{
	struct deskpod_status status;
	long result = ask_status(id, &status);

	return result < 0 ? result : (long)status.state;
}

long device_refused_in(long id)
{
	struct deskpod_status status;
	long result = ask_status(id, &status);

	return result < 0 ? result : (long)status.refused_in;
}

long device_alarms(long id)
{
	struct deskpod_status status;
	long result = ask_status(id, &status);

	return result < 0 ? result : (long)status.alarms;
}

static long read_some(long kind)
{
	struct deskpod_record records[16];
	ssize_t size = read(device, records, sizeof(records));
	long found = 0;

	if (size < 0)
		return -errno;
	for (size_t i = 0; i < size / sizeof(records[0]); i++) {
		last = records[i];
		lost += last.lost;
		counted[last.kind % 16][last.operation % 32]++;
		if (kind < 0 || last.kind == (__u32)kind)
			found++;
	}
	return found;
}

long device_drain(long unused)
{
	long total = 0, found;

	(void)unused;
	while ((found = read_some(-1)) > 0)
		total += found;
	return found == -EAGAIN ? total : found;
}

long device_wait(long kind)
{
	struct pollfd wanted = { .fd = device, .events = POLLIN };
	long found;

	for (;;) {
		if (poll(&wanted, 1, WAIT_MS) != 1)
			return -ETIME;
		found = read_some(kind);
		if (found)
			return found;
	}
}

long device_counted(long kind_and_operation)
{
	return counted[kind_and_operation / 256][kind_and_operation % 256];
}

long device_lost(long unused)
{
	(void)unused;
	return lost;
}

long device_last_actor(long unused)
{
	(void)unused;
	return last.actor_pid;
}

long device_last_target(long unused)
{
	(void)unused;
	return last.target_pid;
}
