#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# with_cmake.sh SOURCES PREFIX BUILD CMAKE: find_package() from a tree of its own, both libraries,
# C and C++.
set -euo pipefail
sources=$1 prefix=$2 build=$3 cmake=$4
rm -rf "$build"
"$cmake" -S "$sources/consumer" -B "$build" -DCMAKE_PREFIX_PATH="$prefix"
"$cmake" --build "$build"
cd "$build"
"${cmake%cmake}ctest" --output-on-failure --no-tests=error
