# shellcheck shell=bash
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Sourced by ./run and ./check: installs the Debian packages that are missing, and says which.
# Talks on stderr.

# shellcheck disable=SC2034 # used where this is sourced
build_packages=(build-essential cmake ninja-build pkg-config
  libcli11-dev libfmt-dev nlohmann-json3-dev libdw-dev libncurses-dev prometheus-cpp-dev
  tor-geoipdb liburcu-dev)
# shellcheck disable=SC2034 # the peers of ./run bench
bench_packages=(liburcu-dev libck-dev libcds-dev libboost-dev
  libjemalloc2 libmimalloc2.0 libtcmalloc-minimal4)
# shellcheck disable=SC2034
test_packages=(libgtest-dev relacy-dev python3 python3-prometheus-client python3-yaml clang gdb
  bpftrace)

say() { printf 'graceslab: %s\n' "$*" >&2; }

missing_packages() {
  local package
  for package in "$@"; do
    dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
      printf '%s\n' "$package"
  done
}

# Without apt there is nothing to install; then the tools must be there already.
need_tools_instead() {
  local tool
  for tool in cmake ninja c++ cc; do
    if ! command -v "$tool" >/dev/null; then
      say "no apt-get here and no $tool: install it, then try again"
      exit 2
    fi
  done
}

install_packages() {
  if ! command -v dpkg-query >/dev/null || ! command -v apt-get >/dev/null; then
    need_tools_instead
    return
  fi
  local missing become=()
  mapfile -t missing < <(missing_packages "$@")
  [ ${#missing[@]} -gt 0 ] || return 0
  if [ "$(id -u)" -ne 0 ]; then
    if ! command -v sudo >/dev/null || { [ ! -t 0 ] && ! sudo -n true 2>/dev/null; }; then
      say "missing packages: as root, run: apt-get install ${missing[*]}"
      exit 2
    fi
    become=(sudo)
  fi
  say "installing ${missing[*]}"
  local apt=("${become[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq -o Dpkg::Use-Pty=0)
  local log=build/packages.log
  mkdir -p build
  "${apt[@]}" update </dev/null >"$log" 2>&1 || true # old lists may do
  if ! "${apt[@]}" install -y --no-install-recommends "${missing[@]}" </dev/null >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    say "could not install: ${missing[*]}"
    exit 2
  fi
}

# The same for what the build can do without: the rest goes on without those that cannot be had.
offer_packages() {
  local package
  (install_packages "$@") && return 0
  for package in "$@"; do
    (install_packages "$package") || say "going on without $package"
  done
}

# build_tree FOLDER TARGET... -- CMAKE-OPTION...   Quiet; the log is shown when it fails.
build_tree() {
  local folder=$1 targets=() log
  shift
  while [ $# -gt 0 ] && [ "$1" != -- ]; do targets+=("$1"); shift; done
  shift
  log="$folder/build.log"
  mkdir -p "$folder"
  say "building $folder"
  if ! { cmake -S . -B "$folder" -G Ninja "$@" &&
    cmake --build "$folder" --parallel "${GRACESLAB_JOBS:-2}" \
      ${targets[@]:+--target "${targets[@]}"}; } </dev/null >"$log" 2>&1; then
    tail -n 60 "$log" >&2
    say "building $folder failed; all of it is in $log"
    return 1
  fi
}
