# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What is queued, what runs, and what hazard pointers protect."""

import collections

from . import domains, naming, reading

MASK = (1 << 64) - 1
QUEUED = 1  # in a head that is in an array; see mark.cpp

Callback = collections.namedtuple("Callback", "domain head func cookie")
Running = collections.namedtuple("Running", "domain func tid number")
Protector = collections.namedtuple("Protector", "object tid")


# ---- queued ----

def decoded(head):
    """The first word of a queued head without its mark."""
    word = reading.word_at(head)
    if word is None:
        return None
    secret = int(reading.hidden("rcu", "secret_word", "mark.cpp"))
    rotated = (head << 23 | head >> (64 - 23)) & MASK
    return word ^ rotated ^ secret


def chained(first):
    """Heads that are linked for want of memory, with their functions."""
    head, seen = first, set()
    while head not in (0, None):
        if head in seen or len(seen) == reading.LIST_MOST:
            return reading.note(f"a chain of callbacks comes round at {head:#x}: damaged")
        seen.add(head)
        func = reading.word_at(head + reading.WORD)
        if func is None:
            return reading.note(f"a chain of callbacks leads to {head:#x}, which cannot be read")
        yield head, func
        head = decoded(head)
    return None


def in_batch(batch):
    if int(batch["linked"]):
        yield from chained(int(batch["chain_first"]))
        return
    kind = reading.type_of("graceslab::rcu::entry")
    count, first = int(batch["count"]), int(batch["cursor"])
    most = (8192 - batch.type.sizeof) // kind.sizeof
    if not first <= count <= most:
        return reading.note(f"a batch of callbacks at {int(batch.address):#x} is damaged")
    words = kind.sizeof // reading.WORD
    start = int(batch.address) + batch.type.sizeof
    for i in range(first, count):
        entry = reading.words_at(start + i * kind.sizeof, words)
        if entry and entry[0] != 0:
            yield entry[0], entry[1]


def queued(domain):
    for shard in reading.elements(domain.record["shards"]):
        for batch in reading.walk(shard["first"], lambda b: b["next"],
                                  f"a queue of '{domain.name}'"):
            cookie = int(batch["cookie"]) if int(batch["sealed"]) else None
            for head, func in in_batch(batch):
                yield Callback(domain, head, func, cookie)


def state_of(callback):
    if callback.cookie is None:
        return "without a grace period yet"
    waits = domains.waits_for(callback.domain, callback.cookie)
    return f"waiting {waits}" if waits else "ready to run"


def running():
    by_address = {d.address: d for d in domains.every()}
    first = reading.symbol("graceslab::rcu::runners")
    for runner in reading.walk(first, lambda r: r["next"], "the list of running callbacks"):
        func = int(runner["func"])
        if func != 0:
            domain = by_address.get(int(runner["domain"]))
            yield Running(domain, func, int(runner["tid"]), int(runner["number"]))


def describe_running(one):
    stack = naming.frames(one.tid)
    where = f"; it is in {stack}" if stack else ""
    return f"{naming.function(one.func)} runs on {naming.thread(one.tid)}{where}"


def describe_queued(domain):
    """A line for each function and state."""
    counts = collections.Counter((c.func, state_of(c)) for c in queued(domain))
    return [f"{count} x {naming.function(func)}, {state}"
            for (func, state), count in counts.most_common()]


# ---- hazard pointers ----

def hazards():
    """All that is retired under them and not handed in: its head, and its function."""
    if domains.locked(reading.symbol("graceslab::hazard::scan_lock")):
        reading.note("scan_lock held: who looks at the hazard pointers just now has in hand, "
                     "unseen, what is retired under them")
    for shard in reading.elements(reading.symbol("graceslab::hazard::shards")):
        first = shard["retired"]["first"]
        kind = first.type
        for head in reading.walk(first, lambda h: h["head"]["gs_word"][1].cast(kind),
                                 "a list of what is retired under hazard pointers"):
            yield int(head.address), int(head["func"])


def protectors():
    first = reading.symbol("graceslab::hazard::chunks")
    for chunk in reading.walk(first, lambda c: c["next"], "the slots of hazard pointers"):
        for slot in reading.elements(chunk["slot"]):
            if int(slot["pointer"]) != 0:
                yield Protector(int(slot["pointer"]), int(slot["tid"]))


def describe_protector(one):
    return f"a hazard pointer made by {naming.thread(one.tid)}"
