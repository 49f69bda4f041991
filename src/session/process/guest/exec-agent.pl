#!/usr/bin/perl
# Runs commands for the host as children in the session, so that they live behind its barrier and are checkpointed
# with it. Listens on a unix socket that only the session's user and the host's root reach.
#
# A frame is: type (1 byte), length (u32, little-endian), payload. From the host:
#   A argument · E environment NAME=VALUE · D working directory · X run · I input · C end of input
#   S signal name · K keep: the host goes away for a checkpoint and comes back · J take up a kept job · Z drop kept jobs
# To the host: H job number as text · O output · R error output · Q "exit status, signal" as text · F failure · K, Z done
use strict;
use warnings;
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK);
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM SOMAXCONN pack_sockaddr_un);

use constant CHUNK       => 65536;      # bytes read at once
use constant HIGH_WATER  => 262144;     # bytes held for a slow host before the command has to wait
use constant LARGEST     => 1048576;    # bytes of one frame

my ($path) = @ARGV;
my %clients;    # fileno => { socket, in, out, request, job }
my %jobs;       # number => { pid, status, input, inputOpen, pending, streams => { O => fh, R => fh }, client, kept, held }
my $lastJob = 0;

$SIG{PIPE} = 'IGNORE';
$SIG{CHLD} = sub { };    # wakes select
# A descriptor that a command inherits would keep a vanished host's socket half open.
$^F = 2;

open(my $notify, '>&=', 3) or die "descriptor 3: $!\n";
unlink $path;
my $umask = umask 0177;
socket(my $server, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!\n";
bind($server, pack_sockaddr_un($path))       or die "$path: $!\n";
listen($server, SOMAXCONN)                   or die "listen: $!\n";
umask $umask;
unblock($server);

# Whoever started this waits for a line on descriptor 3.
print $notify "ready\n";
close $notify;

sub unblock {
    my ($handle) = @_;
    fcntl($handle, F_SETFL, fcntl($handle, F_GETFL, 0) | O_NONBLOCK);
}

sub frame { my ($type, $payload) = @_; return pack('aV', $type, length $payload) . $payload }

sub send_frame {
    my ($client, $type, $payload) = @_;
    $client->{out} .= frame($type, $payload);
    return;
}

# What a job says goes to its host, waits for a host that comes back, or nowhere.
sub report {
    my ($job, $type, $payload) = @_;
    if    ($job->{client}) { send_frame($job->{client}, $type, $payload) }
    elsif ($job->{kept})   { $job->{held} .= frame($type, $payload) }
    return;
}

sub run_job {
    my ($client) = @_;
    my $request = $client->{request};
    $client->{request} = { argv => [], env => [], cwd => undef };
    if (!@{ $request->{argv} } || $client->{job}) { send_frame($client, 'F', 'nothing to run, or a command runs already'); return }
    pipe(my $inReader, my $inWriter)         or return send_frame($client, 'F', "pipe: $!");
    pipe(my $outReader, my $outWriter)       or return send_frame($client, 'F', "pipe: $!");
    pipe(my $errReader, my $errWriter)       or return send_frame($client, 'F', "pipe: $!");
    pipe(my $startReader, my $startWriter)   or return send_frame($client, 'F', "pipe: $!");
    my $pid = fork;
    return send_frame($client, 'F', "fork: $!") unless defined $pid;
    if ($pid == 0) {
        POSIX::setsid();
        $SIG{$_} = 'DEFAULT' for qw(PIPE CHLD);
        for my $setting (@{ $request->{env} }) {
            my ($name, $value) = split /=/, $setting, 2;
            $ENV{$name} = defined $value ? $value : '';
        }
        my $cwd = defined $request->{cwd} ? $request->{cwd} : $ENV{HOME};
        if (!chdir $cwd) { syswrite $startWriter, "$cwd: $!"; POSIX::_exit(126) }
        POSIX::dup2(fileno $inReader, 0);
        POSIX::dup2(fileno $outWriter, 1);
        POSIX::dup2(fileno $errWriter, 2);
        my @argv = @{ $request->{argv} };
        { no warnings 'exec'; exec { $argv[0] } @argv; }
        syswrite $startWriter, "$argv[0]: $!";
        POSIX::_exit(127);
    }
    close $_ for $inReader, $outWriter, $errWriter, $startWriter;
    # Ends at once: the pipe closes when the program is there.
    my $problem = '';
    while (1) {
        my $read = sysread $startReader, $problem, 4096, length $problem;
        next if !defined $read && $! == EINTR;
        last unless $read;
    }
    close $startReader;
    if ($problem ne '') {
        waitpid $pid, 0;
        send_frame($client, 'F', $problem);
        return;
    }
    unblock($_) for $inWriter, $outReader, $errReader;
    my $number = ++$lastJob;
    my $job = {
        number => $number, pid => $pid, status => undef, input => $inWriter, inputEnds => 0, pending => '',
        streams => { O => $outReader, R => $errReader }, client => $client, kept => 0, held => '',
    };
    $jobs{$number} = $job;
    $client->{job} = $job;
    send_frame($client, 'H', $number);
    return;
}

sub keep_job {
    my ($client) = @_;
    my $job = $client->{job};
    if ($job) { $job->{kept} = 1; $job->{client} = undef; $client->{job} = undef }
    send_frame($client, 'K', '');
    return;
}

sub take_up_job {
    my ($client, $number) = @_;
    my $job = $jobs{$number};
    if (!$job || $job->{client} || $client->{job}) { send_frame($client, 'F', "no kept command $number"); return }
    $job->{client} = $client;
    $client->{job} = $job;
    $client->{out} .= $job->{held};
    @{$job}{qw(kept held)} = (0, '');
    send_frame($client, 'H', $number);
    return;
}

sub drop_job {
    my ($job) = @_;
    @{$job}{qw(client kept held)} = (undef, 0, '');
    # Nobody will type any more.
    $job->{inputEnds} = 1;
    return;
}

sub handle {
    my ($client, $type, $payload) = @_;
    my $job = $client->{job};
    if    ($type eq 'A') { push @{ $client->{request}{argv} }, $payload }
    elsif ($type eq 'E') { push @{ $client->{request}{env} },  $payload }
    elsif ($type eq 'D') { $client->{request}{cwd} = $payload }
    elsif ($type eq 'X') { run_job($client) }
    elsif ($type eq 'I') { $job->{pending} .= $payload if $job && $job->{input} }
    elsif ($type eq 'C') { $job->{inputEnds} = 1 if $job }
    elsif ($type eq 'S') { kill $payload, -$job->{pid} if $job && $payload =~ /\A[A-Z0-9]+\z/ && !defined $job->{status} }
    elsif ($type eq 'K') { keep_job($client) }
    elsif ($type eq 'J') { take_up_job($client, $payload) }
    elsif ($type eq 'Z') { drop_job($_) for grep { $_->{kept} } values %jobs; send_frame($client, 'Z', '') }
    else                 { send_frame($client, 'F', "unknown frame $type") }
    return;
}

sub part {
    my ($client) = @_;
    delete $clients{ fileno $client->{socket} };
    close $client->{socket};
    drop_job($client->{job}) if $client->{job};
    return;
}

sub receive {
    my ($client) = @_;
    my $read = sysread $client->{socket}, $client->{in}, CHUNK, length $client->{in};
    if (!defined $read) { part($client) unless $! == EAGAIN || $! == EINTR; return }
    if ($read == 0) { part($client); return }
    while (length $client->{in} >= 5) {
        my ($type, $size) = unpack 'aV', $client->{in};
        if ($size > LARGEST) { part($client); return }
        last if length $client->{in} < 5 + $size;
        my $payload = substr $client->{in}, 5, $size;
        substr($client->{in}, 0, 5 + $size) = '';
        handle($client, $type, $payload);
    }
    return;
}

sub transmit {
    my ($client) = @_;
    my $written = syswrite $client->{socket}, $client->{out}, CHUNK;
    if (!defined $written) { part($client) unless $! == EAGAIN || $! == EINTR; return }
    substr($client->{out}, 0, $written) = '';
    return;
}

# Passes on what a command printed. A background child may hold its output open after it ended: nobody waits for that.
sub drain {
    my ($job, $type) = @_;
    my $read = sysread $job->{streams}{$type}, my $bytes, CHUNK;
    if (!defined $read) { return $! == EAGAIN || $! == EINTR ? 0 : close_stream($job, $type) }
    return close_stream($job, $type) if $read == 0;
    report($job, $type, $bytes);
    return 1;
}

sub close_stream { my ($job, $type) = @_; close delete $job->{streams}{$type}; return 0 }

sub feed {
    my ($job) = @_;
    if ($job->{pending} ne '') {
        my $written = syswrite $job->{input}, $job->{pending}, CHUNK;
        if (defined $written) { substr($job->{pending}, 0, $written) = '' }
        elsif ($! != EAGAIN && $! != EINTR) { $job->{pending} = ''; $job->{inputEnds} = 1 }
    }
    if ($job->{pending} eq '' && $job->{inputEnds}) { close delete $job->{input} }
    return;
}

sub reap {
    for my $job (values %jobs) {
        if (!defined $job->{status}) {
            next unless waitpid($job->{pid}, POSIX::WNOHANG()) == $job->{pid};
            $job->{status} = $?;
            for my $type (keys %{ $job->{streams} }) { 1 while $job->{streams}{$type} && drain($job, $type) }
            report($job, 'Q', POSIX::WIFEXITED($?) ? POSIX::WEXITSTATUS($?) . ' 0' : '0 ' . POSIX::WTERMSIG($?));
        }
        next if $job->{kept};
        # The number is free now; a host that asks for it again is told so.
        $job->{client}{job} = undef if $job->{client};
        close $_ for values %{ $job->{streams} };
        close delete $job->{input} if $job->{input};
        delete $jobs{ $job->{number} };
    }
    return;
}

while (1) {
    my ($readable, $writable) = ('', '');
    vec($readable, fileno $server, 1) = 1;
    for my $client (values %clients) {
        vec($readable, fileno $client->{socket}, 1) = 1
            unless $client->{job} && length $client->{job}{pending} > HIGH_WATER;
        vec($writable, fileno $client->{socket}, 1) = 1 if $client->{out} ne '';
    }
    for my $job (values %jobs) {
        my $held = $job->{client} ? length $job->{client}{out} : length $job->{held};
        if ($held <= HIGH_WATER) { vec($readable, fileno $_, 1) = 1 for values %{ $job->{streams} } }
        vec($writable, fileno $job->{input}, 1) = 1
            if $job->{input} && ($job->{pending} ne '' || $job->{inputEnds});
    }
    # A child can end between reaping and waiting: one whose output is closed already is looked for again soon.
    my $areEnding = grep { !%{ $_->{streams} } && !defined $_->{status} } values %jobs;
    my $ready = select $readable, $writable, undef, $areEnding ? 0.02 : %jobs ? 1 : undef;
    if ($ready > 0) {
        if (vec $readable, fileno $server, 1) {
            if (accept my $socket, $server) {
                unblock($socket);
                $clients{ fileno $socket } =
                    { socket => $socket, in => '', out => '', request => { argv => [], env => [], cwd => undef }, job => undef };
            }
        }
        for my $job (values %jobs) {
            for my $type (keys %{ $job->{streams} }) {
                drain($job, $type) if $job->{streams}{$type} && vec $readable, fileno $job->{streams}{$type}, 1;
            }
            feed($job) if $job->{input} && vec $writable, fileno $job->{input}, 1;
        }
        for my $fd (keys %clients) {
            transmit($clients{$fd}) if vec $writable, $fd, 1;
            receive($clients{$fd}) if $clients{$fd} && vec $readable, $fd, 1;
        }
    }
    reap();
}
