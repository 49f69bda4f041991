# Holds 20 MB in a file that has no name any more, and a line more after each signal.
use strict;
use warnings;

my ($word, $answer) = @ARGV;
my $lines = 20_000_000 / 20;
open(my $file, '+>', '/tmp/deleted-file') or die "/tmp/deleted-file: $!\n";
print $file line($_) for 1 .. $lines;
$file->flush;
unlink '/tmp/deleted-file' or die "unlink: $!\n";

sub line { return sprintf "%-10s%9d\n", $word, shift }

$SIG{USR1} = sub {
    seek $file, 0, 0;
    my $whole = 0;
    while (my $found = <$file>) {
        last if $found ne line($whole + 1);
        $whole++;
    }
    seek $file, 0, 2;
    print $file line(++$lines);
    $file->flush;
    open(my $out, '>', $answer) or die "$answer: $!\n";
    print $out "$word\n$whole\n.";
    close $out;
};
# whoever finds it by this name may send the signal
$0 = 'deleted-file';
select undef, undef, undef, 3600 while 1;
