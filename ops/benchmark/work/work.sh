#!/bin/sh
# One piece of work, timed: prints how long it took, and of programs that it runs to their end how much of a processor
# they had, both in seconds. The same inside a session and outside.
#
# usage: sh work.sh prepare | NAME
set -eu
cd "$(dirname "$0")"

# perl tells both, and finer than a shell does
timed() {
  perl -MTime::HiRes=time -e '
    my $from = time;
    open STDOUT, ">", "output" or die $!;
    open STDERR, ">&STDOUT" or die $!;
    exit 1 if system(@ARGV) != 0;
    my ($took, (undef, undef, @children)) = (time - $from, times);
    open my $told, ">", "took" or die $!;
    print $told join(" ", $took, $children[0] + $children[1]), "\n";
  ' "$@" || { tail -n 20 output >&2; exit 1; }
  cat took
}

case $1 in
prepare)
  perl project.pl project 8
  perl pages.pl pages 11
  cc -O2 -o calls calls.c
  ;;
compile)
  make -s -C project clean
  timed make -s -j2 -C project
  ;;
pages)
  # Firefox tells by itself how long the pages took that it went through: its start is not in it
  rm -rf profile
  mkdir profile
  cat >profile/user.js <<'PREFERENCES'
user_pref("browser.dom.window.dump.enabled", true);
user_pref("browser.shell.checkDefaultBrowser", false);
user_pref("datareporting.policy.dataSubmissionEnabled", false);
user_pref("app.update.enabled", false);
user_pref("network.captive-portal-service.enabled", false);
user_pref("security.sandbox.warn_unprivileged_namespaces", false);
PREFERENCES
  mkfifo -m 600 told.$$
  firefox-esr --headless --no-remote --profile "$PWD/profile" "file://$PWD/pages/0.html" >told.$$ 2>firefox.log &
  browser=$!
  seconds=
  while read -r word value; do
    if [ "$word" = deskpod-pages ]; then
      seconds=$value
      break
    fi
  done <told.$$
  kill "$browser"
  wait "$browser" || true
  rm -f told.$$
  [ -n "$seconds" ] || { tail -n 20 firefox.log >&2; exit 1; }
  echo "$seconds"
  ;;
database)
  rm -f base.db*
  timed sqlite3 base.db <database.sql
  ;;
files)
  rm -rf small
  timed perl files.pl small 2000
  ;;
*) ./calls "$1" ;;
esac
