/* SPDX-License-Identifier: Apache-2.0 */
/* The module that is tried, and the one that takes its probes away. */
#ifndef MODULE_H
#define MODULE_H

/* Each gives 0 or an errno below zero. */
long module_load(void);
long module_unload(void);

/* Takes the probes that a variable of the module's stands for away, and gives them back. */
long disarming_load(const char *variable);
long disarming_unload(void);
/* Has ftrace change nothing any more, as after what it takes for a bug of its own. For the rest of the machine's life. */
long disarming_break(void);

#endif
