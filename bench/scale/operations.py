# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Operations that look at every thread: closed formulas, and the same replayed line by line.

`running` threads (one per core) wrote their lines lately, so these come from another core; the
lines of the others are at rest. Records of a cache hang in a linked list: each step waits for the
one before. In dense chunks, as reader slots are, many lines come at once.
"""

from library import membarrier_ns, scan_ns
from machine import Line, Machine

SLOT_BYTES = 64
RECORD_BYTES = 64
SHEAF_BYTES = 32 + 64 * 8
QUEUES = 16  # shards of a domain's callbacks, at most
SLAB_NS = 160.0  # 64 objects into their slab


def walk_ns(machine, threads):
    """A linked list of records, one after the other."""
    running = min(machine.cores, threads)
    return running * machine.mean_distance() + (threads - running) * machine.costs.near


def grace_period_ns(machine, threads):
    running = min(machine.cores, threads)
    return (2 * machine.mean_distance() + membarrier_ns(machine, running)
            + scan_ns(machine, threads, running))


def seize_ns(machine, threads, step):
    """One membarrier; `step` ns for each record to be closed, taken and opened again."""
    running = min(machine.cores, threads)
    again = running * machine.mean_distance() + threads * 2 * machine.costs.rmw
    return step + membarrier_ns(machine, running) + again


def free_barrier_ns(machine, threads, dense):
    """Every running thread has a partial array: found, seized, deferred, waited for, harvested."""
    running = min(machine.cores, threads)
    find = scan_ns(machine, threads, running) if dense else 2 * walk_ns(machine, threads)
    sheaves = running * (1 if dense else 2) * machine.mean_distance()
    return find + seize_ns(machine, running, 0.0) + grace_period_ns(machine, threads) + sheaves


def destroy_ns(machine, threads, dense):
    """Every thread's three arrays are taken, and two of them hold free objects for the slabs."""
    running = min(machine.cores, threads)
    step = scan_ns(machine, threads, running) if dense else walk_ns(machine, threads)
    return seize_ns(machine, threads, step) + threads * 2 * (machine.costs.near + SLAB_NS)


def rcu_barrier_ns(machine, threads):
    """Three looks at each queue, one grace period; the callbacks themselves come on top."""
    return 3 * QUEUES * 2 * machine.mean_distance() + grace_period_ns(machine, threads)


def bytes_per_thread(object_bytes=64):
    """One domain, one cache: slot, record, three arrays; and what may be parked in two of them."""
    return SLOT_BYTES + RECORD_BYTES + 3 * SHEAF_BYTES, 2 * 64 * object_bytes


def replay_seize(machine, threads):
    """seize() as it stands, line by line, from core 0."""
    records = [Line(1 + i % (machine.cores - 1)) if i < machine.cores - 1 else Line()
               for i in range(threads)]
    for record in records:
        machine.now = machine.write(record, 0)
    machine.now += membarrier_ns(machine, min(machine.cores, threads))
    for i, record in enumerate(records):
        if i < machine.cores - 1:  # its owner looked at `closed` meanwhile
            machine.read(record, 1 + i % (machine.cores - 1))
            record.free_at = machine.now
        machine.now = machine.read(record, 0)
        machine.now = machine.write(record, 0)
    return machine.now


def operations(machine, threads):
    us, mib = 1e-3, 1.0 / (1 << 20)
    running = min(machine.cores, threads)
    fixed, parked = bytes_per_thread()
    return {
        "cores": machine.cores,
        "threads": threads,
        "membarrier_us": membarrier_ns(machine, running) * us,
        "scan_us": scan_ns(machine, threads, running) * us,
        "synchronize_us": grace_period_ns(machine, threads) * us,
        "rcu_barrier_us": rcu_barrier_ns(machine, threads) * us,
        "free_barrier_us": free_barrier_ns(machine, threads, False) * us,
        "free_barrier_dense_us": free_barrier_ns(machine, threads, True) * us,
        "destroy_us": destroy_ns(machine, threads, False) * us,
        "destroy_dense_us": destroy_ns(machine, threads, True) * us,
        "background_round_us": 3 * walk_ns(machine, threads) * us,
        "fixed_mib": threads * fixed * mib,
        "parked_mib": threads * parked * mib,
    }


def replayed(cores, nodes, threads, costs):
    return replay_seize(Machine(cores, nodes, costs), threads)
