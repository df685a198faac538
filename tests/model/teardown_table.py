# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Checks the teardown state machine: page against code, and every sequence of moves.

Argument: the root of the tree. The page's table of legal moves is the specification; moves.hpp is
its transcription.
"""

import pathlib
import re
import sys

STAGES = ("open", "closing", "draining", "gone")


def moves_of_page(text):
    section = re.search(r"^## Legal moves$(.*?)^## ", text, re.MULTILINE | re.DOTALL)
    rows = re.findall(r"^\|\s*(\w+)\s*\|\s*(\w+)\s*\|", section[1], re.MULTILINE)
    return [(a, b) for a, b in rows if a != "from"]


def moves_of_code(text):
    table = re.search(r"legal_moves\[\]\s*=\s*\{(.*?)\};", text, re.DOTALL)
    rows = re.findall(r"\{\s*GS_STAGE_(\w+)\s*,\s*GS_STAGE_(\w+)\s*\}", table[1])
    return [(a.lower(), b.lower()) for a, b in rows]


def moves_made(root):
    """Every move<From, To> in the teardown layer, and every plain store of a stage anywhere."""
    for path in sorted((root / "src").rglob("*.cpp")) + sorted((root / "src").rglob("*.hpp")):
        text = path.read_text()
        where = path.relative_to(root)
        for a, b in re.findall(r"\bmove<\s*GS_STAGE_(\w+)\s*,\s*GS_STAGE_(\w+)\s*>", text):
            yield where, a.lower(), b.lower()
        for b in re.findall(r"gs_store_\w+\(&[\w.>-]*\bstage,[^;]*?GS_STAGE_(\w+)", text):
            yield where, None, b.lower()


def check_sequences(moves, problems):
    """All sequences of moves: exhaustive, as the graph is finite."""
    after = {stage: {b for a, b in moves if a == stage} for stage in STAGES}
    for stage in STAGES:
        if stage in after[stage]:
            problems.append(f"{stage} may move to itself: two destroyers could both win")
        if len(after[stage]) != 1:
            problems.append(f"{stage} has {len(after[stage])} ways on; each stage must have one")
    if problems:
        return
    seen, stage = [], "open"
    while stage not in seen:
        seen.append(stage)
        (stage,) = after[stage]
    if seen != list(STAGES) or stage != "open":
        problems.append(f"a life is {' -> '.join(seen + [stage])}")


def main(root):
    page = root / "docs/ordering/teardown.md"
    code = root / "src/teardown/moves.hpp"
    on_page, in_code = moves_of_page(page.read_text()), moves_of_code(code.read_text())
    problems = []
    for title, moves in (("page", on_page), ("code", in_code)):
        if len(set(moves)) != len(moves):
            problems.append(f"the {title} has a move twice")
        for move in moves:
            problems += [f"the {title} has an unknown stage '{s}'" for s in move if s not in STAGES]
    problems += [f"{a} -> {b} is on the page only" for a, b in on_page if (a, b) not in in_code]
    problems += [f"{a} -> {b} is in the code only" for a, b in in_code if (a, b) not in on_page]
    check_sequences(on_page, problems)

    made = set()
    for where, a, b in moves_made(root):
        if a is None:
            stored = (("gone", "open"), ("draining", "gone"))  # by slab: create and cache_delete
            allowed = [m for m in on_page if m[1] == b and m in stored]
            made.update(allowed)
            if not allowed:
                problems.append(f"{where} stores the stage {b} without a move()")
        elif (a, b) not in on_page:
            problems.append(f"{where} moves {a} -> {b}, which is not legal")
        made.add((a, b))
    problems += [f"nobody ever moves {a} -> {b}" for a, b in on_page if (a, b) not in made]
    print("\n".join(problems) or f"{len(on_page)} legal moves, all of them made, no others")
    return 1 if problems else 0


if __name__ == "__main__":
    sys.exit(main(pathlib.Path(sys.argv[1])))
