# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What rules read: the files of the tree, and their code without comments and strings."""

import functools
import pathlib
import re
import subprocess

C_ENDINGS = {".c", ".h", ".cpp", ".hpp"}
PROSE = {".md"}
SKIPPED = {".git", "build", "__pycache__"}

STRING_OR_COMMENT = re.compile(
    r'//[^\n]*|/\*.*?\*/|R"(\w*)\(.*?\)\1"|"(?:\\.|[^"\\\n])*"'
    r"|(?<![0-9A-Fa-f])'(?:\\.|[^'\\\n])+'", re.DOTALL)


class Source:
    def __init__(self, root, path):
        self.path = path
        self.text = pathlib.Path(root, path).read_text(encoding="utf-8", errors="replace")
        self.lines = self.text.splitlines()

    @property
    def is_c(self):
        suffix = pathlib.PurePath(self.path).suffix
        return suffix in C_ENDINGS or (suffix == "" and self.path.startswith("include/"))

    @functools.cached_property
    def code(self):
        """The text with comments and strings blanked; line numbers stay."""
        return STRING_OR_COMMENT.sub(blank, self.text)


def blank(match):
    text = match[0]
    if text.startswith('"'):
        return '"' + re.sub(r"[^\n]", " ", text[1:-1]) + '"'
    return re.sub(r"[^\n]", " ", text)


def listed_by_git(root):
    def git(*words):
        command = ["git", "-C", str(root), *words]
        return subprocess.run(command, capture_output=True, text=True, check=True).stdout

    try:
        top = git("rev-parse", "--show-toplevel").strip()
        if pathlib.Path(top).resolve() != pathlib.Path(root).resolve():
            return None
        return git("ls-files", "-z", "--cached", "--others", "--exclude-standard").split("\0")
    except (OSError, subprocess.CalledProcessError):
        return None


def walked(root):
    for path in pathlib.Path(root).rglob("*"):
        relative = path.relative_to(root)
        if path.is_file() and not SKIPPED.intersection(relative.parts):
            yield str(relative)


class Tree:
    def __init__(self, root):
        self.root = pathlib.Path(root)
        paths = listed_by_git(root) or walked(root)
        present = sorted({path for path in paths if path and (self.root / path).is_file()})
        self.files = [Source(root, path) for path in present]

    def under(self, *prefixes):
        return [file for file in self.files if file.path.startswith(prefixes)]

    def c_under(self, *prefixes):
        return [file for file in self.under(*prefixes) if file.is_c]

    def exists(self, path):
        return (self.root / path).exists()


def matches(file, pattern, text=None):
    """Yields (line number, match) over the file's code."""
    text = file.code if text is None else text
    for match in re.finditer(pattern, text, re.MULTILINE):
        yield text.count("\n", 0, match.start()) + 1, match
