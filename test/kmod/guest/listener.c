// SPDX-License-Identifier: Apache-2.0
// Listens to the process connector.
#define _GNU_SOURCE
#include <linux/cn_proc.h>
#include <linux/connector.h>
#include <linux/netlink.h>
#include <poll.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "listener.h"

#define WAIT_MS 20000

int listener_open(void)
{
	struct sockaddr_nl address = { .nl_family = AF_NETLINK, .nl_groups = CN_IDX_PROC };
	char message[NLMSG_SPACE(sizeof(struct cn_msg) + sizeof(enum proc_cn_mcast_op))] = { 0 };
	struct nlmsghdr *header = (struct nlmsghdr *)message;
	struct cn_msg *content = NLMSG_DATA(header);
	enum proc_cn_mcast_op operation = PROC_CN_MCAST_LISTEN;
	int listener = socket(AF_NETLINK, SOCK_DGRAM | SOCK_CLOEXEC, NETLINK_CONNECTOR);

	if (listener < 0 || bind(listener, (struct sockaddr *)&address, sizeof(address)) < 0)
		return -1;
	header->nlmsg_len = NLMSG_LENGTH(sizeof(*content) + sizeof(operation));
	header->nlmsg_type = NLMSG_DONE;
	header->nlmsg_pid = getpid();
	content->id.idx = CN_IDX_PROC;
	content->id.val = CN_VAL_PROC;
	content->len = sizeof(operation);
	memcpy(content->data, &operation, sizeof(operation));
	return send(listener, message, header->nlmsg_len, 0) < 0 ? -1 : listener;
}

struct seen listener_until(int listener, pid_t end, pid_t first, pid_t second)
{
	struct pollfd wanted = { .fd = listener, .events = POLLIN };
	struct seen seen = { 0 };

	while (!seen.has_end && poll(&wanted, 1, WAIT_MS) == 1) {
		char message[1024];
		struct proc_event event;
		pid_t pid;

		if (recv(listener, message, sizeof(message), 0) < 0)
			break;
		memcpy(&event, ((struct cn_msg *)NLMSG_DATA((struct nlmsghdr *)message))->data, sizeof(event));
		if (event.what != PROC_EVENT_FORK)
			continue;
		pid = event.event_data.fork.parent_tgid;
		seen.has_end = pid == end;
		seen.first += pid == first;
		seen.second += pid == second;
	}
	return seen;
}
