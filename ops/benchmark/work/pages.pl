# Writes pages of text, tables, style and script that a browser goes through, one after another; the last one tells how long
# that took, in seconds.
use strict;
use warnings;
my ($dir, $count) = @ARGV;
mkdir $dir;
open my $style, '>', "$dir/style.css" or die $!;
print $style ".c$_ { color: rgb($_, ", 255 - $_, ", 90); margin: ", $_ % 7, "px; border-radius: ", $_ % 5, "px }\n" for 0 .. 255;
print $style "td { border: 1px solid gray; padding: 2px } .box { display: flex; flex-wrap: wrap }\n";
close $style;
open my $script, '>', "$dir/script.js" or die $!;
print $script <<"JS";
const count = $count;
const number = Number(location.pathname.replace(/.*\\/(\\d+)\\.html\$/, '\$1'));
addEventListener('load', () => {
  const box = document.querySelector('.box');
  const words = document.body.textContent.split(/\\s+/).sort();
  for (const [index, word] of words.slice(0, 600).entries()) {
    const item = box.appendChild(document.createElement('span'));
    item.className = `c\${index % 256}`;
    item.textContent = word;
  }
  const heights = [...box.children].map((child) => child.getBoundingClientRect().height);
  box.dataset.height = heights.reduce((sum, height) => sum + height, 0);
  requestAnimationFrame(() => setTimeout(() => {
    // the first page is not counted: it comes with the browser's own start
    const startedMs = number === 0 ? Date.now() : Number(new URLSearchParams(location.search).get('from'));
    if (number + 1 < count) location.href = `\${number + 1}.html?from=\${startedMs}`;
    else dump(`deskpod-pages \${(Date.now() - startedMs) / 1000}\\n`);
  }));
});
JS
close $script;
for my $page (0 .. $count - 1) {
  open my $html, '>', "$dir/$page.html" or die $!;
  print $html "<!doctype html><meta charset=utf-8><title>$page</title><link rel=stylesheet href=style.css><script src=script.js></script><div class=box></div>\n";
  for my $part (0 .. 39) {
    print $html "<h2 class=c$part>Part $part of page $page</h2><p>", join(' ', map { 'word' . ($_ * 7919 + $part * 31 + $page) % 997 } 0 .. 119), "</p>\n";
    print $html '<table>', join('', map { my $row = $_; '<tr>' . join('', map { "<td class=c" . ($row * $_ % 256) . ">" . $row * $_ . '</td>' } 1 .. 12) . '</tr>' } 1 .. 8), "</table>\n";
  }
  close $html;
}
