// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Static probes: a nop, and a note in the object file that tells bpftrace, perf, SystemTap and gdb
// where it stands and where its arguments are. Written after the description of the format at
// https://sourceware.org/systemtap/wiki/UserSpaceProbeImplementation (decision 0023).
//
// - Note: owner "stapsdt", type 3; the address of the nop, of `.stapsdt.base` as it was linked, of
//   no semaphore (0); then provider, name and arguments, each ended by a zero.
// - Argument: N@OPERAND, as the assembler writes the operand; all of ours have 8 bytes and lie in
//   a register or are a number. Nobody has to read memory of the program for them.
#pragma once

#define GS_PROBE_NOTE(name, operands)                                     \
  "990: nop\n"                                                            \
  ".pushsection .note.stapsdt,\"?\",\"note\"\n"                           \
  ".balign 4\n"                                                           \
  ".4byte 992f-991f, 994f-993f, 3\n"                                      \
  "991: .asciz \"stapsdt\"\n"                                             \
  "992: .balign 4\n"                                                      \
  "993: .8byte 990b\n"                                                    \
  ".8byte _.stapsdt.base\n"                                               \
  ".8byte 0\n"                                                            \
  ".asciz \"graceslab\"\n"                                                \
  ".asciz \"" #name                                                       \
  "\"\n"                                                                  \
  ".asciz \"" operands                                                    \
  "\"\n"                                                                  \
  "994: .balign 4\n"                                                      \
  ".popsection\n"                                                         \
  ".ifndef _.stapsdt.base\n"                                              \
  ".pushsection .stapsdt.base,\"aG\",\"progbits\",.stapsdt.base,comdat\n" \
  ".weak _.stapsdt.base\n"                                                \
  ".hidden _.stapsdt.base\n"                                              \
  "_.stapsdt.base: .space 1\n"                                            \
  ".size _.stapsdt.base, 1\n"                                             \
  ".popsection\n"                                                         \
  ".endif\n"

// Arguments are 64-bit integers or pointers.
#define GS_PROBE_3(name, a, b, c) \
  asm volatile(GS_PROBE_NOTE(name, "8@%0 8@%1 8@%2")::"nr"(a), "nr"(b), "nr"(c))
#define GS_PROBE_4(name, a, b, c, d) \
  asm volatile(GS_PROBE_NOTE(name, "8@%0 8@%1 8@%2 8@%3")::"nr"(a), "nr"(b), "nr"(c), "nr"(d))
#define GS_PROBE_5(name, a, b, c, d, e)                                                    \
  asm volatile(GS_PROBE_NOTE(name, "8@%0 8@%1 8@%2 8@%3 8@%4")::"nr"(a), "nr"(b), "nr"(c), \
               "nr"(d), "nr"(e))
