#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The bench: mistakes are one line before anything is measured, JSON and the page hold together.
Nothing here depends on a time."""

import os
import pathlib
import re
import sys
import tempfile

sys.dont_write_bytecode = True
from support import page as pages
from support import tool

TINY = ("bench", "--filter", "^alloc_pair/size:64$", "--repetitions", "1", "--seconds", "0.002")


def check_mistakes():
    fine = TINY[1:3]
    tool.expect_refusal("bench", "--filter", "no such workload", says="no workload matches")
    tool.expect_refusal("bench", "--filter", "alloc(", says="no regular expression")
    tool.expect_refusal("bench", "--list", "--filter", "no such workload")
    tool.expect_refusal("bench", "--html", says="--html")
    for value in ("0", "-1", "many", "1.5", ""):
        tool.expect_refusal("bench", *fine, "--repetitions", value, says="--repetitions")
    for value in ("0", "-1", "nan", "61", "soon", ""):
        tool.expect_refusal("bench", *fine, "--seconds", value, says="--seconds")


def check_unwritable():
    """Nothing is measured: a whole run would not end in this time, nor say so little."""
    with tempfile.TemporaryDirectory() as folder:
        for file in (folder, os.path.join(folder, "none", "page.html"), ""):
            done = tool.run("bench", f"--html={file}", timeout=20)
            tool.expect(done.returncode == 2 and done.stdout == "" and
                        len(done.stderr.splitlines()) == 1 and "--html" in done.stderr,
                        f"--html={file or 'nothing'}: one line and exit status 2", done)


def check_list():
    everything = tool.run("bench", "--list").stdout.split()
    tool.expect(len(everything) > 10 and len(set(everything)) == len(everything),
                "--list names each workload once")
    some = tool.run("bench", "--list", "--filter", "^alloc_pair/").stdout.split()
    tool.expect(some == [name for name in everything if name.startswith("alloc_pair/")] and some,
                "--list obeys --filter")
    shape = re.compile(r"^[a-z_]+(/[a-z_]+:[A-Za-z0-9_.+-]+)*$")
    tool.expect(all(shape.match(name) for name in everything), "names are workload/key:value")


def check_json():
    done = tool.run(*TINY, "--json")
    tool.expect(done.returncode == 0, "a tiny run succeeds", done)
    result = tool.json_of(done)
    tool.expect({"context", "benchmarks", "targets"} <= set(result), "the three parts", done)
    context = result["context"]
    for key in ("date", "num_cpus", "cpu", "system", "compiler", "library_version",
                "cpu_share_of_others"):
        tool.expect(key in context, f"the context has {key}", done)
    tool.expect(0 <= context["cpu_share_of_others"] <= 1, "a share is a share", done)
    played = {one["contestant"]: one for one in result["benchmarks"]}
    for name in ("graceslab called", "graceslab inline", "glibc"):
        one = played.get(name, {})
        tool.expect(one.get("real_time", 0) > 0 and one.get("repetitions") == 1 and
                    one.get("name") == f"alloc_pair/size:64/{name}", f"{name} took part", done)
    for one in played.values():
        tool.expect("real_time" in one or one.get("error_message"),
                    f"{one['name']} has a time or a reason", done)
    outcomes = {one["outcome"] for one in result["targets"]}
    tool.expect(outcomes and outcomes <= {"stretch", "goal", "missed"}, "targets are judged", done)
    for one in result["targets"]:
        tool.expect(bool(one.get("why")) == (one["outcome"] == "missed"),
                    f"{one['what']}: a missed target has its reason, another one none", done)
    check_ratio(result["targets"][0], played)


def check_ratio(target, played):
    other = target["against"]["contestant"]
    tool.expect(abs(target["value"] - target["ours"] / target["against"]["value"]) < 1e-6 and
                abs(target["against"]["value"] - played[other]["real_time"]) < 1e-6,
                f"{target['what']}: the ratio is that of the two medians")


def check_page():
    with tempfile.TemporaryDirectory() as folder:
        file = pathlib.Path(folder, "page.html")
        file.write_text("old text that is longer than nothing", encoding="utf-8")
        some = "^alloc_pair/size:(32|64|128)$|^alloc_batch/order:lifo"
        done = tool.run("bench", "--filter", some, "--repetitions", "1", "--seconds", "0.002",
                        "--html", str(file))
        tool.expect(done.returncode == 0 and done.stdout, "the page and the table", done)
        text = file.read_text(encoding="utf-8")
    page = pages.read(text)
    svg = page.counts.get("svg", 0)
    tool.expect(svg >= 4 and text.count('role="img"><title>') >= 4 and text.count("<desc>") >= 4,
                "each plot has a title and a description")
    tool.expect("polyline" in page.counts and 'class="bar' in text, "lines for sizes, bars else")
    words = " ".join(page.words)
    for expected in ("glibc", "graceslab called", "Control loop", "Others used", "Goal"):
        tool.expect(expected in words, f"the page says {expected}")
    tool.expect("old text" not in text and text.endswith("</html>\n"), "the file is replaced")


check_mistakes()
check_unwritable()
check_list()
check_json()
check_page()
sys.exit(tool.finish())
