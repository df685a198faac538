#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`graceslab lab` over a broken library: an approach whose wait does not wait has not kept its
promise, though its cache lingers and nothing is lost. Contract A3, A7."""

import json
import os
import subprocess
import sys

LAB = ("lab", "--json", "--rounds", "3", "--seconds", "0.1",
       "--approach", "kfree_rcu_barrier", "--approach", "free_barrier")


def verdicts(flaw):
    environment = dict(os.environ, GRACESLAB_BUSTED=flaw) if flaw else None
    done = subprocess.run([sys.argv[1], *LAB], env=environment, timeout=100, text=True,
                          stdin=subprocess.DEVNULL, capture_output=True)
    sys.stderr.write(done.stderr)
    return done.returncode, [a["verdict"] for a in json.loads(done.stdout)["approaches"]]


assert verdicts(None) == (0, ["ok", "ok"]), "the library as it is"
# Where the machine lets so much time pass in the destroy that everything is home by then, there is
# nothing to be seen: about every second time. Each approach has to be caught once.
caught = [False, False]
for _ in range(20):
    status, found = verdicts("cache-barrier-nothing")
    assert status == (1 if "failed" in found else 0), (status, found)
    caught = [c or v == "failed" for c, v in zip(caught, found, strict=True)]
    if all(caught):
        break
assert all(caught), f"kfree_rcu_barrier, free_barrier caught: {caught}"
