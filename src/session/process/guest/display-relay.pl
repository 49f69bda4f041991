# Carries bytes between the session's display and two pipes, which the host has the other ends of. A connection from
# outside could not be checkpointed, and would have to end for it; of a pipe only this end is saved.
# Run as: perl -e PROGRAM SOCKET PIPE_FROM_HOST PIPE_TO_HOST
use strict;
use warnings;
use Errno qw(EAGAIN EINTR EWOULDBLOCK);
use Fcntl qw(F_GETFL F_SETFL O_NONBLOCK O_RDONLY O_WRONLY);
use POSIX ();
use Socket qw(AF_UNIX SOCK_STREAM pack_sockaddr_un);

use constant CHUNK           => 65536;
use constant HIGH_WATER      => 262144;     # bytes held for a slow side before the other has to wait
use constant F_SETPIPE_SZ    => 1031;
use constant PIPE_SIZE_BYTES => 262144;

my ($path, $fromHost, $toHost) = @ARGV;
$SIG{PIPE} = 'IGNORE';
$| = 1;
sub fail { print "$_[0]: $!\n"; POSIX::_exit(1) }

socket(my $display, AF_UNIX, SOCK_STREAM, 0)  or fail('socket');
connect($display, pack_sockaddr_un($path))    or fail($path);
for my $pipe ($fromHost, $toHost) { POSIX::mkfifo($pipe, 0600) or fail($pipe) }
END { unlink grep { defined } $fromHost, $toHost }
sysopen(my $in, $fromHost, O_RDONLY | O_NONBLOCK) or fail($fromHost);
print "ready\n";
# Waits for the host, which has opened the other one by then.
sysopen(my $out, $toHost, O_WRONLY) or fail($toHost);
fcntl($out, F_SETPIPE_SZ, PIPE_SIZE_BYTES);    # a smaller one does, too
for my $handle ($display, $out) { fcntl($handle, F_SETFL, fcntl($handle, F_GETFL, 0) | O_NONBLOCK) }

my @ways = ({ from => $in, to => $display, held => '' }, { from => $display, to => $out, held => '' });

sub isLater { return $! == EAGAIN || $! == EWOULDBLOCK || $! == EINTR }

while (1) {
    my ($readable, $writable) = ('', '');
    for my $way (@ways) {
        vec($readable, fileno $way->{from}, 1) = 1 if length $way->{held} < HIGH_WATER;
        vec($writable, fileno $way->{to},   1) = 1 if length $way->{held};
    }
    next if select($readable, $writable, undef, undef) < 0;
    for my $way (@ways) {
        if (vec($readable, fileno $way->{from}, 1)) {
            my $count = sysread $way->{from}, $way->{held}, CHUNK, length $way->{held};
            exit 0 if defined $count ? $count == 0 : !isLater();
        }
        if (length $way->{held}) {
            my $count = syswrite $way->{to}, $way->{held};
            if    (defined $count) { substr $way->{held}, 0, $count, '' }
            elsif (!isLater())     { exit 0 }
        }
    }
}
