# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every numbered promise is named by a test, and what the prose points at exists."""

import pathlib
import re

SUITES = tuple(f"tests/{suite}/" for suite in
               ("unit", "scenario", "compat", "model", "fuzz", "torture", "install", "negative"))
PROMISES = ([f"R{n}" for n in range(1, 15) if n != 12] + [f"C{n}" for n in range(1, 7)]
            + [f"K{n}" for n in range(1, 7)] + [f"A{n}" for n in range(1, 11)]
            + ["I1", "I2", "I3", "I4", "I7", "I8"])
LINK = re.compile(r"\[[^\]\n]*\]\(([^)#\s]+)[^)\s]*\)")
POINTED = re.compile(r"`((?:tests|docs|src|include|examples|bench|tools)/[\w./-]+)`")


def contract(tree):
    tests = "\n".join(file.text for file in tree.under(*SUITES))
    for promise in PROMISES:
        if not re.search(rf"(?<![A-Za-z0-9]){promise}(?![0-9])", tests):
            yield f"tests:1: no test names {promise} of the contract"


def pointers(tree):
    """Links and paths in prose lead somewhere; a path may leave its ending out."""
    names = [file.path for file in tree.files]
    for file in tree.files:
        if not file.path.endswith(".md"):
            continue
        folder = pathlib.PurePath(file.path).parent
        for number, line in enumerate(file.lines, 1):
            for target in LINK.findall(line):
                if "://" not in target and not tree.exists(folder / target):
                    yield f"{file.path}:{number}: no {target}"
            for target in POINTED.findall(line):
                if not any(name.startswith(target) for name in names):
                    yield f"{file.path}:{number}: no {target}"


ALL = "// " + " ".join(PROMISES) + "\n"

RULES = {
    "contract": {
        "check": contract,
        "bad": [{"tests/unit/a.cpp": ALL.replace("R5 ", "")},
                {"tests/unit/a.cpp": ALL.replace("R1 ", "")},
                {"tests/lint/a.py": ALL}],
        "good": [{"tests/unit/a.cpp": ALL},
                 {"tests/unit/a.cpp": ALL.replace("R5", "TEST(Misuse, R5_reported)")}],
    },
    "pointers": {
        "check": pointers,
        "bad": [{"a.md": "[b](docs/b.md)\n"}, {"docs/a.md": "see `tests/model/b`\n"}],
        "good": [{"a.md": "[b](docs/b.md#c) [d](https://a.example/b) `tests/x`\n",
                  "docs/b.md": "\n",
                  "tests/x.cpp": "\n"}],
    },
}
