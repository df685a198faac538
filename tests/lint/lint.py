#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""lint.py --list | RULE --root FOLDER | RULE --self-test

A rule is a function from a Tree to findings "path:line: what". Each comes with samples: every bad
one, a small tree of its own, must give a finding, and every good one none.
"""

import argparse
import pathlib
import sys
import tempfile

sys.dont_write_bytecode = True

import coverage
import layering
import ordering
import refusals
import shape
import tree

RULES = {**layering.RULES, **ordering.RULES, **shape.RULES, **coverage.RULES, **refusals.RULES}


def findings_in_sample(rule, sample):
    with tempfile.TemporaryDirectory() as folder:
        for path, text in sample.items():
            place = pathlib.Path(folder, path)
            place.parent.mkdir(parents=True, exist_ok=True)
            place.write_text(text, encoding="utf-8")
        return list(rule["check"](tree.Tree(folder)))


def self_test(rule):
    wrong = 0
    for sample in rule["bad"]:
        if not findings_in_sample(rule, sample):
            wrong += 1
            print("nothing found in", sample)
    for sample in rule["good"]:
        found = findings_in_sample(rule, sample)
        if found:
            wrong += 1
            print("found", found, "in", sample)
    return wrong


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("rule", nargs="?", choices=RULES)
    parser.add_argument("--root", default=".")
    parser.add_argument("--list", action="store_true")
    parser.add_argument("--self-test", action="store_true")
    options = parser.parse_args()
    if options.list:
        print("\n".join(RULES))
        return 0
    rule = RULES[options.rule]
    if options.self_test:
        return 1 if self_test(rule) else 0
    found = list(rule["check"](tree.Tree(options.root)))
    print("\n".join(found))
    return 1 if found else 0


if __name__ == "__main__":
    sys.exit(main())
