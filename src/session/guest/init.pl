#!/usr/bin/perl
# The session's pid 1: starts the display, the bus, the window manager and the user's programs, and reaps.
# Needs nothing but perl-base, which every Debian base has.
use strict;
use warnings;
use POSIX ();

my ($geometry, $here) = @ARGV;
my $run = "$ENV{XDG_RUNTIME_DIR}/deskpod";
my %services;    # pid => name
my $isEnding = 0;

# What the session prints must lie inside the pod: an open file of the host could not be checkpointed.
umask 0022;
mkdir $run, 0700;
open(STDIN,  '<',  '/dev/null')        or die "/dev/null: $!\n";
open(STDOUT, '>>', "$run/session.log") or die "$run/session.log: $!\n";
open(STDERR, '>&', \*STDOUT)           or die "stderr: $!\n";
$| = 1;
mkdir '/tmp/.X11-unix', 01777;
chmod 01777, '/tmp/.X11-unix';

# A host that handles core dumps by a program would get the session's memory: an empty mask leaves nothing in them.
if (open(my $filter, '>', '/proc/self/coredump_filter')) {
    print $filter '0';
    close $filter;
}

$SIG{TERM} = sub { end('asked to', 0) };
$SIG{HUP}  = 'IGNORE';
$SIG{PIPE} = 'DEFAULT';

sub note { print POSIX::strftime('%H:%M:%S ', gmtime), @_, "\n" }

# Runs a program as a child. Signals are as a program expects them.
sub start {
    my ($name, @command) = @_;
    my $pid = fork;
    die "fork: $!\n" unless defined $pid;
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM HUP PIPE);
        POSIX::setsid();
        chdir $ENV{HOME} or chdir '/';
        exec { $command[0] } @command or do { note("$name: $command[0]: $!"); POSIX::_exit(127) };
    }
    $services{$pid} = $name;
    return $pid;
}

# Ends everything: politely first. As pid 1 ends, the kernel ends what is left.
sub end {
    my ($why, $status) = @_;
    return if $isEnding++;
    note("ending: $why");
    kill 'TERM', -1;
    my $deadline = time + 3;
    while (time < $deadline) {
        last if waitpid(-1, POSIX::WNOHANG()) < 0;
        select undef, undef, undef, 0.02;
    }
    POSIX::_exit($status);
}

# Xvnc writes its display number to the pipe when it takes clients: nothing is started before.
sub startDisplay {
    pipe(my $reader, my $writer) or die "pipe: $!\n";
    my $pid = fork;
    die "fork: $!\n" unless defined $pid;
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM HUP PIPE);
        POSIX::setsid();
        POSIX::dup2(fileno $writer, 3);    # never 3 itself: the reader was opened first
        my @command = (
            'Xvnc', ':1', '-geometry', $geometry, '-depth', '24', '-displayfd', '3',
            '-rfbport', '-1', '-rfbunixpath', "$run/rfb.sock", '-rfbunixmode', '0600',
            '-SecurityTypes', 'None', '-AlwaysShared', '-nolisten', 'tcp', '-desktop', 'DeskPod',
        );
        exec { $command[0] } @command or do { note("Xvnc: $!"); POSIX::_exit(127) };
    }
    $services{$pid} = 'display';
    close $writer;
    my $line = <$reader>;
    close $reader;
    die "the display did not start\n" unless defined $line;
}

eval {
    note("starting at $geometry");
    start('exec', '/usr/bin/perl', "$here/exec-agent.pl", "$run/exec.sock");
    startDisplay();
    start('bus', 'dbus-daemon', '--session', '--nofork', '--nopidfile', "--address=$ENV{DBUS_SESSION_BUS_ADDRESS}");
    start('window manager', 'openbox');
    my $autostart = "$ENV{HOME}/.config/deskpod/autostart";
    start('autostart', $autostart) if -x $autostart;
    1;
} or do {
    my $problem = $@ || "unknown\n";
    chomp $problem;
    end($problem, 1);
};

open(my $ready, '>', "$run/ready") or end("$run/ready: $!", 1);
close $ready;
note('ready');

while (1) {
    my $pid = waitpid(-1, 0);
    my $name = $pid > 0 ? delete $services{$pid} : undef;
    next unless defined $name;
    note("$name ended with status $?");
    end('the display ended', 1) if $name eq 'display';
    # These hold no state: the desktop goes on with a new one. A pause keeps a program that cannot start from spinning.
    if ($name eq 'window manager' || $name eq 'exec') {
        select undef, undef, undef, 0.5;
        start($name, $name eq 'exec' ? ('/usr/bin/perl', "$here/exec-agent.pl", "$run/exec.sock") : 'openbox');
    }
}
