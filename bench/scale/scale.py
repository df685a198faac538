#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What the library costs on machines that are not here: a simulation of locks and cache lines.

  scale.py                              depots of four cores as they stand, 8 to 512 cores
  scale.py --design sharded             the recommended one
  scale.py --cores 64 --shards 16 --spread hash --mix retire
  scale.py --operations                 barriers, scans and memory with many threads
  scale.py --compare measured.json      predicts what measure.cpp measured, with two cores
docs/scale.md explains the model and what is measured, assumed and simulated.
"""

import argparse
import dataclasses
import json
import random
import sys

from library import SHEAF, Cache, Core, Design, Sheaf, membarrier_ns, scan_ns
from machine import Costs, Machine
from operations import operations

SWING = 384  # objects allocated, then freed: eight exchanges


def nodes_of(cores):
    return 1 if cores <= 64 else 2 if cores <= 256 else 4


def shards_of(cores):
    """The rule that docs/scale.md recommends: a shard for each core, a power of two."""
    shards = 1
    while shards < cores:
        shards *= 2
    return shards


def designs(name, cores):
    repaired = Design(packed=False, counters="shard", harvest="splice", transit="own",
                      clock_inside=False, sessions=1, threshold=2048)
    sharded = dataclasses.replace(repaired, shards=shards_of(cores), reserves=-(-cores // 8))
    return {
        "one-barn": Design(),
        "depots": Design(shards=max(1, min(64, -(-cores // 4))), packed=False, elsewhere=True),
        "depots-counters": Design(shards=max(1, min(64, -(-cores // 4))), packed=False,
                                  elsewhere=True, counters="shard"),
        "queues": Design(shards=min(16, shards_of(cores)), spread="hash"),
        "one-barn-sharded": Design(shards=shards_of(cores)),
        "repaired": repaired,
        "sharded": sharded,
        "sharded-no-reserve": dataclasses.replace(sharded, reserves=0),
        "sharded-walk": dataclasses.replace(sharded, harvest="walk"),
        "sharded-transit": dataclasses.replace(sharded, transit="shared"),
        "sharded-counters": dataclasses.replace(sharded, counters="shared"),
        "sharded-two-sessions": dataclasses.replace(sharded, sessions=2),
    }[name]


DESIGNS = ("one-barn", "depots", "depots-counters", "queues", "one-barn-sharded", "repaired",
           "sharded", "sharded-no-reserve", "sharded-walk", "sharded-transit",
           "sharded-counters", "sharded-two-sessions")


# ---- what the cores do, for ever ----
def swinging(core, pair_ns):
    exchanges = (SWING - 2 * SHEAF) // SHEAF
    while True:
        for step in (core.refill, core.give):
            yield core.m.work(core.core, SHEAF * pair_ns)
            core.cache.pairs += SHEAF
            for _ in range(exchanges):
                yield from step()
                yield core.m.work(core.core, SHEAF * pair_ns / 2)
                core.cache.pairs += SHEAF / 2


def retiring(core, pair_ns):
    while True:
        yield core.m.work(core.core, SHEAF * pair_ns)
        yield from core.refill()
        yield from core.retire()
        core.cache.pairs += SHEAF


def flowing(core, pair_ns):
    """Even cores only allocate, odd ones only free: every object changes its core."""
    while True:
        yield core.m.work(core.core, SHEAF * pair_ns / 2)
        yield from core.give() if core.core % 2 else core.refill()
        core.cache.pairs += SHEAF / 2


def streaming(core, pair_ns):
    """The first half of the cores allocates, the second frees: other shards, other nodes."""
    while True:
        yield core.m.work(core.core, SHEAF * pair_ns / 2)
        yield from core.give() if core.core * 2 >= core.m.cores else core.refill()
        core.cache.pairs += SHEAF / 2


def posting(core, pair_ns):
    """Every operation is one call_rcu(); the shards are the queues of the domain."""
    while True:
        yield core.m.work(core.core, pair_ns)
        yield from core.post()
        core.cache.pairs += 1


MIXES = {"swing": swinging, "retire": retiring, "flow": flowing, "stream": streaming,
         "post": posting}
PAIRS_IN_A_STEP = {"swing": SWING, "retire": SHEAF, "flow": SHEAF / 2, "stream": SHEAF / 2,
                   "post": 1}


def start(machine, cache, mix, pair_ns, seed):
    dice = random.Random(seed)

    def live(core):
        yield machine.now + dice.uniform(0, PAIRS_IN_A_STEP[mix] * pair_ns)  # not in step
        yield from MIXES[mix](core, pair_ns)

    for number in range(machine.cores):
        core = Core(cache, number)
        core.me = live(core)
        machine.wake(core.me, 0.0)


def fill(cache, mix, window_us, pair_ns):
    """Past the start, when everything comes from slabs."""
    cores_each = cache.machine.cores / len(cache.shards)
    for shard in cache.shards:
        shard.full = [Sheaf(None) for _ in range(5)]
        shard.empty = [Sheaf(None) for _ in range(5)]
        if mix == "retire":
            most = cores_each * window_us * 1.5e3 / (SHEAF * pair_ns)
            shard.reclaimed = [Sheaf(None) for _ in range(int(most) + 1)]


def run_until(machine, cache, ns, exchanges_each):
    """For a time, and longer where every core waits for most of it."""
    begun, done = machine.now, cache.exchanges
    machine.run(begun + ns)
    while cache.exchanges - done < exchanges_each * machine.cores:
        machine.run(machine.now + ns)


def simulate(cores, design, mix="swing", nodes=None, threads=None, pair_ns=11.0, window_us=200.0,
             costs=None, seed=1):
    machine = Machine(cores, nodes or nodes_of(cores), costs)
    cache = Cache(machine, design, threads or cores, seed=seed)
    fill(cache, mix, window_us, pair_ns)
    start(machine, cache, mix, pair_ns, seed)
    run_until(machine, cache, window_us * 500, 10)
    locks = [shard.lock for shard in cache.shards]
    for lock in [*locks, cache.slabs_lock, *(reserve.lock for reserve in cache.reserves)]:
        lock.forget()
    cache.pairs = cache.exchanges = cache.from_slabs = machine.transfers = 0
    began = machine.now
    run_until(machine, cache, window_us * 1e3, 40)
    return result(cache, locks, machine.now - began)


def result(cache, locks, ns):
    machine, d = cache.machine, cache.domain
    return {
        "cores": machine.cores,
        "nodes": machine.nodes,
        "shards": len(locks),
        "ns_per_pair": machine.cores * ns / cache.pairs,
        "mpairs_per_s": cache.pairs / ns * 1e3,
        "barn_utilisation": sum(lock.held_ns for lock in locks) / len(locks) / ns,
        "barn_wait_ns": sum(l.wait_ns for l in locks) / max(1, sum(l.taken for l in locks)),
        "slept": sum(l.slept for l in locks) + cache.slabs_lock.slept,
        "reserve_utilisation": sum(d.lock.held_ns for d in cache.reserves)
                             / max(1, len(cache.reserves)) / ns,
        "slabs_utilisation": cache.slabs_lock.held_ns / ns,
        "slabs_share": cache.from_slabs / max(1, cache.exchanges),
        "transfers_per_exchange": machine.transfers / max(1, cache.exchanges),
        "grace_us": d.grace_ns / d.grace_periods / 1e3 if d.grace_periods else 0.0,
    }


# ---- against what measure.cpp found ----
def compare(measured):
    """Primitive costs from the measurement; what the library costs from the simulation."""
    half = measured["line_transfer_ns"] / 2  # a hand-over is a read miss and an upgrade
    costs = Costs(rmw=measured["rmw_ns"], near=half, clock=measured["clock_ns"],
                  syscall=measured["membarrier_alone_ns"],
                  interrupt=measured["membarrier_running_ns"],
                  wake_delay=measured["futex_wake_ns"])
    pair_ns = 2 * measured["swing_128_one_ns"]
    retire_ns = pair_ns
    rows = []
    for name, cores, mix, base in (("swing_384_one_ns", 1, "swing", pair_ns),
                                   ("swing_384_two_ns", 2, "swing", pair_ns),
                                   ("retire_one_ns", 1, "retire", retire_ns),
                                   ("retire_two_ns", 2, "retire", retire_ns)):
        got = simulate(cores, Design(), mix, pair_ns=base, window_us=3000,
                       costs=costs)
        per = 2 if mix == "swing" else 1  # measured per operation, or per pair
        predicted = got["ns_per_pair"] / per
        rows.append({"what": name, "measured": measured[name], "predicted": predicted,
                     "ratio": predicted / measured[name]})
    return rows


# ---- command line ----
COLUMNS = (("cores", "{:5d}"), ("nodes", "{:5d}"), ("shards", "{:6d}"),
           ("ns_per_pair", "{:11.1f}"), ("mpairs_per_s", "{:12.0f}"),
           ("barn_utilisation", "{:16.2f}"), ("barn_wait_ns", "{:12.0f}"),
           ("reserve_utilisation", "{:17.2f}"), ("slabs_utilisation", "{:17.2f}"),
           ("slabs_share", "{:11.2f}"),
           ("transfers_per_exchange", "{:22.1f}"), ("grace_us", "{:8.0f}"))


def print_rows(rows):
    if rows and "what" in rows[0]:
        for row in rows:
            print("{what:20} measured {measured:8.1f}  predicted {predicted:8.1f}  "
                  "ratio {ratio:.2f}".format(**row))
        return
    if rows and "cores" in rows[0] and "ns_per_pair" in rows[0]:
        columns = COLUMNS
    else:
        columns = [(key, "{:%d.1f}" % max(8, len(key))) for key in rows[0]]
    print(" ".join(name.rjust(len(form.format(0))) for name, form in columns))
    for row in rows:
        print(" ".join(form.format(row[name]) for name, form in columns))


def arguments(words):
    p = argparse.ArgumentParser(description=__doc__,
                                formatter_class=argparse.RawDescriptionHelpFormatter)
    p.add_argument("--cores", default="8,32,64,128,256,512", help="numbers, separated by commas")
    p.add_argument("--threads", default="", help="registered threads; default: one per core")
    p.add_argument("--shards", type=int, help="overrides the design's number")
    p.add_argument("--nodes", type=int, help="default: 1 to 64 cores, 2 to 256, then 4")
    p.add_argument("--design", default="depots", choices=DESIGNS)
    p.add_argument("--spread", choices=("cpu", "hash"), help="how a thread finds its shard")
    p.add_argument("--mix", default="swing", choices=sorted(MIXES))
    p.add_argument("--pair-ns", type=float, default=11.0,
                   help="a pair without exchange, with what the program does between")
    p.add_argument("--near", type=float, default=Costs.near, help="line transfer in a node, ns")
    p.add_argument("--far", type=float, default=Costs.far, help="line transfer between nodes, ns")
    p.add_argument("--window-us", type=float, default=200.0, help="time simulated")
    p.add_argument("--seed", type=int, default=1)
    p.add_argument("--operations", action="store_true", help="barriers, scans, memory; formulas")
    p.add_argument("--compare", metavar="FILE", help="what measure.cpp printed")
    p.add_argument("--json", action="store_true")
    return p.parse_args(words)


def main(words=None):
    a = arguments(words)
    costs = Costs(near=a.near, far=a.far)
    cores = [int(word) for word in a.cores.split(",")]
    rows = []
    if a.compare:
        with open(a.compare, encoding="utf-8") as file:
            rows = compare(json.load(file))
    elif a.operations:
        threads = [int(word) for word in (a.threads or "1000,10000,100000").split(",")]
        rows = [operations(Machine(n, a.nodes or nodes_of(n), costs), t)
                for n in cores for t in threads]
    else:
        for n in cores:
            design = designs(a.design, n)
            changes = {"shards": a.shards, "spread": a.spread}
            design = dataclasses.replace(design, **{k: v for k, v in changes.items() if v})
            rows.append(simulate(n, design, a.mix, a.nodes, int(a.threads or n), a.pair_ns,
                                 a.window_us, costs, a.seed))
    print(json.dumps(rows, indent=1)) if a.json else print_rows(rows)
    return 0


if __name__ == "__main__":
    sys.exit(main())
