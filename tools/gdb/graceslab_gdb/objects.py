# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whose memory an address is: which object of which cache, in which state, where it stands, and
who had it."""

import collections

from . import caches, callbacks, domains, naming, reading

GRANULE_SHIFT = 16
BEING_PREPARED = (1 << 32) - 1
FREE, LIVE, RETIRED, MARKED, MARKED_NEXT, LEAKED = range(6)
RETIRED_STATES = (RETIRED, MARKED, MARKED_NEXT)
TREE_MOST = 4096  # steps down the tree of outlying runs, which is shallow
SITES_SHOWN = 4

Owner = collections.namedtuple("Owner", "stack tid at_ms")


class Slab:
    def __init__(self, value):
        self.value = value
        self.address = int(value.address)
        self.start = int(value["start"])
        self.carved = int(value["carved"])
        self.objects = int(value["objects"])
        self.cache = caches.record_around(int(value["owner"]))

    @property
    def stride(self):
        return max(int(self.cache.record["stride"]), 1)

    @property
    def detects(self):
        return self.cache.flags & caches.NO_DETECTION == 0

    def state_bytes(self):
        return (self.objects + 1 + 7) & ~7 if self.detects else 0

    def states(self):
        """One for each object that was ever given out."""
        after = self.address + self.value.type.sizeof
        count = min(self.carved, self.objects)
        if self.detects:
            return reading.read(after, count) or b""
        words = (self.objects + 63) // 64
        bits, marks = reading.words_at(after, words), reading.words_at(after + 8 * words, words)
        if not bits or not marks:
            return b""
        return bytes(undetected(bits[i // 64] >> i % 64 & 1, marks[i // 64] >> i % 64 & 1)
                     for i in range(count))

    def state(self, index):
        states = self.states()
        return states[index] if index < len(states) else -1

    def free_in_slab(self, index):
        after = self.address + self.value.type.sizeof + self.state_bytes()
        word = reading.word_at(after + index // 64 * 8)
        return word is not None and word >> index % 64 & 1 == 1

    def owners(self, index):
        """Who allocated, retired and freed it, as far as that is kept."""
        records = self.value["records"]
        if int(records) == 0:
            return None
        by = (records + index)["by"]
        return [Owner(int(o["stack"]), int(o["tid"]), int(o["at_ms"]))
                for o in reading.elements(by)]


def undetected(bit, mark):
    if mark:
        return MARKED_NEXT if bit else MARKED
    return FREE if bit else LIVE


# ---- from an address ----

def slab_around(address):
    """The slab that an address lies in, or what is there instead of one."""
    kind = reading.type_of("graceslab::slab::slab")
    heap = reading.symbol("gs_heap")
    offset = address - int(heap["base"])
    if 0 <= offset < int(heap["bytes"]):
        granules = heap["granules"]
        granule = reading.at(int(granules) + (offset >> GRANULE_SHIFT) * 16,
                             granules.type.target())
        owner = 0 if granule is None else int(granule["cache"])
        if owner == 0:
            return None, "lies in the range of all objects, where no slab is"
        if owner == BEING_PREPARED:
            return None, "lies in memory that is just becoming a slab, or ceasing to be one"
        found = reading.at(int(granule["states"]) - kind.sizeof, kind)
        return (Slab(found), "") if found is not None else (None, "lies in a slab that is damaged")
    return outlying(address), ""


def outlying(address):
    root = reading.hidden("slab", "root", "outlying.cpp")
    kind, at = root.type.target(), int(root)
    for _ in range(TREE_MOST):
        run = reading.at(at, kind) if at != 0 else None
        if run is None:
            return None
        start = int(run["start"])
        if start <= address < start + (int(run["granules"]) << GRANULE_SHIFT):
            return Slab(run)
        at = int(run["below"] if address < start else run["above"])
    return reading.note("the tree of large runs is damaged")


def describe(address):
    """Lines about an address; empty: it is not the library's."""
    slab, instead = slab_around(address)
    if slab is not None and slab.cache is not None:
        return describe_object(slab, address)
    if slab is not None:
        instead = "lies in a slab that is damaged: its cache is none"
    if instead:
        return [f"{address:#x} {instead}"]
    return describe_record(address)


def describe_record(address):
    cache = caches.record_around(address)
    if cache is not None:
        if cache.handle == address and cache.stage != caches.GONE:
            return [f"{address:#x} is the handle of cache '{cache.label}' ({cache.stage_name})"]
        if cache.stage == caches.GONE:
            return [f"{address:#x} is the handle or record of a cache that is gone"]
        return [f"{address:#x} lies in the record of cache '{cache.label}', or is an old handle "
                "of the same record"]
    for domain in domains.every():
        if address == domain.handle != 0:
            return [f"{address:#x} is the handle of domain '{domain.name}'"]
        if domain.address <= address < domain.address + domain.record.type.sizeof:
            return [f"{address:#x} lies in the record of domain '{domain.name}'"]
    return []


# ---- an object ----

def describe_object(slab, address):
    cache, offset = slab.cache, address - slab.start
    index = 0 if cache.flags & caches.LARGE else offset // slab.stride
    if index >= slab.carved:
        return [f"{address:#x} lies in a slab of cache '{cache.label}', behind its "
                f"{slab.carved} objects: nothing was ever given out there"]
    start = slab.start + index * slab.stride
    size = int(cache.record["size"])
    if cache.flags & caches.LARGE:
        size = int(slab.value["granules"]) << GRANULE_SHIFT
    within = f"is {naming.plural(address - start, 'byte')} into" if address != start else "is"
    lines = [f"{address:#x} {within} object {start:#x} of cache '{cache.label}' "
             f"({cache.stage_name}), {size} bytes, which is {state_of(slab, index, start)}"]
    lines += ["  " + line for line in others_that_know(start, max(slab.stride, size))]
    return lines + describe_owners(slab.owners(index), slab.state(index) == LIVE)


def state_of(slab, index, start):
    state = slab.state(index)
    if state in (MARKED, MARKED_NEXT):
        later = "; its slab's grace period after next" if state == MARKED_NEXT else ""
        return f"retired{later}{gone_when(slab.cache, int(slab.value['mark_cookie']))}"
    if state == LEAKED:
        return "given up after misuse or damage"
    where = standing(slab.cache, start)
    if where:
        return where
    if state == FREE:
        return "free, in its slab" if slab.free_in_slab(index) else "free, in somebody's hands"
    if state == RETIRED:
        return "retired, in somebody's hands"
    return "allocated" if state == LIVE else f"in state {state}, which is none: damaged"


def standing(cache, start):
    """Where an object stands that is in an array; a word for an object that is in none."""
    for array in caches.arrays(cache):
        if start in caches.addresses(array.objects):
            if array.cookie is not None:
                return array.what + gone_when(cache, array.cookie)
            if not array.what.endswith(" of"):
                return array.what
            return f"{array.what} {naming.thread(array.tid) if array.tid else 'some thread'}"
    return ""


def gone_when(cache, cookie):
    domain = cache.domain
    if domain is None:
        return ""
    waits = domains.waits_for(domain, cookie)
    if not waits:
        return f", and its grace period ({cookie} of '{domain.name}') is over"
    return f"; waits {waits} of '{domain.name}'"


def others_that_know(start, size):
    """Callbacks and hazard pointers that have to do with an object."""
    for domain in domains.every():
        for one in callbacks.queued(domain):
            if start <= one.head < start + size:
                yield (f"a callback is queued with it, {naming.function(one.func)}, "
                       f"{callbacks.state_of(one)}")
    for head, func in callbacks.hazards():
        if start <= head < start + size:
            yield f"it is retired under hazard pointers, to be ended by {naming.function(func)}"
    for one in callbacks.protectors():
        if start <= one.object < start + size:
            yield f"it is protected by {callbacks.describe_protector(one)}"


def describe_owners(owners, live):
    """Of a live object those who had it before are told as well: they may still use it."""
    if owners is None:
        return []
    lines = []
    third = "reclaimed" if owners[1].tid else "freed"
    for owner, did in zip(owners, ("allocated", "retired", third)):
        if owner.tid != 0:
            before = "before that, " if live and did != "allocated" else ""
            lines.append(f"  {before}{did} by {naming.thread(owner.tid)}, "
                         f"{naming.when(owner.at_ms)}")
            lines += naming.kept_stack(owner.stack)
    return lines


# ---- all that is out of a cache ----

def slabs_in_use(cache):
    for name in ("partial", "full_slabs", "guarded"):
        for value in reading.walk(cache.record[name]["head"], lambda s: s["next"],
                                  f"the {name} of {cache.label}"):
            slab = Slab(value)
            if slab.cache is not None:
                yield slab


def allocated(cache):
    """Those by their state, with the stack of who allocated them, 0: not kept. Without detection
    what lies in an array looks allocated too, and is left out."""
    parked = set()
    if cache.flags & caches.NO_DETECTION:
        for array in caches.arrays(cache):
            parked.update(caches.addresses(array.objects))
    for slab in slabs_in_use(cache):
        kept = int(slab.value["records"]) != 0
        for index, state in enumerate(slab.states()):
            start = slab.start + index * slab.stride
            if state == LIVE and start not in parked:
                yield start, slab.owners(index)[0].stack if kept else 0


def describe_sites(cache):
    """Lines about what is allocated, the sites with the most objects first."""
    counts, first = collections.Counter(), {}
    for start, stack in allocated(cache):
        counts[stack] += 1
        first.setdefault(stack, start)
    lines = []
    for stack, count in counts.most_common(SITES_SHOWN):
        what = naming.plural(count, "object") + " allocated"
        lines.append(f"  {what}, the first is {first[stack]:#x}" if count > 1
                     else f"  object {first[stack]:#x} is allocated")
        lines += naming.kept_stack(stack)
    if len(counts) > SITES_SHOWN:
        lines.append(f"  and {len(counts) - SITES_SHOWN} sites more")
    return lines
