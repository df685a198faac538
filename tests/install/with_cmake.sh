#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# with_cmake.sh SOURCES PREFIX BUILD CMAKE: find_package() from trees of their own, both libraries,
# C and C++ under the compilers' own standards, C alone. Contract G5.
set -euo pipefail
sources=$1 prefix=$2 build=$3 cmake=$4
rm -rf "$build"
for project in consumer c_only; do
  "$cmake" -S "$sources/$project" -B "$build/$project" -DCMAKE_PREFIX_PATH="$prefix"
  "$cmake" --build "$build/$project"
  (cd "$build/$project" && "${cmake%cmake}ctest" --output-on-failure --no-tests=error)
done
