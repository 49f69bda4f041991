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

# Runs a program as a child, with $notify as its descriptor 3 if there is one. Signals are as a program expects them.
sub start {
    my ($name, $notify, @command) = @_;
    my $pid = fork;
    die "fork: $!\n" unless defined $pid;
    if ($pid == 0) {
        $SIG{$_} = 'DEFAULT' for qw(TERM HUP PIPE);
        POSIX::setsid();
        chdir $ENV{HOME} or chdir '/';
        # Never 3 itself: the pipe's other end was opened first.
        POSIX::dup2(fileno $notify, 3) if $notify;
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

# Runs a program that writes a line to descriptor 3 when it takes clients, and waits for that.
sub startServer {
    my ($name, @command) = @_;
    pipe(my $reader, my $writer) or die "pipe: $!\n";
    my $pid = start($name, $writer, @command);
    close $writer;
    my $line = <$reader>;
    close $reader;
    die "the $name did not start\n" unless defined $line;
    return $pid;
}

sub startAgent { return startServer('exec agent', '/usr/bin/perl', "$here/exec-agent.pl", "$run/exec.sock") }

sub startWindowManager {
    return start('window manager', undef, 'openbox', '--startup', "touch $run/windows-managed");
}

# A window that comes up while the window manager starts may stay hidden: programs wait for it. They go on without one
# that does not come up, as they would without one that ended.
sub awaitWindowManager {
    my $deadline = time + 10;
    until (-e "$run/windows-managed") {
        return note('the window manager is not up yet') if time > $deadline;
        select undef, undef, undef, 0.005;
    }
    return;
}

sub startDisplay {
    return startServer(
        'display', 'Xvnc', ':1', '-geometry', $geometry, '-depth', '24', '-displayfd', '3',
        '-rfbport', '-1', '-rfbunixpath', "$run/rfb.sock", '-rfbunixmode', '0600',
        '-SecurityTypes', 'None', '-AlwaysShared', '-nolisten', 'tcp', '-desktop', 'DeskPod',
    );
}

eval {
    note("starting at $geometry");
    startAgent();
    startDisplay();
    startServer(
        'bus', 'dbus-daemon', '--session', '--nofork', '--nopidfile', '--print-address=3',
        "--address=$ENV{DBUS_SESSION_BUS_ADDRESS}",
    );
    startWindowManager();
    awaitWindowManager();
    my $autostart = "$ENV{HOME}/.config/deskpod/autostart";
    start('autostart', undef, $autostart) if -x $autostart;
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
    next if $name ne 'window manager' && $name ne 'exec agent';
    # These hold no state: the desktop goes on with a new one. A pause keeps one that cannot start from spinning.
    select undef, undef, undef, 0.5;
    if ($name eq 'window manager') { startWindowManager() }
    else                           { eval { startAgent(); 1 } or note("exec agent: $@") }
}
