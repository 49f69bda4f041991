// SPDX-License-Identifier: GPL-2.0
/*
 * What else can become of probes: while this is loaded, one user of ftrace's is none
 * any more; or ftrace changes nothing any more, as if the kernel had found it broken.
 */
#include <linux/ftrace.h>
#include <linux/module.h>

static unsigned long place;
module_param(place, ulong, 0);
MODULE_PARM_DESC(place, "where the struct ftrace_ops is");

static unsigned long end;
module_param(end, ulong, 0);
MODULE_PARM_DESC(end, "where ftrace_kill() is");

static int __init disarming_init(void)
{
	if (end)
		((void (*)(void))end)();
	else if (place)
		return unregister_ftrace_function((struct ftrace_ops *)place);
	return end ? 0 : -EINVAL;
}

static void __exit disarming_exit(void)
{
	if (place)
		WARN_ON(register_ftrace_function((struct ftrace_ops *)place));
}

module_init(disarming_init);
module_exit(disarming_exit);

MODULE_DESCRIPTION("Takes the probes of another module away for as long as it is loaded");
MODULE_AUTHOR("The DeskPod authors");
MODULE_LICENSE("GPL");
