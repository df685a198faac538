#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""The manual pages and the completions have every sub-command and option that --help has, and those
who read them, man(1) and the shells, take them."""

import re
import shutil
import subprocess
import sys

sys.dont_write_bytecode = True
from support import tool

OPTION = re.compile(r"(?<![\w-])--?[a-z][a-z-]*")


def printed(*arguments):
    done = tool.run(*arguments)
    tool.expect(done.returncode == 0 and done.stdout and not done.stderr,
                " ".join(arguments), done)
    return done.stdout


def options_of(help_text):
    lines = [line for line in help_text.splitlines() if re.match(r"  +-", line)]
    return {name for line in lines for name in OPTION.findall(line.strip().split("  ")[0])}


def plain(page):
    return re.sub(r"\\f[BIR]", "", page).replace("\\-", "-")


def read_by(command, text, what):
    """Where that reader is installed."""
    if shutil.which(command[0]):
        done = subprocess.run(command, input=text, capture_output=True, text=True, check=False)
        tool.expect(done.returncode == 0 and not done.stderr, f"{what} is taken by {command[0]}",
                    done)


top = printed("--help")
commands = re.findall(r"^  ([a-z]+) ", top.split("Subcommands:")[1], re.MULTILINE)
tool.expect(len(commands) >= 8 and "lab" in commands, f"sub-commands: {commands}")
pages = {"": printed("man"), **{name: printed("man", name) for name in commands}}
helps = {"": top, **{name: printed(name, "--help") for name in commands}}
for name, page in pages.items():
    missing = {o for o in options_of(helps[name]) if o not in plain(page)}
    tool.expect(not missing, f"man {name}: has no {missing}")
    read_by(["groff", "-man", "-Tutf8", "-ww", "-z"], page, f"man {name}")
for name in commands:
    tool.expect(f"graceslab-{name}(1)" in plain(pages[""]), f"man: names the page of {name}")
tool.expect("GRACESLAB_DESTROY" in plain(pages[""]), "man: has the settings")
tool.expect_refusal("man", "nonsense", says="nonsense")
tool.expect_refusal("completion")
tool.expect_refusal("completion", "tcsh", says="tcsh")

scripts = {shell: printed("completion", shell) for shell in ("bash", "zsh", "fish")}
for shell, script in scripts.items():
    read_by([shell, "-n"], script, f"completion {shell}")


def offered(*words):
    """What bash would offer for the last of the words."""
    line = " ".join(f"'{word}'" for word in ("graceslab", *words))
    asked = (f"COMP_WORDS=({line}); COMP_CWORD={len(words)}; _graceslab; "
             'printf "%s\\n" "${COMPREPLY[@]}"')
    done = subprocess.run(["bash", "-c", scripts["bash"] + asked], capture_output=True, text=True,
                          check=True)
    return set(done.stdout.split())


tool.expect(offered("") >= set(commands), f"bash: sub-commands: {offered('')}")
tool.expect(offered("tor") == {"torture"}, "bash: the rest of a word")
for name in commands:
    found = offered(name, "-")
    tool.expect(found >= {o for o in options_of(helps[name]) if o.startswith("--")},
                f"bash: {name}: {found}")
    for option in options_of(helps[name]):
        for shell, mark in ("zsh", option), ("fish", " " + option.lstrip("-") + " "):
            tool.expect(mark in scripts[shell], f"{shell}: {name} {option}")
tool.expect(offered("lab", "--rounds", "") == set(), "bash: no words for a number")
tool.expect(offered("completion", "") >= {"bash", "zsh", "fish"}, "bash: the words of a set")
sys.exit(tool.finish())
