#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The commands of gdb, on a process that lives, on a core file, and in the middle of a lock; with
structures that are damaged, and with a library without debug information (I7)."""

import contextlib
import os
import pathlib
import re
import resource
import shutil
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from support import tool

DEBUGGEE = pathlib.Path(os.environ["CHILD_PROGRAMS"], "debuggee")
if not DEBUGGEE.exists():
    print("skipped: no programs are built here")
    sys.exit(0)
if shutil.which("gdb") is None:
    print("FAILED: there is no gdb; ./check --deps installs it")
    sys.exit(1)

SCRIPT = pathlib.Path(__file__).parents[2] / "tools" / "gdb" / "graceslab-gdb.py"
CORE_MOST = 256 << 20  # bytes; a core of the debuggee has some 10 MB, of which 1 is on the disk
THREAD = r'thread \d+( "[\w-]+")? \(LWP \d+\)'
AWAITED = r"for grace period \d+(?:, which nobody has started)?"
ENVIRONMENT = {**os.environ, "GRACESLAB_STALL_MS": "600000", "DEBUGINFOD_URLS": ""}


def gdb(*words, commands=(), source=True, **environment):
    """What gdb says to each of the commands, in their order."""
    steps = [f"source {SCRIPT}"] if source else []
    for number, command in enumerate(commands):
        steps += [f"echo \\n<{number}>\\n", command]
    steps += ["echo \\n<end>\\n", "kill"]
    done = subprocess.run(
        ["gdb", "-nx", "-batch", "-iex", "set width 0", "-iex", "set height 0", *map(str, words),
         *(part for step in steps for part in ("-ex", step))],
        stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
        errors="replace", check=False, timeout=200, env={**ENVIRONMENT, **environment})
    parts = re.split(r"\n<(?:\d+|end)>\n", done.stdout)
    tool.expect("Traceback" not in done.stdout and len(parts) == len(commands) + 2,
                f"gdb {' '.join(map(str, words))}: all commands, and no traceback:\n{done.stdout}")
    return parts[1:-1] + [""] * (len(commands) + 2 - len(parts))


@contextlib.contextmanager
def living():
    child = subprocess.Popen([DEBUGGEE, "waits"], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.DEVNULL, text=True, env=ENVIRONMENT)
    try:
        tool.expect(child.stdout.readline() == "ready\n", "the debuggee is ready")
        yield child.pid
    finally:
        child.kill()
        child.wait()


@contextlib.contextmanager
def dumped():
    """A core file, which is gone with the block: the kernel's, and where the kernel gives it to
    somebody else gdb's, of a process that has little address space."""
    with tempfile.TemporaryDirectory() as folder:
        pattern = pathlib.Path("/proc/sys/kernel/core_pattern").read_text(encoding="ascii").strip()
        if pattern.startswith(("|", "/")):
            made = pathlib.Path(folder, "core")
            subprocess.run(
                ["gdb", "-nx", "-batch", "-ex", "run", "-ex", f"generate-core-file {made}", "-ex",
                 "kill", "--args", DEBUGGEE, "aborts"], cwd=folder, capture_output=True,
                check=False, timeout=200, env=ENVIRONMENT,
                preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE,
                                                      (CORE_MOST, CORE_MOST)))
        else:
            subprocess.run([DEBUGGEE, "aborts"], cwd=folder, capture_output=True, check=False,
                           timeout=100, env=ENVIRONMENT,
                           preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_CORE,
                                                                 (CORE_MOST, CORE_MOST)))
        cores = list(pathlib.Path(folder).glob("core*"))
        if not cores:
            print(f"FAILED: no core file is to be had here (core_pattern is '{pattern}')")
            sys.exit(1)
        on_disk = cores[0].stat().st_blocks * 512
        tool.expect(on_disk < 16 << 20, f"a core holds what was touched alone: {on_disk} bytes")
        yield cores[0]


def has(text, *patterns):
    for pattern in patterns:
        tool.expect(re.search(pattern, text, re.MULTILINE), f"{pattern!r} in:\n{text}")


def row_of(text, name):
    row = next((line for line in text.splitlines() if re.match(name + r"#\d+ ", line)), "")
    tool.expect(row, f"a row for {name} in:\n{text}")
    return row.split() if row else ["0"] * 14


TABLES = ("gs-domains", "gs-caches", "gs-readers", "gs-inflight")


def tables(domains, caches, readers, inflight):
    has(domains, r"^DOMAIN +ID +READERS ", r"^default +0 +1 +0 .* 0 \(NULL\)$",
        r"^slow +\d+ +1 +1 .* 0x[0-9a-f]+$")
    row = row_of(caches, "sessions")
    tool.expect(row[1:5] == ["open", "120", "64", "5"] and sum(map(int, row[5:8])) == 56 and
                row[8:11] == ["0", "3", "0"], f"the counts of 'sessions': {row}")
    row = row_of(caches, "lingers")
    tool.expect(row[1:5] == ["draining", "120", "64", "2"] and row[9] == "1",
                f"the counts of 'lingers': {row}")
    tool.expect(len(re.findall(r"^shared#\d+ +open ", caches, re.MULTILINE)) == 2,
                f"two of that name:\n{caches}")
    has(readers, rf"^{THREAD} is in 2 levels of 'default', since grace period \d+; grace period "
        r"\d+ waits for it", rf"^{THREAD} is in 1 level of 'slow', since",
        r"^  in .* < \(anonymous namespace\)::stay < \(anonymous namespace\)::stay_inside",
        r"^1 section of 'slow' by a token, in whatever thread$")
    queued = re.findall(r"^  (\d) x \(anonymous namespace\)::on_gone \(debuggee\.cpp:\d+\), "
                        rf"(?:waiting {AWAITED}|without a grace period yet)$",
                        inflight, re.MULTILINE)
    tool.expect(sum(map(int, queued)) == 2, f"two, of one grace period or two:\n{inflight}")
    has(inflight, r"^callbacks queued in 'default':$",
        r"^cache 'sessions#\d+' \(open\): 3 retired objects, 3 of them before the end",
        r"^cache 'lingers#\d+' \(draining\): 1 retired object, 1 of them before",
        r"^1 object retired under hazard pointers:\n  0x[0-9a-f]+, to be ended by "
        rf"graceslab::hazard_pointer_obj_base<route, ender>::run \(.*\), protected by a hazard "
        rf"pointer made by {THREAD}$")


WHYS = ("gs-why sessions", "gs-why lingers", "gs-why owned", "gs-why *routes", "gs-why routes")


def whys(sessions, lingers, owned, routes, by_name):
    has(sessions, r"^cache 'sessions#\d+' is open; 56 free objects in 1 slab$",
        r"^  5 objects allocated and never retired$",
        r"^  3 objects retired and not reclaimed yet$",
        rf"^    {THREAD} is in 2 levels of 'default'")
    has(lingers, r"^cache 'lingers#\d+' is draining, destroyed (\d+ ms ago|at \d+ ms of its clock)"
        r"; it has 1 slab$", r"^  2 objects allocated and never retired$",
        r"^  destroyed by\n    #0 ", r"^    #\d .*gs_cache_destroy_by$",
        r"^    #\d kmem_cache_destroy_rcu \(slab\.h:\d+\)",
        r"^    #\d \(anonymous namespace\)::fill_lingers \(debuggee\.cpp:\d+\)",
        r"^  2 objects allocated, the first is 0x[0-9a-f]+$")
    has(owned, r"^  object 0x[0-9a-f]+ is allocated\n    #0 kmem_cache_alloc "
        r"\(slab\.h:\d+\)")
    has(routes, r"^  1 object allocated and never retired$",
        r"^  1 object retired under hazard pointers\n    object 0x[0-9a-f]+ is protected by a "
        rf"hazard pointer made by {THREAD}$")
    tool.expect(routes == by_name, "a cache by its handle is the cache by its name")


OWNERS = ("gs-owner allocated[1]", "gs-owner (char*)allocated[1]+5", "gs-owner retired[0]",
          "gs-owner freed[0]", "gs-owner posted", "gs-owner owned_object",
          "gs-owner protected_route", "gs-owner sessions", "gs-owner slow_handle",
          "gs-owner stale", "gs-owner (char*)allocated[1]+8000", "gs-owner *allocated[0]",
          "gs-owner &freed")


def owners(start, inside, retired, freed, posted, owned, route, handle, domain, stale, behind,
           whole, foreign):
    object_of = r"^0x[0-9a-f]+ is object 0x[0-9a-f]+ of cache '{}#\d+' \(open\), \d+ bytes, which "
    has(start, object_of.format("sessions") + "is allocated$")
    has(inside, r" is 5 bytes into object 0x[0-9a-f]+ of cache 'sessions#")
    has(retired, object_of.format("sessions") + "is retired(; waits for grace|, in an array)")
    has(freed, object_of.format("sessions") + "is free, in (its slab|the barn|an array of "
        + THREAD + ")$")
    has(posted, "which is allocated$", r"^  a callback is queued with it, .*on_gone \(debuggee")
    has(owned, object_of.format("owned") + "is allocated$",
        rf"^  allocated by {THREAD}, (\d+ ms ago|at \d+ ms of its clock)\n    #0 ",
        rf"^  before that, freed by {THREAD}, ")
    has(route, object_of.format("routes") + "is allocated$", "^  it is retired under hazard point",
        "^  it is protected by a hazard pointer made by " + THREAD)
    has(handle, r"^0x[0-9a-f]+ is the handle of cache 'sessions#\d+' \(open\)$")
    has(domain, r"^0x[0-9a-f]+ is the handle of domain 'slow'$")
    has(stale, "is the handle or record of a cache that is gone$")
    has(behind, "lies in a slab of cache 'sessions#.*, behind its 64 objects")
    has(whole, object_of.format("sessions") + "is allocated$")
    has(foreign, r"^graceslab: 0x[0-9a-f]+ belongs to no cache and no domain$")


PRINTS = {
    "sessions": r"0x[0-9a-f]+ cache 'sessions#\d+' \(open\)", "stale": ".* a cache that is gone",
    "none": r"no cache \(NULL\)",
    "*routes": r"cache 'routes#\d+' \(open\), 2 allocated, handle 0x[0-9a-f]+",
    "*slow": "0x[0-9a-f]+ domain 'slow'", "slow_handle": "0x[0-9a-f]+ domain 'slow'",
    "default_handle": "0x0 domain 'default'",
    "token_of_slow": ".* in a section of 0x[0-9a-f]+ domain 'slow'.*",
    "protector": ".* protects 0x[0-9a-f]+.*", "plugin": ".* owner 'a plug-in'.*",
    "lingering_cookie": r"0x[0-9a-f]+ of cache 'lingers#\d+' \(draining\)",
    "done_cookie": "0x[0-9a-f]+ of a destroy that is done", "best": "to 0x[0-9a-f]+"}


def prints(*texts):
    for (name, pattern), text in zip(PRINTS.items(), texts):
        tool.expect(re.fullmatch(rf"\$\d+ = {pattern}\n?", text), f"print {name}: {text!r}")


PARTS = ((TABLES, tables), (WHYS, whys), (OWNERS, owners),
         ([f"print {name}" for name in PRINTS], prints))


def all_parts(*words):
    """False: it was stopped while a thread of the library was at work, which says what could not be
    seen: a look at the hazard pointers now and then, and the ageing of what is parked."""
    said = gdb(*words, commands=[command for commands, _ in PARTS for command in commands])
    if any(" held: " in text for text in said):
        return False
    for commands, check in PARTS:
        check(*said[:len(commands)])
        said = said[len(commands):]
    return True


REFUSED = {
    "gs-why nothing": "there is no cache 'nothing'; gs-caches lists them",
    "gs-why shared": r"2 caches are called 'shared': say which, #\d+, #\d+",
    "gs-why #999": "there is no cache '#999'", "gs-why stale": "the cache of that handle, .* gone",
    "gs-why abs(3)": r"there is no cache 'abs\(3\)'",  # nothing is called for it
    "gs-why": "gs-why takes a cache: its name, #NUMBER, or its handle",
    "gs-owner": "gs-owner takes an address", "gs-owner no_such": "'no_such' is no address: ",
    "gs-domains 3": "gs-domains takes no argument"}


def refused(pid):
    for pattern, said in zip(REFUSED.values(), gdb("-p", pid, commands=REFUSED)):
        tool.expect(re.fullmatch(f"graceslab: {pattern}.*\n?", said), f"{pattern}: {said!r}")


def repeated(look):
    """Until it says so; it does at once as a rule."""
    tool.expect(any(look() for _ in range(30)), "it is never stopped at a quiet moment")


def lives():
    def look():
        with living() as pid:
            return all_parts("-p", pid)

    repeated(look)
    with living() as pid:
        refused(pid)


def died():
    def look():
        with dumped() as core:
            return all_parts(DEBUGGEE, core)

    repeated(look)
    with dumped() as core:
        os.truncate(core, 64 << 10)
        for command, said in zip(TABLES, gdb(DEBUGGEE, core, commands=TABLES)):
            has(said, "^graceslab: .*(cannot be read|annot access memory|not in what this core)")
            tool.expect(len(said.splitlines()) <= 3, f"{command} of a core cut off: {said}")


def in_a_lock():
    """Stopped where a cache's slabs_lock is held: looked at all the same, and said so."""
    said = gdb("-ex", "set breakpoint pending on", "-ex", "break graceslab::slab::list_add", "-ex",
               "run waits", DEBUGGEE, commands=(*TABLES, "gs-why sessions"))
    has(said[1], r"^sessions#\d+ +open ", r"^note: slabs_lock of sessions#\d+ held: its counts may")
    has(said[4], r"^cache 'sessions#\d+' is open", r"^note: slabs_lock of sessions#\d+ held")


# Each makes a list of the library lead to itself, to nowhere, or count more than it can hold.
DAMAGES = """python
from graceslab_gdb import caches, domains, reading
def put(value, number):
    gdb.selected_inferior().write_memory(int(value.address),
                                         number.to_bytes(value.type.sizeof, "little"))
default = next(domains.every()).record
batch = next(b for s in reading.elements(default["shards"]) if int(s["first"])
             for b in [s["first"].dereference()])
put(batch["next"], int(batch.address))
put(batch["cursor"], 4000000000)
put(reading.symbol("graceslab::rcu::runners"), 8)
chunk = default["chunks"].dereference()
put(chunk["next"], int(chunk.address))
named = {c.name: c.record for c in caches.every()}
put(named["sessions"]["locals"], 0x7)
slab = named["owned"]["partial"]["head"]
put((slab if int(slab) else named["owned"]["full_slabs"]["head"])["next"], int(slab) or
    int(named["owned"]["full_slabs"]["head"]))
put(named["routes"]["stage"], 77)
hazards = next(reading.elements(reading.symbol("graceslab::hazard::shards")))
put(hazards["retired"]["first"], 1 << 63)
put(list(domains.every())[-1].record["next"], int(default.address))
"""


def damaged():
    with tempfile.NamedTemporaryFile("w", suffix=".gdb") as script, living() as pid:
        script.write(DAMAGES + "end\n")
        script.flush()
        said = gdb("-p", pid, commands=(f"source {script.name}", *TABLES, "gs-why owned",
                                        "gs-why sessions", "gs-owner allocated[1]"))
    tool.expect("rror" not in said[0], f"the damage is done:\n{said[0]}")
    has(said[1], "^slow ", "^note: the list of domains comes round at 0x")
    has(said[2], r"^routes#\d+ +stage 77 \(damaged\) ",
        r"^note: the arrays of sessions#\d+ leads to 0x7, where nothing can be read$")
    has(said[3], "is in 2 levels of 'default'", "^note: the reader slots of 'default' comes round")
    has(said[4], "^note: a batch of callbacks at 0x[0-9a-f]+ is damaged$",
        "^note: a queue of 'default' comes round", "^note: the list of running callbacks leads to")
    has(said[5], "^cache 'owned#", "^note: the (partial|full_slabs) of owned#.* comes round")
    has(said[6], "^cache 'sessions#")
    has(said[7], "is allocated$")


def without_debug_information():
    with tempfile.TemporaryDirectory() as folder:
        library = next(p for p in pathlib.Path(tool.TOOL).parent.glob("libgraceslab.so.*.*.*"))
        soname = library.name.rsplit(".", 1)[0]
        subprocess.run(["strip", "--strip-debug", "-o", f"{folder}/{soname}", library], check=True)
        said = gdb("-ex", f"set environment LD_LIBRARY_PATH {folder}", "-ex", "break abort", "-ex",
                   "run aborts", DEBUGGEE, commands=(*TABLES, "gs-why sessions", "print sessions"))
        for text in said[:5]:
            tool.expect(re.fullmatch(
                rf"graceslab: {folder}/{soname} has no debug information, which tells how its "
                r"memory is to be read: install libgraceslab0.1-dbgsym, or a library that was "
                r"built with -g and not stripped\n?", text), f"no debug information: {text!r}")
        has(said[5], r"^\$1 = \((struct )?kmem_cache \*\) 0x[0-9a-f]+$")
    for words, line in ((("/bin/true",), "there is no process and no core file to look at"),
                        (("-ex", "break exit", "-ex", "run", "/bin/true"),
                         "the library is not in this program, or not in what this core file has "
                         "of it")):
        said = gdb(*words, commands=("gs-caches",))
        tool.expect(said[0].strip() == f"graceslab: {line}", f"{line}: {said}")


for part in (lives, died, in_a_lock, damaged, without_debug_information):
    part()
sys.exit(tool.finish())
