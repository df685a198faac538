# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Sourced by ./check --matrix: a stage for every compiler that Debian 12 has and for every other one
# that is found, with both C++ libraries, and one for another processor.
# docs/guide/platforms.md says what each stage shows.

# shellcheck disable=SC2034 # used where this is sourced
matrix_packages=(gcc-12 g++-12 clang-14 clang-19 musl-tools googletest g++-aarch64-linux-gnu
  qemu-user)

# unpack_libcxx VERSION   Debian's libc++ packages exclude each other: unpacked into build/, not
# installed. Prints the folder.
unpack_libcxx() {
  local version=$1 folder=$PWD/build/libc++-$1 package
  if [ ! -d "$folder/usr" ]; then
    mkdir -p "$folder"
    for package in libc++{,abi}-"$version"-dev libc++{,abi}1-"$version" \
      libunwind-"$version"{,-dev}; do
      if ! (cd "$folder" && apt-get -qq download "$package" && dpkg-deb -x "$package"_*.deb .) >&2
      then
        rm -rf "$folder"
        return 1
      fi
    done
  fi
  printf '%s\n' "$folder/usr/lib/llvm-$version"
}

# wanted STAGE COMMAND...   Whether to run it: it is named, or none is, and its commands are here.
wanted() {
  local name=$1 command
  shift
  [ ${#named[@]} = 0 ] || [[ " ${named[*]} " == *" $name "* ]] || return 1
  for command in "$@"; do
    command -v "$command" >/dev/null || return 1
  done
}

# What nobody could run is not passed over: it has failed if it was named, else it has a line.
note_stages_not_run() {
  local name kind=error
  local expected=("${named[@]}")
  [ ${#named[@]} -gt 0 ] ||
    { kind=missing expected=(gcc-12 clang-14 libc++-14 clang-19 libc++-19 aarch64); }
  for name in "${expected[@]}"; do
    compgen -G "$results/$name.*" >/dev/null ||
      echo "no such stage, or its compiler is not here" >"$results/$name.$kind"
  done
}

matrix_stages() {
  local whole=(-DCMAKE_BUILD_TYPE=Release -DGRACESLAB_CHECKS=ON -DGRACESLAB_TOOLS=OFF
    -DGRACESLAB_WERROR=ON)
  local outside="compat;negative;install;examples" version libcxx
  for version in 12 13 14 15 16; do
    wanted "gcc-$version" "g++-$version" || continue
    stage "gcc-$version" "${whole[@]}" "-DGRACESLAB_SUITES=unit;scenario;$outside" \
      -DCMAKE_C_COMPILER="gcc-$version" -DCMAKE_CXX_COMPILER="g++-$version"
  done
  for version in 14 15 16 17 18 19 20 21; do
    local clang=(-DCMAKE_C_COMPILER="clang-$version" -DCMAKE_CXX_COMPILER="clang++-$version")
    if wanted "clang-$version" "clang++-$version"; then
      stage "clang-$version" "${whole[@]}" "${clang[@]}" "-DGRACESLAB_SUITES=unit;scenario;$outside"
    fi
    # Without GoogleTest, which is built with the other C++ library.
    wanted "libc++-$version" "clang++-$version" || continue
    libcxx=$(unpack_libcxx "$version") || { say "no libc++ for clang $version"; continue; }
    # No run path: with glibc 2.36 a -static-pie program that has one crashes at its start.
    around=(env LD_LIBRARY_PATH="$libcxx/lib")
    stage "libc++-$version" "${whole[@]}" "${clang[@]}" "-DGRACESLAB_SUITES=$outside" \
      "-DCMAKE_CXX_FLAGS=-nostdinc++ -isystem $libcxx/include/c++/v1" \
      "-DCMAKE_EXE_LINKER_FLAGS=-stdlib=libc++ -L$libcxx/lib"
    around=()
  done
  if wanted aarch64 aarch64-linux-gnu-g++ qemu-aarch64; then
    # The emulator takes a minute to reserve a terabyte: under a limit the caches reserve nothing.
    around=(prlimit --data=$((64 << 30)))
    # It cannot run a test's program once more, start threads after a fork, or lock pages.
    local suites="List|Writer|Clock|Futex|Cores|Fence|Module|Fault|Symbol|SymbolFile|Thread|Hooks"
    suites+="|Build|Config|DebugModes|Pages|Place|Report|Midway"
    suites+="|Doorbell|Event|Mutex|Registry"
    suites+="|Reader|GracePeriod|Domain|DomainHandle|Owner|Token|Queue|Callback|Await|Grant|Runs"
    suites+="|Stuck|StandardError|Bounds|Kinds/Equations"
    suites+="|HazardRetired|HazardSlots|Barn|CacheTable|DebugCaches|Heap|Meta|OutlyingRegistry|Seal"
    suites+="|StaleHandle|Takeover|Transit|Waits|SelfCheck|Stats"
    suites+="|Active|CacheBarrier|GlobalBarrier|LingerList|TeardownMoves"
    local beyond='fork|Fork|reader_fence_mode|stuck_reader|without_a_worker|no_thread'
    beyond+='|no_array_goes_back|slots_fence_where|Environment|AbortsOnlyWhenChosen|LockedPages'
    only=(-R "^unit\.($suites)\." -E "$beyond")
    stage aarch64 "${whole[@]}" -DGRACESLAB_SUITES=unit -DCMAKE_SYSTEM_NAME=Linux \
      -DCMAKE_SYSTEM_PROCESSOR=aarch64 -DCMAKE_C_COMPILER=aarch64-linux-gnu-gcc \
      -DCMAKE_CXX_COMPILER=aarch64-linux-gnu-g++ \
      "-DCMAKE_CROSSCOMPILING_EMULATOR=qemu-aarch64;-L;/usr/aarch64-linux-gnu"
    around=() only=()
  fi
  note_stages_not_run
}
