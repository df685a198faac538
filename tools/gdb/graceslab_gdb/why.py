# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Why a cache lives: what is out of it, and whom that waits for."""

from . import caches, callbacks, domains, naming, objects, reading


def describe(cache):
    counts = caches.counts(cache)
    return [headline(cache, counts), *what_is_out(cache, counts), *who_destroyed(cache),
            *objects.describe_sites(cache)]


def headline(cache, counts):
    free = counts.parked + counts.free + counts.arrays
    slabs = naming.plural(cache.slabs, "slab")
    if cache.stage == caches.OPEN:
        return f"cache '{cache.label}' is open; {free} free objects in {slabs}"
    closed_at = int(cache.record["closed_at_ms"])
    when = f", destroyed {naming.when(closed_at)}" if closed_at else ""
    if cache.stage == caches.GONE:
        return f"cache '{cache.label}' is gone"
    return f"cache '{cache.label}' is {cache.stage_name}{when}; it has {slabs}"


def what_is_out(cache, counts):
    record, domain = cache.record, cache.domain
    hazards = retired_under_hazards(cache)
    allocated = max(counts.allocated - len(hazards), 0)
    if allocated:
        yield f"  {naming.plural(allocated, 'object')} allocated and never retired"
    if counts.leaked:
        yield f"  {naming.plural(counts.leaked, 'object')} given up after misuse or damage"
    if counts.unborn:
        yield f"  {naming.plural(counts.unborn, 'object')} whose constructor has not returned yet"
    yield from under_hazards(hazards)
    if counts.in_flight:
        yield f"  {naming.plural(counts.in_flight, 'object')} retired and not reclaimed yet"
    if int(record["quarantined"]["count"]):
        yield f"  {naming.plural(int(record['quarantined']['count']), 'type-safe slab')} waiting"
    if counts.deferred or int(record["quarantined"]["count"]):
        yield from held_back(domain)
    yield from destructors(record, domain)


def held_back(domain):
    if domain is None:
        yield "    in a domain that is no more: damaged"
        return
    if domain.completed >= domain.started:
        yield f"    no grace period of '{domain.name}' is under way: the next one is still to begin"
        return
    yield f"    grace period {domain.started} of '{domain.name}' has not ended"
    lines = list(domains.blockers(domain))
    yield from (f"    {line}" for line in lines)
    if not lines:
        yield "    and no reader is in its way: whoever looks next ends it"


def retired_under_hazards(cache):
    heads = []
    for head, _ in callbacks.hazards():
        slab, _ = objects.slab_around(head)
        if slab is not None and slab.cache is not None and slab.cache.address == cache.address:
            heads.append(head)
    return heads


def under_hazards(heads):
    if not heads:
        return
    yield f"  {naming.plural(len(heads), 'object')} retired under hazard pointers"
    for one in callbacks.protectors():
        if one.object in heads:
            yield f"    object {one.object:#x} is protected by {callbacks.describe_protector(one)}"


def destructors(record, domain):
    if int(record["ripe_running"]):
        yield "  a destructor of its objects runs"
    if int(record["heirs"]["head"]):
        yield "  objects that a destructor retired wait for readers"
    if not int(record["ripe_posted"]) and not int(record["ripe"]["head"]):
        return
    yield "  destructors of its objects wait behind other callbacks"
    for one in callbacks.running():
        if domain is not None and one.domain is not None and one.domain.address == domain.address:
            yield f"    {callbacks.describe_running(one)}"


def who_destroyed(cache):
    if cache.stage not in (caches.CLOSING, caches.DRAINING):
        return
    if cache.flags & caches.ONCE_FULLY_FREED:
        yield "  it was made to wait for its last object without complaint"
    splats = int(cache.record["splats"])
    if splats:
        yield f"  it was reported as leaking {naming.plural(splats, 'time')}"
    stack = naming.kept_stack(int(cache.record["destroy_stack"]))
    if stack:
        yield "  destroyed by"
        yield from stack


def note_locks(cache):
    held = cache.locks()
    if held:
        reading.note(f"{', '.join(held)} of {cache.label} held: its counts may be in the middle of "
                     "a change")
