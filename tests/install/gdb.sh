#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# gdb.sh CONSUMERS PREFIX LIBDIR SCRATCH: the commands and printers are there as soon as a program
# is linked with the installed library, when gdb is told of the prefix; and by `source` without.
set -euo pipefail
consumers=$1 prefix=$(realpath "$2") libdir=$3 scratch=$4
if ! command -v gdb >/dev/null; then
  echo "there is no gdb; ./check --deps installs it" >&2
  exit 1
fi
rm -rf "$scratch"
mkdir -p "$scratch"
${CC:-cc} -g -I"$prefix/include" "$consumers/consumer/consumer.c" -o "$scratch/consumer" \
  -L"$prefix/$libdir" -lgraceslab -Wl,-rpath,"$prefix/$libdir"

expect() { # TEXT GDB-ARGUMENT...
  local text=$1 said
  shift
  said=$(gdb -nx -batch -ex 'set breakpoint pending on' "$@" </dev/null 2>&1) || true
  if ! grep -qF -- "$text" <<<"$said"; then
    printf '%s\nis not in what gdb said to %s:\n%s\n' "$text" "$*" "$said" >&2
    exit 1
  fi
}
run=(-ex 'break gs_cache_destroy_wait' -ex run)
found=(-iex "add-auto-load-scripts-directory $prefix/share/gdb/auto-load"
  -iex "add-auto-load-safe-path $prefix")
expect 'entries#1                open ' "${found[@]}" "${run[@]}" -ex gs-caches "$scratch/consumer"
expect "cache 'entries#1' (open)" "${found[@]}" "${run[@]}" -ex 'info args' "$scratch/consumer"
expect 'entries#1                open ' "${run[@]}" \
  -ex "source $prefix/share/graceslab/gdb/graceslab-gdb.py" -ex gs-caches "$scratch/consumer"
if find "$prefix/share" -name __pycache__ | grep .; then
  echo "gdb left something behind in the installed tree" >&2
  exit 1
fi
