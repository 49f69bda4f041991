# In the title: how often a timer has rung, and what was typed.
import gi

gi.require_version("Gtk", "4.0")
from gi.repository import GLib, Gtk  # noqa: E402

count = 0


def ring():
    global count
    count += 1
    held = text.get_buffer()
    typed = held.get_text(held.get_start_iter(), held.get_end_iter(), False)
    window.set_title(f"counted {count}: {typed}.")
    return True


def activate(application):
    global text, window
    window = Gtk.ApplicationWindow(application=application, default_width=600, default_height=300)
    text = Gtk.TextView()
    window.set_child(text)
    window.present()
    GLib.timeout_add(200, ring)


with open("/proc/self/comm", "w") as name:
    name.write("counter-gtk")
application = Gtk.Application(application_id="org.example.Counter")
application.connect("activate", activate)
application.run(None)
