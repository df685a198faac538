#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A short run of `graceslab lab`: every approach keeps its promise, every mistake is caught."""

import sys

sys.dont_write_bytecode = True
from support import tool

APPROACHES = ["rcu_barrier", "barrier_covers_retire", "kfree_rcu_barrier", "linger",
              "linger_typesafe", "destroy_rcu", "free_barrier", "destroy_wait", "destroy_cookie",
              "fully_freed"]
UNSAFE = ["no_wait", "synchronize_rcu", "synchronize_rcu_x3", "fifo_call_rcu", "leak", "rearm"]
CRASHING = {"no_wait", "synchronize_rcu", "synchronize_rcu_x3", "fifo_call_rcu", "rearm"}
SHORT = ("--rounds", "3", "--seconds", "0.05")


def check_approach(result, done):
    name = result["id"]
    tool.expect(result["verdict"] == "ok", f"{name} kept its promise: {result['problems']}", done)
    tool.expect(result["rounds"] == 3, f"{name}: rounds", done)
    tool.expect(result["unmapped"] is True, f"{name}: unmapped", done)
    tool.expect(result["objects_leaked"] == 0, f"{name}: nothing leaked", done)
    tool.expect(result["objects_retired"] >= 3 * 799, f"{name}: objects were given up", done)
    tool.expect(result["objects_retired"] == result["objects_reclaimed"], f"{name}: all back", done)
    tool.expect(result["lookups_per_s"] > 0 and result["updates_per_s"] > 0, f"{name}: load", done)
    tool.expect(isinstance(result["grace_periods"], int), f"{name}: grace periods", done)
    for times in ("destroy_us", "home_us"):
        tool.expect(0 < result[times]["p50"] <= result[times]["p99"], f"{name}: {times}", done)


def check_unsafe(results, done):
    ways = {(r["id"], r["protection"]): r for r in results}
    for name in UNSAFE:
        for protection in ("off", "on"):
            r = ways.get((name, protection), {"caught": False, "outcome": "not run"})
            tool.expect(r["caught"] is True, f"{name}, protection {protection}: {r}", done)
            tool.expect(protection == "off" or "crash" not in r["outcome"], f"{name}: safe", done)
        if name in CRASHING:
            off = ways[(name, "off")]["outcome"]
            tool.expect(off == "crashed in unmapped code", f"{name} shows its bug: {off}", done)
    luck = ways.get(("synchronize_rcu_idle", "off"), {})
    tool.expect(luck.get("outcome") == "worked by luck", f"luck hides the bug: {luck}", done)


def check_many(many, done):
    tool.expect([p["caches"] for p in many["points"]] == [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000],
                "many caches: 1 to 1000", done)
    tool.expect("crossover" in many, "many caches: crossover", done)


def whole_run(path):
    done = tool.run("lab", "--json", "--input", path, *SHORT)
    tool.expect(done.returncode == 0, "the whole experiment", done)
    found = tool.json_of(done)
    tool.expect([r["id"] for r in found["approaches"]] == APPROACHES, "every approach", done)
    for result in found["approaches"]:
        check_approach(result, done)
    check_unsafe(found["unsafe"], done)
    check_many(found["many_caches"], done)
    tool.expect("lab: " in done.stderr, "progress on standard error", done)
    tool.expect("\r" not in done.stderr, "plain lines where there is no terminal", done)


def one_approach(path):
    done = tool.run("lab", "--json", "--input", path, "--approach", "linger", *SHORT)
    found = tool.json_of(done)
    tool.expect(done.returncode == 0, "--approach linger", done)
    tool.expect([r["id"] for r in found["approaches"]] == ["linger"], "that one alone", done)
    tool.expect(found["unsafe"] == [] and found["many_caches"] is None, "and nothing else", done)


def table_for_people(path):
    done = tool.run("lab", "--input", path, "--approach", "destroy_rcu", "--approach", "leak",
                    "--approach", "many_caches", *SHORT)
    tool.expect(done.returncode == 0, "the table", done)
    for words in ("destroy_rcu", "leak", "crossover", "verdict: every promise was kept"):
        tool.expect(words in done.stdout, f"the table says {words!r}", done)
    wide = [line for line in done.stdout.splitlines() if len(line) > 120]
    tool.expect(not wide, f"120 columns: {wide}", done)


ranges = tool.file_with(tool.RANGES)
whole_run(ranges)
one_approach(ranges)
table_for_people(ranges)
sys.exit(tool.finish())
