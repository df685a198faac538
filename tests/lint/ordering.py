# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Every ordering edge is labelled at both ends, and argued on the page that its label cites.

A label:  ORDER mine <-> theirs   (docs/ordering/PAGE.md, claim N)
The page is the last one cited in the file when only "(claim N)" follows.
"""

import re

LABEL = re.compile(r"\bORDER\s+([\w.-]+)\s*<->\s*([\w.-]+(?:\s*,\s*[\w-]+\.[\w.-]+)*)([^\n]*)")
PAGE = re.compile(r"\((docs/ordering/[\w.-]+\.md)")
CLAIMS = re.compile(r"claims?\s+(\d+(?:(?:\s*,\s*|\s+and\s+|\s*,\s*and\s+)\d+)*)")
EDGES = re.compile(r"^\|\s*label\s*\|[^\n]*\n(?:\|[^\n]*\n?)*", re.MULTILINE)
ROW = re.compile(r"^\|\s*`?([a-z][\w-]*\.[a-z][\w.-]*)`?\s*\|", re.MULTILINE)


def labels(tree):
    """Yields (file, line, mine, theirs, page, claims)."""
    for file in tree.c_under("src/", "include/", "tests/model/"):
        page = None
        for match in LABEL.finditer(file.text):
            line = file.text.count("\n", 0, match.start()) + 1
            cited = PAGE.search(match[3])
            page = cited[1] if cited else page
            claims = CLAIMS.search(match[3])
            numbers = re.findall(r"\d+", claims[1]) if claims else []
            for theirs in re.split(r"\s*,\s*", match[2].rstrip(".:")):
                yield file, line, match[1], theirs, page, numbers


def paired_labels(tree):
    found = list(labels(tree))
    ends = {(mine, theirs) for _, _, mine, theirs, _, _ in found}
    for file, line, mine, theirs, _, _ in found:
        if (theirs, mine) not in ends:
            yield f"{file.path}:{line}: no label `ORDER {theirs} <-> {mine}` anywhere"


def proved_labels(tree):
    pages = {file.path: file.text for file in tree.under("docs/ordering/")}
    known = set()
    for file, line, mine, _, page, claims in labels(tree):
        where = f"{file.path}:{line}: {mine}"
        known.add(mine)
        if page is None:
            yield f"{where} cites no page (docs/ordering/PAGE.md, claim N)"
        elif page not in pages:
            yield f"{where} cites {page}, which does not exist"
        elif mine not in pages[page]:
            yield f"{where} is not named in {page}"
        if not claims:
            yield f"{where} cites no claim"
        for number in claims if page in pages else ():
            numbered = rf"(claim\s+{number}\b|^\W*{number}[.):]|\*\*{number}\b)"
            if not re.search(numbered, pages[page], re.I | re.M):
                yield f"{where} cites claim {number}, which {page} does not have"
    for path, text in pages.items():
        rows = (row for table in EDGES.finditer(text) for row in ROW.findall(table[0]))
        for row in rows:
            if row not in known:
                line = text.count("\n", 0, text.index(row)) + 1
                yield f"{path}:{line}: {row} is no label of the code"


PAGE_TEXT = "1. It is so.\n| label | partner |\n| a.x | b.y |\n| b.y | a.x |\n"
ENDS = "// ORDER a.x <-> b.y   (docs/ordering/p.md, claim 1)\n// ORDER b.y <-> a.x   (claim 1)\n"

RULES = {
    "paired-labels": {
        "check": paired_labels,
        "bad": [{"src/rcu/a.cpp": "// ORDER a.x <-> b.y   (docs/ordering/p.md, claim 1)\n"},
                {"src/rcu/a.cpp": ENDS + "// ORDER c.z <-> a.x (claim 1)\n"}],
        "good": [{"src/rcu/a.cpp": ENDS}],
    },
    "proved-labels": {
        "check": proved_labels,
        "bad": [{"src/rcu/a.cpp": ENDS},
                {"src/rcu/a.cpp": ENDS, "docs/ordering/p.md": "1. b.y\n"},
                {"src/rcu/a.cpp": ENDS.replace("claim 1", "claim 7"),
                 "docs/ordering/p.md": PAGE_TEXT},
                {"src/rcu/a.cpp": ENDS, "docs/ordering/p.md": PAGE_TEXT + "| c.z | a.x |\n"},
                {"src/rcu/a.cpp": "// ORDER a.x <-> b.y\n", "docs/ordering/p.md": PAGE_TEXT}],
        "good": [{"src/rcu/a.cpp": ENDS, "docs/ordering/p.md": PAGE_TEXT}],
    },
}
