# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""What gdb loads: by itself, under the name of the library, or by `source`. It only finds the
package, which lies beside it or, from gdb's folder of scripts, in graceslab/gdb further up."""

import pathlib
import sys


def package_folder():
    for place in pathlib.Path(__file__).resolve().parents:
        for folder in (place, place / "graceslab" / "gdb"):
            if (folder / "graceslab_gdb" / "__init__.py").is_file():
                return str(folder)
    raise ImportError("graceslab: graceslab_gdb, the package of these commands, is not installed")


if "graceslab_gdb" not in sys.modules:
    writes_bytecode = sys.dont_write_bytecode
    sys.dont_write_bytecode = True  # root's gdb leaves nothing behind in the system's folders
    sys.path.insert(0, package_folder())
    import graceslab_gdb  # noqa: F401 - registers the commands and printers
    sys.dont_write_bytecode = writes_bytecode
