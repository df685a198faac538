# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""Commands and pretty printers for gdb, for processes that live and for core files: gs-domains,
gs-caches, gs-readers, gs-inflight, gs-why, gs-owner.

All of it only reads memory, by the library's debug information. Nothing in the process is called,
so it may have stopped anywhere, in the middle of a lock of the library too."""

from . import commands, printers

commands.register()
printers.register()
