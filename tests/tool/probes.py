#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The static probes: those that the guide lists are there, with as many arguments and as one nop
each; gdb stops at every one; the scripts for bpftrace name no other (I7)."""

import os
import pathlib
import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from support import tool

TRACED = pathlib.Path(os.environ["CHILD_PROGRAMS"], "traced")
if not TRACED.exists():
    print("skipped: no programs are built here")
    sys.exit(0)
ROOT = pathlib.Path(__file__).parents[2]
GUIDE = ROOT / "docs" / "guide" / "tracing.md"
SCRIPTS = sorted((ROOT / "tools" / "trace" / "bpftrace").glob("*.bt"))
ENVIRONMENT = {**os.environ, "GRACESLAB_STALL_MS": "1", "GRACESLAB_LINGER_SPLAT_MS": "1",
               "DEBUGINFOD_URLS": ""}


def said(*command, status=0):
    done = subprocess.run(list(map(str, command)), stdout=subprocess.PIPE,
                          stderr=subprocess.STDOUT, text=True, errors="replace", check=False,
                          timeout=200, env=ENVIRONMENT, stdin=subprocess.DEVNULL)
    tool.expect(status in (None, done.returncode), f"{command[0]}: status {done.returncode}")
    return done.stdout


def library():
    found = re.search(r"libgraceslab\S* => (\S+)", said("ldd", TRACED))
    return os.path.realpath(found[1])


def listed():
    """Name and number of arguments of each, as the guide has them."""
    rows = re.findall(r"^\| `(\w+)` \| ([^|]+) \|", GUIDE.read_text(encoding="utf-8"),
                      re.MULTILINE)
    return {name: arguments.count(",") + 1 for name, arguments in rows if name.islower()}


def notes(file):
    """(name, address, arguments) of each note."""
    found = re.findall(r"Provider: graceslab\s+Name: (\w+)\s+Location: (0x\w+), Base: (0x\w+), "
                       r"Semaphore: 0x0+\s+Arguments: ([^\n]*)", said("readelf", "-nW", file))
    tool.expect({int(base, 16) for _, _, base, _ in found} != {0}, "a base to relocate by")
    return [(name, int(at, 16), arguments.split()) for name, at, _, arguments in found]


def as_the_guide_says(file):
    there = notes(file)
    tool.expect(set(listed()) == {name for name, _, _ in there},
                f"probes: {sorted(listed())} in the guide, {sorted(set(n for n, _, _ in there))}")
    for name, _, arguments in there:
        tool.expect(len(arguments) == listed().get(name), f"{name} has arguments {arguments}")
        tool.expect(all(re.fullmatch(r"8@(%r\w+|\$-?\d+|x\d+|-?\d+)", a) for a in arguments),
                    f"{name}: in registers or numbers: {arguments}")
    return there


def are_nops(file, there):
    text = said("objdump", "-d", "--no-show-raw-insn", file)
    code = dict(re.findall(r"^\s*([0-9a-f]+):\s+(\S+)", text, re.MULTILINE))
    for name, at, _ in there:
        tool.expect(code.get(f"{at:x}") == "nop", f"{name} at {at:#x}: {code.get(f'{at:x}')}")


def are_hit_in_gdb():
    if shutil.which("gdb") is None:
        return tool.expect(False, "there is no gdb; ./check --deps installs it")
    steps = ["set breakpoint pending on", "set print thread-events off", "break main", "run"]
    for name, arguments in listed().items():
        steps.append(f"tbreak -probe-stap graceslab:{name}")
        steps.append(f"commands\nsilent\nprintf \"hit {name} %d %s\\n\", $_probe_argc, "
                     f"(char*)$_probe_arg{arguments - 1}\ncontinue\nend")
    script = tool.file_with("\n".join([*steps, "continue"]) + "\n")
    out = said("gdb", "-nx", "-batch", "-iex", "set width 0", "-x", script, "--args", TRACED, "all",
               status=None)  # of a program that has ended
    hits = {name: (count, of) for name, count, of in re.findall(r"^hit (\w+) (\d+) (\S+)", out,
                                                                re.MULTILINE)}
    for name, arguments in listed().items():
        tool.expect(name in hits and hits[name][0] == str(arguments), f"{name} in gdb:\n{out}")
    for name in ("cache_create", "destroy_begin", "destroy_wait", "destroy_done", "leak"):
        tool.expect(hits.get(name, ("", ""))[1] == "lingers", f"its name in gdb: {name} {hits}")
    return None


def scripts(file):
    tool.expect(len(SCRIPTS) >= 4, "the scripts")
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8")
        tool.expect(script.name in GUIDE.read_text(encoding="utf-8"), f"{script.name}: the guide")
        for name, body in re.findall(r"^usdt:\*:graceslab:(\w+)[^{]*(\{.*?^\})", text,
                                     re.MULTILINE | re.DOTALL):
            head = re.search(rf"graceslab:{name} /([^/]*)/", text)
            used = {int(n) for n in re.findall(r"\barg(\d)\b", body + (head[1] if head else ""))}
            tool.expect(name in listed() and max(used) < listed()[name],
                        f"{script.name}: {name} with {used}")
    if shutil.which("bpftrace") is None:
        return print("there is no bpftrace: its scripts were read by this test alone")
    if os.geteuid() != 0:
        return print("bpftrace is for root: its scripts were read by this test alone")
    tool.expect(len(re.findall(":graceslab:", said("bpftrace", "-l", f"usdt:{file}:*")))
                == len(listed()), "bpftrace -l")
    for script in SCRIPTS:
        text = script.read_text(encoding="utf-8").replace("usdt:*:", f"usdt:{file}:")
        out = said("bpftrace", "-d", tool.file_with(text))
        tool.expect("graceslab" in out, f"bpftrace takes {script.name}:\n{out}")
    return None


def attached(file):
    """For real, where this kernel lets us."""
    if shutil.which("bpftrace") is None or os.geteuid() != 0:
        return
    try:
        with open("/sys/kernel/tracing/uprobe_events", "a", encoding="ascii"):
            pass
    except OSError as error:
        return print(f"this kernel lets nobody place uprobes, so bpftrace is not attached: {error}")
    out = said("bpftrace", "-c", f"{TRACED} all", "-e",
               f"usdt:{file}:graceslab:destroy_done {{ printf(\"gone %s\\n\", str(arg2)); }}")
    tool.expect("gone lingers" in out, f"bpftrace sees it:\n{out}")


LIBRARY = library()
are_nops(LIBRARY, as_the_guide_says(LIBRARY))
are_hit_in_gdb()
scripts(LIBRARY)
attached(LIBRARY)
sys.exit(tool.finish())
