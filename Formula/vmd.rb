# SPDX-License-Identifier: ISC
# Homebrew's formula.  make dist puts in where a release is and its checksum.
# brew services would end virtual machines with vmd: install.sh's agent does not.
class Vmd < Formula
  desc "Virtual machine daemon, after OpenBSD's vmd and vmctl"
  homepage "https://vmd.invalid"
  url "https://vmd.invalid/vmd-0.1.0.tar.gz"
  sha256 "0000000000000000000000000000000000000000000000000000000000000000"
  license "ISC"

  depends_on "make" => :build
  depends_on "pkgconf" => :build
  depends_on "curl"
  depends_on "e2fsprogs"
  depends_on "glib"
  depends_on "jansson"
  depends_on "jose"
  depends_on "libarchive"
  depends_on "libevent"
  depends_on "libmicrohttpd"
  depends_on "libslirp"
  depends_on :macos => :ventura
  depends_on "openssl@3"
  depends_on "skopeo"
  depends_on "sqlite"
  depends_on "squashfs"
  depends_on "wslay"
  depends_on "zstd"

  def install
    system "gmake", "all", "sign", "prefix=#{prefix}"
    system "gmake", "install", "prefix=#{prefix}"
  end

  test do
    assert_match version.to_s, shell_output("#{bin}/vmctl version 2>&1", 1)
  end
end
