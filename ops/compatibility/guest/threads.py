# 200 threads, each with a count and a stack of its own.
import signal
import sys
import threading
import time

THREADS = 200
word, answer_path = sys.argv[1:]
counts = [0] * THREADS
told = [""] * THREADS
asked = threading.Condition()
question = 0


def count(index):
    mine = f"{index} {word}"  # on this thread's stack only
    answered = 0
    while True:
        with asked:
            asked.wait_for(lambda: question != answered, timeout=0.2)
            counts[index] += 1
            if question != answered:
                told[index] = f"{mine} {counts[index]}"
                answered = question


# whoever finds it by this name may send the signal
signal.pthread_sigmask(signal.SIG_BLOCK, [signal.SIGUSR1])
with open("/proc/self/comm", "w") as name:
    name.write("many-threads")
for index in range(THREADS):
    threading.Thread(target=count, args=(index,), daemon=True).start()
while True:
    signal.sigwait([signal.SIGUSR1])
    with asked:
        told = [""] * THREADS
        question += 1
        asked.notify_all()
    while not all(told):
        time.sleep(0.01)
    with open(answer_path, "w") as answer:
        answer.write("\n".join(told) + "\n.")
