#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The simulation of bench/scale against closed formulas, and against recorded measurements."""

import contextlib
import dataclasses
import io
import json
import pathlib
import random
import sys
import unittest

HERE = pathlib.Path(__file__).resolve().parents[2] / "bench" / "scale"
sys.path.insert(0, str(HERE))

import operations  # noqa: E402
import scale  # noqa: E402
from library import SHEAF_LINES, Cache, Core, Design, Sheaf  # noqa: E402
from machine import Costs, Line, Lock, Machine  # noqa: E402

FREE = Costs(hit=0, rmw=0, near=0, far=0, read_follows=0, spin=1e12, wake_call=0, wake_delay=0)


def lockers(machine, lock, think, hold, done, inside):
    """One process per core: thinks, takes the lock, holds it, for ever."""

    def live(core, me):
        while True:
            yield machine.now + think()
            yield from lock.lock(me[0], core)
            inside[0] += 1
            assert inside[0] == 1, "two holders"
            yield machine.now + hold()
            inside[0] -= 1
            yield from lock.unlock(core)
            done[core] += 1

    for core in range(machine.cores):
        me = []
        me.append(live(core, me))
        machine.wake(me[0], 0.0)


def throughput(cores, costs, think, hold, until):
    machine = Machine(cores, 1, costs)
    lock, done = Lock(machine), [0] * cores
    lockers(machine, lock, think, hold, done, [0])
    machine.run(until)
    return sum(done) / until, lock, done


def repairman(cores, think, hold):
    """Utilisation of one exponential server with a finite population of exponential thinkers."""
    weight, total = 1.0, 1.0
    for n in range(1, cores + 1):
        weight *= (cores - n + 1) * hold / think
        total += weight
    return 1 - 1 / total


class Machine_(unittest.TestCase):
    def test_a_line_moves_only_when_it_is_elsewhere(self):
        m, line = Machine(4, 2), Line()
        m.now = m.write(line, 0)
        self.assertAlmostEqual(m.write(line, 0) - m.now, m.costs.rmw)
        self.assertAlmostEqual(m.write(line, 1) - m.now, m.costs.near + m.costs.rmw)
        m.now = line.free_at
        self.assertAlmostEqual(m.write(line, 2) - m.now, m.costs.far + m.costs.rmw)

    def test_readers_share_and_the_next_writer_pays(self):
        m, line = Machine(4, 1), Line(0)
        m.now = m.read(line, 1)
        self.assertAlmostEqual(m.read(line, 1) - m.now, m.costs.hit)
        self.assertAlmostEqual(m.read(line, 0) - m.now, m.costs.hit)
        self.assertAlmostEqual(m.write(line, 1) - m.now, m.costs.near + m.costs.rmw)
        self.assertFalse(line.sharers)

    def test_mean_distance(self):
        m = Machine(8, 2)
        self.assertAlmostEqual(m.mean_distance(), (3 * m.costs.near + 4 * m.costs.far) / 7)

    def test_a_contended_line_serves_one_write_per_transfer(self):
        m, line, done = Machine(16, 1), Line(), [0]

        def live(core):
            while True:
                yield m.write(line, core)
                done[0] += 1

        for core in range(16):
            m.wake(live(core), 0.0)
        m.run(1e6)
        self.assertAlmostEqual(done[0] / 1e6 * (m.costs.near + m.costs.rmw), 1, delta=0.01)


class Queueing(unittest.TestCase):
    def test_one_core_never_waits(self):
        rate, lock, _ = throughput(1, Costs(), lambda: 300.0, lambda: 100.0, 1e6)
        c = Costs()
        self.assertAlmostEqual(1 / rate, 400 + c.hit + 2 * c.rmw, delta=1)
        self.assertEqual((lock.waited, lock.slept), (0, 0))

    def test_saturated_lock_serves_one_per_holding_time(self):
        rate, lock, _ = throughput(16, FREE, lambda: 10.0, lambda: 100.0, 1e6)
        self.assertAlmostEqual(rate * 100, 1, delta=0.01)
        self.assertAlmostEqual(lock.held_ns / 1e6, 1, delta=0.01)

    def test_saturated_lock_pays_for_the_hand_over(self):
        costs = dataclasses.replace(FREE, near=50.0)
        rate, _, _ = throughput(2, costs, lambda: 1.0, lambda: 400.0, 1e6)
        self.assertLess(1 / rate, 400 + 3 * 50 + 5)
        self.assertGreater(1 / rate, 400 + 50)

    def test_waiting_follows_the_finite_source_queue(self):
        for cores, think in ((2, 300.0), (8, 1000.0), (8, 400.0)):
            dice = random.Random(7)
            _, lock, _ = throughput(cores, FREE, lambda t=think: dice.expovariate(1 / t),
                                    lambda: dice.expovariate(1 / 100.0), 4e6)
            expected = repairman(cores, think, 100.0)
            self.assertAlmostEqual(lock.held_ns / 4e6 / expected, 1, delta=0.03)

    def test_sleepers_are_all_woken(self):
        costs = dataclasses.replace(Costs(), spin=0.0)
        _, lock, done = throughput(6, costs, lambda: 20000.0, lambda: 3000.0, 5e6)
        self.assertGreater(lock.slept, 100)
        self.assertTrue(all(n > 20 for n in done), done)


class Library(unittest.TestCase):
    def test_one_core_pays_its_locked_instructions_only(self):
        costs = dataclasses.replace(FREE, rmw=5.0, clock=0.0, spin=1500.0)
        got = scale.simulate(1, Design(), pair_ns=10.0, costs=costs, window_us=400)
        # 8 exchanges in a round: counted in and out, and two locks taken and dropped
        self.assertAlmostEqual(got["ns_per_pair"], 10 + 8 * 6 * 5.0 / scale.SWING, delta=0.1)
        self.assertEqual(got["slept"], 0)
        once = scale.simulate(1, Design(sessions=1), pair_ns=10.0, costs=costs, window_us=400)
        self.assertAlmostEqual(once["ns_per_pair"], 10 + 8 * 4 * 5.0 / scale.SWING, delta=0.1)

    def test_a_sheaf_of_another_core_costs_its_lines(self):
        costs = dataclasses.replace(FREE, near=100.0, overlap=4.0)
        cache = Cache(Machine(2, 1, costs), Design(), 2)
        steps = list(Core(cache, 0).carry(Sheaf(1)))
        self.assertEqual(steps, [SHEAF_LINES * 100.0 / 4.0])
        self.assertEqual(list(Core(cache, 0).carry(Sheaf(0))), [])

    def test_the_lock_is_held_while_a_sheafs_header_is_fetched(self):
        costs = dataclasses.replace(FREE, near=100.0)
        m = Machine(2, 1, costs)
        cache = Cache(m, Design(), 2)
        shard = cache.shards[0]
        for line in (shard.lock.line, shard.lists):
            line.owner = 0
        shard.full.append(Sheaf(1))
        core = Core(cache, 0)
        core.me = core.pop("full")
        m.wake(core.me, 0.0)
        m.run(1e4)
        self.assertEqual((shard.lock.taken, shard.lock.held_ns), (1, 100.0))

    def test_one_barn_saturates(self):
        few, many = (scale.simulate(n, Design(), nodes=1, window_us=60)["mpairs_per_s"]
                     for n in (16, 32))
        self.assertAlmostEqual(many / few, 1, delta=0.15)

    def test_a_shard_for_each_core_scales(self):
        few, many = (scale.simulate(n, scale.designs("sharded", n), window_us=30)
                     for n in (8, 32))
        self.assertAlmostEqual(many["mpairs_per_s"] / few["mpairs_per_s"], 4, delta=0.1)
        self.assertLess(many["barn_utilisation"], 0.3)

    def test_without_a_reserve_objects_that_change_cores_go_through_the_slabs(self):
        bare, full = (scale.simulate(16, scale.designs(name, 16), "flow", window_us=60)
                      for name in ("sharded-no-reserve", "sharded"))
        self.assertGreater(bare["slabs_share"], 0.9)
        self.assertLess(full["slabs_share"], 0.1)
        self.assertGreater(full["mpairs_per_s"], 3 * bare["mpairs_per_s"])

    def test_who_finds_nothing_in_its_shard_looks_elsewhere(self):
        bare, looking = (scale.simulate(8, Design(shards=2, packed=False, elsewhere=flag), "stream",
                                        window_us=60) for flag in (False, True))
        self.assertGreater(bare["slabs_share"], 0.9)
        self.assertLess(looking["slabs_share"], 0.5)

    def test_counters_of_the_domain_limit_retiring(self):
        shared, own = (scale.simulate(64, scale.designs(name, 64), "retire", window_us=20)
                       for name in ("sharded-counters", "sharded"))
        self.assertGreater(shared["ns_per_pair"], 3 * own["ns_per_pair"])

    def test_the_same_seed_gives_the_same_result(self):
        def run(seed):
            return scale.simulate(8, Design(shards=4, spread="hash"), seed=seed, window_us=40)

        self.assertEqual(run(3), run(3))
        self.assertNotEqual(run(3), run(4))
        spread = [Cache(Machine(64), Design(shards=8, spread="hash"), 64, seed=seed).shard_of
                  for seed in (3, 3, 4)]
        self.assertEqual(spread[0], spread[1])
        self.assertNotEqual(spread[0], spread[2])
        near = Cache(Machine(64), Design(shards=8), 64).shard_of
        self.assertEqual(near, [core // 8 for core in range(64)])


class Operations(unittest.TestCase):
    def test_the_formula_of_a_take_over_is_its_replay(self):
        for cores, nodes, threads in ((8, 1, 1000), (64, 1, 5000), (256, 2, 20000)):
            m = Machine(cores, nodes)
            formula = operations.seize_ns(m, threads, operations.walk_ns(m, threads))
            replay = operations.replayed(cores, nodes, threads, None)
            self.assertAlmostEqual(formula / replay, 1, delta=0.03)

    def test_a_barrier_grows_with_the_threads_that_are_registered(self):
        m = Machine(64)
        small, large = (operations.operations(m, n) for n in (10_000, 100_000))
        grown = large["free_barrier_us"] - small["free_barrier_us"]
        self.assertAlmostEqual(grown / (2 * 90_000 * m.costs.near * 1e-3), 1, delta=0.05)
        self.assertLess(large["free_barrier_dense_us"], large["free_barrier_us"] / 10)

    def test_a_membarrier_alone_interrupts_nobody(self):
        m = Machine(64)
        self.assertEqual(operations.membarrier_ns(m, 1), m.costs.syscall)
        self.assertGreater(operations.membarrier_ns(m, 64), operations.membarrier_ns(m, 32))


class Measured(unittest.TestCase):
    """The same two cores, when lines went from one to the other in 22 ns and in 210 ns."""

    def within_a_factor_of_two(self, name):
        recorded = json.loads((HERE / name).read_text(encoding="utf-8"))
        rows = scale.compare(recorded)
        self.assertEqual(len(rows), 4)
        for row in rows:
            self.assertGreater(row["ratio"], 0.5, row)
            self.assertLess(row["ratio"], 2, row)

    def test_cores_that_share_a_cache(self):
        self.within_a_factor_of_two("measured.json")

    def test_cores_that_share_none(self):
        self.within_a_factor_of_two("measured-apart.json")


class CommandLine(unittest.TestCase):
    def printed(self, *words):
        out = io.StringIO()
        with contextlib.redirect_stdout(out):
            self.assertEqual(scale.main(list(words)), 0)
        return out.getvalue()

    def test_json_has_a_row_for_each_number_of_cores(self):
        rows = json.loads(self.printed("--cores", "2,4", "--shards", "2", "--nodes", "2",
                                       "--window-us", "20", "--json"))
        self.assertEqual([(r["cores"], r["shards"], r["nodes"]) for r in rows],
                         [(2, 2, 2), (4, 2, 2)])

    def test_tables(self):
        lines = self.printed("--cores", "2", "--window-us", "20").splitlines()
        self.assertEqual(len(lines), 2)
        self.assertIn("barn_utilisation", lines[0])
        lines = self.printed("--operations", "--cores", "8", "--threads", "10,20").splitlines()
        self.assertEqual(len(lines), 3)


if __name__ == "__main__":
    wanted = sys.argv[1] if len(sys.argv) > 1 else None
    names = [{"Machine": "Machine_"}.get(wanted, wanted)] if wanted else None
    unittest.main(argv=sys.argv[:1], defaultTest=names)
