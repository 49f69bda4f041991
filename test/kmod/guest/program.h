/* SPDX-License-Identifier: Apache-2.0 */
/* Programs of the kernel's own kind (bpf), which are called where functions end. */
#ifndef PROGRAM_H
#define PROGRAM_H

/* One that does nothing, called when a function of the kernel's returns: a descriptor that keeps it there, or an errno below zero. */
int program_attach(const char *function);

#endif
