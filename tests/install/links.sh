#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# links.sh CONSUMERS PREFIX LIBDIR SCRATCH: the archive in programs of every form. Each runs to its
# end, and nothing that it does wrong on its way goes unreported. Contract G5.
set -euo pipefail
source=$1/consumer/early.c prefix=$2 archive=$2/$3/libgraceslab.a scratch=$4
rm -rf "$scratch"
mkdir -p "$scratch"
forms=(-pie -no-pie -static -static-pie -flto '-flto -static' -rdynamic -fvisibility=hidden)
for form in "${forms[@]}"; do
  # shellcheck disable=SC2086 # a form is one or more options
  "$CC" -std=c11 -O2 $form "$source" -o "$scratch/early" "-I$prefix/include" "$archive" -pthread
  status=0
  timeout -s KILL 60 "$scratch/early" 2>"$scratch/reports" || status=$?
  if [ "$status" != 0 ]; then
    echo "$form: exit status $status" >&2
    cat "$scratch/reports" >&2
    exit 1
  fi
  for kind in synchronize-in-reader destroy-with-objects; do
    grep -q "^graceslab: $kind: " "$scratch/reports" ||
      { echo "$form: no report of $kind" >&2; cat "$scratch/reports" >&2; exit 1; }
  done
  echo "$form: runs"
done
