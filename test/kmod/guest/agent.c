// SPDX-License-Identifier: Apache-2.0
// Processes that do as they are told.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>

#include "agent.h"

struct order {
	deed deed;
	long argument;
};

void die(const char *what)
{
	perror(what);
	exit(1);
}

long must(long result, const char *what)
{
	if (result >= 0)
		return result;
	errno = -result;
	die(what);
}

long outcome(long result)
{
	return result < 0 ? -errno : result;
}

void agent_serve(int socket)
{
	struct order order;
	long answer;

	while (read(socket, &order, sizeof(order)) == sizeof(order)) {
		answer = order.deed(order.argument);
		if (write(socket, &answer, sizeof(answer)) != sizeof(answer))
			break;
	}
	_exit(0);
}

long agent_ask(const struct agent *agent, deed deed, long argument)
{
	struct order order = { deed, argument };
	long answer;

	if (write(agent->socket, &order, sizeof(order)) != sizeof(order))
		die("an agent takes no order");
	if (read(agent->socket, &answer, sizeof(answer)) != sizeof(answer))
		die("an agent gives no answer");
	return answer;
}

void agent_sockets(int sockets[2])
{
	if (socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, sockets) < 0)
		die("socketpair");
}

struct agent agent_start(void)
{
	struct agent agent;
	int sockets[2];

	agent_sockets(sockets);
	agent.pid = fork();
	if (agent.pid < 0)
		die("fork");
	if (agent.pid == 0) {
		close(sockets[0]);
		agent_serve(sockets[1]);
	}
	close(sockets[1]);
	agent.socket = sockets[0];
	return agent;
}
