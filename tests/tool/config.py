#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`graceslab config` shows every setting of the contract with value, default and meaning."""

import pathlib
import sys

sys.dont_write_bytecode = True
from support import tool

EXPECTED = {"GRACESLAB_DESTROY": "linger", "GRACESLAB_ON_VIOLATION": "report",
            "GRACESLAB_STALL_MS": "21000", "GRACESLAB_LINGER_SPLAT_MS": "21000",
            "GRACESLAB_EXIT": "drain", "GRACESLAB_EXIT_MS": "1000"}


def settings(**environment):
    done = tool.run("config", "--json", **environment)
    tool.expect(done.returncode == 0, "config --json", done)
    return {item["variable"]: item for item in tool.json_of(done)["settings"]}


clean = settings()
tool.expect(len(clean) >= 15, f"every setting: {sorted(clean)}")
for variable, value in EXPECTED.items():
    tool.expect(clean.get(variable, {}).get("default") == value, f"{variable} defaults to {value}")
for variable, item in clean.items():
    tool.expect(item["meaning"] != "", f"{variable} has a meaning")
    tool.expect(item["legal"] != "", f"{variable} says what may be set")
tool.expect(clean["GRACESLAB_DESTROY"]["legal"] == "linger|report|wait", "the words are listed")
tool.expect(clean["GRACESLAB_CALLBACK_WORKERS"]["legal"] == "1 to 16", "the range is listed")

changed = settings(GRACESLAB_STALL_MS="4321")
tool.expect(changed["GRACESLAB_STALL_MS"]["value"] == "4321", "the environment is obeyed")
tool.expect(changed["GRACESLAB_STALL_MS"]["default"] == "21000", "the default stays the default")

table = tool.run("config", GRACESLAB_STALL_MS="4321")
tool.expect(table.returncode == 0 and table.stderr == "", "the table", table)
for variable in clean:
    tool.expect(variable in table.stdout, f"{variable} is in the table", table)
tool.expect("* GRACESLAB_STALL_MS" in table.stdout, "what differs is marked", table)

page = pathlib.Path(__file__).parents[2].joinpath("docs/guide/settings.md")
markdown = tool.run("config", "--markdown", GRACESLAB_STALL_MS="4321")
tool.expect(markdown.returncode == 0 and markdown.stderr == "", "the page's table", markdown)
tool.expect(markdown.stdout.count("\n") == len(clean) + 2, "a row for each", markdown)
tool.expect(markdown.stdout in page.read_text(encoding="utf-8"), f"{page.name} shows it", markdown)
tool.expect_refusal("config", "--json", "--markdown")

sys.exit(tool.finish())
