# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What a file looks like: its size, its licence line, its name, and what must not stand in it."""

import ast
import pathlib
import re

from tree import blank

FILE_LINES = 500
FUNCTION_LINES = 70
COLUMNS = 100
EXAMPLE_LINES = 80
LICENCE = "SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception"
SHELL = {"run", "check", ".ci/run"}
LICENSED = {".c", ".h", ".cpp", ".hpp", ".py", ".sh", ".md", ".cmake", ".in"}
SCOPE = re.compile(r"\b(namespace|extern|class|struct|union|enum)\b[^()]*$")
LEFTOVERS = r"\b(" + "|".join(("TO" + "DO", "FIX" + "ME", "XX" + "X", "HA" + "CK")) + r")\b"
MACHINE_PATHS = r"(?<![\w.$}/<])/(?:home|root|work|Users|opt)/\w"
VAGUE = {"util", "utils", "helper", "helpers", "manager", "common", "misc"}


def is_written(file):
    name = pathlib.PurePath(file.path)
    known = name.suffix in LICENSED or name.name == "CMakeLists.txt" or file.path in SHELL
    return file.is_c or known


def functions(file):
    """Yields (first line, last line) of each C or C++ function body with its head."""
    code = re.sub(r"^[ \t]*#(?:[^\n\\]|\\\n|\\.)*", blank, file.code, flags=re.MULTILINE)
    stack = []
    head = 0
    for match in re.finditer(r"[{};]", code):
        at = match.start()
        if match[0] == "{":
            before = code[head:at]
            in_function = any(kind == "function" for kind, _ in stack)
            plain = "(" not in before or SCOPE.search(before.strip())
            kind = "scope" if plain and not in_function else "block" if in_function else "function"
            stack.append((kind, head + len(before) - len(before.lstrip())))
        elif match[0] == "}" and stack:
            kind, start = stack.pop()
            if kind == "function":
                yield code.count("\n", 0, start) + 1, code.count("\n", 0, at) + 1
        head = at + 1


def python_functions(file):
    if not file.path.endswith(".py"):
        return
    for node in ast.walk(ast.parse(file.text)):
        if isinstance(node, ast.FunctionDef):
            yield node.lineno, node.end_lineno


def sizes(tree):
    for file in filter(is_written, tree.files):
        limit = EXAMPLE_LINES if file.path.startswith("examples/") else FILE_LINES
        if len(file.lines) > limit and not file.path.endswith(".md"):
            yield f"{file.path}:{limit}: {len(file.lines)} lines"
        bodies = functions if file.is_c else python_functions
        for first, last in bodies(file):
            if last - first >= FUNCTION_LINES:
                yield f"{file.path}:{first}: a function of {last - first + 1} lines"


def columns(tree):
    for file in filter(is_written, tree.files):
        for number, line in enumerate(file.lines, 1):
            if len(line) > COLUMNS and not file.path.endswith(".md"):
                yield f"{file.path}:{number}: {len(line)} columns"


def licence(tree):
    for file in filter(is_written, tree.files):
        if not any(LICENCE in line for line in file.lines[:5]):
            yield f"{file.path}:1: no SPDX line"


def leftovers(tree):
    for file in tree.files:
        for number, line in enumerate(file.lines, 1):
            if re.search(LEFTOVERS, line):
                yield f"{file.path}:{number}: {line.strip()}"


def machine_paths(tree):
    for file in tree.files:
        for number, line in enumerate(file.lines, 1):
            if re.search(MACHINE_PATHS, line):
                yield f"{file.path}:{number}: {line.strip()}"


# What a formatter makes of a table in a comment: "... returns. Blocks        never."
# A field set off by spaces: a formatter runs it into its neighbours.
COLUMN = re.compile(r"^\s*(//|/?\*+) *(- )?[A-Z][A-Za-z]+ {2,}\S"
                    r"|^\s*(//|/?\*+).*[\w.;:)>] +[A-Z][a-z]+( [a-z]+)? {3,}\S")


# A word of a list that a formatter put on a line of its own.
BROKEN = re.compile(r"^// - .*\n(// [^\s-].*\n)//   \S", re.MULTILINE)


def joined_fields(tree):
    for file in tree.files:
        if not file.path.endswith((".h", ".hpp", ".c", ".cpp")):
            continue
        for number, line in enumerate(file.lines, 1):
            if COLUMN.search(line):
                yield (f"{file.path}:{number}: a field that is set off by spaces; "
                       "write '- Field: ...'")
        text = "\n".join(file.lines)
        for found in BROKEN.finditer(text):
            number = text.count("\n", 0, found.start(1)) + 1
            yield f"{file.path}:{number}: a line of a list that is not set in as the next one is"


def clear_names(tree):
    for file in tree.files:
        stem = pathlib.PurePath(file.path).with_suffix("").parts
        if VAGUE.intersection(stem):
            yield f"{file.path}:1: says nothing about what is in it"


SPDX = f"// {LICENCE}\n"
LONG = "int f(int a) {\n" + "  a++;\n" * FUNCTION_LINES + "}\n"
SHORT = "  int f() {\n    return 1;\n  }\n" * FUNCTION_LINES
SCOPES = "namespace a {\nstruct b {\n" + SHORT + "};\n}\n"

RULES = {
    "sizes": {
        "check": sizes,
        "bad": [{"src/a.cpp": "\n" * (FILE_LINES + 1)}, {"src/a.cpp": LONG},
                {"src/a.hpp": f"class a {{\n{LONG}}};\n"},
                {"src/a.cpp": f"namespace {{\n{LONG}}}\n"},
                {"examples/a.c": "\n" * (EXAMPLE_LINES + 1)},
                {"tests/a.cpp": LONG.replace("int f(int a)", "TEST(a, b)")},
                {"a.py": "def f():\n" + "    pass\n" * FUNCTION_LINES}],
        "good": [{"src/a.cpp": SCOPES},
                 {"src/a.h": "#define A() { \\\n" + "  b; \\\n" * FUNCTION_LINES + "}\n"},
                 {"src/a.cpp": "const char* a[] = {\n" + '  "{",\n' * FUNCTION_LINES + "};\n"}],
    },
    "columns": {
        "check": columns,
        "bad": [{"src/a.cpp": "//" + "a" * COLUMNS}, {"CMakeLists.txt": "#" + "a" * COLUMNS}],
        "good": [{"src/a.cpp": "a" * COLUMNS}, {"a.md": "a" * 2 * COLUMNS}],
    },
    "licence": {
        "check": licence,
        "bad": [{"src/a.cpp": "int a;\n"}, {"a.md": "# a\n"}, {"check": "#!/bin/sh\n"},
                {"x/CMakeLists.txt": "\n"}, {"include/graceslab/a": "\n"}],
        "good": [{"src/a.cpp": SPDX, "LICENSE": "free\n", "data.json": "{}\n"}],
    },
    "leftovers": {
        "check": leftovers,
        "bad": [{"src/a.cpp": "// TO" + "DO later\n"}, {"a.md": "FIX" + "ME\n"}],
        "good": [{"src/a.cpp": "int todo;\n"}],
    },
    "machine-paths": {
        "check": machine_paths,
        "bad": [{"a.md": "see /ho" + "me/me/a\n"}, {"run": "cd /wo" + "rk/main\n"}],
        "good": [{"a.md": "/usr/include/a.h, ./work/a and https://a.example/home/b\n"}],
    },
    "joined-fields": {
        "check": joined_fields,
        "bad": [{"include/a.h": "/* - Waits: no. Blocks        never. */\n"},
                {"src/a.cpp": "// so. Context   short:\n"},
                {"src/a.cpp": "// Enters      closing.     Leaves  gone,\n"},
                {"src/a.hpp": "// Page        docs/a.md\n"},
                {"src/a.hpp": "// - Blocks: never,\n// or\n//   once.\n"}],
        "good": [{"src/a.cpp": "// - Blocks: never.\n// - State: one word\nint a;  // So\n"}],
    },
    "clear-names": {
        "check": clear_names,
        "bad": [{"src/os/util.hpp": "\n"}, {"src/common/a.cpp": "\n"}],
        "good": [{"src/os/clock.hpp": "\n"}],
    },
}
