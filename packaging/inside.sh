# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# In the fresh system: examples by CMake, pkg-config and plain cc, with gcc and clang; the tool.
set -euo pipefail
cd /consumer
run=0
run_one() { # PROGRAM PLUGIN
  local arguments=()
  [[ $1 != */plugin_* ]] || arguments=("$2")
  "$1" "${arguments[@]}" >/tmp/output 2>&1 || { cat /tmp/output; echo "failed: $1"; exit 1; }
  run=$((run + 1))
}
for compiler in gcc:g++ clang:clang++; do
  cc=${compiler%:*} cxx=${compiler#*:}
  CC=$cc CXX=$cxx cmake -S . -B cmake-$cc -DCMAKE_BUILD_TYPE=Release >/dev/null
  cmake --build cmake-$cc --parallel 2 >/dev/null
  mkdir plain-$cc
  # shellcheck disable=SC2046 # several words
  flags=($(pkg-config --cflags --libs graceslab))
  $cc -shared -fPIC examples/plugin/plugin.c -o plain-$cc/plugin.so "${flags[@]}"
  for source in examples/*.c; do
    $cc "$source" -o "plain-$cc/$(basename "$source" .c)" -lgraceslab
  done
  for source in examples/*.cpp; do
    $cxx -std=c++20 "$source" -o "plain-$cc/$(basename "$source" .cpp)" "${flags[@]}"
  done
  for source in examples/*.c*; do
    name=$(basename "$source"); name=${name%.*}
    run_one "cmake-$cc/$name" "./cmake-$cc/libplugin.so"
    run_one "./plain-$cc/$name" "./plain-$cc/plugin.so"
  done
done
said=$(gdb -nx -batch -ex 'set breakpoint pending on' -ex 'break gs_cache_destroy_by' -ex run \
  -ex 'gs-why routes' plain-gcc/quickstart 2>&1 </dev/null) || true
grep -q "cache 'routes#1' is open" <<<"$said" || { echo "$said"; echo "failed: gdb"; exit 1; }
graceslab config --json >/dev/null
graceslab torture --seconds 2 >/dev/null
man -w graceslab graceslab-lab >/dev/null
echo "$run examples ran in a fresh system, built by gcc and clang, CMake, pkg-config and cc"
