# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Reading the library's variables and structures, which may be damaged or in the middle of a
change: every walk ends, and what could not be followed is noted."""

import os

import gdb

LIST_MOST = 200_000  # elements; no list of the library comes near it
WORD = 8
LAYOUT = "this script is of another version than the library"

notes = []  # of the command that runs


def begin():
    notes.clear()


def note(text):
    if text not in notes:
        notes.append(text)


def trouble(text):
    """An error of one line, which ends the command."""
    return gdb.GdbError(f"graceslab: {text}")


# ---- variables and types ----

def symbol(name, file=None):
    """A variable of the library; one that is static, in the file of that name."""
    found = gdb.lookup_global_symbol(name)
    if found is None:
        statics = gdb.lookup_static_symbols(name)
        found = next((s for s in statics if file is None or
                      os.path.basename(s.symtab.filename) == file), None)
    if found is None:
        raise trouble(why_unknown(name))
    try:
        return found.value()
    except gdb.error as error:
        raise trouble(f"{name} cannot be read: {error}") from error


def hidden(layer, name, file):
    return symbol(f"graceslab::{layer}::(anonymous namespace)::{name}", file)


def type_of(name):
    try:
        return gdb.lookup_type(name)
    except gdb.error as error:
        raise trouble(why_unknown(name)) from error


def why_unknown(name):
    if gdb.lookup_global_symbol("graceslab::rcu::the_default_domain") is not None:
        return f"the library has no {name}: {LAYOUT}"
    where = library_file()
    if where is None:
        return "the library is not in this program, or not in what this core file has of it"
    return (f"{where} has no debug information, which tells how its memory is to be read: install "
            "libgraceslab0.1-dbgsym, or a library that was built with -g and not stripped")


def library_file():
    """The file that the library is in, as gdb names it; None: no file."""
    for one in gdb.objfiles():
        if one.filename and "libgraceslab.so" in os.path.basename(one.filename):
            return one.filename
    try:
        address = int(gdb.parse_and_eval("(long)&gs_read_lock_slow"))
    except gdb.error:
        return None
    inside = "@plt" not in gdb.execute(f"info symbol {address:#x}", to_string=True)
    return gdb.current_progspace().filename if inside else None


def need_memory():
    """Whatever is to be looked at: a process or a core file, with the library in it."""
    if gdb.selected_inferior().pid == 0:
        raise trouble("there is no process and no core file to look at")
    symbol("graceslab::rcu::the_default_domain")


# ---- memory ----

def read(address, size):
    """Bytes, or None where nothing can be read."""
    try:
        return bytes(gdb.selected_inferior().read_memory(address & (1 << 64) - 1, size))
    except (gdb.MemoryError, OverflowError, ValueError):
        return None


def word_at(address):
    content = read(address, WORD)
    return None if content is None else int.from_bytes(content, "little")


def words_at(address, count):
    content = read(address, WORD * count)
    if content is None:
        return []
    return [int.from_bytes(content[i:i + WORD], "little") for i in range(0, len(content), WORD)]


def at(address, kind):
    """What lies at an address, fetched at once; None where nothing can be read."""
    value = gdb.Value(address).cast(kind.pointer()).dereference()
    try:
        value.fetch_lazy()
    except gdb.MemoryError:
        return None
    return value


def text_of(array):
    """A name that may come from anywhere: on one line, and driving no terminal."""
    content = read(int(array.address), array.type.sizeof)
    if content is None:
        return "?"
    text = content.split(b"\0")[0].decode("utf-8", "replace")
    return "".join(c if c.isprintable() else "?" for c in text)


def elements(array):
    first, last = array.type.range()
    return (array[i] for i in range(first, last + 1))


def walk(first, follow, what, most=LIST_MOST):
    """The elements of a list, from a pointer to the first one. What is damaged ends it."""
    kind = first.type.target().strip_typedefs()
    address, seen = int(first), set()
    while address != 0:
        if address in seen:
            return note(f"{what} comes round at {address:#x}: damaged, or just being changed")
        if len(seen) == most:
            return note(f"{what} goes on beyond {most} elements, which are left out")
        seen.add(address)
        element = at(address, kind)
        if element is None:
            return note(f"{what} leads to {address:#x}, where nothing can be read")
        yield element
        address = int(follow(element))
    return None
