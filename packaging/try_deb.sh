#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# try_deb.sh FOLDER: the packages in FOLDER as a stranger meets them: in a fresh system with
# compilers and nothing of this tree but examples/.
set -euo pipefail
packages=$(cd "$1" && pwd)
cd "$(dirname "${BASH_SOURCE[0]}")/.."
source cmake/packages.sh
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
say "making a fresh system"
mmdebstrap --quiet --variant=apt \
  --include=gcc,g++,clang,libc6-dev,cmake,make,pkg-config,man-db,ca-certificates \
  "$(. /etc/os-release && echo "$VERSION_CODENAME")" "$root" /etc/apt/sources.list*  >&2
mkdir "$root/packages" "$root/consumer"
cp "$packages"/*.deb "$root/packages"
cp -r examples "$root/consumer/examples"
cp packaging/consumer.cmake "$root/consumer/CMakeLists.txt"
cp packaging/inside.sh "$root/consumer"
say "installing the packages there"
chroot "$root" env DEBIAN_FRONTEND=noninteractive sh -c \
  'apt-get -qq install -y --no-install-recommends /packages/*.deb' >&2
chroot "$root" bash /consumer/inside.sh
