// SPDX-License-Identifier: Apache-2.0
// Tries the barrier in a guest whose kernel has the module: a line of JSON for each test, then one with their number.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <sched.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/ptrace.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include "attacks.h"
#include "listener.h"
#include "module.h"
#include "session.h"

#define REPEATS 10

static int test_count;
/* One without protection, and one with. */
static struct session bare, guarded;
static long id;

static const char *failed(const char *format, ...)
{
	static char text[256];
	va_list arguments;

	va_start(arguments, format);
	vsnprintf(text, sizeof(text), format, arguments);
	va_end(arguments);
	return text;
}

static void tell(const char *title, const char *failure)
{
	test_count++;
	if (failure)
		printf("{\"title\":\"%s\",\"failure\":\"%s\"}\n", title, failure);
	else
		printf("{\"title\":\"%s\"}\n", title);
	fflush(stdout);
}

static int is_refusal(long result)
{
	return result == -EPERM || result == -EACCES || result == -ENOENT;
}

/* What works on one session, works for the other's own supervisor, and is refused to this process. */
static const char *try_outside(const struct attack *attack)
{
	long result = attack->act(bare.init.pid);

	if (result < 0)
		return failed("without protection it came to %ld", result);
	result = attack->act(guarded.init.pid);
	if (!is_refusal(result))
		return failed("it came to %ld", result);
	result = attack->act(guarded.escaped.pid);
	if (!attack->is_by_user_namespace && !is_refusal(result))
		return failed("on another process it came to %ld", result);
	result = agent_ask(&guarded.supervisor, attack->act, guarded.init.pid);
	if (result < 0)
		return failed("for the supervisor it came to %ld", result);
	return NULL;
}

static const char *try_inside(const struct attack *attack)
{
	long result = agent_ask(&bare.escaped, attack->act, getpid());

	if (result < 0)
		return failed("without protection it came to %ld", result);
	result = agent_ask(&guarded.escaped, attack->act, getpid());
	if (!is_refusal(result))
		return failed("it came to %ld", result);
	return NULL;
}

#define EXPECT(_what, _expected)                                               \
	do {                                                                   \
		long _came = (_what);                                          \
		if (_came != (_expected))                                      \
			return failed("line %d: it came to %ld", __LINE__, _came); \
	} while (0)

/* Namespaces that were opened before there was protection. */
static const char *const names[] = { "user", "mnt", "pid", "net", "uts", "ipc" };
static int opened[2][6];

static void open_namespaces(const struct session *session, int fds[])
{
	char path[64];

	for (int i = 0; i < 6; i++) {
		snprintf(path, sizeof(path), "/proc/%d/ns/%s", session->init.pid, names[i]);
		fds[i] = open(path, O_RDONLY | O_CLOEXEC);
		if (fds[i] < 0)
			die(path);
	}
}

static long enter_opened(long fd)
{
	int status;
	pid_t child = fork();

	if (child == 0)
		_exit(setns(fd, 0) < 0 ? errno : 0);
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

static const char *namespaces_opened_before(void)
{
	for (int i = 0; i < 6; i++) {
		long result = enter_opened(opened[0][i]);

		if (result < 0)
			return failed("without protection %s came to %ld", names[i], result);
		result = enter_opened(opened[1][i]);
		if (result != -EPERM)
			return failed("%s came to %ld", names[i], result);
	}
	return NULL;
}

/* Has a pipe send a signal to a process as soon as there is something in it. */
static long signal_by_file(long pid)
{
	long result = 0;
	int ends[2];

	if (pipe2(ends, O_CLOEXEC) < 0)
		return -errno;
	if (fcntl(ends[0], F_SETOWN, pid) < 0 || fcntl(ends[0], F_SETSIG, SIGUSR1) < 0 ||
	    fcntl(ends[0], F_SETFL, O_ASYNC) < 0 || write(ends[1], "", 1) != 1)
		result = -errno;
	close(ends[0]);
	close(ends[1]);
	return result;
}

static const char *signals_by_files(void)
{
	EXPECT(signal_by_file(bare.init.pid), 0);
	EXPECT(agent_ask(&bare.init, take_signal, 0), 1);
	EXPECT(signal_by_file(guarded.init.pid), 0);
	EXPECT(agent_ask(&guarded.init, take_signal, 0), 0);
	EXPECT(agent_ask(&guarded.init, signal_by_file, 1), 0);
	EXPECT(agent_ask(&guarded.init, take_signal, 0), 1);
	return NULL;
}

static long offer_to_parent(long unused)
{
	pid_t child;

	(void)unused;
	/* Its parent is the one outside that the session's first process has. */
	child = syscall(SYS_clone, CLONE_PARENT | SIGCHLD, NULL, NULL, NULL, NULL);
	if (child == 0) {
		if (ptrace(PTRACE_TRACEME, 0, 0, 0) < 0)
			_exit(errno);
		_exit(0);
	}
	return child < 0 ? -errno : 0;
}

static long status_of_child(long unused)
{
	int status;

	(void)unused;
	if (waitpid(-1, &status, 0) < 0)
		return -errno;
	return WIFEXITED(status) ? -WEXITSTATUS(status) : -EINTR;
}

static const char *traceme(void)
{
	EXPECT(agent_ask(&bare.escaped, offer_to_parent, 0), 0);
	EXPECT(agent_ask(&bare.supervisor, status_of_child, 0), 0);
	EXPECT(agent_ask(&guarded.escaped, offer_to_parent, 0), 0);
	EXPECT(agent_ask(&guarded.supervisor, status_of_child, 0), -EPERM);
	return NULL;
}

/* The first process by its name inside. */
static long signal_first(long pid) { return outcome(kill(pid, 0)); }
static long own_pid(long unused) { (void)unused; return getpid(); }

static const char *life_inside(void)
{
	/* The session's first process looks at proc of the host here, where it has the host's pid. */
	EXPECT(agent_ask(&guarded.escaped, signal_first, 1), 0);
	for (const struct attack *attack = outside_attacks; attack->title; attack++) {
		/* A process with the host's own credentials asks for limits in another way. */
		if (strstr(attack->title, "in the listing") || strstr(attack->title, "folder in proc") ||
		    strstr(attack->title, "command line") || strstr(attack->title, "memory in proc"))
			if (agent_ask(&guarded.escaped, attack->act, guarded.init.pid) < 0)
				return failed("%s", attack->title);
	}
	EXPECT(agent_ask(&guarded.init, own_pid, 0), 1);
	return NULL;
}

/* A child of the supervisor's child, as CRIU's are. */
static long signal_from_below(long pid)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		pid_t below = fork();

		if (below == 0)
			_exit(kill(pid, 0) < 0 ? errno : 0);
		waitpid(below, &status, 0);
		_exit(WEXITSTATUS(status));
	}
	waitpid(child, &status, 0);
	return -WEXITSTATUS(status);
}

static const char *runtime_below(void)
{
	EXPECT(agent_ask(&guarded.supervisor, signal_from_below, guarded.init.pid), 0);
	return NULL;
}

static long open_memory_to_write(long pid)
{
	char path[64];
	int fd;

	snprintf(path, sizeof(path), "/proc/%ld/mem", pid);
	fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}

static const char *supervisor_memory(void)
{
	EXPECT(open_memory_to_write(bare.supervisor.pid), 0);
	EXPECT(open_memory_to_write(guarded.supervisor.pid), -EACCES);
	EXPECT(open_memory_to_write(getpid()), 0);
	return NULL;
}

static const char *ill_formed(void)
{
	struct agent other = agent_start();

	EXPECT(agent_ask(&other, device_open, 0), 0);
	EXPECT(agent_ask(&other, device_register_with_flags, bare.init.pid), -EINVAL);
	EXPECT(agent_ask(&other, device_register_without_token, bare.init.pid), -EINVAL);
	EXPECT(agent_ask(&other, device_register, getpid()), -EINVAL);
	EXPECT(agent_ask(&other, device_register, 1), -EINVAL);
	EXPECT(agent_ask(&other, device_register, bare.escaped.pid), -EINVAL);
	EXPECT(agent_ask(&other, device_register, 4000000), -ESRCH);
	EXPECT(agent_ask(&other, device_register, guarded.init.pid), -EEXIST);
	EXPECT(agent_ask(&guarded.supervisor, device_register, bare.init.pid), -EBUSY);
	EXPECT(agent_ask(&other, device_release, 0), -ENOENT);
	EXPECT(agent_ask(&other, device_claim, id + 1000), -ENOENT);
	EXPECT(agent_ask(&other, device_unknown, 0), -ENOTTY);
	close(other.socket);
	waitpid(other.pid, NULL, 0);
	return NULL;
}

static const char *for_root_only(void)
{
	int status;
	pid_t child = fork();

	if (child == 0) {
		if (chmod("/dev/deskpod", 0666) < 0 || setuid(1000) < 0)
			_exit(255);
		_exit(open("/dev/deskpod", O_RDWR) < 0 ? errno : 0);
	}
	waitpid(child, &status, 0);
	chmod("/dev/deskpod", 0600);
	EXPECT(WEXITSTATUS(status), EPERM);
	return NULL;
}

static const char *records_name_both(void)
{
	EXPECT(agent_ask(&guarded.supervisor, device_drain, 0) >= 0, 1);
	EXPECT(outcome(kill(guarded.init.pid, 0)), -EPERM);
	EXPECT(agent_ask(&guarded.supervisor, device_wait, DESKPOD_REFUSED_IN), 1);
	EXPECT(agent_ask(&guarded.supervisor, device_last_actor, 0), getpid());
	EXPECT(agent_ask(&guarded.supervisor, device_last_target, 0), guarded.init.pid);
	return NULL;
}

static const char *overflow_is_counted(void)
{
	const int times = 1000;
	long before = agent_ask(&guarded.supervisor, device_refused_in, id), lost, read;

	EXPECT(agent_ask(&guarded.supervisor, device_drain, 0) >= 0, 1);
	lost = agent_ask(&guarded.supervisor, device_lost, 0);
	for (int i = 0; i < times; i++)
		kill(guarded.init.pid, 0);
	read = agent_ask(&guarded.supervisor, device_drain, 0);
	kill(guarded.init.pid, 0);
	read += agent_ask(&guarded.supervisor, device_drain, 0);
	lost = agent_ask(&guarded.supervisor, device_lost, 0) - lost;
	EXPECT(lost > 0, 1);
	EXPECT(read + lost, times + 1);
	EXPECT(agent_ask(&guarded.supervisor, device_refused_in, id) - before, times + 1);
	return NULL;
}

static long fork_once(long unused)
{
	pid_t child = fork();

	(void)unused;
	if (child == 0)
		_exit(0);
	return child < 0 ? -errno : outcome(waitpid(child, NULL, 0)) < 0 ? -errno : 0;
}

static const char *processes_told(void)
{
	long forks, exits;

	agent_ask(&guarded.supervisor, device_drain, 0);
	forks = agent_ask(&guarded.supervisor, device_counted, DESKPOD_FORK * 256);
	exits = agent_ask(&guarded.supervisor, device_counted, DESKPOD_EXIT * 256);
	EXPECT(agent_ask(&guarded.init, fork_once, 0), 0);
	EXPECT(agent_ask(&guarded.supervisor, device_drain, 0) >= 0, 1);
	EXPECT(agent_ask(&guarded.supervisor, device_counted, DESKPOD_FORK * 256) - forks, 1);
	EXPECT(agent_ask(&guarded.supervisor, device_counted, DESKPOD_EXIT * 256) - exits, 1);
	return NULL;
}

static const char *connector(void)
{
	int listener = listener_open();
	struct seen seen;

	if (listener < 0)
		return failed("the process connector could not be listened to: %d", errno);
	EXPECT(agent_ask(&bare.init, fork_once, 0), 0);
	EXPECT(agent_ask(&guarded.init, fork_once, 0), 0);
	EXPECT(fork_once(0), 0);
	seen = listener_until(listener, getpid(), bare.init.pid, guarded.init.pid);
	close(listener);
	EXPECT(seen.has_end, 1);
	EXPECT(seen.first > 0, 1);
	EXPECT(seen.second, 0);
	return NULL;
}

static void write_text(const char *path, const char *text)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC);

	if (fd < 0 || write(fd, text, strlen(text)) < 0)
		die(path);
	close(fd);
}

static const char *disarmed_probes(void)
{
	long came;

	write_text("/proc/sys/kernel/ftrace_enabled", "0");
	came = agent_ask(&guarded.supervisor, device_wait, DESKPOD_ALARM);
	write_text("/proc/sys/kernel/ftrace_enabled", "1");
	EXPECT(came > 0, 1);
	EXPECT(outcome(kill(guarded.init.pid, 0)), -EPERM);
	return NULL;
}

/* Forks until it is ended. */
static long storm_begin(long unused)
{
	pid_t storm = fork();

	(void)unused;
	if (storm == 0)
		for (;;)
			fork_once(0);
	return storm < 0 ? -errno : storm;
}

static long storm_end(long storm)
{
	if (kill(storm, SIGKILL) < 0)
		return -errno;
	return outcome(waitpid(storm, NULL, 0)) < 0 ? -errno : 0;
}

/* Traces a process again and again, for as long as it is let. */
static pid_t hammer(pid_t target)
{
	pid_t child = fork();

	if (child != 0)
		return child;
	for (;;) {
		pid_t tracer = fork();

		if (tracer == 0)
			_exit(ptrace(PTRACE_SEIZE, target, 0, 0) < 0);
		waitpid(tracer, NULL, 0);
	}
}

static long tracer_of(long pid)
{
	char path[64], line[128];
	long tracer = -1;
	FILE *file;

	snprintf(path, sizeof(path), "/proc/%ld/status", pid);
	file = fopen(path, "re");
	if (!file)
		return -errno;
	while (fgets(line, sizeof(line), file))
		if (sscanf(line, "TracerPid: %ld", &tracer) == 1)
			break;
	fclose(file);
	return tracer;
}

static const char *registration_storm(void)
{
	struct session session = session_start();
	pid_t hammers[2] = { hammer(session.init.pid), hammer(session.escaped.pid) };
	long storm = agent_ask(&session.escaped, storm_begin, 0);
	int registered = 0;

	EXPECT(agent_ask(&session.supervisor, device_open, 0), 0);
	for (int tries = 0; registered < REPEATS && tries < 100 * REPEATS; tries++) {
		long result = agent_ask(&session.supervisor, device_register_quietly, session.init.pid);

		if (result == -EBUSY)
			continue;
		if (result <= 0)
			return failed("registering came to %ld", result);
		registered++;
		EXPECT(agent_ask(&session.supervisor, tracer_of, session.init.pid), 0);
		EXPECT(agent_ask(&session.supervisor, tracer_of, session.escaped.pid), 0);
		EXPECT(outcome(kill(session.init.pid, 0)), -EPERM);
		EXPECT(agent_ask(&session.supervisor, device_release, 0), 0);
	}
	for (int i = 0; i < 2; i++) {
		kill(hammers[i], SIGKILL);
		waitpid(hammers[i], NULL, 0);
	}
	EXPECT(agent_ask(&session.escaped, storm_end, storm) , 0);
	session_stop(&session);
	EXPECT(registered, REPEATS);
	return NULL;
}

static const char *traced_before(void)
{
	struct session session = session_start();
	int gate[2];
	char byte;
	pid_t tracer;

	if (pipe2(gate, O_CLOEXEC) < 0)
		return failed("pipe: %d", errno);
	tracer = fork();
	if (tracer == 0) {
		if (ptrace(PTRACE_SEIZE, session.escaped.pid, 0, 0) < 0)
			_exit(1);
		if (write(gate[1], "", 1) == 1)
			pause();
		_exit(1);
	}
	if (read(gate[0], &byte, 1) != 1)
		return failed("nothing traces");
	EXPECT(agent_ask(&session.supervisor, device_open, 0), 0);
	EXPECT(agent_ask(&session.supervisor, device_register_quietly, session.init.pid), -EBUSY);
	kill(tracer, SIGKILL);
	waitpid(tracer, NULL, 0);
	EXPECT(agent_ask(&session.supervisor, device_register_quietly, session.init.pid) > 0, 1);
	EXPECT(agent_ask(&session.supervisor, device_release, 0), 0);
	session_stop(&session);
	return NULL;
}

static struct agent heir;

static const char *supervisor_dies(void)
{
	struct agent other;

	EXPECT(module_unload(), -EAGAIN);
	kill(guarded.supervisor.pid, SIGKILL);
	waitpid(guarded.supervisor.pid, NULL, 0);
	EXPECT(outcome(kill(guarded.init.pid, 0)), -EPERM);
	EXPECT(module_unload(), -EAGAIN);
	heir = agent_start();
	EXPECT(agent_ask(&heir, device_open, 0), 0);
	EXPECT(agent_ask(&heir, device_state, id), DESKPOD_ORPHANED);
	EXPECT(agent_ask(&heir, signal_first, guarded.init.pid), -EPERM);
	EXPECT(agent_ask(&heir, device_claim_wrongly, id), -EACCES);
	EXPECT(agent_ask(&heir, device_claim, id), 0);
	EXPECT(agent_ask(&heir, device_state, id), DESKPOD_HELD);
	EXPECT(agent_ask(&heir, signal_first, guarded.init.pid), 0);
	EXPECT(outcome(kill(guarded.init.pid, 0)), -EPERM);
	EXPECT(agent_ask(&heir, device_wait, DESKPOD_CLAIMED), 1);
	other = agent_start();
	EXPECT(agent_ask(&other, device_open, 0), 0);
	EXPECT(agent_ask(&other, device_claim, id), -EBUSY);
	close(other.socket);
	waitpid(other.pid, NULL, 0);
	return NULL;
}

static const char *owner_ends_it(void)
{
	struct pollfd first = { .fd = syscall(SYS_pidfd_open, guarded.init.pid, 0), .events = POLLIN };

	EXPECT(outcome(kill(guarded.init.pid, SIGKILL)), -EPERM);
	EXPECT(device_open(0), 0);
	EXPECT(device_end(id), 0);
	/* Their parent is gone, and this process took its place; the first waits for the other to be reaped. */
	EXPECT(waitpid(guarded.escaped.pid, NULL, 0), guarded.escaped.pid);
	EXPECT(poll(&first, 1, 20000), 1);
	while (waitpid(-1, NULL, WNOHANG) > 0)
		;
	EXPECT(device_close(0), 0);
	EXPECT(agent_ask(&heir, device_wait, DESKPOD_ENDED), 1);
	close(first.fd);
	return NULL;
}

static const char *unloading(void)
{
	const char *cycles = getenv("CYCLES");

	close(heir.socket);
	waitpid(heir.pid, NULL, 0);
	for (int i = 0; i < (cycles ? atoi(cycles) : 2); i++) {
		EXPECT(module_unload(), 0);
		EXPECT(module_load(), 0);
	}
	EXPECT(module_unload(), 0);
	return NULL;
}

static const char *begin(void)
{
	id = agent_ask(&guarded.supervisor, device_register, guarded.init.pid);
	return id > 0 ? NULL : failed("it came to %ld", id);
}

#define TEST(_title, _test) tell(_title, _test())
int main(void)
{
	long came;

	/* Without the module, /dev/null in its place would be opened by what tries to. */
	came = module_load();
	if (came < 0) {
		errno = -came;
		die("the module");
	}
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || mkdir("/tmp/mnt", 0755) < 0 || mkdir("/tmp/media", 0755) < 0)
		die("the guest");
	bare = session_start();
	guarded = session_start();
	if (agent_ask(&bare.escaped, prepare_inside, 0) < 0 || agent_ask(&guarded.escaped, prepare_inside, 0) < 0)
		die("the mounts of the sessions");
	open_namespaces(&bare, opened[0]);
	open_namespaces(&guarded, opened[1]);
	if (agent_ask(&guarded.supervisor, device_open, 0) < 0)
		die("/dev/deskpod");
	TEST("puts a session under protection", begin);

	for (const struct attack *attack = outside_attacks; attack->title; attack++)
		tell(attack->title, try_outside(attack));
	TEST("refuses from outside: namespaces that were opened before", namespaces_opened_before);
	TEST("refuses from outside: a signal that a file sends", signals_by_files);
	for (const struct attack *attack = inside_attacks; attack->title; attack++)
		tell(attack->title, try_inside(attack));
	TEST("refuses from inside: to be traced by a parent outside", traceme);
	TEST("lets the session's processes deal with each other", life_inside);
	TEST("lets what the supervisor's children start deal with the session", runtime_below);
	TEST("keeps others from writing to the supervisor's memory", supervisor_memory);
	TEST("refuses wishes that are not well-formed", ill_formed);
	TEST("is open to the host's root only", for_root_only);
	TEST("tells who tried what on whom", records_name_both);
	TEST("counts the records that have no room", overflow_is_counted);
	TEST("tells of the session's processes", processes_told);
	TEST("keeps the session's processes out of the process connector", connector);
	TEST("raises an alarm when its probes are disarmed", disarmed_probes);
	TEST("registers no session that a stranger traces", traced_before);
	TEST("leaves no tracer in while a session forks and strangers trace", registration_storm);
	TEST("protects a session whose supervisor died, until it is claimed with the token", supervisor_dies);
	TEST("lets the machine's owner end a session, and tells so", owner_ends_it);
	TEST("can be unloaded and loaded again when no session is left", unloading);
	printf("{\"testCount\":%d}\n", test_count);
	return 0;
}
