# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Caches: their records, and where their objects are."""

import collections

import gdb

from . import domains, reading

RECORD_BYTES = 1024
RECORDS_MOST = 1 << 20
OPEN, CLOSING, DRAINING, GONE = range(4)
STAGES = ("open", "closing", "draining", "gone")
POLICIES = ("linger", "linger", "report", "wait", "wait")
STORE_USER, ONCE_FULLY_FREED, NO_DETECTION, LARGE = 0x20, 0x80, 0x100, 0x10000
ID_BITS = 20  # of a destroy cookie

Counts = collections.namedtuple(
    "Counts", "objects allocated arrays parked free ready deferred leaked unborn in_flight")
Array = collections.namedtuple("Array", "what objects cookie tid")


class Cache:
    def __init__(self, record):
        self.record = record
        self.address = int(record.address)
        self.number = int(record["id"])
        self.stage = int(record["stage"])
        self.handle = int(record["handle"])
        self.flags = int(record["flags"])
        self.name = reading.text_of(record["name"])

    @property
    def label(self):
        return f"{self.name}#{self.number}"

    @property
    def stage_name(self):
        return STAGES[self.stage] if self.stage < len(STAGES) else f"stage {self.stage} (damaged)"

    @property
    def domain(self):
        return domains.by_handle(int(self.record["domain"]))

    @property
    def cookie(self):
        return int(self.record["ticket"]) << ID_BITS | self.number

    @property
    def slabs(self):
        lists = ("partial", "full_slabs", "empty_slabs", "quarantined")
        return sum(int(self.record[name]["count"]) for name in lists)

    def depots(self):
        count = int(reading.symbol("graceslab::slab::depot_count"))
        depots = self.record["depots"]
        for i in range(min(count, 64)):
            depot = reading.at(int(depots) + i * depots.type.target().sizeof, depots.type.target())
            if depot is None:
                return reading.note(f"the depots of {self.label} cannot be read")
            yield depot
        return None

    def locks(self):
        names = ("lock", "slabs_lock", "seize_lock", "locals_lock", "drain_lock")
        held = [name for name in names if domains.locked(self.record[name])]
        if any(domains.locked(d["lock"]) for d in self.depots()):
            held.append("the lock of a depot")
        return held

    def locals(self):
        """Each thread's record of arrays."""
        return reading.walk(self.record["locals"], lambda l: l["next"],
                            f"the arrays of {self.label}")


def table():
    return reading.symbol("graceslab::slab::table")


def record(number):
    kind = reading.type_of("graceslab::slab::cache")
    return reading.at(int(table()["start"]) + number * RECORD_BYTES, kind)


def every():
    """All that exist, in the order of their numbers."""
    last = min(int(table()["bytes"]) // RECORD_BYTES, RECORDS_MOST)
    for number in range(1, last):
        found = record(number)
        if found is None:
            return reading.note(f"the table of caches cannot be read from #{number} on")
        if int(found["stage"]) != GONE:
            yield Cache(found)
    return None


def by_handle(value):
    """None: no cache has this handle any more, or it never was one."""
    found = record_around(value)
    return found if found is not None and found.handle == value and found.stage != GONE else None


def record_around(value):
    """The cache in whose record an address lies, or whose handle it once was."""
    known = table()
    offset = (value & int(known["address_bits"])) - int(known["start"])
    if not RECORD_BYTES <= offset < int(known["bytes"]):
        return None
    found = record(offset // RECORD_BYTES)
    return None if found is None else Cache(found)


def find(text):
    """By its name, its number (#12), or an expression for its handle or for a cache<T>."""
    text = text.strip()
    if text.startswith("#") and text[1:].isdigit():
        named = [c for c in every() if c.number == int(text[1:])]
    else:
        named = [c for c in every() if c.name == text]
    if len(named) > 1:
        numbers = ", ".join(f"#{c.number}" for c in named)
        raise reading.trouble(f"{len(named)} caches are called '{text}': say which, {numbers}")
    if named:
        return named[0]
    return by_expression(text)


def by_expression(text):
    try:
        handle = handle_of(evaluated(text))
    except gdb.error:
        handle = 0
    found = by_handle(handle)
    if found is None and record_around(handle) is not None:
        raise reading.trouble(f"the cache of that handle, {handle:#x}, is gone")
    if found is None:
        raise reading.trouble(f"there is no cache '{text}'; gs-caches lists them")
    return found


def evaluated(text):
    """The value of an expression, for which nothing in the process is called."""
    before = gdb.parameter("may-call-functions")
    gdb.execute("set may-call-functions off", to_string=True)
    try:
        value = gdb.parse_and_eval(text)
        value.fetch_lazy()
        return value
    finally:
        gdb.execute(f"set may-call-functions {'on' if before else 'off'}", to_string=True)


def handle_of(value):
    """Of a handle, of a cache<T>, or of a pointer or reference to one."""
    kind = value.type.strip_typedefs()
    if kind.code in (gdb.TYPE_CODE_REF, gdb.TYPE_CODE_RVALUE_REF):
        return handle_of(value.referenced_value())
    if kind.code == gdb.TYPE_CODE_PTR and str(kind.target().unqualified()).startswith(
            "graceslab::cache<"):
        return handle_of(value.dereference())
    return int(value["cache_"] if kind.code == gdb.TYPE_CODE_STRUCT else value) & (1 << 64) - 1


# ---- where objects are ----

def sheaves(listed, what):
    return reading.walk(listed["head"], lambda s: s["next"], what)


def objects_in(listed, what):
    return sum(int(s["count"]) for s in sheaves(listed, what))


def counts(cache):
    """As the library counts; since nothing moves, threads' arrays need not be seized."""
    r = cache.record
    retired, reclaimed = int(r["retired"]), int(r["reclaimed_objects"])
    parked = ready = deferred = 0
    for depot in cache.depots():
        retired += int(depot["retired"])
        reclaimed += int(depot["reclaimed_objects"])
        parked += objects_in(depot["full"], f"the full arrays of {cache.label}")
        ready += objects_in(depot["reclaimed"], f"the reclaimed arrays of {cache.label}")
        deferred += int(depot["deferred_objects"])
    arrays = waiting = 0
    for local in cache.locals():
        arrays += int(local["main"]["count"]) + int(local["prev"]["count"])
        waiting += int(local["rcu"]["count"])
    deferred += int(r["marked"]) + waiting + objects_in(r["heirs"], f"the heirs of {cache.label}")
    in_flight = retired + waiting - reclaimed
    objects, free = int(r["carved"]), int(r["free_in_slabs"])
    leaked, unborn = int(r["leaked"]), int(r["unborn"])
    home = free + parked + ready + arrays + in_flight + leaked + unborn
    return Counts(objects, max(objects - home, 0), arrays, parked, free,
                  ready + max(in_flight - deferred, 0), min(deferred, in_flight), leaked, unborn,
                  in_flight)


def arrays(cache):
    """Every array that objects of the cache stand in: what for, where, its cookie and thread."""
    by_local = owners_of_arrays()
    for local in cache.locals():
        tid = by_local.get(int(local.address), 0)
        for name, what in (("main", "free"), ("prev", "free"), ("rcu", "retired")):
            yield Array(f"{what}, in an array of", local[name].dereference(), None, tid)
    for depot in cache.depots():
        for name, what in (("full", "free, in the barn"), ("reclaimed", "reclaimed, in the barn")):
            for sheaf in sheaves(depot[name], f"the barn of {cache.label}"):
                yield Array(what, sheaf, None, 0)
        for sheaf in sheaves(depot["deferred"], f"the deferred arrays of {cache.label}"):
            yield Array("retired", sheaf, int(sheaf["cookie"]), 0)
    for sheaf in sheaves(cache.record["heirs"], f"the heirs of {cache.label}"):
        yield Array("retired by a destructor", sheaf, int(sheaf["cookie"]), 0)
    for sheaf in sheaves(cache.record["ripe"], f"the ripe arrays of {cache.label}"):
        yield Array("retired, and its destructor is still to run", sheaf, None, 0)


def addresses(sheaf):
    count, capacity = int(sheaf["count"]), int(sheaf["capacity"])
    if count > capacity:
        reading.note(f"an array at {int(sheaf.address):#x} is damaged: {count} of {capacity}")
        return []
    return reading.words_at(int(sheaf["object"].address), count)


def owners_of_arrays():
    """Which thread has a record of arrays; those beyond a thread's first caches are not looked at.
    """
    found = {}
    first = reading.hidden("sync", "first", "registry.cpp")
    for thread in reading.walk(first, lambda t: t["next"], "the list of threads"):
        if int(thread["tls"]) == 0:
            continue
        size = thread["tls"]["local"].type.sizeof // reading.WORD
        block = reading.words_at(int(thread["tls"]["local"].address), size)
        far = int(thread["tls"]["far"])
        block += reading.words_at(far, 256) if far else []
        for local in block:
            found[local] = int(thread["tid"])
    return found
