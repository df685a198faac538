#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# symbols.sh LIBRARY ABI: needs libc alone, is never unmapped, has the name of its minor release,
# initialises no state of its own at start-up (the archive beside it tells), and exports what ABI
# lists: name, version, kind, and of data the size, which programs compile in.
# A symbol may be added; one that goes, or changes, needs a new minor release.
# To write ABI anew:   tests/install/symbols.sh LIBRARY - > ABI
set -euo pipefail
library=$1 abi=$2 bad=0
exported() {
  readelf --dyn-syms -W "$1" |
    awk '$5 ~ /GLOBAL|WEAK/ && $7 !~ /UND|ABS/ {print $8, $4, ($4 == "FUNC" ? "-" : $3)}' |
    LC_ALL=C sort
}
if [ "$abi" = - ]; then
  exported "$library"
  exit
fi
dynamic=$(readelf -dW "$library")
allowed='\[(libc|libdl|libpthread|libgcc_s)\.so|\[ld-linux'
if other=$(grep NEEDED <<<"$dynamic" | grep -vE "$allowed"); then
  echo "needs more than libc: $other"
  bad=1
fi
grep -q NODELETE <<<"$dynamic" || { echo "may be unmapped"; bad=1; }
grep -q 'SONAME.*\[libgraceslab\.so\.0\.1\]' <<<"$dynamic" || { echo "wrong SONAME"; bad=1; }
if ! diff "$abi" <(exported "$library"); then
  echo "what is exported is not what $abi lists"
  bad=1
fi
if other=$(exported "$library" | grep -vE '^gs_[a-z_0-9]+@@GRACESLAB_0\.1 '); then
  echo "exports: $other"
  bad=1
fi
if other=$(nm -A "${library%.so}.a" | grep _GLOBAL__sub_I_); then
  echo "initialised at start-up, perhaps after a program's own constructors used it: $other"
  bad=1
fi
exit $bad
