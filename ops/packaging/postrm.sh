#!/bin/sh
set -e
# what V8 has compiled, and copies of drills that were killed
if [ "$1" = remove ] || [ "$1" = purge ]; then rm -rf --one-file-system /var/cache/deskpod /var/lib/deskpod/drills; fi
if [ "$1" = purge ]; then
  rm -rf /var/log/deskpod
  if command -v deb-systemd-helper >/dev/null; then deb-systemd-helper purge deskpod-dock.service >/dev/null || true; fi
fi
