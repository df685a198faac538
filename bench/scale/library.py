# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The library's slow paths as the lines they touch and the locks they take, in the same order.

One cache that all cores hammer. A sheaf is 64 objects; between two exchanges a core works on its
own lines. Names are those of the sources: src/slab/sheaves.cpp, transit.cpp, alloc.cpp, give.cpp,
src/reclaim/pressure.cpp, src/rcu/grace_period.cpp.
"""

import collections
import dataclasses
import random

from machine import Line, Lock

SHEAF = 64
BARN_LIMIT = 10
SHEAF_LINES = 10  # 64 pointers, and the state bytes of the objects


@dataclasses.dataclass
class Design:
    """What is to be decided. The defaults are one barn for all cores. A shard is what the sources
    call a depot."""

    shards: int = 1
    spread: str = "cpu"  # cpu: neighbours share a shard; hash: threads of all nodes share
    transit: str = "shared"  # shared: counts in the lock's line; own: a line of the thread
    packed: bool = True  # slabs_lock stands in the line of the barn's lock
    harvest: str = "walk"  # walk: looks at each sheaf under the lock; splice: at the batch
    counters: str = "shared"  # the domain's retired and pending_bytes; or per shard
    threshold: int = 8192  # objects deferred in a shard before its retirer drives
    clock_inside: bool = True  # the time of day is read under the lock
    sessions: int = 2  # times the barn's lock is taken for one exchange
    reserves: int = 0  # second level: what one shard has too much of and another lacks
    elsewhere: bool = False  # who finds nothing in its shard looks at all others; harvests them too


class Sheaf:
    __slots__ = ("header", "filled_by", "cookie")

    def __init__(self, core):
        self.header = Line(core)
        self.filled_by = core
        self.cookie = 0


class Shard:
    def __init__(self, machine):
        self.lock = Lock(machine)
        self.lists, self.deferred_line, self.counters = Line(), Line(), Line()
        self.full, self.empty, self.reclaimed = [], [], []
        self.deferred = collections.deque()


class Reserve:
    """Whole lists of full sheaves, moved by one pointer each."""

    LISTS_MAX = 64

    def __init__(self, machine):
        self.lock = Lock(machine)
        self.lists = Line()
        self.batches = []


class Domain:
    def __init__(self, machine, threads):
        self.started_line, self.completed_line, self.counters = Line(), Line(), Line()
        self.started = self.completed = 0
        self.driving = False
        self.threads = threads
        self.grace_periods, self.grace_ns = 0, 0.0
        self.machine = machine


class Cache:
    def __init__(self, machine, design, threads, slab_ns=160.0, seed=1):
        self.machine, self.design = machine, design
        self.shards = [Shard(machine) for _ in range(design.shards)]
        packed = self.shards[0].lock.line if design.packed else None
        self.slabs_lock = Lock(machine, packed)
        self.reserves = [Reserve(machine) for _ in range(design.reserves)]
        self.slab_lines = Line()
        self.slab_ns = slab_ns
        self.domain = Domain(machine, threads)
        self.transit = [Line(core) for core in range(machine.cores)]
        self.shard_of = [c * design.shards // machine.cores for c in range(machine.cores)]
        if design.spread == "hash":  # whoever happens to run: some shards get several, some none
            dice = random.Random(seed)
            self.shard_of = [dice.randrange(design.shards) for _ in range(machine.cores)]
        self.exchanges = self.from_slabs = self.pairs = 0


# ---- times of whole operations, used by the simulation and by the tables ----
def membarrier_ns(machine, running):
    """Looks at every core's run queue, queues a request to each that runs us, waits for each."""
    c = machine.costs
    t = machine.mean_distance()
    if running <= 1:
        return c.syscall
    look = 2 * machine.cores * t / c.overlap
    return c.syscall + look + (running - 1) * 1.5 * t + c.interrupt


def scan_ns(machine, threads, dirty):
    """Slots in dense chunks: those written since the last scan move here, the rest stream."""
    c = machine.costs
    clean = max(0, threads - dirty) * 2.5
    return dirty * machine.mean_distance() / c.stream + clean


# ---- the slow paths, each a process step: `me` is the process, for locks to wake ----
class Core:
    def __init__(self, cache, core):
        self.cache, self.core, self.m = cache, core, cache.machine
        self.shard = cache.shards[cache.shard_of[core]]
        self.me = None

    def enter_transit(self):
        yield self.m.write(self._transit_line(), self.core)

    def leave_transit(self):
        yield self.m.write(self._transit_line(), self.core)

    def _transit_line(self):
        own = self.cache.design.transit == "own"
        return self.cache.transit[self.core] if own else self.shard.lock.line

    def pop(self, kind):
        """from_barn(): the next pointer of the sheaf is read under the lock."""
        yield from self.shard.lock.lock(self.me, self.core)
        sheaf = yield from self.pop_locked(kind)
        yield from self.shard.lock.unlock(self.core)
        return sheaf

    def pop_locked(self, kind):
        yield self.m.write(self.shard.lists, self.core, locked=False)
        sheaves = getattr(self.shard, kind)
        if not sheaves:
            return None
        sheaf = sheaves.pop()
        yield self.m.read(sheaf.header, self.core)
        return sheaf

    def put(self, kind, sheaf):
        yield from self.shard.lock.lock(self.me, self.core)
        fits = yield from self.put_locked(kind, sheaf)
        yield from self.shard.lock.unlock(self.core)
        return fits

    def put_locked(self, kind, sheaf):
        m, sheaves = self.m, getattr(self.shard, kind)
        yield m.write(self.shard.lists, self.core, locked=False)
        if len(sheaves) >= BARN_LIMIT:
            return False
        if kind == "full" and self.cache.design.clock_inside:
            yield m.now + m.costs.clock
        sheaves.append(sheaf)
        yield m.write(sheaf.header, self.core, locked=False)
        return True

    def exchange(self, wanted, given, sheaf):
        """Pops one and puts another; in one session of the lock, or as today in two."""
        if self.cache.design.sessions == 2:
            got = yield from self.pop(wanted)
            return got, (yield from self.put(given, sheaf))
        yield from self.shard.lock.lock(self.me, self.core)
        got = yield from self.pop_locked(wanted)
        fits = yield from self.put_locked(given, sheaf)
        yield from self.shard.lock.unlock(self.core)
        return got, fits

    def slabs(self):
        """take_objects() or return_objects() of a sheaf: descriptor, bits and states move."""
        m, c = self.m, self.cache
        c.from_slabs += 1
        yield from c.slabs_lock.lock(self.me, self.core)
        yield m.write(c.slab_lines, self.core, locked=False)
        yield m.write(c.slab_lines, self.core, locked=False) + c.slab_ns
        yield from c.slabs_lock.unlock(self.core)

    def carry(self, sheaf):
        """What a sheaf that another core filled costs its new owner, beside its header."""
        if sheaf.filled_by != self.core:
            away = self.m.distance(sheaf.filled_by, self.core)
            self.m.transfers += SHEAF_LINES
            yield self.m.now + SHEAF_LINES * away / self.m.costs.overlap

    def refill(self):
        """alloc.cpp: a full sheaf for an empty one."""
        self.cache.exchanges += 1
        yield from self.enter_transit()
        sheaf, _ = yield from self.exchange("full", "empty", Sheaf(self.core))
        if sheaf is None:
            sheaf = yield from self.pop("reclaimed")
        if sheaf is None:
            yield from self.harvest()
            sheaf = yield from self.pop("reclaimed")
        if sheaf is None and self.cache.design.elsewhere:
            sheaf = yield from self.from_elsewhere()
        if sheaf is None:
            sheaf = yield from self.from_reserves()
        if sheaf is None:
            yield from self.slabs()
        else:
            yield from self.carry(sheaf)
        yield from self.leave_transit()

    def others(self, wanted):
        """The other shards in which the counts, read without a lock, promise something."""
        for shard in self.cache.shards:
            if shard is self.shard:
                continue
            yield self.m.read(shard.lists, self.core)
            yield self.m.read(shard.deferred_line, self.core)
            if wanted(shard):
                return shard
        return None

    def from_elsewhere(self):
        home, sheaf = self.shard, None
        found = yield from self.others(lambda shard: shard.full or shard.reclaimed)
        if found is not None:
            self.shard = found
            sheaf = yield from self.pop("full")
            if sheaf is None:
                sheaf = yield from self.pop("reclaimed")
            self.shard = home
        return sheaf

    def my_reserve(self):
        return self.core * len(self.cache.reserves) // self.m.cores

    def from_reserves(self):
        """A list of sheaves for this shard: from the own reserve, else from the others."""
        m, reserves = self.m, self.cache.reserves
        for step in range(len(reserves)):
            reserve = reserves[(self.my_reserve() + step) % len(reserves)]
            yield m.read(reserve.lists, self.core)
            if not reserve.batches:
                continue
            yield from reserve.lock.lock(self.me, self.core)
            yield m.write(reserve.lists, self.core, locked=False)
            batch = reserve.batches.pop() if reserve.batches else None
            if batch:
                yield m.read(batch[-1].header, self.core)
            yield from reserve.lock.unlock(self.core)
            if batch:
                sheaf = batch.pop()
                self.shard.full.extend(batch)
                return sheaf
        return None

    def to_reserve(self, sheaf):
        """Half of the shard's full sheaves make room; False when the reserve is full as well."""
        m = self.m
        if not self.cache.reserves:
            return False
        reserve = self.cache.reserves[self.my_reserve()]
        yield from reserve.lock.lock(self.me, self.core)
        yield m.write(reserve.lists, self.core, locked=False)
        fits = len(reserve.batches) < Reserve.LISTS_MAX
        if fits:
            half = BARN_LIMIT // 2
            reserve.batches.append(self.shard.full[:half] + [sheaf])
            del self.shard.full[:half]
        yield from reserve.lock.unlock(self.core)
        return fits

    def give(self):
        """give.cpp: an empty sheaf for a full one that goes to the barn, or to the slabs."""
        self.cache.exchanges += 1
        yield from self.enter_transit()
        full = Sheaf(self.core)
        sheaf, fits = yield from self.exchange("empty", "full", full)
        if sheaf is not None:
            yield from self.carry(sheaf)
        if not fits and not (yield from self.to_reserve(full)):
            yield from self.slabs()
            yield from self.put("empty", Sheaf(self.core))
        yield from self.leave_transit()

    def retire(self):
        """give.cpp and pressure.cpp: a full rcu sheaf gets a cookie and joins the deferred."""
        m, c, s = self.m, self.cache, self.shard
        c.exchanges += 1
        yield from self.enter_transit()
        sheaf = None
        if c.design.sessions == 2:
            sheaf = yield from self.pop("empty")
        full = Sheaf(self.core)
        yield m.read(c.domain.started_line, self.core) + m.costs.rmw
        full.cookie = c.domain.started + 1
        yield from s.lock.lock(self.me, self.core)
        if c.design.sessions == 1:
            sheaf = yield from self.pop_locked("empty")
        yield from self.append_deferred(full)
        yield from s.lock.unlock(self.core)
        if sheaf is not None:
            yield from self.carry(sheaf)
        yield from self.leave_transit()
        yield from self.count()
        if c.design.packed:
            yield m.read(s.lock.line, self.core)  # activate() looks at c.active
        if len(s.deferred) * SHEAF >= c.design.threshold:
            yield from self.drive()

    def append_deferred(self, sheaf):
        m, s = self.m, self.shard
        yield m.write(s.deferred_line, self.core, locked=False)
        if s.deferred:
            yield m.write(s.deferred[-1].header, self.core, locked=False)
        s.deferred.append(sheaf)
        yield m.write(s.counters, self.core, locked=False)

    def post(self):
        """queue.cpp: one callback into the queue of this thread or core."""
        yield from self.shard.lock.lock(self.me, self.core)
        yield self.m.write(self.shard.lists, self.core, locked=False)  # the queue's words
        yield self.m.write(self.shard.deferred_line, self.core, locked=False)  # the batch
        yield from self.shard.lock.unlock(self.core)
        self.cache.exchanges += 1

    def count(self):
        shared = self.cache.design.counters == "shared"
        line = self.cache.domain.counters if shared else self.shard.counters
        for _ in range(2):
            yield self.m.write(line, self.core)

    def drive(self):
        """deferred(): polls the grace period of the oldest sheaf, starts one if need be."""
        m, s, d = self.m, self.shard, self.cache.domain
        yield from s.lock.lock(self.me, self.core)  # in_flight()
        yield m.read(s.deferred_line, self.core)
        oldest = s.deferred[0].cookie if s.deferred else 0
        yield from s.lock.unlock(self.core)
        yield m.read(d.completed_line, self.core)
        if d.completed < oldest:
            yield m.read(d.started_line, self.core)
            if not d.driving:
                yield from self.grace_period()
        if d.completed >= oldest:
            yield from self.harvest()
            if self.cache.design.elsewhere:
                yield from self.harvest_elsewhere(oldest)

    def grace_period(self):
        m, d = self.m, self.cache.domain
        d.driving = True
        began = m.now
        yield m.write(d.started_line, self.core)
        d.started += 1
        for core in range(m.cores):
            if core != self.core:
                m.stolen[core] += m.costs.interrupt / 2  # the handler; the rest is latency
        yield m.now + membarrier_ns(m, m.cores) + scan_ns(m, d.threads, min(m.cores, d.threads))
        yield m.write(d.completed_line, self.core)
        d.completed = d.started
        d.driving = False
        d.grace_periods += 1
        d.grace_ns += m.now - began

    def harvest_elsewhere(self, cookie):
        """harvest() visits every depot that has something deferred."""
        home = self.shard
        for shard in self.cache.shards:
            if shard is home:
                continue
            yield self.m.read(shard.deferred_line, self.core)
            if shard.deferred and shard.deferred[0].cookie <= cookie:
                self.shard = shard
                yield from self.harvest()
                self.shard = home

    def harvest(self):
        m, s, d = self.m, self.shard, self.cache.domain
        yield from s.lock.lock(self.me, self.core)
        yield m.write(s.deferred_line, self.core, locked=False)
        moved = 0
        while s.deferred and s.deferred[0].cookie <= d.completed:
            sheaf = s.deferred.popleft()
            if self.cache.design.harvest == "walk" or moved == 0:
                yield m.write(sheaf.header, self.core, locked=False) + m.costs.clock
            s.reclaimed.append(sheaf)
            moved += 1
        yield from s.lock.unlock(self.core)
        if moved:
            yield from self.count()
