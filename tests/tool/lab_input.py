#!/usr/bin/env python3
# SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
"""`graceslab lab --input`: bad lines are named and the rest is used; bad files are refused."""

import os
import sys
import tempfile

sys.dont_write_bytecode = True
from support import tool

QUICK = ("lab", "--json", "--approach", "destroy_wait", "--rounds", "1", "--seconds", "0.02")

MALFORMED = {
    "1,2": "FIRST,LAST,COUNTRY",
    "no commas at all": "FIRST,LAST,COUNTRY",
    "x,2,AA": "an IPv4 address",
    "1,4294967296,AA": "an IPv4 address",
    "-1,2,AA": "an IPv4 address",
    ",,": "an IPv4 address",
    "9,8,AA": "not below the first",
    "1,2,A": "a country",
    "1,2,AAA": "a country",
    "1,2,aa": "a country",
    "1,2,AA,more": "a country",
    "::g,::2,AA": "an IPv6 address",
    "::1,2,AA": "an IPv6 address",
    "::2,::1,AA": "not below the first",
    "1:2:3:4:5:6:7:8:9,::1,AA": "an IPv6 address",
    "1\0,2,AA": "an IPv4 address",
    "5,\u00e9,AA": "an IPv4 address",
    "7" * 100000: "FIRST,LAST,COUNTRY",
}


def each_bad_line():
    for line, expected in MALFORMED.items():
        path = tool.file_with(f"# comment\n\n1000,1999,AA\n{line}\n2000,2999,BB\n")
        done = tool.run(*QUICK, "--input", path)
        tool.expect(done.returncode == 0, f"{line[:40]!r}: the rest is used", done)
        tool.expect(f"graceslab: {path}:4: expected " in done.stderr, f"{line[:40]!r}: place", done)
        tool.expect(expected in done.stderr, f"{line[:40]!r}: says what was expected", done)
        longest = max(len(text) for text in done.stderr.splitlines())
        tool.expect(longest < 300, f"{line[:40]!r}: the quotation is cut", done)
        tool.expect("lines that cannot be used: 1; ranges that can: 2" in done.stderr,
                    f"{line[:40]!r}: says how many", done)
        counts = tool.json_of(done)["input"]
        tool.expect(counts["ranges"] == 2, f"{line[:40]!r}: two ranges", done)
        tool.expect(counts["files"][0]["malformed"] == 1, f"{line[:40]!r}: counted", done)


def many_bad_lines():
    done = tool.run(*QUICK, "--input", tool.file_with("1,2,AA\n" + "rubbish\n" * 5000))
    named = done.stderr.count(": expected ")
    tool.expect(done.returncode == 0 and 0 < named <= 50, "bad lines are capped", done)
    tool.expect(f"{5000 - named} more malformed lines" in done.stderr, "and counted", done)


def overlaps():
    done = tool.run(*QUICK, "--input", tool.file_with("10,20,AA\n15,30,BB\n1,5,CC\n20,20,DD\n"))
    counts = tool.json_of(done)["input"]
    tool.expect(counts["ranges"] == 2 and counts["files"][0]["malformed"] == 2, "overlaps", done)
    tool.expect(":2: expected a range that does not overlap" in done.stderr, "overlap named", done)


def odd_but_good_files():
    for name, text, ranges in (("CRLF", "1,2,AA\r\n3,4,BB\r\n", 2), ("no newline", "1,2,AA", 1),
                               ("unsorted", "9,9,AA\n1,2,BB\n", 2),
                               ("whole space", "0,4294967295,??\n", 1),
                               ("IPv6 only", "::,ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff,ZZ\n", 1)):
        done = tool.run(*QUICK, "--input", tool.file_with(text))
        tool.expect(done.returncode == 0 and "expected" not in done.stderr, name, done)
        tool.expect(tool.json_of(done)["input"]["ranges"] == ranges, f"{name}: ranges", done)
    files = [tool.file_with("1,2,AA\n"), tool.file_with("::1,::2,BB\n")]
    two = tool.run(*QUICK, "--input", files[0], "--input", files[1])
    tool.expect(tool.json_of(two)["input"]["ipv6"] == 1, "two files", two)


def refusals():
    tool.expect_refusal("lab", "--input", "/nonexistent/geoip", says="/nonexistent/geoip")
    with tempfile.TemporaryDirectory() as folder:
        tool.expect_refusal("lab", "--input", folder, says="cannot read")
    for name, text in (("empty", ""), ("comments", "# a\n\n# b\n")):
        tool.expect_refusal("lab", "--input", tool.file_with(text), says="no usable range")
        tool.expect(True, name)
    done = tool.run("lab", "--json", "--input", tool.file_with(os.urandom(100000)))
    tool.expect(done.returncode == 2 and done.stdout == "", "random bytes", done)


each_bad_line()
many_bad_lines()
overlaps()
odd_but_good_files()
refusals()
sys.exit(tool.finish())
