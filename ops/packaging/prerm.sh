#!/bin/sh
set -e
# A session's supervisor loads parts of the program when it needs them: those of another version would not fit. dpkg asks the
# new version, too, when the old one refuses.
for socket in /run/deskpod/*/private/supervisor.sock; do
  # ss takes patterns, and shows a root in a folder what listens outside of it
  [ -S "$socket" ] || continue
  if [ -n "$(ss -xlH src "$socket")" ]; then
    echo 'deskpod: a session of a pod runs here; suspend it first (deskpod suspend)' >&2
    exit 1
  fi
done
# What was built of the sources that go.
if [ "$1" = remove ] && [ -d /var/lib/dkms/deskpod/1 ] && command -v dkms >/dev/null; then
  dkms remove deskpod/1 --all >/dev/null || true
fi
if [ "$1" = remove ] && [ -d /run/systemd/system ] && command -v deb-systemd-invoke >/dev/null; then
  deb-systemd-invoke stop deskpod-dock.service >/dev/null || true
fi
