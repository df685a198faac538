#!/usr/bin/env bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# components.sh TREE PREFIX SCRATCH CMAKE: every file that is installed belongs to one component,
# and to which.
set -euo pipefail
tree=$1 prefix=$2 scratch=$3 cmake=$4 bad=0
rm -rf "$scratch"
for component in runtime development tools bench; do
  "$cmake" --install "$tree" --prefix "$scratch/$component" --component "$component"
  mkdir -p "$scratch/$component"
done

list() { # FOLDER, which the path of gdb's script ends with
  (cd "$1" && find . -type f -o -type l | sed "s|/auto-load$1/|/auto-load/|" | sort)
}
if ! diff <(list "$prefix") <(for c in "$scratch"/*; do list "$c"; done | sort) >&2; then
  echo "the components are not the whole" >&2
  bad=1
fi
expect() { # COMPONENT REGULAR-EXPRESSION: of all its files
  if list "$scratch/$1" | grep -vE "$2"; then
    echo "... is no file for the component $1" >&2
    bad=1
  fi
}
expect runtime '^\./lib[^/]*/([^/]*/)?libgraceslab\.so\.0\.'
expect development \
  '^\./(include/|lib.*/libgraceslab\.(a|so)$|lib.*/(cmake|pkgconfig)/|share/[a-z/]*gdb/)'
expect tools '^\./(bin/graceslab$|lib.*/graceslab/[^/]*\.so$|share/(man/man1|.*completions[^/]*)/)'\
'|^\./share/graceslab/(prometheus|bpftrace)/'
expect bench '^\./lib.*/graceslab/bench/'
exit $bad
