# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The machine of the model: events in order of time, cores on nodes, cache lines that move, locks.

A process is a generator that yields the time at which it wants to go on, or None to wait until
somebody wakes it. Times are nanoseconds.

Lines   a line is exclusive to one core or shared by several. A hit costs next to nothing; a read
        or write of a line that is elsewhere costs one transfer, and transfers of one line follow
        each other: that is all the contention there is.
Locks   as sync::mutex: look at the word, exchange it, spin for a while, then sleep on a futex.
"""

import collections
import dataclasses
import heapq
import itertools


@dataclasses.dataclass
class Costs:
    """What one step costs. docs/scale.md says which figures are measured and which assumed."""

    hit: float = 1.0
    rmw: float = 5.3  # locked instruction on a line that is ours
    near: float = 80.0  # line transfer inside a node
    far: float = 200.0  # line transfer between nodes
    read_follows: float = 15.0  # the home serves the next reader of a line this much later
    overlap: float = 4.0  # misses in flight when addresses are known ahead
    stream: float = 12.0  # misses in flight when scanning dense memory
    spin: float = 1500.0  # 60 looks with a pause between
    wake_call: float = 1000.0  # for who wakes a sleeper
    wake_delay: float = 4000.0  # until the sleeper runs
    syscall: float = 270.0  # membarrier with nobody to interrupt
    interrupt: float = 1500.0  # from sending to the acknowledged handler
    clock: float = 23.0


class Line:
    __slots__ = ("owner", "sharers", "free_at")

    def __init__(self, owner=None):
        self.owner = owner
        self.sharers = set()
        self.free_at = 0.0


class Machine:
    def __init__(self, cores, nodes=1, costs=None):
        self.costs = costs or Costs()
        self.cores = cores
        self.nodes = nodes
        self.node_of = [core * nodes // cores for core in range(cores)]
        self.now = 0.0
        self.transfers = 0
        self.stolen = [0.0] * cores  # interrupts that a core has not yet paid for
        self._events = []
        self._order = itertools.count()

    # ---- events ----
    def wake(self, process, at):
        heapq.heappush(self._events, (at, next(self._order), process))

    def run(self, until):
        events = self._events
        while events and events[0][0] <= until:
            self.now, _, process = heapq.heappop(events)
            try:
                at = next(process)
            except StopIteration:
                continue
            if at is not None:
                heapq.heappush(events, (at, next(self._order), process))
        self.now = until

    def work(self, core, ns):
        """The time at which this core has computed for ns, interrupts included."""
        ns += self.stolen[core]
        self.stolen[core] = 0.0
        return self.now + ns

    # ---- lines ----
    def distance(self, a, b):
        if a is None or a == b:
            return self.costs.near
        return self.costs.near if self.node_of[a] == self.node_of[b] else self.costs.far

    def mean_distance(self, core=0):
        """To a line whose owner is any other core."""
        others = [self.distance(core, other) for other in range(self.cores) if other != core]
        return sum(others) / len(others) if others else self.costs.hit

    def read(self, line, core):
        if line.owner == core or core in line.sharers:
            return self.now + self.costs.hit
        self.transfers += 1
        begin = max(self.now, line.free_at)
        done = begin + self.distance(line.owner, core)
        if line.owner is not None:
            line.sharers.add(line.owner)
            line.free_at = done
        else:
            line.free_at = begin + self.costs.read_follows
        line.sharers.add(core)
        line.owner = None
        return done

    def write(self, line, core, locked=True):
        cost = self.costs.rmw if locked else self.costs.hit
        if line.owner == core:
            return self.now + cost
        self.transfers += 1
        others = line.sharers - {core}
        if line.owner is not None:
            others.add(line.owner)
        away = max((self.distance(core, other) for other in others), default=self.costs.near)
        done = max(self.now, line.free_at) + away + cost
        line.owner = core
        line.sharers = set()
        line.free_at = done
        return done


class Waiter:
    __slots__ = ("process", "core", "deadline")

    def __init__(self, process, core, deadline):
        self.process, self.core, self.deadline = process, core, deadline


class Lock:
    """Its word may share a line with other things: then they suffer together."""

    def __init__(self, machine, line=None):
        self.machine = machine
        self.line = line or Line()
        self.held = False
        self.spinning = collections.deque()
        self.asleep = collections.deque()
        self.taken = self.waited = self.slept = 0
        self.held_ns = self.wait_ns = 0.0
        self._since = 0.0

    def forget(self):
        """Counts start anew, for a window of measurement."""
        self.taken = self.waited = self.slept = 0
        self.held_ns = self.wait_ns = 0.0
        self._since = self.machine.now

    def _take(self, began):
        self.held = True
        self.taken += 1
        self._since = self.machine.now
        self.wait_ns += self.machine.now - began

    def lock(self, me, core):
        m, began = self.machine, self.machine.now
        yield m.read(self.line, core)
        if not self.held:
            yield m.write(self.line, core)
            if not self.held:
                return self._take(began)
        self.waited += 1
        waiter = Waiter(me, core, m.now + m.costs.spin)
        while m.now < waiter.deadline:
            self.spinning.append(waiter)
            yield None
            if waiter.deadline == 0:
                break
            if not self.held:
                return self._take(began)
        while True:  # asleep() put it on the other list and woke it
            yield m.write(self.line, core)
            if not self.held:
                return self._take(began)
            self.slept += 1
            self.asleep.append(waiter)
            yield None

    def _put_to_sleep(self):
        # Whose time was up before this release went to sleep then; nobody had to look before now.
        while self.spinning and self.spinning[0].deadline <= self.machine.now:
            waiter = self.spinning.popleft()
            waiter.deadline = 0
            self.slept += 1
            self.asleep.append(waiter)

    def unlock(self, core):
        m = self.machine
        yield m.write(self.line, core)
        self.held = False
        self.held_ns += m.now - self._since
        self._put_to_sleep()
        if self.spinning:
            first = self.spinning.popleft()
            m.wake(first.process, m.write(self.line, first.core))
            self.line.free_at += m.costs.read_follows * len(self.spinning)
        if self.asleep:
            m.wake(self.asleep.popleft().process, m.now + m.costs.wake_delay)
            yield m.now + m.costs.wake_call
