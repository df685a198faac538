#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""must_fail.py SOURCE COMPILER OPTION...

SOURCE holds a line `// EXPECT: regular expression` and guards its mistake by `#ifndef
GRACESLAB_CONTROL`. It must compile with GRACESLAB_CONTROL defined, and without it fail with a
message that matches: so that a missing header is not taken for the refusal under test.
"""

import re
import subprocess
import sys


def compile_once(source, compiler, options, control):
    standard = "-std=c11" if source.endswith(".c") else "-std=c++20"
    command = [compiler, standard, "-Wall", "-Wextra", "-Werror", "-fsyntax-only", *options, source]
    if control:
        command.append("-DGRACESLAB_CONTROL")
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    return done.returncode, done.stderr


def main(source, compiler, *options):
    with open(source, encoding="utf-8") as text:
        expected = re.search(r"EXPECT:\s*(.+?)\s*(\*/)?$", text.read(), re.MULTILINE)
    if not expected:
        print(f"{source}: no EXPECT line")
        return 1
    status, errors = compile_once(source, compiler, options, control=True)
    if status != 0:
        print(f"{source}: the control does not compile\n{errors}")
        return 1
    status, errors = compile_once(source, compiler, options, control=False)
    if status == 0:
        print(f"{source}: compiled, but must not")
        return 1
    if not re.search(expected.group(1), errors):
        print(f"{source}: no message matches {expected.group(1)!r}\n{errors}")
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
