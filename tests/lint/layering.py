# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Who may include, call and name what: the ladder of ARCHITECTURE.md."""

import re

from tree import matches

# What each layer may include besides itself and the detail headers.
BELOW = {
    "base": [],
    "os": ["base"],
    "sync": ["os", "base"],
    "rcu": ["sync", "os", "base"],
    "hazard": ["rcu", "sync", "os", "base"],
    "slab": ["sync", "os", "base"],
    "reclaim": ["rcu", "slab", "sync", "os", "base"],
    "teardown": ["reclaim", "hazard", "rcu", "slab", "sync", "os", "base"],
    "observe": ["teardown", "reclaim", "hazard", "rcu", "slab", "sync", "os", "base"],
    "api": ["observe", "teardown", "reclaim", "hazard", "rcu", "slab", "sync", "os", "base"],
}
INCLUDE = r'^[ \t]*#[ \t]*include[ \t]*(?:"([^"]+)"|<([^>]+)>)'

ATOMIC_HOME = "include/graceslab/detail/atomic.h"
# Its functions take what the standard says.
ATOMIC_SIGNATURES = "include/graceslab/hazard_pointer.hpp"
ATOMIC_WORDS = "include/graceslab/order.hpp"  # the standard's, for users
ATOMICS = (r"\bstd::atomic|\b__atomic_\w+|\b__sync_\w+|\b_Atomic\b"
           # Naming a symbol is no instruction, nor is telling the unwinder something.
           r"|\b(?:__)?asm(?:__)?\b(?!\((?:name|FRAME_DIRECTIVE)\)"
           r"| volatile\((?:VALGRIND_REQUEST|GS_PROBE_NOTE)\b)"
           r"|<(?:std)?atomic(?:\.h)?>")

SYSTEM_HEADERS = (r"(unistd|pthread|signal|dlfcn|execinfo|sched|time|fcntl|poll|sys/\w+"
                  r"|linux/\w+)\.h|csignal|ctime|thread|mutex|chrono|iostream")


def call_of(names, before=r"(?<![\w.:>])(?:::|std::)?"):
    return before + "(?:" + "|".join(names.split()) + r")\s*\("


SYSTEM_NAMES = r"""
    syscall mmap munmap mremap mprotect madvise futex pthread_\w+ sched_\w+ nanosleep clock_\w+
    getenv secure_getenv setenv dladdr dlopen dlsym dl_iterate_phdr sigaction sigprocmask tgkill
    sysconf getpid gettid fork usleep atexit on_exit __cxa_atexit __cxa_thread_atexit_impl
    backtrace\w* getrlimit setrlimit prctl malloc calloc realloc posix_memalign aligned_alloc
    [fs]?printf puts"""
SYSTEM_CALLS = call_of(SYSTEM_NAMES)
# Names that are methods elsewhere count when they are called as ::write().
GLOBAL_NAMES = "write read open close poll kill raise signal sleep free"
GLOBAL_CALLS = call_of(GLOBAL_NAMES, r"(?<![\w>])::")
ABORTS = call_of("abort _exit _Exit exit quick_exit terminate __builtin_trap assert")

RUN_TIME = (r"(?<!<)\bnew\b(?!\s*\()|\bdelete\b(?!\s*[;,)])"
            r"|\b(?:throw|try|catch|dynamic_cast|typeid|thread_local)\b"
            r"|\bstd::(?:string|vector|map|set|deque|list|function|unique_ptr|shared_ptr|mutex"
            r"|thread|cout|cerr)\b"
            r"|\bstd::sort\([^,;]*,[^,;]*\);")  # of plain pointers or numbers: not inline in libc++


def layer_of(path):
    parts = path.split("/")
    return parts[1] if len(parts) > 2 and parts[0] == "src" else None


def source_includes(file):
    for line, match in matches(file, INCLUDE, file.text):
        yield line, match[1] or match[2]


def include_ladder(tree):
    for file in tree.c_under("src/"):
        layer = layer_of(file.path)
        if layer not in BELOW:
            yield f"{file.path}:1: no layer of the ladder"
            continue
        for line, target in source_includes(file):
            above = target.split("/")[0]
            if above in BELOW and above != layer and above not in BELOW[layer]:
                yield f"{file.path}:{line}: {layer} includes {target}"
            face = target.startswith("graceslab/") and "/detail/" not in target
            if above == ".." or (face and layer != "api"):
                yield f"{file.path}:{line}: only detail headers are below src, not {target}"
    for file in tree.c_under("include/graceslab/detail/"):
        for line, target in source_includes(file):
            if "/" in target and not target.startswith(("sys/", "linux/")):
                yield f"{file.path}:{line}: a detail header includes {target}"


def found(tree, prefixes, pattern, home, what):
    for file in tree.c_under(*prefixes):
        if not file.path.startswith(home):
            for line, match in matches(file, pattern):
                yield f"{file.path}:{line}: {what}: {match[0].strip()}"


def one_atomic_file(tree):
    homes = (ATOMIC_HOME, ATOMIC_WORDS, ATOMIC_SIGNATURES)
    return found(tree, ("src/", "include/"), ATOMICS, homes, "belongs to " + ATOMIC_HOME)


def one_system_layer(tree):
    for pattern in (SYSTEM_CALLS, GLOBAL_CALLS):
        yield from found(tree, ("src/",), pattern, "src/os/", "belongs to src/os")
    for file in tree.c_under("src/"):
        for line, target in () if file.path.startswith("src/os/") else source_includes(file):
            if re.fullmatch(SYSTEM_HEADERS, target):
                yield f"{file.path}:{line}: <{target}> belongs to src/os"


def one_abort(tree):
    home = "src/os/report.cpp"
    return found(tree, ("src/", "include/"), ABORTS, home, f"only {home} ends the process")


# A call that begins a statement: nobody looks at what it returns. Some return nothing.
RETURNS_NOTHING = r"(?!free\b|f?printf\b|_exit\b|abort\b)"
CALLED = "|".join(SYSTEM_NAMES.split() + GLOBAL_NAMES.split())
STATEMENT = re.compile(
    r"(?:[;{}]|\bcase\s[^:;]*:|\bdefault\s*:|\)|\belse\b|^)\s*(?:\(void\)\s*!?\s*)?(?:::|std::)?"
    + RETURNS_NOTHING + rf"\b({CALLED}|sig\w+set|timer_\w+)\s*\(")
REASON = re.compile(r"unused result: \S", re.IGNORECASE)


def unused_results(tree):
    """In src/os, a system call whose result is not used says why, beside it or just above."""
    for file in tree.c_under("src/os/"):
        for match in STATEMENT.finditer(file.code):
            line = file.code.count("\n", 0, match.start(1)) + 1
            if not REASON.search("\n".join(file.lines[max(0, line - 2):line])):
                yield f"{file.path}:{line}: result of {match[1]}() is not used, and no reason given"


def libc_only(tree):
    return found(tree, ("src/",), RUN_TIME, "(nowhere)", "the core needs no C++ run time")


RULES = {
    "include-ladder": {
        "check": include_ladder,
        "bad": [
            {"src/rcu/a.cpp": '#include "slab/x.hpp"\n'},
            {"src/slab/a.hpp": '#include "rcu/x.hpp"\n'},
            {"src/os/a.cpp": '#include "sync/x.hpp"\n'},
            {"src/elsewhere/a.cpp": "\n"},
            {"src/slab/a.cpp": "#include <graceslab/cache.hpp>\n"},
            {"include/graceslab/detail/a.h": '#include "../kernel/slab.h"\n'},
        ],
        "good": [
            {"src/reclaim/a.cpp": '#include "slab/x.hpp"\n#include <graceslab/detail/abi.h>\n'},
            {"src/slab/a.cpp": '// #include "rcu/x.hpp" cannot be\n#include "sync/x.hpp"\n'},
        ],
    },
    "one-atomic-file": {
        "check": one_atomic_file,
        "bad": [
            {"src/os/a.cpp": "std::atomic<int> a;\n"},
            {"include/graceslab/rcu.hpp": "__atomic_load_n(p, 0);\n"},
            {"src/rcu/a.cpp": "__sync_synchronize();\n"},
            {"src/rcu/a.cpp": 'asm volatile("");\n'},
            {"src/rcu/a.cpp": "#include <atomic>\n"},
        ],
        "good": [
            {ATOMIC_HOME: "__atomic_load_n(p, 0)\n"},
            {ATOMIC_WORDS: "#include <atomic>\n"},
            {"src/os/a.cpp": "// not std::atomic\nint asmall;\n"},
            {"src/slab/a.cpp": "asm(FRAME_DIRECTIVE);\n"},
            {"src/os/a.hpp": "asm volatile(VALGRIND_REQUEST : : );\n"},
            {"src/os/a.hpp": "asm volatile(GS_PROBE_NOTE(name, \"8@%0\")::\"nr\"(a));\n"},
            {"include/graceslab/detail/config.h": "#define SYMBOL(name) __asm__(name)\n"},
            {"tests/unit/a.cpp": "std::atomic<int> a;\n"},
        ],
    },
    "one-system-layer": {
        "check": one_system_layer,
        "bad": [
            {"src/slab/a.cpp": "void f() { mmap(0, 1, 2, 3, 4, 5); }\n"},
            {"src/rcu/a.cpp": "#include <pthread.h>\n"},
            {"src/sync/a.cpp": "auto x = ::syscall(1);\n"},
            {"src/api/a.cpp": "::write(2, p, n);\n"},
            {"src/slab/a.cpp": "void *p = std::malloc(3);\n"},
        ],
        "good": [
            {"src/os/a.cpp": "#include <pthread.h>\n::write(2, p, n);\n"},
            {"src/slab/a.cpp": "os::futex_wait(w, 1); log.write(3);\n"},
            {"src/api/a.cpp": "return gs_kmalloc(n, 0);\n"},
        ],
    },
    "one-abort": {
        "check": one_abort,
        "bad": [
            {"src/slab/a.cpp": "void f() { abort(); }\n"},
            {"include/graceslab/a.hpp": "std::terminate();\n"},
            {"src/os/a.cpp": "assert(x);\n"},
        ],
        "good": [
            {"src/os/report.cpp": "::abort();\n"},
            {"src/os/a.cpp": "static_assert(1); on_process_exit(1, f);\n"},
        ],
    },
    "unused-results": {
        "check": unused_results,
        "bad": [
            {"src/os/a.cpp": "void f() {\n  madvise(p, n, 4);\n}\n"},
            {"src/os/a.cpp": "void f() { if (p) munmap(p, n); }\n"},
            {"src/os/a.cpp": "void f() { if (p) g(); else munmap(p, n); }\n"},
            {"src/os/a.cpp": "void f() { (void)syscall(1); }\n"},
            {"src/os/a.cpp": "void f() { switch (n) { case 1: munmap(p, n); } }\n"},
            {"src/os/a.cpp": "// unused result: another\n\nvoid f() {\n  std::atexit(g);\n}\n"},
        ],
        "good": [
            {"src/os/a.cpp": "bool f() { if (madvise(p, n, 4) != 0) return g(munmap(p, n)); }\n"},
            {"src/os/a.cpp": "void f() {\n  // unused result: a hint\n  madvise(p, n, 4);\n}\n"},
            {"src/os/a.cpp": "void f() { sched_yield(); }  // unused result: a hint\n"},
            {"src/os/a.cpp": "long r = p ? -1 : syscall(1);\nif (std::atexit(f)) g();\n"},
            {"src/os/a.cpp": "long r = syscall(1);\nstd::free(p);\n"},
            {"src/slab/a.cpp": "void f() { g(); }\n"},
        ],
    },
    "libc-only": {
        "check": libc_only,
        "bad": [
            {"src/slab/a.cpp": "int *p = new int;\n"},
            {"src/slab/a.cpp": "std::vector<int> v;\n"},
            {"src/slab/a.cpp": "throw 1;\n"},
            {"src/slab/a.cpp": "std::sort(first, first + n);\n"},
        ],
        "good": [
            {"src/slab/a.cpp": "#include <new>\n"
                               "auto *p = new (q) int; a(const a&) = delete;\n"},
            {"src/slab/a.cpp": "std::sort(first, first + n, by_address{});\n"},
        ],
    },
}
