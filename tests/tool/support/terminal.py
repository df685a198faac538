# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""A terminal of the kind vt100, for programs that draw: what they write becomes a screen."""

import fcntl
import os
import pty
import re
import select
import signal
import struct
import termios
import time

LIMIT_S = 50  # only ends a test that has failed
SEQUENCE = re.compile(rb"\x1b(?:\[([?0-9;]*)([A-Za-z])|[()][A-Z0-9]|([78=>DEM]))")


class Terminal:
    """Runs a program below it."""

    def __init__(self, arguments, lines=30, columns=170, kind="vt100", **environment):
        self.lines, self.columns = lines, columns
        self.cells = [[" "] * columns for _ in range(lines)]
        self.line = self.column = 0
        self.rest = b""
        self.status = None
        self.pid, self.file = pty.fork()
        if self.pid == 0:
            fcntl.ioctl(1, termios.TIOCSWINSZ, struct.pack("HHHH", lines, columns, 0, 0))
            inherited = {k: v for k, v in os.environ.items() if k not in ("LINES", "COLUMNS")}
            os.execve(arguments[0], arguments,
                      {**inherited, "LC_ALL": "C", **environment, "TERM": kind})

    def screen(self):
        return "\n".join("".join(row).rstrip() for row in self.cells)

    def press(self, keys):
        os.write(self.file, keys.encode())

    def sees(self, text):
        """Whether the screen comes to show it; text may be a function of the screen."""
        wanted = text if callable(text) else lambda screen: text in screen
        end = time.monotonic() + LIMIT_S
        while not wanted(self.screen()):
            if time.monotonic() > end or not self.read(0.5):
                return wanted(self.screen())
        return True

    def read(self, seconds):
        """False: the program has closed the terminal."""
        if not select.select([self.file], [], [], seconds)[0]:
            return True
        try:
            data = os.read(self.file, 65536)
        except OSError:
            return False
        self.rest += data
        self.draw()
        return bool(data)

    def ends(self):
        """The exit status."""
        end = time.monotonic() + LIMIT_S
        while self.read(0.2) and time.monotonic() < end:
            pass
        while self.status is None:
            pid, status = os.waitpid(self.pid, os.WNOHANG)
            if pid:
                self.status = os.waitstatus_to_exitcode(status)
            elif time.monotonic() > end:
                os.kill(self.pid, signal.SIGKILL)
            else:
                time.sleep(0.01)
        os.close(self.file)
        return self.status

    def draw(self):
        while self.rest:
            if self.rest[0] == 0x1b:
                found = SEQUENCE.match(self.rest)
                if not found:
                    if len(self.rest) < 16:
                        return  # more of it is to come
                    self.rest = self.rest[1:]
                    continue
                self.rest = self.rest[found.end():]
                self.obey(found)
            else:
                self.put(self.rest[0])
                self.rest = self.rest[1:]

    def put(self, byte):
        if byte == 0x0d:
            self.column = 0
        elif byte == 0x0a:
            self.down()
        elif byte == 0x08:
            self.column = max(self.column - 1, 0)
        elif byte == 0x09:
            self.column = min(self.column // 8 * 8 + 8, self.columns - 1)
        elif byte >= 0x20:
            self.cells[self.line][min(self.column, self.columns - 1)] = chr(byte)
            self.column = min(self.column + 1, self.columns)

    def down(self):
        if self.line + 1 < self.lines:
            self.line += 1
        else:
            self.cells = self.cells[1:] + [[" "] * self.columns]

    def up(self):
        if self.line:
            self.line -= 1
        else:
            self.cells = [[" "] * self.columns] + self.cells[:-1]

    def obey(self, found):
        numbers = [int(n) if n.isdigit() else 0 for n in (found[1] or b"").split(b";")]
        count = max(numbers[0], 1)
        if found[2] in (b"H", b"f"):
            self.line = min(max(numbers[0], 1), self.lines) - 1
            self.column = min(max(numbers[1] if len(numbers) > 1 else 1, 1), self.columns) - 1
        elif found[2] == b"A":
            self.line = max(self.line - count, 0)
        elif found[2] == b"B":
            self.line = min(self.line + count, self.lines - 1)
        elif found[2] == b"C":
            self.column = min(self.column + count, self.columns - 1)
        elif found[2] == b"D":
            self.column = max(self.column - count, 0)
        elif found[2] == b"J":
            self.erase(self.line, self.column, numbers[0])
        elif found[2] == b"K":
            row = self.cells[self.line]
            first, last = {0: (self.column, self.columns), 1: (0, self.column + 1),
                           2: (0, self.columns)}[numbers[0]]
            row[first:last] = [" "] * (min(last, self.columns) - first)
        elif found[3] == b"D":
            self.down()
        elif found[3] == b"M":
            self.up()
        elif found[3] == b"E":
            self.column = 0
            self.down()

    def erase(self, line, column, how):
        for y in range(self.lines):
            for x in range(self.columns):
                after = (y, x) >= (line, column)
                if how == 2 or (how == 0 and after) or (how == 1 and not after):
                    self.cells[y][x] = " "
