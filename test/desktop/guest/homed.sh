# The trial of a home with the package: its dock brings home the stick that is plugged in; that is lost, and the wizard rebuilds its pod.
. /checkout/stick.sh
trap turn_off EXIT
set -eu
deskpod=/usr/bin/deskpod
readonly HOME_DIR=/run/home JOURNAL=/var/lib/deskpod/dock/journal.ndjson

# Waits until home has written that the drive is there, or what kept it from that.
until_docked() {
  until grep -qE '"step":"(safe|backed-up|failed|refused)"' "$JOURNAL" 2>/dev/null; do
    if [[ $(systemctl show --property=ActiveState --value deskpod-dock.service) != active ]]; then
      journalctl --no-pager -n 20 || true
      exit 1
    fi
    sleep 0.2
  done
}

# home has a disk of its own
mkdir "$HOME_DIR"
mount /dev/vdc "$HOME_DIR"
install -m 600 /checkout/identity /etc/deskpod/home-identity
printf '{"home": "%s", "checkEvery": "never", "drillEvery": "never"}\n' "$HOME_DIR" >/etc/deskpod/dock.json
systemctl start deskpod-dock.service
plug
until_docked
pull lose
until grep -q '"step":"gone"' "$JOURNAL"; do sleep 0.2; done
while read -r line; do tell "$line"; done <"$JOURNAL"
plug other
"$deskpod" --ndjson restore --web >/run/wizard &
wizard=$!
until address=$(sed -n 's/.*"step":"open \(http[^"]*\)".*/\1/p' /run/wizard) && [[ -n $address ]]; do
  kill -0 "$wizard"
  sleep 0.2
done
answers="{\"key\":\"$(<"$DESKPOD_PASSPHRASE_FILE")\",\"erase\":\"${DRIVE##*/}\",\"resume\":\"later\"}"
"${deskpod%bin/deskpod}lib/deskpod/node" --disable-warning=ExperimentalWarning /checkout/ask.ts "$address" "$answers" >/dev/ttyS1
wait "$wizard"
clean
pull
