#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The page of the laboratory: a section for each approach, figures that are those of the JSON of
the same run, mistakes in one line, and a page that was there before outlives what goes wrong."""

import json
import os
import pathlib
import resource
import signal
import subprocess
import sys
import tempfile

sys.dont_write_bytecode = True
from support import page as pages
from support import tool

SHORT = ("--rounds", "1", "--seconds", "0.02")
NARROW = "\u202f"


def number(value):
    """As pages say it: three digits, thousands apart by narrow spaces."""
    if value >= 1000:
        digits = f"{value:.0f}"
        return digits if len(digits) <= 4 else f"{int(digits):,}".replace(",", NARROW)
    return f"{value:.3g}"


def time(us):
    for limit, divisor, unit in ((1e6, 1e6, "s"), (1e3, 1e3, "ms"), (0, 1, "\u00b5s")):
        if us >= limit:
            return f"{number(us / divisor)}\u00a0{unit}"
    return None


def written(folder, *arguments):
    """A page of `report`, its file's bytes."""
    file = pathlib.Path(folder, "report.html")
    done = tool.run("report", *arguments, "--html", str(file))
    tool.expect(done.returncode == 0 and done.stdout == f"{file}\n", "report says where", done)
    return file.read_bytes()


def check_approaches(text, page, found):
    for result in found["approaches"]:
        name = result["id"]
        tool.expect(f"approach-{name}" in page.ids, f"{name} has a section")
        begin = text.index(f'id="approach-{name}"')
        own = text[begin:text.index("</article>", begin)]
        for words in ("For it:", "Its price:", "Take it when:"):
            tool.expect(words in own, f"{name}: {words}")
        for times in ("destroy_us", "home_us"):
            for part in ("p50", "p90", "p99", "max"):
                tool.expect(time(result[times][part]) in own,
                            f"{name}: {times} {part} {time(result[times][part])}")
        small = next(r for r in found["small_caches"]["rows"] if r["id"] == name)
        for times in ("destroy_us", "parked_us"):
            tool.expect(time(small[times]["p50"]) in own, f"{name}: small {times}")


def section(text, name):
    begin = text.index(f'<section id="{name}">')
    return text[begin:text.index("</section>", begin)]


def check_questions(text, found):
    own = section(text, "many-caches")
    for point in found["many_caches"]["points"]:
        for column in ("global_us", "single_us", "async_us"):
            tool.expect(time(point[column]) in own, f"many caches: {point['caches']} {column}")
    crossover = found["many_caches"]["crossover"]
    tool.expect((f"from {number(crossover)} caches on" if crossover else "no crossover") in own,
                f"many caches: the crossover {crossover}")
    own = section(text, "one-of-many")
    for point in found["one_of_many"]["points"]:
        tool.expect(time(point["one_us"]) in own and time(point["all_us"]) in own, "one of many")
    own = section(text, "parked-reader")
    for row in found["parked_reader"]["rows"]:
        last = row["samples"][-1]
        tool.expect(number(last["waiting"]) in own and time(row["home_us"]) in own,
                    f"parked reader: {row['id']}")
    own = section(text, "chains")
    for point in found["chains"]["points"]:
        tool.expect(time(point["drain_us"]) in own and time(point["home_us"]) in own, "chains")
    own = section(text, "innocents")
    for row in found["innocents"]["rows"]:
        tool.expect(time(row["wait_us"]["p50"]) in own, f"bystanders: {row['id']}")
    own = section(text, "unsafe")
    for row in found["unsafe"]:
        tool.expect(row["id"] in own and row["outcome"] in own, f"mistakes: {row['id']}")


def check_sense(found):
    """What holds on any machine."""
    parked = {row["id"]: row["samples"][-1] for row in found["parked_reader"]["rows"]}
    updates = parked["kfree_rcu"]["updates"]
    tool.expect(parked["kfree_rcu"]["waiting"] == updates == parked["call_rcu"]["waiting"],
                f"all that a parked reader holds up waits: {parked}")
    tool.expect(parked["typesafe"]["waiting"] == 0 and parked["hazard"]["waiting"] < updates / 4,
                f"type-safe objects and hazard pointers do not: {parked}")
    for point in found["chains"]["points"]:
        tool.expect(1 <= point["barriers"] <= point["depth"] + 1 and
                    point["drain_grace_periods"] >= 1, f"rounds of a chain: {point}")
    limit = found["small_caches"]["parked_ms"] * 1000
    for row in found["small_caches"]["rows"]:
        if row["id"] in ("rcu_barrier", "kfree_rcu_barrier", "free_barrier", "destroy_wait"):
            tool.expect(row["parked_us"]["p50"] >= limit, f"a wait waits for the reader: {row}")


def whole_run(folder):
    """The JSON of a run, as a file, after its page was looked at."""
    html = pathlib.Path(folder, "lab.html")
    done = tool.run("lab", "--json", "--html", str(html), "--input", tool.file_with(tool.RANGES),
                    *SHORT)
    tool.expect(done.returncode == 0, "lab --json --html", done)
    tool.expect("this will take some" in done.stderr, "says how long it will take", done)
    found = tool.json_of(done)
    text = html.read_text(encoding="utf-8")
    page = pages.read(text)
    check_approaches(text, page, found)
    check_questions(text, found)
    check_sense(found)
    tool.expect(len(text) < 400_000, f"{len(text)} bytes")
    tool.expect(text.count("<desc>") >= 9, "each plot is described")
    file = tool.file_with(done.stdout)
    tool.expect(written(folder, file) == html.read_bytes(), "report makes the same page")
    return file, found


def bench_run(folder):
    html = pathlib.Path(folder, "bench.html")
    done = tool.run("bench", "--filter", "^alloc_pair/size:(32|64|128)$|^alloc_batch/order:lifo",
                    "--repetitions", "1", "--seconds", "0.002", "--json", "--html", str(html))
    file = tool.file_with(done.stdout)
    tool.expect(written(folder, file) == html.read_bytes(), "the bench's page, too", done)
    return file


def both(folder, lab, bench):
    page = pages.read(written(folder, lab, bench).decode())
    tool.expect({"lab", "bench", "approach-linger", "targets"} <= page.ids, "both runs on one page")
    tool.expect_refusal("report", lab, lab, "--html", f"{folder}/x.html", says="second run")


def hostile(folder, found):
    """Names come from files: they are text, whatever they look like."""
    evil = "<script>alert(1)</script>\"'&"
    found["input"]["files"][0]["path"] = found["machine"]["cpu"] = evil
    found["approaches"][0]["problems"] = found["chains"]["problems"] = [evil]
    found["unsafe"][0]["evidence"] = found["unsafe"][0]["outcome"] = evil
    text = written(folder, tool.file_with(json.dumps(found))).decode()
    pages.read(text)
    tool.expect("<script" not in text and text.count("&lt;script&gt;") >= 6, "names are escaped")
    tool.expect("FAILED" in text, "a broken promise is said")


def subset(folder):
    file = pathlib.Path(folder, "subset.html")
    done = tool.run("lab", "--html", str(file), "--input", tool.file_with(tool.RANGES),
                    "--approach", "linger", *SHORT)
    tool.expect(done.returncode == 0 and "linger" in done.stdout, "the table, and a page", done)
    text = file.read_text(encoding="utf-8")
    page = pages.read(text)
    tool.expect("approach-rcu_barrier" in page.ids and "Not measured in this run" in text,
                "what was not measured is said")


def check_mistakes(folder, lab, found):
    text = pathlib.Path(lab).read_text(encoding="utf-8")
    page = f"{folder}/bad.html"

    def refused(content, says):
        tool.expect_refusal("report", tool.file_with(content), "--html", page, says=says)
        tool.expect(not os.path.exists(page), "no page of what cannot be used")

    for length in (0, 1, 100, len(text) // 2, len(text) - 3):
        refused(text[:length], "no whole JSON")
    refused(b"\xff\xfe\x00binary", "no whole JSON")
    for foreign in ("{}", "[]", "3", '{"approaches": 3}', '{"benchmarks": [], "context": {}}',
                    '{"approaches": [], "benchmarks": []}', '"text"'):
        refused(foreign, "no output of")
    for key in ("machine", "input", "rounds", "unsafe"):
        refused(json.dumps({**found, key: None}), f'"{key}"')
    first = found["approaches"][0]
    for changed in ({**first, "id": "nonsense"}, {**first, "rounds": "many"},
                    {**first, "objects_retired": -1}, {**first, "destroy_us": []}):
        refused(json.dumps({**found, "approaches": [changed]}), "no output of")
    refused(json.dumps({**found, "approaches": [first, first]}), "twice")
    refused('{"approaches": [], "seconds": 1e999}', "no JSON that can be used")
    tool.expect_refusal("report", "/nonexistent.json", "--html", page, says="/nonexistent.json")
    tool.expect_refusal("report", folder, "--html", page, says=folder)
    for target in (folder, f"{folder}/none/page.html", ""):
        tool.expect_refusal("report", lab, f"--html={target}", says="--html")
        done = tool.run("lab", f"--html={target}", timeout=20)
        tool.expect(done.returncode == 2 and len(done.stderr.splitlines()) == 1,
                    "lab finds out before it measures", done)


def full_disk(folder, lab):
    """No more than so many bytes fit in a file: as on a full disk, and root is stopped as well."""
    file = pathlib.Path(folder, "kept.html")
    file.write_text("the last page", encoding="utf-8")

    def limit():
        signal.signal(signal.SIGXFSZ, signal.SIG_IGN)
        resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))

    done = subprocess.run([tool.TOOL, "report", lab, "--html", str(file)], preexec_fn=limit,
                          capture_output=True, text=True, check=False)
    tool.expect(done.returncode == 2 and len(done.stderr.splitlines()) == 1, "a full disk", done)
    tool.expect(file.read_text(encoding="utf-8") == "the last page", "the last page is still there")
    link = pathlib.Path(folder, "link.html")
    link.symlink_to(file)
    tool.run("report", lab, "--html", str(link))
    tool.expect(link.is_symlink() and file.read_bytes().endswith(b"</html>\n"), "links stay links")
    left = [name for name in os.listdir(folder) if name.endswith(".new")]
    tool.expect(not left, f"nothing is left beside: {left}")
    if os.path.exists("/dev/full"):
        tool.expect_refusal("report", lab, "--html", "/dev/full", says="/dev/full")
    done = tool.run("report", lab, "--html", "/dev/stdout")
    tool.expect(done.stdout.startswith("<!doctype html>"), "a pipe is written to as it is", done)


with tempfile.TemporaryDirectory() as place:
    of_lab, told = whole_run(place)
    of_bench = bench_run(place)
    both(place, of_lab, of_bench)
    check_mistakes(place, of_lab, told)
    full_disk(place, of_lab)
    subset(place)
    hostile(place, told)
sys.exit(tool.finish())
