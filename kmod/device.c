// SPDX-License-Identifier: GPL-2.0
/*
 * /dev/deskpod: the module's beginning and end, and what user space says to it.
 */
#include <linux/capability.h>
#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/module.h>
#include <linux/poll.h>
#include <linux/rcupdate.h>
#include <linux/slab.h>
#include <linux/string.h>
#include <linux/uaccess.h>

#include "deskpod_int.h"

/*
 * Root of the host only, and nobody in a session, whatever its rights are: who
 * gets here may register, claim and end.
 */
static int deskpod_open(struct inode *inode, struct file *file)
{
	struct deskpod_handle *handle;
	bool is_member;

	if (!capable(CAP_SYS_ADMIN))
		return -EPERM;
	rcu_read_lock();
	is_member = deskpod_session_of(task_pid(current));
	rcu_read_unlock();
	if (is_member)
		return -EPERM;
	handle = kzalloc(sizeof(*handle), GFP_KERNEL_ACCOUNT);
	if (!handle)
		return -ENOMEM;
	init_waitqueue_head(&handle->wait);
	mutex_init(&handle->reading);
	file->private_data = handle;
	return stream_open(inode, file);
}

static int deskpod_release(struct inode *inode, struct file *file)
{
	struct deskpod_handle *handle = file->private_data;

	deskpod_session_orphan(handle);
	kfree(handle);
	return 0;
}

/* Whether a read has something to say: a record, or that there is no session any more. */
static bool is_readable(struct deskpod_handle *handle, struct deskpod_session *session)
{
	return READ_ONCE(handle->session) != session || !deskpod_ring_is_empty(&session->ring);
}

static ssize_t read_records(struct deskpod_handle *handle, struct deskpod_session *session,
			    char __user *to, size_t size)
{
	struct deskpod_record record;
	ssize_t done = 0;
	int error;

	error = mutex_lock_interruptible(&handle->reading);
	if (error)
		return error;
	while (size - done >= sizeof(record) && deskpod_ring_peek(&session->ring, &record)) {
		/* What could not be handed over waits for the next read. */
		if (copy_to_user(to + done, &record, sizeof(record))) {
			if (!done)
				done = -EFAULT;
			break;
		}
		deskpod_ring_pop(&session->ring);
		done += sizeof(record);
	}
	mutex_unlock(&handle->reading);
	return done;
}

/* Gives whole records; waits for the first. 0 means that the handle has no session (any more). */
static ssize_t deskpod_read(struct file *file, char __user *to, size_t size, loff_t *offset)
{
	struct deskpod_handle *handle = file->private_data;
	struct deskpod_session *session;
	ssize_t done;

	if (size < sizeof(struct deskpod_record))
		return -EINVAL;
	session = deskpod_session_get(handle);
	if (!session)
		return 0;
	for (;;) {
		done = read_records(handle, session, to, size);
		if (done || READ_ONCE(handle->session) != session)
			break;
		if (file->f_flags & O_NONBLOCK) {
			done = -EAGAIN;
			break;
		}
		done = wait_event_interruptible(handle->wait, is_readable(handle, session));
		if (done)
			break;
	}
	deskpod_session_put(session);
	return done;
}

static __poll_t deskpod_poll(struct file *file, poll_table *table)
{
	struct deskpod_handle *handle = file->private_data;
	struct deskpod_session *session;
	__poll_t ready = 0;

	poll_wait(file, &handle->wait, table);
	session = deskpod_session_get(handle);
	if (!session)
		return EPOLLHUP;
	if (!deskpod_ring_is_empty(&session->ring))
		ready = EPOLLIN | EPOLLRDNORM;
	deskpod_session_put(session);
	return ready;
}

static long ioctl_version(void __user *to)
{
	struct deskpod_version version = {
		.abi = DESKPOD_ABI,
		.record_bytes = sizeof(struct deskpod_record),
		.operations = deskpod_barrier_operations(),
	};

	return copy_to_user(to, &version, sizeof(version)) ? -EFAULT : 0;
}

static long ioctl_register(struct deskpod_handle *handle, void __user *argument)
{
	struct deskpod_register wish;
	int error;

	if (copy_from_user(&wish, argument, sizeof(wish)))
		return -EFAULT;
	if (wish.flags || wish.reserved || wish.session || wish.want & ~DESKPOD_WANT_PROCESSES)
		return -EINVAL;
	if (!memchr_inv(wish.token, 0, sizeof(wish.token)))
		return -EINVAL;
	error = deskpod_session_register(handle, &wish);
	if (!error && copy_to_user(argument, &wish, sizeof(wish)))
		/* It is protected; who does not know its id can still release it. */
		error = -EFAULT;
	memzero_explicit(&wish, sizeof(wish));
	return error;
}

static long ioctl_claim(struct deskpod_handle *handle, void __user *argument)
{
	struct deskpod_claim wish;
	int error;

	if (copy_from_user(&wish, argument, sizeof(wish)))
		return -EFAULT;
	if (wish.flags || wish.reserved)
		return -EINVAL;
	error = deskpod_session_claim(handle, &wish);
	memzero_explicit(&wish, sizeof(wish));
	return error;
}

static long ioctl_end(void __user *argument)
{
	struct deskpod_end wish;

	if (copy_from_user(&wish, argument, sizeof(wish)))
		return -EFAULT;
	if (wish.flags || wish.reserved)
		return -EINVAL;
	return deskpod_session_end(&wish);
}

static long ioctl_status(void __user *argument)
{
	struct deskpod_status status;
	int error;

	if (copy_from_user(&status, argument, sizeof(status)))
		return -EFAULT;
	if (status.flags)
		return -EINVAL;
	error = deskpod_session_status(&status);
	if (error)
		return error;
	return copy_to_user(argument, &status, sizeof(status)) ? -EFAULT : 0;
}

static long deskpod_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
	struct deskpod_handle *handle = file->private_data;
	void __user *pointer = (void __user *)argument;

	switch (command) {
	case DESKPOD_IOC_VERSION:
		return ioctl_version(pointer);
	case DESKPOD_IOC_REGISTER:
		return ioctl_register(handle, pointer);
	case DESKPOD_IOC_RELEASE:
		return argument ? -EINVAL : deskpod_session_release(handle);
	case DESKPOD_IOC_CLAIM:
		return ioctl_claim(handle, pointer);
	case DESKPOD_IOC_END:
		return ioctl_end(pointer);
	case DESKPOD_IOC_STATUS:
		return ioctl_status(pointer);
	default:
		return -ENOTTY;
	}
}

static const struct file_operations deskpod_operations = {
	.owner = THIS_MODULE,
	.open = deskpod_open,
	.release = deskpod_release,
	.read = deskpod_read,
	.poll = deskpod_poll,
	.unlocked_ioctl = deskpod_ioctl,
	.compat_ioctl = compat_ptr_ioctl,
};

static struct miscdevice deskpod_device = {
	.minor = MISC_DYNAMIC_MINOR,
	.name = "deskpod",
	.mode = 0600,
	.fops = &deskpod_operations,
};

static int __init deskpod_init(void)
{
	int error;

	error = deskpod_barrier_raise();
	if (error)
		return error;
	error = misc_register(&deskpod_device);
	if (error)
		deskpod_barrier_lower();
	return error;
}

/*
 * Runs only when no file is open and no session is registered: each holds the
 * module.
 */
static void __exit deskpod_exit(void)
{
	misc_deregister(&deskpod_device);
	deskpod_watch_stop();
	deskpod_barrier_lower();
}

module_init(deskpod_init);
module_exit(deskpod_exit);

MODULE_DESCRIPTION("Keeps a DeskPod session and its host apart at the kernel's own check points");
MODULE_AUTHOR("The DeskPod authors");
MODULE_LICENSE("GPL");
MODULE_VERSION("1");
