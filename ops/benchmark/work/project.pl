# Writes a C project: so many sources of a few hundred lines, which call each other, and a Makefile.
use strict;
use warnings;
my ($dir, $count) = @ARGV;
mkdir $dir;
my @names = map { sprintf 'unit%02d', $_ } 0 .. $count - 1;
open my $header, '>', "$dir/units.h" or die $!;
print $header "#include <stddef.h>\n#include <stdio.h>\n#include <stdlib.h>\n#include <string.h>\n";
print $header "struct record { char name[32]; double weight; struct record *next; };\n";
print $header "double $_(struct record *first, int depth);\n" for @names;
close $header;
for my $i (0 .. $#names) {
  open my $source, '>', "$dir/$names[$i].c" or die $!;
  print $source "#include \"units.h\"\n";
  for my $j (0 .. 24) {
    my $factor = ($i * 25 + $j) % 17 + 2;
    print $source <<"C";
static int compare$j(const void *left, const void *right) {
  const struct record *a = left, *b = right;
  int order = strcmp(a->name, b->name);
  return order != 0 ? order : (a->weight > b->weight) - (a->weight < b->weight);
}
static double step$j(struct record *first, size_t count) {
  struct record *all = calloc(count + 1, sizeof *all);
  double sum = 0;
  size_t found = 0;
  for (struct record *each = first; each != NULL && found < count; each = each->next) {
    all[found] = *each;
    all[found].weight *= $factor;
    snprintf(all[found].name, sizeof all[found].name, "%s-%zu", each->name, found % $factor);
    found++;
  }
  qsort(all, found, sizeof *all, compare$j);
  for (size_t i = 0; i < found; i++) switch (i % $factor) {
    case 0: sum += all[i].weight; break;
    case 1: sum -= all[i].weight / 3; break;
    default: sum *= 1.0 + all[i].weight / ($factor + i); break;
  }
  free(all);
  return sum;
}
C
  }
  my $next = $names[($i + 1) % @names];
  print $source "double $names[$i](struct record *first, int depth) {\n  double sum = depth > 0 ? $next(first, depth - 1) : 0;\n";
  print $source "  sum += step$_(first, $_ + 8);\n" for 0 .. 24;
  print $source "  return sum;\n}\n";
  close $source;
}
open my $main, '>', "$dir/main.c" or die $!;
print $main "#include \"units.h\"\nint main(void) { struct record one = {\"one\", 1, NULL}; printf(\"%f\\n\", $names[0](&one, 3)); return 0; }\n";
close $main;
open my $make, '>', "$dir/Makefile" or die $!;
my $objects = join ' ', map { "$_.o" } @names, 'main';
print $make "CFLAGS = -O1\nproject: $objects\n\t\$(CC) -o \$@ $objects\n$objects: units.h\nclean:\n\trm -f project *.o\n.PHONY: clean\n";
close $make;
