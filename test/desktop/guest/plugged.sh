# The trial of a host with the package: a stick is plugged in, its pod opened at the page that the host offers, and the page closed.
. /checkout/stick.sh
trap turn_off EXIT
set -eu
deskpod=/usr/bin/deskpod

unit() { systemctl show --property=ActiveState --value "deskpod-plug@${DRIVE##*/}.service"; }

# nobody sits at a screen here
sed -i 's/^OFFER=.*/OFFER=open/' /etc/deskpod/plug.conf
udevadm verify /usr/lib/udev/rules.d/70-deskpod.rules
plug
address=/run/deskpod-plug/${DRIVE##*/}
until [[ -s $address ]]; do
  if [[ $(unit) == failed ]]; then journalctl --no-pager -n 20 || true; exit 1; fi
  sleep 0.2
done
tell "{\"wants\":\"$(udevadm info --query=property --property=SYSTEMD_WANTS --value "$DRIVE")\"}"
"${deskpod%bin/deskpod}lib/deskpod/node" --disable-warning=ExperimentalWarning /checkout/look.ts "$(<"$address")" \
  "$DESKPOD_PASSPHRASE_FILE" /run/leave >/run/looked &
looker=$!
until grep -q display /run/looked; do
  kill -0 "$looker"
  sleep 0.2
done
cat /run/looked >/dev/ttyS1
count
touch /run/leave
wait "$looker"
clean
pull
until [[ $(unit) == inactive ]]; do sleep 0.2; done
tell "{\"unit\":\"$(unit)\"}"
