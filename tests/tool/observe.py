#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`graceslab slabinfo`, `why` and `top` look at processes that live, stall, die, or lie (I7)."""

import contextlib
import os
import pathlib
import re
import signal
import socket
import struct
import subprocess
import sys
import time

sys.dont_write_bytecode = True
from support import tool
from support.terminal import Terminal

OBSERVED = pathlib.Path(os.environ["CHILD_PROGRAMS"], "observed")
if not OBSERVED.exists():
    print("skipped: no programs are built here")
    sys.exit(0)

MAGIC, VERSION = 0x67736f62, 2
HELLO, LIST, WHY, DOMAIN, CACHE, TEXT, END = range(1, 8)


def eventually(condition):
    end = time.monotonic() + 50  # only ends a test that has failed
    while not condition():
        if time.monotonic() > end:
            return False
        time.sleep(0.02)
    return True


@contextlib.contextmanager
def observed(role, **environment):
    """A child that is ready; it ends with the block."""
    child = subprocess.Popen([OBSERVED, role], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                             stderr=subprocess.PIPE, text=True,
                             env={**os.environ, "GRACESLAB_OBSERVE": "1",
                                  "GRACESLAB_STALL_MS": "600000", **environment})
    try:
        tool.expect(child.stdout.readline() == "ready\n", f"{role} is ready")
        yield child
        if child.poll() is None:
            _, errors = child.communicate(timeout=100)
            tool.expect(child.returncode == 0 and not errors, f"{role} ends well: {errors}")
    finally:
        child.kill()
        child.wait()


def run(*arguments):
    done = tool.run(*map(str, arguments))
    tool.expect(done.returncode == 0 and not done.stderr, " ".join(map(str, arguments)), done)
    return done.stdout


def looked(pid, *options):
    return tool.json_of(tool.run("top", str(pid), "--once", "--json", *options))


def named(rows, name):
    return next((row for row in rows if row["name"] == name), {})


def lives():
    with observed("lives") as child:
        lines = run("slabinfo", child.pid).splitlines()
        tool.expect(lines[0] == "slabinfo - version: 2.1", "slabinfo: the kernel's first line")
        tool.expect(lines[1].startswith("# name            <active_objs> <num_objs> <objsize>"),
                    "slabinfo: the kernel's second line")
        row = next((line for line in lines if line.startswith("held ")), "")
        columns = row.split()
        tool.expect(len(columns) == 16 and int(columns[1]) >= 7
                    and columns[6:8] == [":", "tunables"] and columns[11:13] == [":", "slabdata"],
                    f"slabinfo: a row of 2.1: {row!r}")
        tool.expect(eventually(lambda: named(looked(child.pid)["caches"], "busy")
                               .get("retired_per_s", 0) > 0), "top: rates")
        seen = looked(child.pid, "--sort", "name")
        held = named(seen["caches"], "held")
        tool.expect(held["stage"] == "open" and held["policy"] == "linger" and held["slabs"] == 1
                    and held["object_bytes"] == 120, f"top: a cache: {held}")
        tool.expect({"default"} <= {d["name"] for d in seen["domains"]}, "top: the domains")
        names = [c["name"] for c in seen["caches"]]
        tool.expect(names == sorted(names), f"top: sorted by name: {names}")
        plain = run("top", child.pid, "--once")
        tool.expect(re.search(r"^CACHE .* DEFERRED .* STAGE$", plain, re.MULTILINE)
                    and re.search(r"^held .* linger  open$", plain, re.MULTILINE), "top --once")
        tool.expect("cache 'held' is open (#" in run("why", child.pid, "held"), "why by name")
        number = re.search(r"\(#(\d+)\)", run("why", child.pid, "busy"))[1]
        tool.expect("cache 'busy'" in run("why", child.pid, f"#{number}"), "why by number")
        tool.expect_refusal("why", str(child.pid), "no such", says="has no cache 'no such'")
        streaming(child)


def streaming(child):
    with subprocess.Popen([tool.TOOL, "top", str(child.pid), "--json", "--seconds", "0.1"],
                          stdout=subprocess.PIPE, text=True) as stream:
        looks = [stream.stdout.readline() for _ in range(3)]
        tool.expect(all('"caches":[{' in look for look in looks), "top --json: a line a look")
        stream.stdout.close()  # and nobody reads any more
        tool.expect(stream.wait(100) in (2, -signal.SIGPIPE), "top ends with its reader")


def stalls():
    with observed("stalls") as child:
        tool.expect(eventually(lambda: "held back by thread" in run("why", child.pid, "held")),
                    "why: the reader")
        text = run("why", child.pid, "held")
        tool.expect(re.search(r"; 5 retired objects are not reclaimed yet; held back by thread "
                              r"\d+ \(stays-inside\), nesting 1, for at least \d+ ms", text),
                    f"why: counts, who, since when: {text}")
        seen = looked(child.pid)
        default = named(seen["domains"], "default")
        section = default["oldest_section"] or {}
        tool.expect(section.get("name") == "stays-inside" and default["readers"] == 1,
                    f"top: the oldest section: {default}")
        held = named(seen["caches"], "held")
        tool.expect(held["deferred"] == 5 and held["oldest_deferred_ms"] > 0, f"top: {held}")


def dies():
    with observed("lives") as child:
        with subprocess.Popen([tool.TOOL, "top", str(child.pid), "--plain", "--seconds", "0.1"],
                              stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True) as top:
            tool.expect("graceslab top" in top.stdout.readline(), "top --plain looks")
            child.kill()
            child.wait()
            _, errors = top.communicate(timeout=100)
            tool.expect(top.returncode == 2 and errors ==
                        f"graceslab: process {child.pid} has ended\n", f"it dies: {errors!r}")
        tool.expect_refusal("slabinfo", str(child.pid), says=f"no process {child.pid}")


def is_stopped():
    with observed("lives") as child:
        os.kill(child.pid, signal.SIGSTOP)
        tool.expect_refusal("slabinfo", str(child.pid), "--timeout", "0.2", says="does not answer")
        os.kill(child.pid, signal.SIGCONT)
        run("slabinfo", child.pid)


def not_observed():
    with observed("lives", GRACESLAB_OBSERVE="0") as child:
        tool.expect_refusal("slabinfo", str(child.pid), says="is not observed: start it with")
    done = subprocess.run([OBSERVED, "threads"], capture_output=True, text=True, check=False,
                          env={**os.environ, "GRACESLAB_OBSERVE": "0"})
    tool.expect(done.stdout == "1 threads\n", "who does not opt in has no thread", done)
    done = subprocess.run([OBSERVED, "threads"], capture_output=True, text=True, check=False,
                          env={**os.environ, "GRACESLAB_OBSERVE": "1"})
    tool.expect(done.stdout == "2 threads\n", "who does has one", done)
    if os.geteuid() == 0:
        other = subprocess.Popen(["sleep", "100"], user=65534)
        tool.expect_refusal("top", str(other.pid), says="is another user's")
        other.kill()
        other.wait()
    for arguments in (("why",), ("why", "1"), ("slabinfo", "0"), ("top", "x"), ("why", "99999999",
                      "c"), ("top", "1", "--json", "--plain"), ("top", "--sort", "luck"),
                      ("top", "--seconds", "0")):
        tool.expect_refusal(*arguments)
    tool.expect_refusal("why", "4194303", "c", says="there is no process 4194303")


def last_thread():
    """Its threads end, and it is not kept alive by ours."""
    child = subprocess.run([OBSERVED, "leaves"], capture_output=True, text=True, check=False,
                           timeout=100, env={**os.environ, "GRACESLAB_OBSERVE": "1"})
    tool.expect(child.returncode == 0 and child.stdout == "ready\n", "the last thread", child)


def head(kind, length, version=VERSION, magic=MAGIC):
    return struct.pack("=IHHII", magic, version, kind, 16 + length, 0)


def hello(version=VERSION):
    body = struct.pack("=II16s", os.getpid(), 1, b"0")
    return head(HELLO, len(body), version) + body


def liar(messages, says, *arguments):
    """This process as one that is observed, which sends these to whoever comes, and hangs up."""
    with socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET) as listener:
        listener.bind(f"\0graceslab-observe-{os.getpid()}")
        listener.listen()
        done = subprocess.Popen([tool.TOOL, *(arguments or ("slabinfo", str(os.getpid())))],
                                stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        peer, _ = listener.accept()
        with peer, contextlib.suppress(BrokenPipeError, ConnectionResetError):
            peer.send(messages[0])
            if len(messages) > 1:
                peer.recv(1000)
            for message in messages[1:]:
                peer.send(message)
        out, errors = done.communicate(timeout=100)
        tool.expect(done.returncode == 2 and not out and errors.count("\n") == 1
                    and says in errors, f"a peer that lies: {says}: {out!r} {errors!r}")


def lies():
    liar([hello(version=7)], "in version 7, and this tool reads 2")
    keeps = "does not keep to the protocol"
    for first in (b"x", os.urandom(500), head(HELLO, 0), head(CACHE, 0),
                  head(HELLO, 24, magic=1) + bytes(24)):
        liar([first], keeps)
    for answer in (b"y" * 4200, head(CACHE, 3) + b"abc", head(HELLO, 0), head(END, 1) + b"z",
                   head(DOMAIN, 1 << 20)):
        liar([hello(), answer], keeps)
    liar([hello(), head(TEXT, 1)[:12]], keeps, "why", str(os.getpid()), "x")


def screen():
    with observed("stalls") as child:
        with observed("lives") as other:
            top = Terminal([tool.TOOL, "top", str(other.pid), "--seconds", "0.2"])
            tool.expect(top.sees(f"graceslab top: process {other.pid} (observed), by size"),
                        f"top draws:\n{top.screen()}")
            tool.expect(top.sees(lambda s: re.search(r"^busy  .* open$", s, re.MULTILINE)
                                 and re.search(r"^held  .* open$", s, re.MULTILINE)
                                 and "DOMAIN " in s and "\ndefault " in s), top.screen())
            top.press("n")
            tool.expect(top.sees("by name"), f"n sorts by name:\n{top.screen()}")
            tool.expect(top.sees(lambda s: s.find("\nbusy ") < s.find("\nheld ")), top.screen())
            top.press("d")
            tool.expect(top.sees("by deferred"), f"d sorts by deferred:\n{top.screen()}")
            rates = re.compile(r"^busy .* [1-9]\d*\.\d +[1-9]\d*\.\d linger", re.MULTILINE)
            tool.expect(top.sees(rates.search), f"it goes on:\n{top.screen()}")
            top.press("q")
            tool.expect(top.ends() == 0, "q quits")

            dying = Terminal([tool.TOOL, "top", str(other.pid), "--seconds", "0.2"])
            tool.expect(dying.sees("\nbusy "), dying.screen())
            other.kill()
            other.wait()
            tool.expect(dying.ends() == 2 and f"graceslab: process {other.pid} has ended"
                        in dying.screen(), f"it dies while it is watched:\n{dying.screen()}")

        top = Terminal([tool.TOOL, "top", str(child.pid), "--seconds", "0.2"])
        tool.expect(top.sees(r"(stays-inside) x1"), f"the reader that stays:\n{top.screen()}")
        top.press("o")
        tool.expect(top.sees(lambda s: "by oldest" in s
                             and re.search(r"STAGE\n+held ", s)), f"o: oldest:\n{top.screen()}")
        top.press("k" * 10)
        top.press("w")
        tool.expect(top.sees("5 retired objects are not reclaimed yet; held back by thread"),
                    f"w says why:\n{top.screen()}")
        top.press("x")
        tool.expect(top.sees("DOMAIN "), f"any key goes back:\n{top.screen()}")
        top.press("q")
        tool.expect(top.ends() == 0, "q quits")
        unknown = Terminal([tool.TOOL, "top", str(child.pid)], kind="no-such-terminal")
        tool.expect(unknown.ends() == 2 and "the terminal 'no-such-terminal' is not known"
                    in unknown.screen(), f"an unknown terminal:\n{unknown.screen()}")


for part in (lives, stalls, dies, is_stopped, not_observed, last_thread, lies, screen):
    part()
sys.exit(tool.finish())
