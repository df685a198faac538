#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`graceslab metrics` as Prometheus' own parser reads it, in print, as a file and by HTTP; and the
rules and the dashboard name no metric that there is not (I7)."""

import contextlib
import json
import os
import pathlib
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import urllib.error
import urllib.request

sys.dont_write_bytecode = True
from support import tool

sys.path.append("/usr/lib/python3/dist-packages")  # of Debian, where another python runs this
import yaml
from prometheus_client.parser import text_string_to_metric_families

OBSERVED = pathlib.Path(os.environ["CHILD_PROGRAMS"], "observed")
if not OBSERVED.exists():
    print("skipped: no programs are built here")
    sys.exit(0)
SHIPPED = pathlib.Path(__file__).parents[2] / "tools" / "metrics" / "prometheus"
NAME = "metrics-subject"  # 15 characters, as many as a process name has


@contextlib.contextmanager
def observed(role, name=NAME):
    """A child that is ready and is called so; it ends with the block."""
    with tempfile.TemporaryDirectory() as folder:
        program = pathlib.Path(folder, name)
        program.symlink_to(OBSERVED)
        child = subprocess.Popen([program, role], stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                 text=True, env={**os.environ, "GRACESLAB_OBSERVE": "1",
                                                 "GRACESLAB_STALL_MS": "600000"})
        try:
            tool.expect(child.stdout.readline() == "ready\n", f"{role} is ready")
            yield child
        finally:
            child.kill()
            child.wait()


def parsed(text):
    """Samples by name: (labels, value) each; and what is wrong with the text as a whole."""
    samples, seen = {}, set()
    for family in text_string_to_metric_families(text):
        if family.name.startswith("exposer_"):
            continue  # the server's own
        tool.expect(family.documentation.endswith("."), f"HELP of {family.name}")
        for sample in family.samples:
            key = (sample.name, tuple(sorted(sample.labels.items())))
            tool.expect(key not in seen, f"{key} is there once")
            seen.add(key)
            counts = sample.name.endswith("_total")
            tool.expect(family.type == ("counter" if counts else "gauge"),
                        f"{sample.name} is a {family.type}")
            tool.expect(re.fullmatch("graceslab_[a-z_]+", sample.name) and sample.value >= 0,
                        f"{sample.name} is {sample.value}")
            samples.setdefault(sample.name, []).append((sample.labels, sample.value))
    return samples


def looked(*arguments):
    done = tool.run("metrics", *map(str, arguments))
    tool.expect(done.returncode == 0 and not done.stderr, f"metrics {arguments}", done)
    if shutil.which("promtool"):
        checked = subprocess.run(["promtool", "check", "metrics"], input=done.stdout, text=True,
                                 capture_output=True, check=False)
        tool.expect(checked.returncode == 0, f"promtool: {checked.stderr}")
    return parsed(done.stdout)


def value(samples, name, **labels):
    found = [v for its, v in samples.get(name, ()) if labels.items() <= its.items()]
    tool.expect(len(found) == 1, f"{name} {labels}: {found}")
    return found[0] if found else 0


def numbers():
    with observed("stalls") as child:
        samples = looked(child.pid)
        tool.expect(value(samples, "graceslab_up", process=NAME) == 1, "it is up")
        value(samples, "graceslab_process_info", process=NAME, pid=str(child.pid))
        held = {"process": NAME, "cache": "held"}
        objects = {s: value(samples, "graceslab_cache_objects", state=s, **held) for s in
                   ("allocated", "free", "parked", "ready", "deferred", "leaked", "unborn")}
        tool.expect(objects["leaked"] == objects["unborn"] == objects["ready"] == 0 and
                    sum(objects.values()) >= 64, f"objects by state: {objects}")
        tool.expect(value(samples, "graceslab_cache_stage", stage="open", **held) == 1 and
                    value(samples, "graceslab_cache_stage", stage="draining", **held) == 0,
                    "its stage")
        value(samples, "graceslab_cache_info", policy="linger", **held)
        tool.expect(value(samples, "graceslab_cache_object_bytes", **held) == 120, "object size")
        tool.expect(value(samples, "graceslab_cache_resident_bytes", **held) >= 4096, "bytes")
        default = {"process": NAME, "domain": "default"}
        tool.expect(value(samples, "graceslab_readers", **default) == 1, "a reader is inside")
        for counter in ("grace_periods_started", "grace_periods_completed", "callbacks_posted",
                        "callbacks_invoked", "retired_objects", "reclaimed_objects", "stalls"):
            value(samples, f"graceslab_{counter}_total", **default)
        tool.expect("graceslab_cache_destroyed_seconds" not in samples, "nothing was destroyed")
        by_name = looked(NAME, "--name", 'a "name"')
        tool.expect(value(by_name, "graceslab_up", process='a "name"') == 1, "by its name")
        with observed("lives"):
            tool.expect_refusal("metrics", NAME, says="name one of the processes")
    return set(samples)


def names():
    """Quotes and backslashes are escaped; what is no text is replaced."""
    with observed("named") as child:
        caches = {labels["cache"] for labels, _ in looked(child.pid)["graceslab_cache_slabs"]}
        tool.expect('we"ird\\na?me\ufffd' in caches, f"an odd name: {caches}")


def files():
    with observed("stalls") as child, tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "graceslab.prom")
        file.write_text("old", encoding="ascii")
        done = tool.run("metrics", str(child.pid), "--file", str(file))
        tool.expect(done.returncode == 0 and not done.stdout and not done.stderr, "--file", done)
        tool.expect(value(parsed(file.read_text(encoding="utf-8")), "graceslab_up") == 1, "a file")
        tool.expect(os.listdir(folder) == [file.name], f"nothing beside it: {os.listdir(folder)}")
        tool.expect(file.stat().st_mode & 0o777 == 0o644, "others may read it")
        tool.expect_refusal("metrics", str(child.pid), "--file", f"{folder}/none/a",
                            says="No such file or directory")
        tool.expect_refusal("metrics", str(child.pid), "--file", "/dev/full/a",
                            says="Not a directory")
        tool.expect_refusal("metrics", str(child.pid), "--file", folder, says="cannot write")
        tool.expect(os.listdir(folder) == [file.name], f"nor after: {os.listdir(folder)}")
        child.kill()
        child.wait()
        before = file.read_bytes()
        tool.expect_refusal("metrics", str(child.pid), "--file", str(file), says="no process")
        tool.expect(file.read_bytes() == before, "the file stays")


def fetched(address):
    with urllib.request.urlopen(address, timeout=100) as answer:
        tool.expect(answer.headers["Content-Type"].startswith("text/plain"), "the kind of text")
        return parsed(answer.read().decode("utf-8"))


def served():
    with observed("stalls") as child:
        server = subprocess.Popen([tool.TOOL, "metrics", NAME, "--listen", "127.0.0.1:0"],
                                  stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        address = server.stdout.readline().strip()
        tool.expect(re.fullmatch(r"http://127\.0\.0\.1:\d+/metrics", address), address)
        samples = fetched(address)
        value(samples, "graceslab_readers", process=NAME, domain="default")
        tool.expect(value(samples, "graceslab_up", process=NAME) == 1, "it is up")
        child.kill()
        child.wait()
        samples = fetched(address)
        tool.expect(set(samples) == {"graceslab_up"} and value(samples, "graceslab_up") == 0,
                    f"it is down: {samples}")
        with observed("lives"):
            tool.expect(value(fetched(address), "graceslab_up") == 1, "another one of that name")
        port = re.search(r":(\d+)/", address)[1]
        tool.expect_refusal("metrics", NAME, "--listen", f"127.0.0.1:{port}",
                            says=f"cannot listen on 127.0.0.1:{port}")
        with contextlib.suppress(urllib.error.HTTPError):
            urllib.request.urlopen(address.replace("/metrics", "/../etc/passwd"), timeout=100)
            tool.expect(False, "there is nothing else to be had")
        server.send_signal(signal.SIGTERM)
        out, errors = server.communicate(timeout=100)
        tool.expect(server.returncode == 0 and not out and not errors, f"its end: {errors}")


def refused():
    for arguments, says in ((("nobody-is-called-so",), "no process of yours that is observed is"),
                            ((), "process"), (("4194303",), "there is no process 4194303"),
                            (("1", "--listen", "9464"), "ADDRESS:PORT"),
                            (("1", "--listen", "127.0.0.1:1,127.0.0.1:2"), "ADDRESS:PORT"),
                            (("1", "--file", "a", "--listen", "127.0.0.1:0"), "--file")):
        tool.expect_refusal("metrics", *arguments, says=says)


def names_in(expression):
    return set(re.findall(r"graceslab_\w+", expression))


def shipped(known):
    """`known`: what a process tells of itself, without what is told of destroyed caches alone."""
    known |= {"graceslab_cache_destroyed_seconds"}
    rules = [rule for group in yaml.safe_load((SHIPPED / "alerts.yml").read_text())["groups"]
             for rule in group["rules"]]
    tool.expect(len({rule["alert"] for rule in rules}) == len(rules) >= 8, "rules")
    dashboard = json.loads((SHIPPED / "dashboard.json").read_text())
    queries = [t["expr"] for panel in dashboard["panels"] for t in panel["targets"]]
    queries += [v["query"]["query"] for v in dashboard["templating"]["list"]
                if v["type"] == "query"]
    for expression in [rule["expr"] for rule in rules] + queries:
        used = names_in(expression)
        tool.expect(used and used <= known, f"{expression}: no metric is called {used - known}")
    if shutil.which("promtool"):
        done = subprocess.run(["promtool", "check", "rules", SHIPPED / "alerts.yml"],
                              capture_output=True, text=True, check=False)
        tool.expect(done.returncode == 0, "promtool takes the rules", done)


NAMES = numbers()
for part in (names, files, served, refused):
    part()
shipped(NAMES)
sys.exit(tool.finish())
