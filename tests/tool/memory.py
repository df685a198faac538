#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`graceslab memory` tells what things cost, within what the contract allows (B4)."""

import sys

sys.dont_write_bytecode = True
from support import tool

MIB = 1 << 20

done = tool.run("memory", "--json")
if "smaps_rollup cannot be read" in done.stderr:
    print("skipped: no /proc/self/smaps_rollup here")
    sys.exit(0)
tool.expect(done.returncode == 0, "memory --json", done)
rows = {row["one_more"]: row for row in tool.json_of(done)["rows"]}

tool.expect(0 < rows["process"]["bytes"] < 2 * MIB, "B4: a process charges less than 2 MiB", done)
for size in (16, 64, 256, 1024, 4096, 16384):
    cost = rows[f"object_{size}"]["bytes"]
    tool.expect(size <= cost < size * 1.05 + 3, f"an object of {size} bytes costs {cost}", done)
tool.expect(rows["cache_unused"]["bytes"] < rows["cache_used"]["bytes"], "use costs", done)
for used in ("cache_used", "thread"):
    row = rows[used]  # how soon it goes back is for a machine that has the time
    tool.expect(row["later_bytes"] < row["bytes"] * 1.1, f"{used} grows no more", done)

table = tool.run("memory")
tool.expect(table.returncode == 0 and table.stderr == "", "the table", table)
tool.expect(len(table.stdout.splitlines()) == len(rows) + 2, "a line for each", table)

tool.expect_refusal("memory", "--every", says="--every")

sys.exit(tool.finish())
