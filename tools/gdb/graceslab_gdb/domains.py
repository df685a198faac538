# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Domains, their readers and their grace periods."""

from . import naming, reading

NEST_MASK, SEQ_SHIFT, AWAITED = 0xffff, 16, 1 << 63
SEQ_BITS = 63 - SEQ_SHIFT
NO_HANDLE = (1 << 64) - 1
ADDRESS_BITS = ((1 << 48) - 1) & ~0xfff
SHARED = 3  # the first counters; the others are those of tokens


class Domain:
    def __init__(self, record):
        self.record = record
        self.address = int(record.address)
        self.number = int(record["id"])
        self.handle = int(record["handle"])
        self.is_default = self.address == default_address()
        self.name = "default" if self.is_default else reading.text_of(record["name"])
        self.started = int(record["started"])
        self.completed = int(record["completed"])

    @property
    def lives(self):
        return int(self.record["state"]) == 0

    @property
    def unread(self):
        """One of the library's own, that no reader enters: every cookie of it is done."""
        return self.completed == NO_HANDLE

    @property
    def posted(self):
        """Those that are queued or run."""
        shards = list(reading.elements(self.record["shards"]))
        return sum(int(s["posted"]) - int(s["finished"]) for s in shards)

    def locks(self):
        held = ["gp_lock"] if locked(self.record["gp_lock"]) else []
        if any(locked(s["lock"]) for s in reading.elements(self.record["shards"])):
            held.append("the lock of a queue")
        return held


def locked(mutex):
    return int(mutex["word_"]) != 0


def default_address():
    return int(reading.symbol("graceslab::rcu::the_default_domain").address)


def every():
    """All that live, the library's own among them."""
    first = reading.symbol("graceslab::rcu::the_default_domain")
    for record in reading.walk(first.address, lambda d: d["next"], "the list of domains"):
        domain = Domain(record)
        if domain.lives:
            yield domain


def by_handle(value):
    """Of a handle or of a record's address; None: of no domain that lives."""
    address = default_address() if value == 0 else value & ADDRESS_BITS
    for domain in every():
        if domain.address == address and value in (domain.handle, address):
            return domain
        if domain.is_default and value == domain.address:
            return domain
    return None


# ---- readers ----

class Section:
    """One of a slot: whose, how deep, and the grace period it began in."""

    def __init__(self, domain, slot):
        word = int(slot["reader"]["word"])
        self.domain = domain
        self.tid = int(slot["tid"])
        self.awaited = word & AWAITED != 0
        self.levels = (1 if self.awaited else word & NEST_MASK) + int(slot["extra"])
        self.sequence = (word & ~AWAITED) >> SEQ_SHIFT
        self.waits_inside = int(slot["waiting_inside"]) != 0

    @property
    def holds_back(self):
        """It began before the newest grace period, which has not ended."""
        d = self.domain
        age = (d.started - self.sequence) % (1 << SEQ_BITS)
        return d.completed < d.started and 0 < age < 1 << (SEQ_BITS - 1)

    def describe(self):
        text = (f"{naming.thread(self.tid)} is in {naming.plural(self.levels, 'level')} of "
                f"'{self.domain.name}', since grace period {self.sequence}")
        if self.holds_back:
            text += f"; grace period {self.domain.started} waits for it"
        if self.awaited:
            text += ", somebody asleep"
        if self.waits_inside:
            text += "; it waits inside for the other readers"
        return text


def sections(domain):
    for chunk in reading.walk(domain.record["chunks"], lambda c: c["next"],
                              f"the reader slots of '{domain.name}'"):
        for slot in reading.elements(chunk["slot"]):
            if int(slot["reader"]["word"]) & NEST_MASK != 0:
                yield Section(domain, slot)


def counted(domain):
    """Sections that no slot names: of threads without one, and of tokens."""
    counts = [int(c) & 0xffffffff for c in reading.elements(domain.record["overflow"]["count"])]
    return sum(counts[:SHARED]), sum(counts[SHARED:])


def lines_of(section):
    """Whose it is, and what that thread does."""
    yield section.describe()
    stack = naming.frames(section.tid)
    if stack:
        yield f"  in {stack}"


def blockers(domain):
    """Lines about who may hold back the newest grace period."""
    for section in sections(domain):
        if section.holds_back:
            yield from lines_of(section)
    if domain.completed < domain.started:
        shared, tokens = counted(domain)
        if shared:
            yield f"perhaps {naming.plural(shared, 'section')} without a slot"
        if tokens:
            yield f"perhaps {naming.plural(tokens, 'section')} by a token"


def waits_for(domain, cookie):
    """What a cookie still waits for; empty: it is done."""
    if cookie <= domain.completed:
        return ""
    if cookie > domain.started:
        return f"for grace period {cookie}, which nobody has started"
    return f"for grace period {cookie}"
