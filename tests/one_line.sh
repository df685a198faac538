#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# one_line.sh LINE COMMAND...: the command is refused, and the first error that it prints, in that
# line or in the next, is LINE, which comes once. Contract G5.
set -euo pipefail
line=$1
shift
if said=$(LC_ALL=C "$@" 2>&1); then
  echo "not refused: $*" >&2
  exit 1
fi
first=$(grep -iE -A1 -m1 '(^|[ :])error[: ]' <<<"$said" || true)
# As a compiler shows the line of the source as well, only lines that begin with a place count.
times=$(grep -vE '^ *([0-9]+ \| *)?#' <<<"$said" | grep -cF "$line" || true)
if [[ $first != *"$line"* || $times != 1 ]]; then
  printf '%s\n' "$said" "expected first, and once: $line" >&2
  exit 1
fi
