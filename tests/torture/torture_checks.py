#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""torture_checks.py PROGRAM clean OPTIONS... | bounds OPTIONS... | replay | options |
                          caught FLAW OPTIONS...

clean: a run without trouble.   bounds: the same of memory alone, every kind of cache under every
load, and each limit. B1 to B4.   replay: the same seed makes the same choices, another one others.
options: bad ones are refused in one line.   caught: a broken library is found out.
"""

import json
import os
import subprocess
import sys
import tempfile

CAUGHT_WITHIN_S = 100  # on a busy machine; it ends a second after the first trouble


def run(program, *options, flaw=None):
    environment = {name: value for name, value in os.environ.items()
                   if name != "GRACESLAB_BUSTED"}
    if flaw:
        environment["GRACESLAB_BUSTED"] = flaw
    done = subprocess.run([program, "torture", *options], env=environment, timeout=150,
                          stdin=subprocess.DEVNULL, capture_output=True, text=True)
    sys.stderr.write(done.stderr)
    return done


def clean_run(program, *options):
    done = run(program, "--json", *options)
    assert done.returncode == 0, f"exit status {done.returncode}: {done.stdout}"
    found = json.loads(done.stdout)  # and nothing else
    assert found["clean"] and not any(found["errors"].values()), found
    assert not any(found["ages"][2:]), found["ages"]
    return found


def clean(program, *options):
    found = clean_run(program, *options)
    print(json.dumps(found, indent=1))
    assert found["ages"][0] > 0, "no reader saw anything"
    assert found["grace_periods"] > 0 and found["callbacks_invoked"] > 0
    seldom = [what for what, n in found["counts"].items() if n == 0]
    assert not seldom, seldom


def bounds(program, *options):
    kinds = ("plain cache", "type-safe cache", "constructed cache", "debug cache",
             "undetected cache", "kmalloc", "large kmalloc")
    loads = ("bursts", "a spike, then light use", "idle threads beside a busy one", "slow growth",
             "producer and consumer", "1000 used once")
    limits = ("no limit", "RLIMIT_AS", "RLIMIT_DATA", "mlockall", "memory cgroup")
    with tempfile.TemporaryDirectory() as group:  # whoever joins it is limited by nothing
        with open(os.path.join(group, "cgroup.procs"), "w", encoding="ascii"):
            pass
        counts = clean_run(program, "--bounds", "--cgroup", group, *options)["counts"]
    print(json.dumps(counts, indent=1))
    for name in (*kinds, *loads, *limits):
        skipped = [what for what in counts if what.startswith(f"skipped: {name}: ")]
        assert counts.get(name, 0) > 0 or skipped, f"{name} was not played"
    text = run(program, "--bounds", "--seconds", "0")
    assert text.returncode == 0 and "no memory cgroup was given" in text.stdout, text.stdout


def replay(program):
    def choices(seed):
        return clean_run(program, "--seconds", "0.2", "--seed", seed)["choices"]

    first = choices("42")
    assert first == choices("42"), "the same seed chose otherwise"
    assert first != choices("43"), "another seed chose the same"
    fresh = [clean_run(program, "--seconds", "0")["seed"] for _ in range(2)]
    assert fresh[0] != fresh[1], f"seed {fresh[0]} twice"
    text = run(program, "--seconds", "0", "--seed", "42")
    assert "--seed 42" in text.stderr, "the seed is not on standard error"
    assert first in text.stdout, "the digest is not in the text"


def options(program):
    bad = (["--seconds", "-1"], ["--seconds", "nan"], ["--seconds", "soon"], ["--readers", "257"],
           ["--updaters", "-3"], ["--seed", "x"], ["--nonsense"], ["stray"],
           ["--bounds", "--readers", "2"], ["--cgroup", "/"], ["--bounds-child", "1:2"],
           ["--phase", "nonsense"], ["--bounds", "--phase", "forks"])
    for words in bad:
        done = run(program, *words)
        assert done.returncode == 2, (words, done.returncode)
        assert done.stdout == "" and done.stderr.count("\n") == 1, (words, done.stderr)
    listed = run(program, "--list-flaws")
    assert listed.returncode == 0 and "skip-takeover" in listed.stdout


def caught(program, flaw, *options):
    assert flaw in run(program, "--list-flaws").stdout, f"{flaw} is not listed"
    done = run(program, "--seconds", str(CAUGHT_WITHIN_S), "--seed", "7", *options, flaw=flaw)
    print(done.stdout)
    assert done.returncode == 1, f"exit status {done.returncode}: {flaw} went unnoticed"


if __name__ == "__main__":
    checks = {"clean": clean, "bounds": bounds, "replay": replay, "options": options,
              "caught": caught}
    checks[sys.argv[2]](sys.argv[1], *sys.argv[3:])
