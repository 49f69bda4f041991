#!/bin/sh
set -e
# A dock that runs goes on as the new version: parts of the one before are not there any more.
if [ "$1" = configure ] && [ -n "$2" ] && [ -d /run/systemd/system ] && command -v deb-systemd-invoke >/dev/null; then
  deb-systemd-invoke restart deskpod-dock.service >/dev/null || true
fi
