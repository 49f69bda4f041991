"""Makes the files of a checkpoint."""
import contextlib
import errno
import os
import stat

from .fields import shown
from .manifest import BLOCK_DEVICE, CHARACTER_DEVICE, DIRECTORY, FIFO, FILE, SOCKET, SYMLINK
from .refused import FAILED, TARGET_NOT_EMPTY, Refused

HOLE_BYTES = 4096
NOT_PERMITTED = (errno.EPERM, errno.EACCES, errno.ENOTSUP, errno.EINVAL)
NODES = {FIFO: stat.S_IFIFO, SOCKET: stat.S_IFSOCK, CHARACTER_DEVICE: stat.S_IFCHR, BLOCK_DEVICE: stat.S_IFBLK}


def plan_content(chunks, entries):
    """Where each chunk goes: id -> list of (entry, offset). Finds all chunks, and proves the lengths of the files."""
    chunks.locate([chunk_id for entry in entries for chunk_id in entry.chunks])
    plan, groups = {}, set()
    for entry in entries:
        if entry.group in groups:
            continue
        if entry.group != 0:
            groups.add(entry.group)
        offset = 0
        for chunk_id in entry.chunks:
            plan.setdefault(chunk_id, []).append((entry, offset))
            offset += chunks.plain_length(chunk_id)
        if offset != entry.size:
            raise Refused(f'the chunks of {shown(entry.path)} have {offset} bytes, not {entry.size}')
    return plan


def restore_tree(chunks, entries, target):
    """Makes all entries in a folder that is new or empty. Returns what could not be made, by its sort."""
    plan = plan_content(chunks, entries)
    os.makedirs(target, mode=0o700, exist_ok=True)
    if os.listdir(target):
        raise Refused(f'{target} is not empty', TARGET_NOT_EMPTY)
    os.chdir(target)  # from there, paths are no longer than they were
    tree = Tree()
    try:
        tree.make(entries)
        for chunk_id, data in chunks.read(plan):
            for entry, offset in plan[chunk_id]:
                tree.write(entry, offset, data)
        for entry in reversed(entries):  # folders after what they hold, as that changes their times
            tree.finish(entry)
    except (OSError, Refused) as error:
        why = error if isinstance(error, Refused) else Refused(f'the restore failed: {error}', FAILED)
        raise Refused(f'{why}; {target} is incomplete', why.status) from error
    return tree.left_out


class Tree:
    """Makes entries in the current folder. Nobody else may look into one before it has its mode."""

    def __init__(self):
        self.first_names = {}
        self.made = set()
        self.left_out = {}
        with contextlib.suppress(OSError):  # nearly no folder has one
            os.removexattr('.', 'system.posix_acl_default')  # what is made here would inherit it

    def leave_out(self, what, path):
        self.left_out.setdefault(what, []).append(path)

    def make(self, entries):
        """All entries, still without content, owner, mode and times."""
        for entry in entries:
            first = self.first_names.get(entry.group)
            if entry.path == b'':
                continue
            if first is not None:
                if first.path in self.made:
                    os.link(first.path, entry.path, follow_symlinks=False)
                else:
                    self.leave_out('devices', entry.path)
                continue
            if entry.group != 0:
                self.first_names[entry.group] = entry
            try:
                self.make_one(entry)
            except PermissionError:
                if entry.kind not in (CHARACTER_DEVICE, BLOCK_DEVICE):
                    raise
                self.leave_out('devices', entry.path)
                continue
            self.made.add(entry.path)

    def make_one(self, entry):
        if entry.kind == DIRECTORY:
            os.mkdir(entry.path, 0o700)
        elif entry.kind == SYMLINK:
            os.symlink(entry.target, entry.path)
        elif entry.kind == FILE:
            file = os.open(entry.path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW, 0o600)
            os.ftruncate(file, entry.size)
            os.close(file)
        else:
            os.mknod(entry.path, NODES[entry.kind] | 0o600, os.makedev(entry.major, entry.minor))

    def write(self, entry, offset, data):
        """Writes one chunk; in a sparse file, blocks of zeros stay holes."""
        file = os.open(entry.path, os.O_WRONLY | os.O_NOFOLLOW)
        try:
            for start, end in pieces(data, offset) if entry.is_sparse else [(0, len(data))]:
                while start < end:
                    start += os.pwrite(file, memoryview(data)[start:end], offset + start)
        finally:
            os.close(file)

    def finish(self, entry):
        """Owner, attributes, mode, times, in the order in which none undoes another."""
        if entry.path != b'' and entry.path not in self.made:
            return
        place = entry.path or b'.'
        mode = entry.mode
        try:
            os.chown(place, entry.uid, entry.gid, follow_symlinks=False)
        except OSError as error:
            self.forgive(error, 'owners', entry.path)
            mode &= ~(stat.S_ISUID | stat.S_ISGID)  # they would now be those of whoever runs this
        for name, value in entry.xattrs:
            try:
                os.setxattr(place, name, value, follow_symlinks=False)
            except OSError as error:
                self.forgive(error, 'attributes', entry.path)
        if entry.kind != SYMLINK:
            os.chmod(place, mode)
        os.utime(place, ns=(entry.mtime_ns, entry.mtime_ns), follow_symlinks=False)

    def forgive(self, error, what, path):
        if error.errno not in NOT_PERMITTED:
            raise error
        self.leave_out(what, path)


def pieces(data, offset):
    """The runs of `data` that are not zeros, in blocks of the file."""
    zeros, start = bytes(HOLE_BYTES), None
    at = 0
    while at < len(data):
        end = min(len(data), at + HOLE_BYTES - (offset + at) % HOLE_BYTES)
        if data[at:end] == zeros[: end - at]:
            if start is not None:
                yield start, at
            start = None
        elif start is None:
            start = at
        at = end
    if start is not None:
        yield start, len(data)
