#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# with_pkg_config.sh SOURCES PREFIX LIBDIR BUILD: the compiler's command line, C and C++, shared
# and static; and the installed tree still works after it was moved.
set -euo pipefail
sources=$1 prefix=$2 libdir=$3 build=$4
rm -rf "$build"
mkdir -p "$build"
cp -a "$prefix" "$build/moved"
prefix=$build/moved
read -ra cxx <<<"${CXX:-c++} ${CXXFLAGS-}"
read -ra link <<<"${LDFLAGS-}"
export PKG_CONFIG_PATH=$prefix/$libdir/pkgconfig
export LD_LIBRARY_PATH=$prefix/$libdir${LD_LIBRARY_PATH:+:$LD_LIBRARY_PATH}
read -ra flags < <(pkg-config --cflags graceslab)
read -ra shared < <(pkg-config --libs graceslab)
read -ra static < <(pkg-config --static --libs graceslab)
static=("${static[@]/-lgraceslab/-l:libgraceslab.a}")

for kind in shared static; do
  declare -n libs=$kind # shared or static, the array of that name
  "${CC:-cc}" -std=c11 "${flags[@]}" "$sources/consumer/consumer.c" -o "$build/c_$kind" "${libs[@]}"
  "${cxx[@]}" -std=c++20 "${flags[@]}" "$sources/consumer/consumer.cpp" -o "$build/cpp_$kind" \
    "${libs[@]}" "${link[@]}"
  "$build/c_$kind"
  "$build/cpp_$kind"
done
read -ra whole < <(pkg-config --static --libs graceslab) # a program that is static throughout
"${cxx[@]}" -std=c++20 -static "${flags[@]}" "$sources/consumer/consumer.cpp" \
  -o "$build/cpp_whole" "${whole[@]}" "${link[@]}"
"$build/cpp_whole"
[ "$(pkg-config --modversion graceslab)" = 0.1.0 ]
if [ -x "$prefix/bin/graceslab" ]; then
  env -u LD_LIBRARY_PATH "$prefix/bin/graceslab" --help >/dev/null
fi
