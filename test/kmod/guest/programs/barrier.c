// SPDX-License-Identifier: Apache-2.0
// Tries the barrier in a guest whose kernel has the module: a line of JSON for each test, then one with their number.
#define _GNU_SOURCE
#include <errno.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "module.h"
#include "tests.h"

static int test_count;

static void tell(const char *title, const char *failure)
{
	test_count++;
	if (failure)
		printf("{\"title\":\"%s\",\"failure\":\"%s\"}\n", title, failure);
	else
		printf("{\"title\":\"%s\"}\n", title);
	fflush(stdout);
}

#define TEST(_title, _test) tell(_title, _test())
int main(void)
{
	/* Without the module, /dev/null in its place would be opened by what tries to. */
	must(module_load(), "the module");
	if (prctl(PR_SET_CHILD_SUBREAPER, 1) < 0 || mkdir("/tmp/mnt", 0755) < 0 || mkdir("/tmp/media", 0755) < 0)
		die("the guest");
	bare = session_start();
	guarded = session_start();
	must(agent_ask(&bare.escaped, prepare_inside, 0), "the mounts of a session");
	must(agent_ask(&guarded.escaped, prepare_inside, 0), "the mounts of the other session");
	must(agent_ask(&bare.init, prepare_terminal, 0), "the terminals of a session");
	must(agent_ask(&guarded.init, prepare_terminal, 0), "the terminals of the other session");
	open_namespaces_of_both();
	TEST("protects a session at whose check points bpf programs are called already", after_programs);
	must(agent_ask(&guarded.supervisor, device_open, 0), "/dev/deskpod");
	TEST("registers no session while the kernel lets no probe be armed", disarmed_probes);
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
	TEST("holds while its check points are traced and probed by others", beside_tracers);
	TEST("lets bpf programs be called at its check points, but for that of signals", before_programs);
	TEST("tells when its call is taken away from the check point of signals", without_call);
	TEST("tells when its other probes are taken away", without_probes);
	TEST("does not let the kernel's probes be switched off while there is a session", kept_armed);
	TEST("leads /dev/tty to the controlling terminal, wherever stderr goes", terminal_by_name);
	TEST("registers nothing without memory, and protects what it has registered", without_memory);
	TEST("registers no session that a stranger traces", traced_before);
	TEST("leaves no tracer in while a session forks and strangers trace", registration_storm);
	TEST("protects a session whose supervisor died, until it is claimed with the token", supervisor_dies);
	TEST("lets the machine's owner end a session, and tells so", owner_ends_it);
	TEST("can be unloaded and loaded again when no session is left, while signals are sent", unloading);
	TEST("stays, and holds, when the kernel finds its own ftrace broken", without_ftrace);
	printf("{\"testCount\":%d}\n", test_count);
	return 0;
}
