#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`graceslab trace`: one destroy can be looked at, in a file that a process wrote at its end, in
one that lives, and as a timeline that is well formed; what is no trace is refused (I7)."""

import contextlib
import json
import os
import pathlib
import resource
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from support import tool

TRACED = pathlib.Path(os.environ["CHILD_PROGRAMS"], "traced")
if not TRACED.exists():
    print("skipped: no programs are built here")
    sys.exit(0)
FOLDER = tempfile.TemporaryDirectory()
ENVIRONMENT = {**os.environ, "GRACESLAB_STALL_MS": "1", "GRACESLAB_LINGER_SPLAT_MS": "1"}


def traced(role, **environment):
    done = subprocess.run([TRACED, role], capture_output=True, text=True, check=False, timeout=200,
                          env={**ENVIRONMENT, **environment})
    tool.expect(done.returncode == 0, f"traced {role}", done)
    return done


def looked(*arguments):
    done = tool.run("trace", *map(str, arguments))
    tool.expect(done.returncode == 0 and not done.stderr, f"trace {arguments}", done)
    return done.stdout


def well_formed(text):
    """The timeline: what begins ends, in order of time, on tracks that have names."""
    events = json.loads(text)["traceEvents"]
    tool.expect(all("name" in e or e["ph"] == "E" for e in events), "what begins has a name")
    names = {(e["pid"], e["tid"]): e["args"]["name"] for e in events
             if e.get("name") == "thread_name"}
    open_spans, last = {}, 0
    for event in events:
        tool.expect(type(event["pid"]) is int and type(event["tid"]) is int, f"numbers: {event}")
        if event["ph"] == "M":
            continue
        track = (event["pid"], event["tid"])
        tool.expect(track in names, f"a track without a name: {event}")
        tool.expect(event["ts"] >= last, f"out of order: {event}")
        last = event["ts"]
        if event["ph"] == "B":
            open_spans.setdefault(track, []).append(event)
        elif event["ph"] == "E":
            tool.expect(open_spans.get(track), f"ends and never began: {event}")
            open_spans[track].pop()
        else:
            tool.expect(event["ph"] == "i" and event["s"] == "t", f"an instant: {event}")
    tool.expect(not any(open_spans.values()), f"never ends: {open_spans}")
    return events, names


def spans_of(events, names, track_name):
    """(name, from, to) of each span of the track, by its beginning; and its instants."""
    track = next(t for t, name in names.items() if name == track_name)
    stack, spans, instants = [], [], []
    for event in events:
        if event["ph"] == "M" or (event["pid"], event["tid"]) != track:
            continue
        if event["ph"] == "B":
            spans.append([event["name"], event["ts"], None])
            stack.append(spans[-1])
        elif event["ph"] == "E":
            stack.pop()[2] = event["ts"]
        else:
            instants.append((event["name"], event["ts"]))
    return spans, instants


def one_destroy(text):
    """A cache was destroyed while a reader stayed inside and an object was out."""
    events, names = well_formed(text)
    spans, instants = spans_of(events, names, "lingers#1")
    what = [name for name, _, _ in spans]
    tool.expect(what[:3] == ["open", "closing", "draining"] and len(what) == 5
                and what[3].startswith("waiting for grace period ")
                and what[3].endswith(" of default") and what[4] == "waiting for 1 allocated",
                f"the life of the cache: {what}")
    opened, closing, draining, waiting, leftover = spans
    tool.expect(opened[2] == closing[1] <= closing[2] == draining[1] == waiting[1] < waiting[2]
                == leftover[1] <= leftover[2] == draining[2], f"one after the other: {spans}")
    tool.expect([n for n, _ in instants].count("retire") >= 3, f"arrays: {instants}")
    for name in ("slab_new", "slab_release", "leak", "gone"):
        tool.expect(name in dict(instants), f"{name}: {instants}")
    tool.expect(waiting[1] <= dict(instants)["leak"] <= draining[2], "it leaks while it drains")
    periods, of_domain = spans_of(events, names, "default")
    tool.expect(periods and all(name.startswith("grace period ") and end > begin
                                for name, begin, end in periods), f"grace periods: {periods}")
    tool.expect({"batch", "stall"} <= set(dict(of_domain)), f"of the domain: {of_domain}")
    callbacks = [e for e in events if e["ph"] == "B" and "run_in_callback" in e["name"]]
    tool.expect(len(callbacks) == 1 and callbacks[0]["ts"] >= closing[1], f"callback: {callbacks}")


def at_exit():
    file = pathlib.Path(FOLDER.name, "all.trace")
    traced("all", GRACESLAB_TRACE_FILE=str(file))
    tool.expect(file.stat().st_mode & 0o777 == 0o600, "for the user alone")
    lines = looked(file)
    for event in ("cache_create", "retire", "gp_start", "gp_end", "destroy_begin", "destroy_wait",
                  "destroy_done", "callback_begin", "callback_end", "slab_release", "stall"):
        tool.expect(f" {event} " in lines, f"{event} in lines: {lines}")
    tool.expect("run_in_callback(rcu_head*)" in lines, f"names of functions: {lines}")
    one_destroy(looked(file, "--json"))
    out = pathlib.Path(FOLDER.name, "all.json")
    tool.expect(looked(file, "--out", out) == "", "--out prints nothing")
    tool.expect(out.read_text(encoding="utf-8") == looked(file, "--json"), "--out is --json")
    tool.expect(sorted(os.listdir(FOLDER.name)) == ["all.json", "all.trace"], "nothing beside it")
    return file.read_text(encoding="utf-8")


@contextlib.contextmanager
def observed(name, size):
    """One that has come to its end and stays, and is called so."""
    program = pathlib.Path(FOLDER.name, name)
    program.symlink_to(TRACED)
    child = subprocess.Popen([program, "all", "stay"], stdin=subprocess.PIPE,
                             stdout=subprocess.PIPE, stderr=subprocess.DEVNULL, text=True,
                             env={**ENVIRONMENT, "GRACESLAB_TRACE": size, "GRACESLAB_OBSERVE": "1"})
    try:
        tool.expect(child.stdout.readline() == "ready\n", "it is ready")
        yield child.pid
    finally:
        child.communicate(timeout=100)


def of_a_process():
    name = f"tr-{os.getpid()}"
    with observed(name, "1M") as pid:
        one_destroy(looked(pid, "--json"))
        one_destroy(looked(name, "--json"))
    with observed("untraced", "0") as pid:
        tool.expect_refusal("trace", str(pid), says="records nothing: start it with")
    tool.expect_refusal("trace", str(pid), says="there is no process")


def head_and_end(text):
    lines = text.splitlines()
    return lines[0].split(), lines[-1].split(), lines


def in_the_process():
    tool.expect(traced("off", GRACESLAB_TRACE="0").stdout == "1\n", "-ENOENT without a trace")
    tool.expect(traced("signals", GRACESLAB_TRACE="64K").stdout == "0 failed\n", "in handlers")
    parents = pathlib.Path(FOLDER.name, "fork.trace")
    done = traced("forks", GRACESLAB_TRACE_FILE=str(parents))
    head, end, lines = head_and_end(done.stdout)
    created = [line.split()[-1] for line in lines if " cache_create " in line]
    tool.expect(end[0] == "end" and created == ["childs"],  # which looks after the others, too
                f"a child begins with an empty trace: {lines}")
    parents_head, _, lines = head_and_end(parents.read_text(encoding="utf-8"))
    tool.expect(parents_head[2] != head[2] and any(line.endswith(" parents") for line in lines),
                "the file is the parent's")
    both = pathlib.Path(FOLDER.name, "of-%p")
    traced("forks", GRACESLAB_TRACE_FILE=str(both))
    files = sorted(pathlib.Path(FOLDER.name).glob("of-*"))
    tool.expect(len(files) == 2 and all(
        head_and_end(f.read_text(encoding="utf-8"))[0][2] == f.name[3:] for f in files),
        f"with %p each has its own: {files}")
    done = traced("many", GRACESLAB_TRACE="64K")
    _, end, lines = head_and_end(done.stdout)
    tool.expect(int(end[1]) == sum(line.startswith("e ") for line in lines) > 0
                and int(end[2]) > 10_000, f"what is overwritten is counted: {end}")
    well_formed(looked(tool.file_with(done.stdout), "--json"))


def refused(good):
    def little_memory():
        resource.setrlimit(resource.RLIMIT_AS, (1 << 30, 1 << 30))
    done = subprocess.run([TRACED, "off"], capture_output=True, text=True, check=False,
                          preexec_fn=little_memory, env={**os.environ, "GRACESLAB_TRACE": "2G"})
    tool.expect(done.stdout == "1\n" and done.stderr.count("nothing is traced") == 1
                and done.stderr.startswith("graceslab: no-memory: "), "without memory", done)
    done = traced("many", GRACESLAB_TRACE_FILE=f"{FOLDER.name}/none/a")
    tool.expect(done.stderr.count("\n") == 1 and "bad-config: GRACESLAB_TRACE_FILE" in done.stderr,
                "a file that cannot be", done)
    lines = good.splitlines(keepends=True)
    event = next(line for line in lines if line.startswith("e "))
    for text, says in (("", "is no trace"), ("x" * 100, "is no trace"), ("{}", "is no trace"),
                       ("graceslab-trace 1", "is cut short"),
                       (good[:len(good) // 2], "is cut short"),
                       ("".join(lines[:-1]), "is cut short"),
                       (good.replace("trace 1 ", "trace 2 ", 1), "of another version"),
                       (good.replace("trace 1 ", "trace 1 x", 1), "is damaged in line 1"),
                       (good.replace(" gp_start ", " gp_stxrt ", 1), "is damaged in line "),
                       (good.replace(event, event[2:], 1), "is damaged in line "),
                       (good.replace(event, "", 1), "is damaged in line "),
                       (good.replace("\ne ", "\ne -", 1), "is damaged in line "),
                       (good + "more\n", "goes on after its end"),
                       (os.urandom(4000), "is no trace")):
        tool.expect_refusal("trace", tool.file_with(text), says=says)
    for arguments, says in ((("nobody-is-called-so",), "no process of yours"), ((), "source"),
                            (("./no-such-file",), "cannot open ./no-such-file"),
                            (("4194303",), "there is no process 4194303"),
                            ((FOLDER.name,), "cannot read"),
                            ((tool.file_with(good), "--out", f"{FOLDER.name}/none/a"), "--out")):
        tool.expect_refusal("trace", *arguments, says=says)
    odd = good.replace(" lingers\n", " l\x1b[31m\xff\n")
    tool.expect("\x1b" not in looked(tool.file_with(odd)), "nothing drives a terminal")
    well_formed(looked(tool.file_with(odd.encode("latin-1")), "--json"))


GOOD = at_exit()
for part in (of_a_process, in_the_process):
    part()
refused(GOOD)
FOLDER.cleanup()
sys.exit(tool.finish())
