# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Functions, threads, times and stacks in words."""

import os
import time

import gdb

from . import reading

SHORT = 60  # characters of a function's name; templates are longer


def plural(count, one, more=None):
    return f"{count} {one if count == 1 else more or one + 's'}"


def function(address):
    """Name and line of a function, by where it begins."""
    found = functions_at(address)
    if not found:
        return plain(address)
    return f"{bare(found[-1].print_name)} ({os.path.basename(found[-1].symtab.filename)}:" \
           f"{found[-1].line})"


def call(address):
    """A place that a call returns to, which may be behind the function that called."""
    found = functions_at(address - 1)
    if not found:
        return plain(address - 1)
    line = gdb.find_pc_line(address - 1)
    where = f" ({os.path.basename(line.symtab.filename)}:{line.line})" if line.symtab else ""
    inlined = f", inlined in {bare(found[-1].print_name)}" if len(found) > 1 else ""
    return f"{bare(found[0].print_name)}{where}{inlined}"


def functions_at(address):
    """The function around an address, last, and before it those that are inlined there."""
    found = []
    block = gdb.block_for_pc(address)
    while block is not None and not block.is_static and not block.is_global:
        if block.function is not None:
            found.append(block.function)
        block = block.superblock
    return found


def plain(address):
    """By the symbol table alone."""
    said = gdb.execute(f"info symbol {address:#x}", to_string=True)
    if " in section " not in said:
        return f"{address:#x}"
    return bare(said.split(" in section ")[0].split(" + ")[0])


def bare(name):
    """Without the types of its arguments."""
    if not name.endswith(")") or name.endswith("(anonymous namespace)"):
        return name
    depth = 0
    for at in range(len(name) - 1, -1, -1):
        depth += {")": 1, "(": -1}.get(name[at], 0)
        if depth == 0:
            return name[:at] or name
    return name


# ---- threads ----

def threads():
    return {t.ptid[1]: t for t in gdb.selected_inferior().threads()}


def thread(tid):
    """As gdb knows it, by the number that the library knows it by."""
    found = threads().get(tid)
    if found is None:
        return f"thread {tid} (which is not in this process any more)"
    name = f' "{found.name}"' if found.name else ""
    return f"thread {found.num}{name} (LWP {tid})"


def frames(tid, most=5):
    """What a thread does, innermost first: "a < b < c"; empty if nobody knows."""
    wanted = threads().get(tid)
    if wanted is None:
        return ""
    before = gdb.selected_thread()
    names = []
    try:
        wanted.switch()
        frame = gdb.newest_frame()
        while frame is not None and len(names) != most:
            name = frame.name() or f"{frame.pc():#x}"
            names.append(name if len(name) <= SHORT else name[:SHORT] + "...")
            frame = frame.older()
    except gdb.error:
        pass  # a stack that cannot be unwound: what there was so far
    finally:
        if before is not None:
            before.switch()
    return " < ".join(names)


# ---- times ----

STANDING = 1 << 63


def now_ms():
    """The library's clock; None for a core file, which does not tell the time."""
    state = int(reading.hidden("os", "state", "clock.cpp"))
    if state & STANDING:
        return state & ~STANDING
    connection = getattr(gdb.selected_inferior(), "connection", None)
    if connection is None or connection.type != "native":
        return None
    offset = state if state < STANDING >> 1 else state - STANDING
    return int(time.clock_gettime(time.CLOCK_MONOTONIC) * 1000) + offset


def when(stamp_ms):
    now = now_ms()
    if now is None:
        return f"at {stamp_ms} ms of its clock"
    return f"{max(now - stamp_ms, 0)} ms ago"


# ---- stacks that the library keeps ----

def kept_stack(number, indent="    "):
    """Lines for the stack of that number; none: it was not kept."""
    entries = reading.hidden("os", "entries", "stack.cpp")
    if number == 0 or number > int(entries["count_"]):
        return []
    blocks = entries["block_"]
    per_block = int(entries.type.strip_typedefs().template_argument(2))
    block = blocks[(number - 1) // per_block]
    if int(block) == 0:
        return []
    entry = (block + (number - 1) % per_block).dereference()
    stack = entry["frames"]
    depth = min(int(stack["depth"]), stack["frame"].type.sizeof // reading.WORD)
    return [f"{indent}#{i} {call(int(stack['frame'][i]))}" for i in range(depth)]
