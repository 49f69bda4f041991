"""The programs age and zstd. What they read and write stays in memory."""
import contextlib
import os
import pty
import select
import subprocess

from .fields import shown
from .refused import FAILED, WRONG_KEY, Refused


@contextlib.contextmanager
def in_memory(data):
    """A file that holds `data` and lies in no folder; gives its descriptor."""
    descriptor = os.memfd_create('reader')
    try:
        view = memoryview(data)
        while len(view) > 0:
            view = view[os.write(descriptor, view) :]
        os.lseek(descriptor, 0, os.SEEK_SET)
        yield descriptor
    finally:
        os.close(descriptor)


def unseal(sealed, identity, what):
    """The plaintext of an age file that is sealed to an X25519 identity; None if it is sealed to another."""
    with in_memory(identity.encode() + b'\n') as key, in_memory(sealed) as file:
        age = ['age', '--decrypt', '--identity', f'/proc/self/fd/{key}']
        ended = subprocess.run(age, stdin=file, pass_fds=[key], capture_output=True)
    if ended.returncode == 0:
        return ended.stdout
    said = first_line(ended.stderr)
    if 'no identity matched' in said:
        return None
    if '/proc/self/fd' in said:  # it is about the identity, not about the file
        raise Refused(f'age does not take the key: {said}', WRONG_KEY)
    raise Refused(f'{what} cannot be decrypted: {said}')


def unseal_with_passphrase(sealed, passphrase):
    """As `unseal`, for a passphrase. age asks a terminal for it and nothing else, so it is given one."""
    with in_memory(sealed) as file, in_memory(b'') as plain, in_memory(b'') as said:
        child, terminal = pty.fork()
        if child == 0:
            try:
                # It keeps the terminal open until it ends, and gets no hangup when it has read the answer.
                os.set_inheritable(os.dup(0), True)
                for number, descriptor in enumerate((file, plain, said)):
                    os.dup2(descriptor, number)
                os.execvp('age', ['age', '--decrypt'])
            finally:
                os._exit(127)
        try:
            answer_prompt(terminal, passphrase)
        finally:
            os.close(terminal)
            _, status = os.waitpid(child, 0)
        if status == 0:
            return os.pread(plain, os.fstat(plain).st_size, 0)
        reason = first_line(os.pread(said, 4096, 0))
        if 'incorrect passphrase' in reason:
            return None
        raise Refused(f'age did not open the slot of the passphrase: {reason}', FAILED)


def first_line(said):
    return shown(said.strip().partition(b'\n')[0])


def answer_prompt(terminal, passphrase):
    """Waits for the question, types the answer, and listens until the other side has ended."""
    # In a terminal's line, a control character is typed after Ctrl-V.
    line = b''.join(b'\x16' + bytes([c]) if c < 32 or c == 127 else bytes([c]) for c in passphrase) + b'\n'
    is_asked = False
    while True:
        select.select([terminal], [], [])
        try:
            heard = os.read(terminal, 4096)
        except OSError:  # Linux says EIO when the last one on the other side is gone
            return
        if heard == b'':
            return
        if not is_asked:
            is_asked = True
            os.write(terminal, line)


def decompressed(frames, lengths, what):
    """Yields the plaintexts of zstd frames, whose lengths are given, through one process; whoever asks proves them."""
    with in_memory(b''.join(frames)) as file:
        zstd = subprocess.Popen(['zstd', '-dcq'], stdin=file, stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        try:
            for length in lengths:
                plain = zstd.stdout.read(length)
                if len(plain) != length:
                    raise Refused(f'{what} is damaged: zstd: {first_line(zstd.stderr.read())}')
                yield plain
        finally:
            zstd.kill()
            zstd.communicate()
