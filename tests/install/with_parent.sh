#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# with_parent.sh SOURCES ROOT BUILD CMAKE: as part of another project the library needs none of the
# tool's packages, builds nothing but the library that is linked, and installs nothing.
set -euo pipefail
sources=$1 root=$2 build=$3 cmake=$4
rm -rf "$build"
without=()
for package in CLI11 fmt nlohmann_json GTest; do
  without+=("-DCMAKE_DISABLE_FIND_PACKAGE_$package=ON")
done
"$cmake" -S "$sources/parent" -B "$build" -DGRACESLAB_SOURCES="$root" "${without[@]}"
"$cmake" --build "$build" --parallel 2
"$build/parent"
if readelf -dW "$build/parent" | grep -q 'NEEDED.*libgraceslab'; then
  echo "the archive was asked for" >&2
  exit 1
fi
"$cmake" --install "$build" --prefix "$build/prefix"
if find "$build" -name 'libgraceslab.so*' | grep .; then
  echo "a library was built that nobody links" >&2
  exit 1
fi
if find "$build/prefix" -type f | grep -v '/bin/parent$'; then
  echo "the parent installs what is not its own" >&2
  exit 1
fi
