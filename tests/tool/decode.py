#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`graceslab decode` finds function, file and line of the places in a real log (C1, R10)."""

import os
import pathlib
import re
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from support import tool

NAMED = pathlib.Path(os.environ["CHILD_PROGRAMS"], "named")
SOURCE = pathlib.Path(__file__).parents[1] / "scenario" / "child" / "named.c"
if not NAMED.exists():
    print("skipped: no programs are built here")
    sys.exit(0)


def line_of(text):
    return 1 + SOURCE.read_text(encoding="utf-8").splitlines().index(text)


ALLOCATES = line_of("  void* object = kmem_cache_alloc(of, GFP_KERNEL);")
INLINED = line_of("  return kmem_cache_alloc(of, GFP_KERNEL);")
CALLS_INLINED = line_of("  void* object = inlined_allocation(of);")
DESTROYS = line_of("  kmem_cache_destroy(of);")


def log_of(program):
    done = subprocess.run([program], capture_output=True, check=False, timeout=60)
    tool.expect(b"graceslab: destroy-with-objects: " in done.stderr, f"{program} reports", done)
    return tool.file_with(done.stderr)


def decode(log, *options):
    done = tool.run("decode", log, *options)
    tool.expect(done.returncode == 0, f"decode {' '.join(map(str, options))}", done)
    return done


def has_lines(done, what):
    for function, line in (("allocate_often", ALLOCATES), ("allocate_once", CALLS_INLINED),
                           ("destroy_it", DESTROYS)):
        tool.expect(re.search(rf"#\d+ {function} at \S*named\.c:{line} \(named\+0x[0-9a-f]+ ",
                              done.stdout), f"{what}: {function} at line {line}", done)
    tool.expect(re.search(rf"#(\d+) inlined_allocation at \S*named\.c:{INLINED} \(inlined\)\n"
                          rf"    #\1 allocate_once at ", done.stdout),
                f"{what}: an inlined function is told before the one it is in", done)


with tempfile.TemporaryDirectory() as folder:
    place = pathlib.Path(folder)
    log = log_of(NAMED)
    whole = decode(log, "--debug-path", NAMED)
    has_lines(whole, "the program itself")
    has_lines(decode(log, "--debug-path", NAMED.parent), "its folder")
    again = decode(tool.file_with(whole.stdout), "--debug-path", NAMED)
    tool.expect(again.stdout == whole.stdout, "what is decoded stays as it is", again)

    stripped = place / "bare" / "named"
    stripped.parent.mkdir()
    subprocess.run(["strip", "-o", stripped, NAMED], check=True)
    bare_log = log_of(stripped)
    bare = pathlib.Path(bare_log).read_text(encoding="utf-8")
    tool.expect(re.search(r"#1 \? \(named\+0x[0-9a-f]+ [0-9a-f]{16}\)", bare),
                "a stripped program's log has places and the build")
    tool.expect("allocate_often" not in bare, "... and no names")
    has_lines(decode(bare_log, "--debug-path", NAMED), "of a stripped program")
    no_lines = decode(bare_log, "--debug-path", stripped)
    tool.expect("debug information" in no_lines.stderr, "without lines it says so", no_lines)

    build_id = re.search(r"Build ID: ([0-9a-f]+)", subprocess.run(
        ["readelf", "-n", NAMED], capture_output=True, text=True, check=True).stdout)[1]
    debug = place / "debug" / ".build-id" / build_id[:2] / f"{build_id[2:]}.debug"
    debug.parent.mkdir(parents=True)
    subprocess.run(["objcopy", "--only-keep-debug", NAMED, debug], check=True)
    has_lines(decode(bare_log, "--debug-path", place / "debug"), "with a debug file by build-id")
    root = place / "root"
    (root / "usr" / "lib").mkdir(parents=True)
    shutil.copytree(place / "debug", root / "usr" / "lib" / "debug")
    has_lines(decode(bare_log, "--sysroot", root), "with one below another root")

    # What cannot be found stays as it is, and is said once for each module.
    other = place / "other" / "named"
    other.parent.mkdir()
    empty = place / "empty"
    empty.mkdir()
    shutil.copy(NAMED.with_name("exit"), other)
    wrong = decode(bare_log, "--debug-path", other, "--sysroot", empty)
    tool.expect(wrong.stdout == bare, "another build: the log stays as it is", wrong)
    tool.expect(len(re.findall(r"decode: named [0-9a-f]{16}: \S+ is another build", wrong.stderr))
                == 1, "another build is said once", wrong)
    gone = decode(bare_log, "--sysroot", empty)
    tool.expect(gone.stdout == bare, "no file: the log stays as it is", gone)
    tool.expect(len(re.findall(r"decode: named \S+ its file was not found", gone.stderr)) == 1,
                "a missing file is said once", gone)

    parsed = tool.json_of(decode(log, "--json", "--debug-path", NAMED))
    calls = [c for f in parsed["frames"] for c in f["calls"] if c["function"] == "allocate_once"]
    tool.expect([c["line"] for c in calls] == [CALLS_INLINED], "JSON has the same lines")
    tool.expect(any(m["module"] == "named" and m["file"] == str(NAMED) and m["problem"] == ""
                    for m in parsed["modules"]), "JSON tells which files were used")

    # Whatever is no place of a report goes through untouched.
    odd = (b"(\n (+0x1)\nf+0x (m+0x1 ab)\n? (m+0x)\n? (m+0x1 abc)\n? (+0x1\nf+0x1 (m+0x1\n\xff\0"
           b"? (\nf+0x1  (m+0x12)\n? (m+0xfffffffffffffffffffffff 01)\nno end of line")
    done = subprocess.run([tool.TOOL, "decode"], input=odd, capture_output=True, check=False)
    tool.expect(done.returncode == 0 and done.stdout == odd, "other text stays as it is", done)
    nothing = subprocess.run([tool.TOOL, "decode", "-"], input=b"", capture_output=True,
                             check=False)
    tool.expect(nothing.returncode == 0 and nothing.stdout == b"", "an empty log", nothing)

    missing = str(place / "missing.log")
    tool.expect_refusal("decode", missing, says=missing)
    tool.expect_refusal("decode", str(place), says="folder")
    tool.expect_refusal("decode", log, "--debug-path", missing, says=missing)
    tool.expect_refusal("decode", log, "--sysroot", missing, says=missing)
    tool.expect_refusal("decode", log, "--every", says="--every")

sys.exit(tool.finish())
