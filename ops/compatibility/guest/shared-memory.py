# Two processes over System V's shared memory, which stays attached, and a semaphore: the child counts each time it is let.
import ctypes
import errno
import os
import signal
import sys

word, answer_path = sys.argv[1:]
libc = ctypes.CDLL(None, use_errno=True)
libc.shmat.restype = ctypes.c_void_p
IPC_PRIVATE, IPC_CREAT, SIZE = 0, 0o1000, 1 << 20
LETS, DONE = 0, 1  # the semaphores of the set


class SemaphoreOperation(ctypes.Structure):
    _fields_ = [("number", ctypes.c_ushort), ("change", ctypes.c_short), ("flags", ctypes.c_short)]


def change(number, by):
    operation = SemaphoreOperation(number, by, 0)
    # As semop(2) says, the kernel never starts it again after a stop, and a suspend is one.
    while libc.semop(semaphores, ctypes.byref(operation), 1) != 0:
        if ctypes.get_errno() != errno.EINTR:
            raise OSError(ctypes.get_errno(), "semop")


segment = libc.shmget(IPC_PRIVATE, SIZE, IPC_CREAT | 0o600)
semaphores = libc.semget(IPC_PRIVATE, 2, IPC_CREAT | 0o600)
address = libc.shmat(segment, None, 0)
if segment < 0 or semaphores < 0 or address in (None, ctypes.c_void_p(-1).value):
    raise OSError(ctypes.get_errno(), "System V IPC")
memory = (ctypes.c_char * SIZE).from_address(address)
memory[0 : len(word)] = word.encode()
count = ctypes.c_long.from_address(address + 4096)

# whoever finds it by this name may send the signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
with open("/proc/self/comm", "w") as name:
    name.write("shared-memory")
if os.fork() == 0:
    with open("/proc/self/comm", "w") as name:
        name.write("shared-child")
    while True:
        change(LETS, -1)
        count.value += 1
        change(DONE, 1)
while True:
    signal.sigwait([signal.SIGUSR1])
    change(LETS, 1)
    change(DONE, -1)
    with open(answer_path, "w") as answer:
        answer.write(f"{memory[0:len(word)].decode()}\n{count.value}\n.")
