#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# links.sh CONSUMERS PREFIX LIBDIR SCRATCH: programs of every form, from the command line. Each runs
# to its end, and nothing that it does wrong on its way goes unreported. Contract G5.
set -euo pipefail
source=$1/consumer prefix=$2 libraries=$2/$3 scratch=$4
archive=$libraries/libgraceslab.a
read -ra cxx <<<"$CXX ${CXXFLAGS-}"
read -ra link <<<"${LDFLAGS-}"
rm -rf "$scratch"
mkdir -p "$scratch"

run() { # FORM PROGRAM: its reports are in $scratch/reports
  local status=0
  timeout -s KILL 60 "$2" 2>"$scratch/reports" || status=$?
  if [ "$status" != 0 ]; then
    echo "$1: exit status $status" >&2
    cat "$scratch/reports" >&2
    exit 1
  fi
}

forms=(-pie -no-pie -static -static-pie -rdynamic -fvisibility=hidden)
if "$CC" -flto -x c - -o "$scratch/lto" <<<'int main(void) { return 0; }' 2>/dev/null; then
  forms+=(-flto '-flto -static') # clang needs a plug-in of the linker
fi
for form in "${forms[@]}"; do
  # shellcheck disable=SC2086 # a form is one or more options
  "$CC" -std=c11 -O2 $form "$source/early.c" -o "$scratch/early" "-I$prefix/include" "$archive" \
    -pthread
  run "C, $form" "$scratch/early"
  for kind in synchronize-in-reader destroy-with-objects; do
    grep -q "^graceslab: $kind: " "$scratch/reports" ||
      { echo "$form: no report of $kind" >&2; cat "$scratch/reports" >&2; exit 1; }
  done
  # shellcheck disable=SC2086
  "${cxx[@]}" -std=c++20 $form "$source/consumer.cpp" -o "$scratch/typed" "-I$prefix/include" \
    "$archive" "${link[@]}" -pthread
  run "C++, $form" "$scratch/typed"
  echo "$form: runs"
done

shared=("-L$libraries" -lgraceslab "-Wl,-rpath,$libraries" "${link[@]}")
for form in -O0 -fvisibility=hidden -rdynamic -fno-plt '-fno-exceptions -fno-rtti'; do
  # shellcheck disable=SC2086
  "${cxx[@]}" -std=c++20 $form "$source/consumer.cpp" -o "$scratch/typed" "-I$prefix/include" \
    "${shared[@]}"
  run "shared, $form" "$scratch/typed"
  echo "shared, $form: runs"
done

for standard in c++20 c++2b c++2c c11 c17 c2x; do
  compiler=("${cxx[@]}") language=cpp
  case $standard in c[0-9]*) compiler=("$CC") language=c ;; esac
  # c++2c is not known to all
  "${compiler[@]}" "-std=$standard" -E -x "${language/cpp/c++}" /dev/null &>/dev/null || continue
  "${compiler[@]}" "-std=$standard" "$source/consumer.$language" -o "$scratch/typed" \
    "-I$prefix/include" "${shared[@]}"
  run "shared, $standard" "$scratch/typed"
  echo "shared, $standard: runs"
done

# Where nothing can be thrown, the process ends and says why.
"${cxx[@]}" -std=c++20 -fno-exceptions -fno-rtti "$source/no_memory.cpp" -o "$scratch/no_memory" \
  "-I$prefix/include" "${shared[@]}"
if "$scratch/no_memory" 2>"$scratch/reports" ||
  ! grep -q '^graceslab: panic: no memory for an object$' "$scratch/reports"; then
  echo "no_memory: did not end with its report" >&2
  cat "$scratch/reports" >&2
  exit 1
fi
