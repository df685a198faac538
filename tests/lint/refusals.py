# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Whatever the library asks of the system is refused in a test."""

import re

from tree import matches

TEST = "tests/unit/os/refused_calls_test.cpp"
# What functions of the C library ask of the system; those that ask nothing are not listed.
ASKED_BY = {
    "mmap": "mmap", "munmap": "munmap", "mprotect": "mprotect", "madvise": "madvise",
    "mincore": "mincore", "mremap": "mremap", "mlock": "mlock", "mlock2": "mlock2",
    "sigaction": "rt_sigaction", "pthread_sigmask": "rt_sigprocmask",
    "sigtimedwait": "rt_sigtimedwait", "getrlimit": "prlimit64", "setrlimit": "prlimit64",
    "sched_yield": "sched_yield", "sched_getcpu": "getcpu", "clock_gettime": "clock_gettime",
    "sched_setaffinity": "sched_setaffinity", "pthread_setaffinity_np": "sched_setaffinity",
    "sched_setscheduler": "sched_setscheduler", "pthread_setschedparam": "sched_setscheduler",
    "pthread_create": "clone", "pthread_setname_np": "prctl", "prctl": "prctl",
    "getpid": "getpid", "getuid": "getuid", "gettid": "gettid", "fstat": "fstat",
    "fcntl": "fcntl", "poll": "poll", "process_vm_readv": "process_vm_readv",
}
CALL = r"(?<![\w.:>])(?:::)?(" + "|".join(ASKED_BY) + r")\s*\("


def refused_calls(tree):
    test = "\n".join(file.text for file in tree.under(TEST))
    for file in tree.c_under("src/os/"):
        asked = [(line, match[1]) for line, match in matches(file, r"\bSYS_(\w+)")]
        asked += [(line, ASKED_BY[match[1]]) for line, match in matches(file, CALL)]
        for line, name in asked:
            if not re.search(rf"\b(SYS_{name}\b|GS_CALL\({name}\))", test):
                yield f"{file.path}:{line}: {name} is refused in no row of {TEST}"


ROWS = "{GS_CALL(mmap)},\n{GS_CALL(rt_sigaction)},\n{SYS_clone, SYS_clone3}\n"

RULES = {
    "refused-calls": {
        "check": refused_calls,
        "bad": [{"src/os/a.cpp": "syscall(SYS_openat, 1);\n", TEST: ROWS},
                {"src/os/a.cpp": "munmap(p, 1);\n", TEST: ROWS},
                {"src/os/a.cpp": "mmap(0, 1, 2, 3, 4, 5);\n"}],
        "good": [{"src/os/a.cpp": "mmap(0, 1, 2, 3, 4, 5); // munmap(p, 1)\n"
                                  "pthread_create(&t, 0, f, 0); ::sigaction(1, 0, &a);\n",
                  TEST: ROWS},
                 {"src/os/a.cpp": "struct sigaction now{}; other.poll(1);\n", TEST: ROWS}],
    },
}
