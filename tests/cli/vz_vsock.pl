#!/usr/bin/perl
# vz_vsock.pl SOCKET COMMAND ...: programs of the host, for vz.t
#
#	say PORT [TEXT]		say TEXT and the end; print what comes
#	hear PORT TEXT		print how much comes, then say TEXT
#	leave PORT		say nothing, and go as soon as it is connected
#	many COUNT		so many connections to port 7, fifty at a time
#	large BYTES		one with so many
#	line TEXT		TEXT in the place of CONNECT
#	serve PORT TEXT		listen for one guest: print what it says, answer
use strict;
use warnings;
use Socket;

my ($path, $command, @args) = @ARGV;
$SIG{PIPE} = 'IGNORE';
$SIG{ALRM} = sub { print "no answer\n"; exit 1 };
# Of a hang, not of a slow machine.
alarm 900;

sub dial {
	my ($line) = @_;
	socket(my $s, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
	connect($s, sockaddr_un($path)) or die "$path: $!";
	syswrite $s, $line;
	return $s;
}

sub all {
	my ($s) = @_;
	my ($text, $n) = ('');
	while ($n = sysread $s, $text, 65536, length $text) { }
	# What it had not read yet when it hung up makes that a reset.
	return defined $n || $text ne '' ? $text : "($!)";
}

# What is said to port 7 comes back, behind the line.
sub check {
	my ($s, $want) = @_;
	my $got = all($s);
	return $got =~ /^OK \d+\n/ && substr($got, $+[0]) eq $want;
}

sub many {
	my ($left) = @_;
	my ($good, $bad, $serial) = (0, 0, 0);
	while ($left > 0) {
		my @open;
		for (1 .. ($left < 50 ? $left : 50)) {
			my $text = pack('N', $serial++) x (1 + $serial % 97 *
			    ($serial % 7 == 0 ? 150 : 1));
			my $s = dial("CONNECT 7\n$text");
			shutdown($s, 1);
			push @open, [$s, $text];
			$left--;
		}
		check(@$_) ? $good++ : $bad++ for @open;
	}
	print "$good good, $bad bad\n";
}

sub serve {
	my ($port, $answer) = @_;
	unlink "${path}_$port";
	socket(my $l, PF_UNIX, SOCK_STREAM, 0) or die "socket: $!";
	bind($l, sockaddr_un("${path}_$port")) or die "bind: $!";
	listen($l, 1) or die "listen: $!";
	accept(my $s, $l) or die "accept: $!";
	print all($s);
	syswrite $s, $answer;
}

if ($command eq 'say') {
	my $s = dial("CONNECT $args[0]\n" . ($args[1] // ''));
	shutdown($s, 1);
	print all($s);
} elsif ($command eq 'hear') {
	my $s = dial("CONNECT $args[0]\n");
	my $text = all($s);
	print length($text) - index($text, "\n") - 1, "\n";
	syswrite $s, $args[1];
} elsif ($command eq 'leave') {
	my $s = dial("CONNECT $args[0]\n");
	sysread $s, my $line, 100;
	print $line;
} elsif ($command eq 'line') {
	my $s = dial($args[0]);
	shutdown($s, 1);
	print all($s);
} elsif ($command eq 'large') {
	my $text = join('', map { pack 'N', $_ } 1 .. $args[0] / 4);
	my $s = dial("CONNECT 7\n");
	for (my $at = 0; $at < length $text; ) {
		$at += syswrite $s, $text, length($text) - $at, $at;
	}
	shutdown($s, 1);
	print check($s, $text) ? "same\n" : "not the same\n";
} elsif ($command eq 'many') {
	many(@args);
} elsif ($command eq 'serve') {
	serve(@args);
}
