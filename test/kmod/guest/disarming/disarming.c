// SPDX-License-Identifier: GPL-2.0
/*
 * What another module can do to probes: while it is loaded, one user of ftrace's is
 * none any more.
 */
#include <linux/ftrace.h>
#include <linux/module.h>

static unsigned long place;
module_param(place, ulong, 0);
MODULE_PARM_DESC(place, "where the struct ftrace_ops is");

static int __init disarming_init(void)
{
	return place ? unregister_ftrace_function((struct ftrace_ops *)place) : -EINVAL;
}

static void __exit disarming_exit(void)
{
	WARN_ON(register_ftrace_function((struct ftrace_ops *)place));
}

module_init(disarming_init);
module_exit(disarming_exit);

MODULE_DESCRIPTION("Takes the probes of another module away for as long as it is loaded");
MODULE_AUTHOR("The DeskPod authors");
MODULE_LICENSE("GPL");
