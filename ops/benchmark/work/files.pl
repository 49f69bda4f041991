# Makes so many small files in folders, reads them, renames them, and removes them.
use strict;
use warnings;
my ($dir, $count) = @ARGV;
mkdir $dir or die $!;
mkdir "$dir/$_" or die $! for 0 .. 39;
my $text = 'a line of a small file, as there are many' x 25;
for my $i (0 .. $count - 1) {
  open my $file, '>', "$dir/" . $i % 40 . "/file$i" or die $!;
  print $file $text;
  close $file or die $!;
}
for my $round (1 .. 3) {
  for my $i (0 .. $count - 1) {
    open my $file, '<', "$dir/" . $i % 40 . "/file$i" or die $!;
    local $/;
    die 'other content' if <$file> ne $text;
    close $file;
  }
}
rename "$dir/" . $_ % 40 . "/file$_", "$dir/" . ($_ + 1) % 40 . "/other$_" or die $! for 0 .. $count - 1;
for my $folder (0 .. 39) {
  opendir my $names, "$dir/$folder" or die $!;
  for my $name (grep { !/^\./ } readdir $names) { unlink "$dir/$folder/$name" or die $! }
  closedir $names;
  rmdir "$dir/$folder" or die $!;
}
