#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Compiles the fenced snippets of a Markdown page.

```cpp, ```c           a whole translation unit, starting with #include: must compile
```cpp run, ```c run   is linked with the library and run, too: exit status 0
```cpp-fragment        is not compiled
"""

import argparse
import pathlib
import re
import subprocess
import sys
import tempfile

FENCE = re.compile(r"^```(c|cpp)( run)?[ \t]*\n(.*?)^```[ \t]*$", re.MULTILINE | re.DOTALL)


def snippets(text):
    """Yields (line, language, run, code)."""
    for match in FENCE.finditer(text):
        yield text.count("\n", 0, match.start()) + 1, match[1], bool(match[2]), match[3]


def starts_with_include(code):
    for line in code.splitlines():
        if line.strip() and not line.lstrip().startswith(("//", "/*")):
            return line.startswith("#include") or line.startswith("#define")
    return False


def build(code, language, run, folder, tools):
    """Returns the complaint, or None."""
    if not starts_with_include(code):
        return f"starts with no #include: complete it, or mark it {language}-fragment"
    source = pathlib.Path(folder, "snippet." + language)
    source.write_text(code, encoding="utf-8")
    compiler, standard = (tools.cc, "-std=c11") if language == "c" else (tools.cxx, "-std=c++20")
    command = [compiler, standard, "-Wall", "-Wextra", "-Werror", "-I", tools.include, str(source)]
    program = pathlib.Path(folder, "snippet")
    if run:
        command += ["-o", str(program), "-L", tools.library, "-lgraceslab", "-pthread"]
        command.append("-Wl,-rpath," + tools.library)
    else:
        command.append("-fsyntax-only")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    if done.returncode != 0:
        return done.stderr
    if run:
        done = subprocess.run([str(program)], capture_output=True, text=True, check=False,
                              timeout=60)
        if done.returncode != 0:
            return f"exit status {done.returncode}\n{done.stdout}{done.stderr}"
    return None


def check(text, name, tools):
    failures = 0
    with tempfile.TemporaryDirectory() as folder:
        for line, language, run, code in snippets(text):
            complaint = build(code, language, run, folder, tools)
            if complaint:
                failures += 1
                print(f"{name}:{line}: {complaint}")
    return failures


def self_test(tools):
    include = "#include <stddef.h>\n"
    good = (f"```c\n{include}size_t n;\n```\n```c-fragment\nnot c\n```\n"
            f"```cpp\n{include}size_t n{{1}};\n```\n")
    bad = [f"```c\n{include}size_t n\n```\n", "```cpp\nint n;\n```\n",
           f"```cpp\n{include}auto n;\n```\n"]
    assert check(good, "good", tools) == 0
    for text in bad:
        assert check(text, "bad", tools) == 1, text
    return 0


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument("page", nargs="?")
    parser.add_argument("--self-test", action="store_true")
    parser.add_argument("--cc", default="cc")
    parser.add_argument("--cxx", default="c++")
    parser.add_argument("--include", default=".")
    parser.add_argument("--library", default=".")
    tools = parser.parse_args()
    if tools.self_test:
        return self_test(tools)
    text = pathlib.Path(tools.page).read_text(encoding="utf-8")
    return 1 if check(text, tools.page, tools) else 0


if __name__ == "__main__":
    sys.exit(main())
