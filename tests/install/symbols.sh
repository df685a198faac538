#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# symbols.sh LIBRARY: needs libc alone, is never unmapped, and exports nothing but gs_*.
set -euo pipefail
library=$1 bad=0
dynamic=$(readelf -dW "$library")
allowed='\[(libc|libdl|libpthread|libgcc_s)\.so|\[ld-linux'
if other=$(grep NEEDED <<<"$dynamic" | grep -vE "$allowed"); then
  echo "needs more than libc: $other"
  bad=1
fi
grep -q NODELETE <<<"$dynamic" || { echo "may be unmapped"; bad=1; }
grep -q 'SONAME.*\[libgraceslab\.so\.0\]' <<<"$dynamic" || { echo "wrong SONAME"; bad=1; }
if other=$(nm -D --defined-only "$library" | awk '$NF !~ /^gs_/ {print $NF}' | grep .); then
  echo "exports: $other"
  bad=1
fi
exit $bad
