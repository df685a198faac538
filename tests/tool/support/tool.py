# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Running the tool under test, and saying what was expected of it."""

import json
import os
import subprocess
import sys
import tempfile

TOOL = sys.argv[1]
failures = []

RANGES = "".join(f"{n * 1000},{n * 1000 + 499},{'AB'[n % 2]}C\n" for n in range(500)) + "".join(
    f"2001:db8:{n:x}::,2001:db8:{n:x}:ffff:ffff:ffff:ffff:ffff,DE\n" for n in range(1, 300))


def run(*arguments, timeout=250, **environment):
    return subprocess.run([TOOL, *arguments], capture_output=True, text=True, check=False,
                          timeout=timeout, env={**os.environ, **environment})


def expect(condition, what, done=None):
    if condition:
        return
    failures.append(what)
    print("FAILED:", what)
    if done is not None:
        print("  command:", done.args, "\n  status:", done.returncode)
        print("  stdout:", done.stdout[:2000], "\n  stderr:", done.stderr[:4000])


def expect_refusal(*arguments, says=""):
    """One clear line on standard error, nothing on standard output, exit status 2."""
    done = run(*arguments)
    lines = [line for line in done.stderr.splitlines() if not line.startswith("lab: ")]
    what = " ".join(arguments) or "no arguments"
    expect(done.returncode == 2, f"{what}: exit status 2", done)
    expect(done.stdout == "", f"{what}: nothing on standard output", done)
    expect(len(lines) == 1 and lines[0].startswith("graceslab: "), f"{what}: one line", done)
    expect(says in done.stderr, f"{what}: says {says!r}", done)


def json_of(done):
    try:
        return json.loads(done.stdout)
    except json.JSONDecodeError as error:
        expect(False, f"valid JSON alone on standard output: {error}", done)
        sys.exit(finish())


def file_with(text):
    """The path of a file that is there until this process ends."""
    place = tempfile.NamedTemporaryFile("wb", delete=False)
    place.write(text if isinstance(text, bytes) else text.encode())
    place.close()
    temporary.append(place.name)
    return place.name


temporary = []


def finish():
    for path in temporary:
        os.unlink(path)
    print(f"{len(failures)} failures")
    return 1 if failures else 0
