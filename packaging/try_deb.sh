#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# try_deb.sh FOLDER: the packages in FOLDER as a stranger meets them: in a fresh system with
# compilers and nothing of this tree but examples/.
set -euo pipefail
packages=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/packages.sh
root=$(mktemp -d)
trap 'umount "$root/proc" 2>/dev/null; rm -rf "$root"' EXIT
say "making a fresh system and installing the packages there"
mmdebstrap --quiet --variant=apt \
  --include=gcc,g++,clang,libc6-dev,cmake,make,pkg-config,man-db,gdb,ca-certificates \
  --customize-hook='mkdir "$1/packages"' \
  --customize-hook="cp '$packages'/*.deb \"\$1/packages\"" \
  --customize-hook='DEBIAN_FRONTEND=noninteractive chroot "$1" sh -c \
    "apt-get -qq install -y --no-install-recommends /packages/*.deb"' \
  "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" >&2
mount -t proc proc "$root/proc"
mkdir "$root/consumer"
cp -r examples "$root/consumer/examples"
cp packaging/consumer.cmake "$root/consumer/CMakeLists.txt"
cp packaging/inside.sh "$root/consumer"
chroot "$root" bash /consumer/inside.sh
