"""The manifest of a checkpoint: its entries, checked by all the rules before anything is made on disk."""
import struct
from dataclasses import dataclass

from .fields import NUMBER_MAX, Fields
from .refused import Refused

FILE, DIRECTORY, SYMLINK, FIFO, SOCKET, CHARACTER_DEVICE, BLOCK_DEVICE = range(1, 8)
NAMES = ['', 'file', 'directory', 'symlink', 'fifo', 'socket', 'character-device', 'block-device']
PATH_MAX_BYTES = 65536
ENTRY_MAX_BYTES = 64 * 2**20
FIXED = struct.Struct('<HIIqQII')
ID_BYTES = 32
DEPTH_MAX = 8


@dataclass
class Entry:
    kind: int
    path: bytes
    mode: int
    uid: int
    gid: int
    mtime_ns: int
    size: int
    major: int
    minor: int
    target: bytes
    group: int
    is_sparse: bool
    xattrs: list  # of (name, value)
    chunks: list  # of ids


def read_root(chunks, root):
    """The byte string under a root."""
    root = root if isinstance(root, dict) else {}
    top, depth, size = root.get('id'), root.get('depth'), root.get('sizeBytes')
    try:
        ids = [bytes.fromhex(top)]
        if len(ids[0]) != ID_BYTES or not 0 <= depth <= DEPTH_MAX or not 0 <= size <= NUMBER_MAX:
            raise ValueError
    except (TypeError, ValueError) as error:
        raise Refused(f'the checkpoint is damaged: {root} is no root') from error
    for level in range(depth, -1, -1):
        chunks.locate(ids)
        by_id = dict(chunks.read(ids))
        data = b''.join(by_id[chunk_id] for chunk_id in ids)
        if level > 0:
            if len(data) % ID_BYTES != 0:
                raise Refused(f'the list of ids under the root {top} has {len(data)} bytes, no multiple of {ID_BYTES}')
            ids = [data[at : at + ID_BYTES] for at in range(0, len(data), ID_BYTES)]
    if len(data) != size:
        raise Refused(f'the bytes under the root {top} are {len(data)}, not {size}')
    return data


def read_manifest(data):
    """All entries, in their order."""
    fields = Fields(data, 'the manifest')
    fields.magic(b'DPM1')
    entries = []
    while length := fields.number('I'):
        if length > ENTRY_MAX_BYTES:
            raise fields.damaged(f'an entry of {length} bytes')
        entries.append(read_entry(Fields(fields.take(length), f'entry {len(entries)} of the manifest')))
    count = fields.number('I')
    fields.end()
    if count != len(entries):
        raise fields.damaged(f'{count} entries expected, got {len(entries)}')
    check_tree(entries)
    check_hard_links(entries)
    return entries


def read_entry(fields):
    kind, path = fields.number('B'), fields.prefixed()
    mode, uid, gid, mtime_ns, size, major, minor = FIXED.unpack(fields.take(FIXED.size))
    target, group, flags = fields.prefixed(), fields.number('I'), fields.number('B')
    xattrs = [(fields.prefixed(), fields.prefixed()) for _ in range(fields.varint())]
    chunks = [fields.take(ID_BYTES) for _ in range(fields.varint())]
    fields.end()
    is_device = kind in (CHARACTER_DEVICE, BLOCK_DEVICE)
    for is_wrong, why in (
        (not FILE <= kind <= BLOCK_DEVICE, f'no kind has the number {kind}'),
        (mode > 0o7777 or size > NUMBER_MAX or flags > 1, 'mode, length or flags cannot be'),
        (kind != FILE and (size or flags or chunks), 'length, flags or chunks of what is no file'),
        (not is_device and (major or minor), 'numbers of a device that is none'),
        ((kind == SYMLINK) != (target != b'') or b'\0' in target, 'the target of a symlink'),
        (kind == DIRECTORY and group != 0, 'a hard link to a directory'),
        (any(name == b'' or b'\0' in name for name, _ in xattrs), 'the name of an attribute'),
    ):
        if is_wrong:
            raise fields.damaged(why)
    return Entry(kind, path, mode, uid, gid, mtime_ns, size, major, minor, target, group, flags == 1, xattrs, chunks)


def check_tree(entries):
    """Paths stay below the place of the restore, come once, in order, and each below a folder."""
    folders, before = {b''}, None
    for index, entry in enumerate(entries):
        parts = entry.path.split(b'/') if entry.path else []
        parent = entry.path.rpartition(b'/')[0]
        if entry.path == b'' and (index > 0 or entry.kind != DIRECTORY):
            raise Refused(f'the manifest is damaged: entry {index} has an empty path')
        if len(entry.path) > PATH_MAX_BYTES or b'\0' in entry.path or any(part in (b'', b'.', b'..') for part in parts):
            raise Refused(f'the manifest is damaged: {entry.path[:200]!r} is no path')
        if before is not None and not before < parts:
            raise Refused(f'the manifest is damaged: {entry.path!r} is out of order')
        if parent not in folders:
            raise Refused(f'the manifest is damaged: {entry.path!r} lies in no folder')
        if entry.kind == DIRECTORY:
            folders.add(entry.path)
        before = parts


def check_hard_links(entries):
    """Groups come in order; the first name has the content and the metadata, the others are names of it."""
    first = {0: None}
    for entry in entries:
        if entry.group not in first:
            if entry.group != len(first):
                raise Refused(f'the manifest is damaged: {entry.path!r} has the hard link group {entry.group}')
            first[entry.group] = entry
        elif entry.group != 0 and (entry.chunks or entry.kind != first[entry.group].kind):
            raise Refused(f'the manifest is damaged: {entry.path!r} is not what its other name is')
