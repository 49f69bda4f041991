// A probe of the barrier: a few words of Perl that try one thing, and what they come to. One program runs a whole table.

/**
 * One attempt. The words are the body of a function: what they return is true if the attempt succeeded, and then says what
 * was found. Each runs in a process of its own.
 */
export interface Probe {
  /** What is attempted. */
  readonly name: string;
  readonly perl: string;
  /**
   * True for one that may be let succeed: host root runs it, too, and must succeed. That shows that it fails because of the
   * barrier, and not because of a mistake in it.
   */
  readonly isHarmless?: true;
}

/** What became of each probe by its name: `denied`, or `allowed: ` and what was found. */
export type Verdicts = Readonly<Record<string, string>>;

const MACHINERY = `
use strict; use warnings; no warnings 'portable'; use Socket; use Errno ();
my (%given, @probes);
{ my ($givenCount, @words) = @ARGV;
  while ($givenCount-- > 0) { my $name = shift @words; $given{$name} = shift @words }
  while (@words) { push @probes, [splice @words, 0, 2] } }
my @targets = split / /, $given{targets} // '';
our $p;
# A system call. What the kernel writes to comes back in the caller's variables.
sub sys { my @values = map { /^-?[0-9]+\\z/ ? $_ + 0 : $_ } @_; $! = 0; my $result = syscall($values[0], @values[1 .. $#values]);
  my $error = $!; for (1 .. $#values) { $_[$_] = $values[$_] if !Internals::SvREADONLY($_[$_]) && $_[$_] !~ /^-?[0-9]+\\z/ }
  $! = $error; return $result }
# Whether a call came through, even if it then found nothing to work on.
sub passed { return 1 if sys(@_) >= 0; return !grep { $! == $_ } 1, 2, 3, 13, 38 }
sub same { my ($one, $other) = @_; my @one = stat $one; my @other = stat $other;
  return @one && @other && $one[0] == $other[0] && $one[1] == $other[1] }
sub reads { my ($path) = @_; open(my $file, '<', $path) or return 0; return sysread($file, my $text, 1) ? $path : 0 }
sub writes { my ($path) = @_; return sysopen(my $file, $path, 1) ? $path : 0 }
sub lists { my ($path) = @_; opendir(my $dir, $path) or return 0; my @names = readdir $dir; return @names > 0 ? $path : 0 }
sub names { my ($path) = @_; opendir(my $dir, $path) or return (); return grep { !/^\\.\\.?$/ } readdir $dir }
sub found { return join ' ', @_ }
sub reaches { my ($path) = @_; socket(my $s, AF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
  return connect($s, pack('Sa*', AF_UNIX, $path)) ? $path : 0 }
sub reachesTcp { my ($address, $port) = @_; socket(my $s, AF_INET, SOCK_STREAM, 0) or die "socket: $!";
  # What drops packets does not answer.
  local $SIG{ALRM} = sub { die "no answer\\n" };
  alarm 2;
  my $isConnected = eval { connect($s, pack_sockaddr_in($port, inet_aton($address))) };
  alarm 60;
  return $isConnected ? "$address:$port" : 0 }
# Files below a folder, not through links.
sub below { my ($dir, $depth) = @_; my @found;
  for my $name (names($dir)) { my $path = "$dir/$name"; next if -l $path;
    if (-d _) { push @found, below($path, $depth - 1) if $depth > 0 } else { push @found, $path } }
  return @found }
$| = 1;
for (@probes) {
  my ($name, $words) = @$_;
  pipe(my $reader, my $writer) or die "pipe: $!";
  defined(my $pid = fork) or die "fork: $!";
  if ($pid == 0) {
    close $reader;
    alarm 60;
    my $try = eval "sub { $words }" or do { print $writer "wrong: $@"; exit };
    for (@targets ? @targets : 0) {
      $p = $_;
      my $result = eval { $try->() };
      # A process may have ended meanwhile; the first one of a session does not.
      next if $@ && $p && !-d "/proc/$p";
      if ($@) { print $writer "wrong: $@"; last }
      if ($result) { print $writer 'allowed: ', $result =~ /^[ -~]*$/ ? $result : '?'; last }
    }
    exit;
  }
  close $writer;
  local $/;
  my $verdict = <$reader>;
  waitpid $pid, 0;
  # The filter ends what makes calls in a way that it does not know.
  $verdict = ($? & 127) == 0 || ($? & 127) == 31 ? 'denied' : 'wrong: ended by signal ' . ($? & 127) if $verdict eq '';
  $verdict =~ tr/\\n/ /;
  print "$name\\t$verdict\\n";
}
`;

/** The command that runs all probes, with what they are given by name as `$given{name}`. */
export function probeCommand(
  probes: readonly Probe[],
  given: Readonly<Record<string, string>>,
): readonly string[] {
  const words = Object.entries(given);
  return [
    ...['perl', '-e', MACHINERY, `${words.length}`, ...words.flat()],
    ...probes.flatMap(({ name, perl }) => [name, perl]),
  ];
}

/** What the command printed. */
export function verdictsIn(text: string): Verdicts {
  const lines = text.trimEnd().split('\n');
  return Object.fromEntries(
    lines.map((line) => [line.slice(0, line.indexOf('\t')), line.slice(line.indexOf('\t') + 1)]),
  );
}

/** The verdicts of a table of which nothing succeeds. */
export function allDenied(probes: readonly Probe[]): Verdicts {
  return Object.fromEntries(probes.map(({ name }) => [name, 'denied']));
}
