#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Mistakes in the command line are one clear line and exit status 2; help and version are not."""

import os
import subprocess
import sys

sys.dont_write_bytecode = True
from support import tool

tool.expect_refusal()
tool.expect_refusal("nonsense", says="nonsense")
tool.expect_refusal("--nonsense")
for command in ("lab", "config", "version", "torture", "bench", "report"):
    tool.expect_refusal(command, "--nonsense", says="--nonsense")
    tool.expect_refusal(command, "stray\nargument")
    done = tool.run(command, "--help")
    tool.expect(done.returncode == 0 and done.stdout and not done.stderr, f"{command} --help", done)

for value in ("0", "-1", "many", "1.5", "100001", "99999999999999999999", ""):
    tool.expect_refusal("lab", "--rounds", value, says="--rounds")
for value in ("-1", "nan", "inf", "3601", "soon", ""):
    tool.expect_refusal("lab", "--seconds", value, says="--seconds")
for value in ("nonsense", "linger destroy_wait", ""):
    tool.expect_refusal("lab", "--approach", value)
tool.expect_refusal("lab", "--approach")
tool.expect_refusal("lab", "--input")
tool.expect_refusal("lab", "--json=perhaps")
tool.expect_refusal("lab-child")
tool.expect_refusal("lab-child", "--variant", "nonsense", says="nonsense")
tool.expect_refusal("lab-child", "--variant", "leak", "--protection", "perhaps")

version = tool.run("--version")
tool.expect(version.stdout.startswith("graceslab "), "--version", version)
tool.expect(tool.run("version").stdout == version.stdout, "version and --version agree", version)
tool.expect("lab-child" not in tool.run("--help").stdout, "the child's command stays hidden")

if os.path.exists("/dev/full"):
    with open("/dev/full", "w", encoding="ascii") as full:
        done = subprocess.run([tool.TOOL, "config"], stdout=full, stderr=subprocess.PIPE, text=True,
                              check=False)
    tool.expect(done.returncode == 2 and "standard output" in done.stderr, "a full disk is noticed")

sys.exit(tool.finish())
