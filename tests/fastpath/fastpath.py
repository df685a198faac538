#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""fastpath.py check|freeze|trace PROBE GOLDEN [OPERATION]

Counts the instructions that the fast paths execute, and compares them with what is frozen in
GOLDEN. `freeze` writes GOLDEN anew; `trace` prints the instructions of one operation. Exit status
77: not comparable here, and why.
"""

import collections
import pathlib
import re
import struct
import subprocess
import sys

NOT_COMPARABLE = 77
COLUMNS = ("instructions", "loads", "stores", "locked")
HEADING = """\
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
# Instructions that each operation executes when nothing is in its way, from its first to its
# return; of these, how many load from memory, store to it (pushes, calls and returns aside), lock
# the bus.
# A called operation includes the jump that reaches it. 64-byte objects; `undetected`: a cache made
# with SLAB_NO_DETECTION; `beyond`: a cache whose id is beyond the thread-local block.
# Written by `cmake --build BUILD --target fastpath-freeze`; compared by `ctest -L fastpath`.
"""

READS_LAST = re.compile(r"(cmp|test|bt)[bwlq]?$")
WRITES_ONLY = re.compile(r"(mov|set|vmov|cvt|pop)")
ONE_OPERAND_WRITES = re.compile(r"(inc|dec|neg|not|set|pop|sh|sa|ro)")
NO_ACCESS = re.compile(r"(lea|nop|prefetch|endbr)")


def operands_of(text):
    return [o.strip() for o in re.split(r",(?![^(]*\))", text) if o.strip()]


def is_memory(operand):
    return "(" in operand or operand.lstrip("*").startswith(("%fs:", "%gs:"))


def classify(instruction):
    """(loads, stores, locked) of one line of disassembly."""
    words = instruction.split("#")[0].split("<")[0].split()
    locked = "lock" in words
    words = [w for w in words if w not in ("lock", "cs", "ds", "data16", "notrack", "bnd")]
    name, operands = words[0], operands_of(" ".join(words[1:]))
    if NO_ACCESS.match(name) or not any(map(is_memory, operands)):
        return 0, 0, int(locked)
    if not is_memory(operands[-1]) or READS_LAST.match(name):
        return 1, 0, int(locked)
    if len(operands) == 1 and not ONE_OPERAND_WRITES.match(name):
        return 1, 0, int(locked)
    return int(not WRITES_ONLY.match(name)), 1, int(locked)


class Disassembly:
    def __init__(self):
        self.objects = {}

    def line(self, path, base, address):
        if path not in self.objects:
            self.objects[path] = self.read(path)
        fixed, lines = self.objects[path]
        return lines[address if fixed else address - base]

    @staticmethod
    def read(path):
        head = pathlib.Path(path).read_bytes()[:18]
        fixed = struct.unpack_from("<H", head, 16)[0] == 2  # ET_EXEC: runs where it was linked
        text = subprocess.run(["objdump", "-d", "--no-show-raw-insn", path], check=True,
                              capture_output=True, text=True).stdout
        lines = {}
        for match in re.finditer(r"^ *([0-9a-f]+):\t(.*)$", text, re.M):
            lines[int(match[1], 16)] = match[2].strip()
        return fixed, lines


def traces(probe):
    """{operation: [line of disassembly]}, in the probe's order."""
    output = subprocess.run([probe], check=True, capture_output=True, text=True).stdout
    code = Disassembly()
    result = {}
    for line in output.splitlines():
        if line.startswith("operation "):
            result[line.split()[1]] = steps = []
        else:
            path, base, address = line.rsplit(" ", 2)
            steps.append(code.line(path, int(base, 16), int(address, 16)))
    return result


def counted(probe):
    rows = {}
    for name, steps in traces(probe).items():
        sums = [sum(column) for column in zip(*map(classify, steps))]
        rows[name] = [len(steps), *sums]
    return rows


def as_text(rows):
    lines = [f"{'operation':<36}" + "".join(f"{c:>14}" for c in COLUMNS)]
    for name, row in rows.items():
        lines.append(f"{name:<36}" + "".join(f"{n:>14}" for n in row))
    return HEADING + "\n".join(lines) + "\n"


def read_golden(text):
    lines = [line.split() for line in text.splitlines() if line and not line.startswith("#")]
    return {line[0]: [int(n) for n in line[1:]] for line in lines[1:]}


def differences(frozen, now):
    for name in collections.OrderedDict.fromkeys([*frozen, *now]):
        if frozen.get(name) != now.get(name):
            yield f"{name}: frozen {frozen.get(name)}, now {now.get(name)}"


def check(probe, golden):
    if not golden.exists():
        print(f"skipped: nothing is frozen for this compiler ({golden.stem})")
        return NOT_COMPARABLE
    now = counted(probe)
    if not all(row[0] for row in now.values()):
        print("skipped: this system does not step through instructions (trap flag)")
        return NOT_COMPARABLE
    found = list(differences(read_golden(golden.read_text()), now))
    if found:
        print(f"{golden.name} says otherwise, in the order {', '.join(COLUMNS)}:")
        print("\n".join(found))
        print("If that is meant: cmake --build BUILD --target fastpath-freeze, and read the diff.")
    return 1 if found else 0


def main(mode, probe, golden, operation=None):
    golden = pathlib.Path(golden)
    if mode == "check":
        return check(probe, golden)
    if mode == "trace":
        print("\n".join(traces(probe)[operation]))
        return 0
    golden.parent.mkdir(parents=True, exist_ok=True)
    golden.write_text(as_text(counted(probe)))
    return 0


if __name__ == "__main__":
    if len(sys.argv) < 4 or sys.argv[1] not in ("check", "freeze", "trace"):
        sys.exit(__doc__)
    sys.exit(main(*sys.argv[1:]))
