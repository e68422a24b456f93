#!/usr/bin/perl
# guest_trim.t - a trimmed kernel is the same in memory as the one it was
use strict;
use warnings;
use File::Temp qw(tempdir);
use Test::More;

use constant { LOAD => 1, NOTE => 4, K => 1024, BASE => 16 << 20 };

my $dir = tempdir(CLEANUP => 1);

sub put {
	my ($name, $text) = @_;

	open(my $fh, '>:raw', "$dir/$name") or die "$dir/$name: $!";
	print $fh $text;
	close $fh;
}

sub get {
	open(my $fh, '<:raw', "$dir/$_[0]") or die "$dir/$_[0]: $!";
	local $/;
	return <$fh>;
}

# elf(SEGMENT...): [type, gpa, content, bytes of memory], on pages
sub elf {
	my ($headers, $body, $at) = ('', '', 4 * K);

	for (@_) {
		my ($type, $gpa, $content, $memory) = @$_;

		$headers .= pack('V2 Q< q< Q<4', $type, 7, $at,
		    -(2 << 30) + $gpa, $gpa, length $content,
		    $memory, 2 << 20);
		$body .= $content . "\0" x (-length($content) % (4 * K));
		$at = 4 * K + length $body;
	}
	my $head = "\x7fELF\2\1\1" . "\0" x 9 . pack('v2 V Q<3 V v6', 2, 62,
	    1, BASE + 64, 64, 12345, 0, 64, 56, scalar @_, 64, 9, 1);
	return $head . $headers .
	    "\0" x (4 * K - length($head . $headers)) . $body;
}

# memory(ELF): what a loader makes of it above BASE, over what was there
sub memory {
	my ($elf) = @_;
	my ($m, $n) = ("\x55" x (2048 * K), unpack('v', substr($elf, 56, 2)));

	for my $i (0 .. $n - 1) {
		my ($type, undef, $at, $va, $gpa, $size, $memory) =
			unpack('V2 Q<5', substr($elf, 64 + $i * 56, 48));
		next if $type != LOAD;
		is(($at - $va) % (4 * K), 0, "segment $i: offset in its page");
		substr($m, $gpa - BASE, $memory) = substr($elf, $at, $size) .
		    "\0" x ($memory - $size);
	}
	return $m;
}

# trim(NAME): its exit status; what it says is in "said"
sub trim {
	return system("scripts/guest-trim $dir/$_[0] $dir/out " .
	    "> $dir/said 2>&1") >> 8;
}

my $int3 = "\xcc";
my $kernel = elf(
    # Code, its filling, a little filling that stays, zeroes at the end.
    [LOAD, BASE, 'a' x (100 * K + 5) . $int3 x (200 * K - 5) . 'b' x (4 * K) .
	$int3 x (8 * K) . 'c' x 100 . "\0" x (300 * K), 704 * K],
    # Zeroes first, memory without bytes last; nothing but zeroes; nothing.
    [LOAD, BASE + 1024 * K, "\0" x (128 * K) . 'd' x (4 * K), 256 * K],
    [LOAD, BASE + 1280 * K, "\0" x (128 * K), 128 * K],
    [LOAD, BASE + 1408 * K, '', 16 * K],
    [LOAD, BASE + 1500 * K, $int3 x (80 * K), 88 * K],
    [NOTE, BASE, 'a note', 6]);
put('kernel', $kernel);
is(trim('kernel'), 0, 'it is trimmed') or diag get('said');
my $out = get('out');
my ($was, $now) = (memory($kernel), memory($out));
for my $hole ([1500, 80], [104, 196]) {
	my ($at, $len) = map { $_ * K } @$hole;

	ok(substr($was, $at, $len) eq $int3 x $len, 'filling');
	ok(substr($now, $at, $len) eq "\x55" x $len, 'is not loaded');
	substr($was, $at, $len) = substr($now, $at, $len) = '';
}
ok($was eq $now, 'all else is as it was, zeroes among it');
is(unpack('Q<', substr($out, 24, 8)), BASE + 64, 'entry');
cmp_ok(length $out, '<', 140 * K, 'small');
like($out, qr/a note/, 'the note is there');
put('again', $out);
is(trim('again'), 0, 'once more');
is(length get('out'), length $out, 'changes nothing');

put('script', "#!/bin/sh\n" . '#' x 100);
isnt(trim('script'), 0, 'no ELF file');
like(get('said'), qr/^guest-trim: .*script: not a 64-bit/, 'says so');
put('short', substr($kernel, 0, 100));
isnt(trim('short'), 0, 'cut within the headers');
like(get('said'), qr/program headers are not in the file/, 'says so');
put('cut', substr($kernel, 0, 200 * K));
isnt(trim('cut'), 0, 'cut within a segment');
like(get('said'), qr/segment 0 is not in the file/, 'says so');
put('empty', elf([NOTE, BASE, 'a', 1]));
isnt(trim('empty'), 0, 'nothing to load');
isnt(trim('absent'), 0, 'no file');
like(get('said'), qr/absent: No such file/, 'says so');
done_testing();
