# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The commands: each prints lines, and then what it has noted."""

import gdb

from . import caches, callbacks, domains, naming, objects, reading, why

DOMAIN_ROW = "{:<20} {:>3} {:>7} {:>7} {:>10} {:>10} {:>9} {:>8} {:>6}  {}"
CACHE_ROW = "{:<24} {:<8} {:>8} {:>8} {:>9} {:>7} {:>7} {:>7} {:>7} {:>8} {:>6} {:>5} {:>7}  {}"


class Command(gdb.Command):
    """One that takes no argument, or one of which `argument` says what it is."""

    argument = None

    def __init__(self, name):
        super().__init__(name, gdb.COMMAND_STATUS)
        self.name = name

    def invoke(self, argument, from_tty):
        reading.begin()
        try:
            self.check(argument.strip())
            reading.need_memory()
            for line in self.lines(argument.strip()):
                print(line)
        except gdb.MemoryError as error:
            raise reading.trouble(f"{error}: damaged, or not in this core file") from error
        except gdb.GdbError:
            raise
        except gdb.error as error:
            raise reading.trouble(f"{error}; {reading.LAYOUT}?") from error
        finally:
            for text in reading.notes:
                print(f"note: {text}")

    def check(self, argument):
        if self.argument is None and argument:
            raise reading.trouble(f"{self.name} takes no argument")
        if self.argument is not None and not argument:
            raise reading.trouble(f"{self.name} takes {self.argument}")

    def lines(self, argument):
        raise NotImplementedError


class Domains(Command):
    """All domains of graceslab: readers, grace periods, callbacks.

READERS are sections that are open now, GP-WAIT grace periods that began and did not end. A domain
of the library's own, which nobody reads in, has none."""

    def lines(self, _):
        yield DOMAIN_ROW.format("DOMAIN", "ID", "READERS", "COUNTED", "GPS-BEGUN", "GPS-ENDED",
                                "CALLBACKS", "BARRIERS", "STALLS", "HANDLE")
        for domain in domains.every():
            yield self.row(domain)

    def row(self, domain):
        record = domain.record
        held = domain.locks()
        if held:
            reading.note(f"{', '.join(held)} of '{domain.name}' held: its counts may be in the "
                         "middle of a change")
        ended = "-" if domain.unread else domain.completed
        handle = "0 (NULL)" if domain.is_default else f"{domain.handle:#x}"
        return DOMAIN_ROW.format(
            domain.name, domain.number, sum(1 for _ in domains.sections(domain)),
            sum(domains.counted(domain)), domain.started, ended, domain.posted,
            int(record["barrier_waiters"]), int(record["stall"]["reports"]),
            "(the library's own)" if domain.unread else handle)


class Caches(Command):
    """All caches of graceslab, with the columns of `graceslab top`.

ARRAYS are free objects in threads' arrays, PARKED in those that threads share, FREE in slabs. READY
were retired and their grace period is over, DEFERRED wait for it."""

    def lines(self, _):
        yield CACHE_ROW.format("CACHE", "STAGE", "OBJSIZE", "OBJECTS", "ALLOCATED", "ARRAYS",
                               "PARKED", "FREE", "READY", "DEFERRED", "LEAKED", "SLABS", "KIB",
                               "HANDLE")
        for cache in caches.every():
            yield self.row(cache)

    def row(self, cache):
        try:
            why.note_locks(cache)
            c = caches.counts(cache)
        except gdb.MemoryError as error:
            reading.note(f"{cache.label} cannot be read: {error}")
            return f"{cache.label:<24} {cache.stage_name:<8} ?"
        record = cache.record
        return CACHE_ROW.format(
            cache.label, cache.stage_name, int(record["size"]), c.objects, c.allocated, c.arrays,
            c.parked, c.free, c.ready, c.deferred, c.leaked, cache.slabs,
            int(record["resident_bytes"]) // 1024, f"{cache.handle:#x}")


class Readers(Command):
    """Every read-side section that is open now, whose it is, and what its thread does."""

    def lines(self, _):
        any_reader = False
        for domain in domains.every():
            for line in self.of_domain(domain):
                any_reader = True
                yield line
        if not any_reader:
            yield "nobody is in a read-side section"

    def of_domain(self, domain):
        for section in domains.sections(domain):
            yield from domains.lines_of(section)
        shared, tokens = domains.counted(domain)
        if shared:
            yield (f"{naming.plural(shared, 'section')} of '{domain.name}' without a slot: of "
                   "threads that got no memory for one")
        if tokens:
            yield (f"{naming.plural(tokens, 'section')} of '{domain.name}' by a token, in "
                   "whatever thread")


class Inflight(Command):
    """What has been handed over and is not done: callbacks, retired objects, hazard pointers."""

    def lines(self, _):
        any_line = False
        for part in (self.callbacks, self.retired, self.hazards):
            for line in part():
                any_line = True
                yield line
        if not any_line:
            yield "nothing is in flight"

    def callbacks(self):
        for domain in domains.every():
            said = callbacks.describe_queued(domain)
            if said:
                yield f"callbacks queued in '{domain.name}':"
                yield from (f"  {line}" for line in said)
        for one in callbacks.running():
            yield f"callback {callbacks.describe_running(one)}"

    def retired(self):
        for cache in caches.every():
            counts = caches.counts(cache)
            if counts.in_flight:
                yield (f"cache '{cache.label}' ({cache.stage_name}): "
                       f"{naming.plural(counts.in_flight, 'retired object')}, "
                       f"{counts.deferred} of them before the end of a grace period"
                       + self.cookies(cache))

    def cookies(self, cache):
        """Which ones, of those that have one."""
        domain = cache.domain
        waited = sorted({array.cookie for array in caches.arrays(cache) if array.cookie})
        if not waited or domain is None:
            return ""
        newest = waited[-1]
        state = domains.waits_for(domain, newest)
        return f" ({newest} of '{domain.name}'{'' if state else ', which is over'})"

    def hazards(self):
        heads = dict(callbacks.hazards())
        if not heads:
            return
        yield f"{naming.plural(len(heads), 'object')} retired under hazard pointers:"
        protected = {p.object: p for p in callbacks.protectors()}
        for head, func in heads.items():
            by = protected.get(head)
            yield (f"  {head:#x}, to be ended by {naming.function(func)}"
                   + (f", protected by {callbacks.describe_protector(by)}" if by else ""))


class Why(Command):
    """Why a cache lives: what is out of it, and whom that waits for.

gs-why CACHE   a name, a number as #12, or an expression: a handle or a graceslab::cache<T>"""

    argument = "a cache: its name, #NUMBER, or its handle"

    def lines(self, argument):
        cache = caches.find(argument)
        why.note_locks(cache)
        return why.describe(cache)

    def complete(self, text, word):
        try:
            return [c.name for c in caches.every() if c.name.startswith(text)]
        except (gdb.error, gdb.GdbError):
            return []


class Owner(Command):
    """Whose memory an address is: object, cache, state, where it stands, and who had it.

gs-owner ADDRESS   an expression for a pointer or a number"""

    argument = "an address"

    def lines(self, argument):
        try:
            value = caches.evaluated(argument)
            address = int(value.address if value.type.strip_typedefs().code in (
                gdb.TYPE_CODE_STRUCT, gdb.TYPE_CODE_ARRAY) else value) & (1 << 64) - 1
        except (gdb.error, TypeError, ValueError) as error:
            raise reading.trouble(f"'{argument}' is no address: {error}") from error
        lines = objects.describe(address)
        if not lines:
            raise reading.trouble(f"{address:#x} belongs to no cache and no domain")
        return lines


def register():
    for command, name in ((Domains, "gs-domains"), (Caches, "gs-caches"),
                          (Readers, "gs-readers"), (Inflight, "gs-inflight"), (Why, "gs-why"),
                          (Owner, "gs-owner")):
        command(name)
