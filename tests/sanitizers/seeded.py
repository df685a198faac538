#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""seeded.py CHECKER COMPILER PREFIX LIBDIR FOLDER

Builds a program from outside this tree against the installed library, which knows of no checker,
and runs each of its cases under CHECKER (address, leak, thread, memcheck): a mistake must be
reported, with the right kind and functions, and a program with none must be silent. Exit status 77
where the checker cannot be had.
"""

import os
import platform
import re
import shutil
import subprocess
import sys

FREE = [r"of cache 'entries'.*which is free", r"(?s)allocated by thread.*in .*allocate\b"]
BEYOND = [r"which is allocated"]
GONE = [r"its slab was given back"]
POISON = r"AddressSanitizer: use-after-poison"
SILENT = None

# What each case's report must contain; a name is looked for as a function of a stack.
EXPECTED = {
    "address": {
        "use_after_free": [POISON, "touch", *FREE, r"(?s)freed by thread.*in .*free_it"],
        "use_after_grace_period":
            [POISON, "touch", *FREE, r"(?s)retired by thread.*in .*retire_it"],
        "use_in_callback": [POISON, "touch", *FREE],
        "overflow": [POISON, "WRITE of size 1", r"in .*write\b", *BEYOND],
        "overflow_kmalloc": [POISON, "WRITE of size 1", *BEYOND],
        "overflow_kmalloc_odd": [POISON, "WRITE of size 1", *BEYOND],
        "use_after_kfree": [POISON, "touch", "of cache 'kmalloc-112'.*which is free"],
        "use_after_kfree_large": [POISON, "touch", *GONE],
        "use_after_krealloc": [POISON, "touch", "of cache 'kmalloc-112'.*which is free"],
        "use_after_destroy": [POISON, "touch", *GONE],
        "use_of_constructed": [POISON, "touch", "of cache 'built'.*which is free"],
        "lost": ["LeakSanitizer", "333 byte", "make_block"],
        "lost_by_retire": ["LeakSanitizer", "333 byte", "make_block"],
        "reachable": SILENT,
        "clean": SILENT,
    },
    "leak": {
        "lost": ["LeakSanitizer", "333 byte", "make_block"],
        "lost_by_retire": ["LeakSanitizer", "333 byte", "make_block"],
        "reachable": SILENT,
        "clean": SILENT,
    },
    "thread": {
        "read_outside": ["data race", "read_it"],
        "read_after_section": ["data race", "read_it"],
        "no_barrier": ["data race", "count_in_callback", "read_count"],
        "no_order": ["data race", "read_it", "write_it"],
        "clean": SILENT,
    },
    "memcheck": {
        "use_after_free": ["Invalid read", "inside a block of size 72 free'd", "free_it",
                           "(?s)Block was alloc'd.*allocate"],
        "use_after_grace_period": ["Invalid read", "inside a block of size 72 free'd"],
        "overflow": ["Invalid write", r"overflow\(\)"],
        "overflow_kmalloc": ["Invalid write", "64 bytes inside a block of size 128"],
        "overflow_kmalloc_odd": ["Invalid write", "101 bytes inside a block of size 112"],
        "use_after_krealloc": ["Invalid read", "free'd"],
        "lost": ["333 bytes in 1 blocks are definitely lost", "make_block"],
        "reachable": SILENT,
        "clean": SILENT,
    },
}
VALGRIND = ["valgrind", "-q", "--leak-check=full", "--errors-for-leak-kinds=definite",
            "--show-leak-kinds=definite", "--error-exitcode=1"]


def build(checker, compiler, prefix, libdir, folder):
    """The program, or None where this compiler has no such checker."""
    program = os.path.join(folder, checker)
    os.makedirs(folder, exist_ok=True)
    sources = os.path.dirname(os.path.abspath(__file__))
    sanitize = [] if checker == "memcheck" else [f"-fsanitize={checker}"]
    common = [compiler, "-std=c++20", "-O1", "-g", "-Wall", "-Wextra", "-Werror",
              "-fno-omit-frame-pointer", "-fno-optimize-sibling-calls", *sanitize]
    empty = [*common, "-x", "c++", "-", "-o", program]
    if subprocess.run(empty, input="int main() {}", text=True, capture_output=True,
                      check=False).returncode != 0:
        return None
    library = os.path.join(prefix, libdir)
    source = os.path.join(sources, "threads.cpp" if checker == "thread" else "memory.cpp")
    subprocess.run([*common, source, f"-I{prefix}/include", f"-L{library}", "-lgraceslab",
                    f"-Wl,-rpath,{library}", "-pthread", "-o", program], check=True)
    return program


def around(checker):
    if checker == "memcheck":
        return VALGRIND
    # TSan of older compilers cannot place its memory where addresses are randomised too much.
    fixed = ["setarch", platform.machine(), "-R"]
    usable = shutil.which("setarch") and subprocess.run([*fixed, "true"], capture_output=True,
                                                        check=False).returncode == 0
    return fixed if checker == "thread" and usable else []


def run(command, case, settings=()):
    # A slab that went back while a report is written would leave less to be told.
    environment = {**os.environ, "GRACESLAB_PARK_AGE_MS": "1000000",
                   "TSAN_OPTIONS": "atexit_sleep_ms=0", **dict(settings)}
    done = subprocess.run([*command, case], env=environment, capture_output=True, text=True,
                          errors="replace", check=False)
    return done.returncode, done.stdout, done.stderr


def wrong_with(expected, names, status, out, report):
    if expected is SILENT:
        silent = status == 0 and out == "ended\n" and report == ""
        return "" if silent else f"not silent, status {status}"
    if status == 0:
        return "not found"
    named = re.compile(r"[a-z_]+|\(\?s\).*in .*|in .*")
    missing = [one for one in expected
               if not re.search(one, report) and (names or not named.fullmatch(one))]
    return f"found, without {missing}" if missing else ""


def main(checker, compiler, prefix, libdir, folder):
    if checker == "memcheck" and not shutil.which("valgrind"):
        return 77
    program = build(checker, compiler, prefix, libdir, folder)
    if program is None:
        return 77
    command = [*around(checker), program]
    names = shutil.which("llvm-symbolizer") is not None or "clang" not in compiler
    bad = 0
    for case, expected in EXPECTED[checker].items():
        status, out, report = run(command, case)
        wrong = wrong_with(expected, names, status, out, report)
        print(f"{case}: {wrong or 'as expected'}", flush=True)
        if wrong:
            bad += 1
            print(out + report)
    if checker in ("address", "memcheck"):
        status, _, report = run(command, "use_after_free", [("GRACESLAB_SANITIZERS", "off")])
        if status != 0:
            bad += 1
            print(f"off: not silent, status {status}\n{report}")
    return 1 if bad else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
