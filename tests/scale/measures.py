#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Runs the measuring program, and the comparison on what it prints: all figures are there."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile

HERE = pathlib.Path(__file__).resolve().parents[2] / "bench" / "scale"
ALONE = ("rmw_ns", "clock_ns", "swing_128_one_ns", "swing_4096_one_ns", "retire_one_ns")


def main():
    if (os.cpu_count() or 1) < 2:
        print("one core: two threads cannot be measured side by side")
        return 0
    printed = subprocess.run([sys.argv[1]], capture_output=True, text=True, check=True).stdout
    figures = json.loads(printed)
    recorded = json.loads((HERE / "measured.json").read_text(encoding="utf-8"))
    assert set(figures) == set(recorded), set(figures) ^ set(recorded)
    assert all(figures[name] > 0 for name in ALONE), figures
    if not all(figures[name] > 0 for name in figures if name != "cpu_id_rseq_ns"):
        print("the two threads never ran side by side")
        return 0
    with tempfile.NamedTemporaryFile("w", suffix=".json") as file:
        file.write(printed)
        file.flush()
        compare = [sys.executable, "-B", str(HERE / "scale.py"), "--json", "--compare", file.name]
        rows = json.loads(subprocess.run(compare, capture_output=True, check=True).stdout)
    assert len(rows) == 4 and all(row["predicted"] > 0 for row in rows), rows
    return 0


if __name__ == "__main__":
    sys.exit(main())
