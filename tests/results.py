#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Sums the JUnit files of all stages: a line per suite, the failures, then `N passed, N failed`."""

import collections
import pathlib
import sys
import xml.etree.ElementTree as xml


def outcome(case):
    """passed, skipped or failed; a test that could not be run at all has failed."""
    if case.find("failure") is not None or case.find("error") is not None:
        return "failed"
    if case.get("status") == "disabled":
        return "skipped"  # another test runs it by name, in a process of its own
    skipped = case.find("skipped")
    if skipped is not None:
        return "skipped" if skipped.get("message", "").startswith("SKIP_") else "failed"
    return "passed" if case.get("status") == "run" else "failed"


def read_stage(path):
    """Yields (suite, test, outcome) of one file."""
    for case in xml.parse(path).getroot().iter("testcase"):
        name = case.get("name", "?")
        yield name.split(".")[0], name, outcome(case)


def main(folder):
    totals = collections.Counter()
    failures = []
    stages = sorted({path.stem for path in pathlib.Path(folder).iterdir()})
    for stage in stages:
        suites = collections.defaultdict(collections.Counter)
        junit = pathlib.Path(folder, stage + ".xml")
        for suite, name, what in read_stage(junit) if junit.exists() else ():
            suites[suite][what] += 1
            if what == "failed":
                failures.append(f"{stage}: {name}")
        error = pathlib.Path(folder, stage + ".error")
        if error.exists() and not any(counts["failed"] for counts in suites.values()):
            suites["(stage)"]["failed"] += 1
            failures.append(f"{stage}: {error.read_text().strip()}")
        missing = pathlib.Path(folder, stage + ".missing")
        if missing.exists():
            print(f"{stage:<12} not run: {missing.read_text().strip()}")
        for suite, counts in sorted(suites.items()):
            skipped = f", {counts['skipped']} skipped" if counts["skipped"] else ""
            passed, failed = counts["passed"], counts["failed"]
            print(f"{stage:<12} {suite:<12} {passed:5} passed, {failed:3} failed{skipped}")
            totals.update(counts)
    for failure in failures:
        print("failed:", failure)
    print(f"{totals['passed']} passed, {totals['failed']} failed")
    return 0 if totals["passed"] and not totals["failed"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
