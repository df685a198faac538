# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Pretty printers of what users hold: handles, cache<T>, domains, readers, cookies. What cannot be
told, for want of memory or debug information, is printed as gdb prints it."""

import re

import gdb
import gdb.printing

from . import caches, domains, reading

COOKIE = "kmem_cache_cookie_t"


def tell(text_of, value):
    """None where the library cannot be read, or the value is not what it looks like."""
    try:
        reading.begin()
        reading.need_memory()
        return text_of(value)
    except (gdb.error, gdb.GdbError):
        return None


def cache_text(handle):
    if handle == 0:
        return "no cache (NULL)"
    cache = caches.by_handle(handle)
    if cache is not None:
        return f"{handle:#x} cache '{cache.label}' ({cache.stage_name})"
    gone = caches.record_around(handle) is not None
    return f"{handle:#x} {'a cache that is gone' if gone else 'no handle of a cache'}"


def domain_text(handle):
    domain = domains.by_handle(handle)
    if domain is not None:
        return f"{handle:#x} domain '{domain.name}'"
    return f"{handle:#x} no domain, or one that is gone"


def domain_of(pointer):
    """Of an rcu_domain that may be none: the default one."""
    return domain_text(int(pointer["domain_"]) if int(pointer) else 0)


def typed_cache(value):
    cache = caches.by_handle(int(value["cache_"]))
    if cache is None:
        return "a cache that is gone"
    return (f"cache '{cache.label}' ({cache.stage_name}), "
            f"{caches.counts(cache).allocated} allocated, handle {cache.handle:#x}")


def reader(value):
    inside = "in a section of" if int(value["inside_"]) else "left; of"
    return f"{inside} {domain_of(value['domain_'])}"


def token(value):
    number = int(value["token_"])
    return ("empty" if number < 0 else f"in a section of {domain_text(int(value['domain_']))}")


def grace_period(value):
    domain = domains.by_handle(int(value["domain_"]))
    cookie = int(value["cookie_"])
    if domain is None:
        return f"grace period {cookie} of a domain that is gone: done"
    state = "not over" if domains.waits_for(domain, cookie) else "done"
    return f"grace period {cookie} of '{domain.name}': {state}"


def hazard(value):
    slot = int(value["slot_"])
    if slot == 0:
        return "empty"
    named = int(value["slot_"]["pointer"])
    return f"protects {named:#x}" if named else "protects nothing"


def owner(value):
    if int(value) == 0:
        return "no owner (NULL)"
    kind = reading.type_of("gs_owner")
    record = reading.at(int(value), kind)
    return f"{int(value):#x} owner '{reading.text_of(record['name'])}'"


def cookie(value):
    wanted = int(value)
    cache = next((c for c in caches.every() if c.cookie == wanted and
                  c.stage in (caches.CLOSING, caches.DRAINING)), None)
    return (f"{wanted:#x} of cache '{cache.label}' ({cache.stage_name})" if cache is not None
            else f"{wanted:#x} of a destroy that is done")


CLASSES = (
    (re.compile(r"graceslab::cache<.*>"), typed_cache),
    (re.compile(r"graceslab::rcu_domain"), lambda v: domain_text(int(v["domain_"]))),
    (re.compile(r"graceslab::rcu_reader"), reader),
    (re.compile(r"graceslab::rcu_token"), token),
    (re.compile(r"graceslab::grace_period"), grace_period),
    (re.compile(r"graceslab::hazard_pointer"), hazard),
    (re.compile(r"graceslab::rcu_pointer<.*>"), lambda v: f"to {int(v['pointer_']):#x}"),
    (re.compile(r"graceslab::owner_token"), lambda v: owner(v["owner_"])),
)
POINTERS = {
    "kmem_cache": lambda v: cache_text(int(v)),
    "gs_domain": lambda v: domain_text(int(v)),
    "gs_owner": owner,
}


class Text:
    def __init__(self, text):
        self.text = text

    def to_string(self):
        return self.text


def teller_of(value):
    kind = value.type.unqualified()
    if kind.name == COOKIE:
        return cookie
    kind = kind.strip_typedefs()
    if kind.code == gdb.TYPE_CODE_PTR:
        target = kind.target().unqualified()
        return POINTERS.get(target.tag or target.name)
    if kind.code != gdb.TYPE_CODE_STRUCT or not (kind.tag or "").startswith("graceslab::"):
        return None
    return next((tell_it for name, tell_it in CLASSES if name.fullmatch(kind.tag)), None)


class Printers:
    """For gdb, which asks it for each value."""

    name = "graceslab"
    enabled = True
    subprinters = None

    def __call__(self, value):
        teller = teller_of(value)
        text = tell(teller, value) if teller is not None else None
        return None if text is None else Text(text)


def register():
    gdb.printing.register_pretty_printer(None, Printers(), replace=True)
