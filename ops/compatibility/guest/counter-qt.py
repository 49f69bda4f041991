# In the title: how often a timer has rung, and what was typed.
from PyQt6.QtCore import QTimer
from PyQt6.QtWidgets import QApplication, QPlainTextEdit

count = 0


def ring():
    global count
    count += 1
    text.setWindowTitle(f"counted {count}: {text.toPlainText()}.")


application = QApplication(["counter-qt"])
text = QPlainTextEdit()
text.resize(600, 300)
text.show()
timer = QTimer()
timer.timeout.connect(ring)
timer.start(200)
with open("/proc/self/comm", "w") as name:
    name.write("counter-qt")
application.exec()
