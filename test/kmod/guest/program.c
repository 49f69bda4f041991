// SPDX-License-Identifier: Apache-2.0
// A bpf program as a monitor of the host's attaches it, without a library.
#define _GNU_SOURCE
#include <errno.h>
#include <fcntl.h>
#include <linux/bpf.h>
#include <linux/btf.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "program.h"

#define KERNELS_TYPES "/sys/kernel/btf/vmlinux"

/* All of a file that says how large it is; NULL if it cannot be read. */
static char *read_whole(const char *path)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	struct stat status;
	char *whole = NULL;
	ssize_t size = 0, part = 1;

	if (fd < 0 || fstat(fd, &status) < 0)
		return NULL;
	whole = malloc(status.st_size);
	while (whole && size < status.st_size && part > 0) {
		part = read(fd, whole + size, status.st_size - size);
		size += part;
	}
	close(fd);
	return whole;
}

/* How many bytes follow the head of a type. */
static size_t size_of_rest(const struct btf_type *type)
{
	size_t count = BTF_INFO_VLEN(type->info);

	switch (BTF_INFO_KIND(type->info)) {
	case BTF_KIND_INT:
	case BTF_KIND_VAR:
	case BTF_KIND_DECL_TAG:
		return sizeof(__u32);
	case BTF_KIND_ARRAY:
		return sizeof(struct btf_array);
	case BTF_KIND_ENUM:
	case BTF_KIND_FUNC_PROTO:
		return count * 2 * sizeof(__u32);
	case BTF_KIND_STRUCT:
	case BTF_KIND_UNION:
	case BTF_KIND_DATASEC:
	case BTF_KIND_ENUM64:
		return count * 3 * sizeof(__u32);
	default:
		return 0;
	}
}

/* The number of a function among the kernel's types; 0 if it is none. */
static __u32 number_of(const char *function)
{
	char *whole = read_whole(KERNELS_TYPES);
	const struct btf_header *header = (const void *)whole;
	const char *at, *end, *names;
	__u32 number = 0, found = 0;

	if (!whole)
		return 0;
	at = whole + header->hdr_len + header->type_off;
	end = at + header->type_len;
	names = whole + header->hdr_len + header->str_off;
	while (at < end && !found) {
		const struct btf_type *type = (const void *)at;

		number++;
		if (BTF_INFO_KIND(type->info) == BTF_KIND_FUNC && strcmp(names + type->name_off, function) == 0)
			found = number;
		at += sizeof(*type) + size_of_rest(type);
	}
	free(whole);
	return found;
}

static int bpf(int command, union bpf_attr *wish)
{
	int result = syscall(SYS_bpf, command, wish, sizeof(*wish));

	return result < 0 ? -errno : result;
}

int program_attach(const char *function)
{
	static const struct bpf_insn nothing[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = 0 },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr load = {
		.prog_type = BPF_PROG_TYPE_TRACING,
		.expected_attach_type = BPF_TRACE_FEXIT,
		.insns = (__u64)(unsigned long)nothing,
		.insn_cnt = sizeof(nothing) / sizeof(nothing[0]),
		.license = (__u64)(unsigned long)"GPL",
		.attach_btf_id = number_of(function),
	};
	union bpf_attr attach = { .raw_tracepoint = { .name = 0 } };
	int program = bpf(BPF_PROG_LOAD, &load), link;

	if (program < 0)
		return program;
	attach.raw_tracepoint.prog_fd = program;
	link = bpf(BPF_RAW_TRACEPOINT_OPEN, &attach);
	close(program);
	return link;
}
