/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* Two units with the same names for different things: nothing of either leaks into the other. */
#ifndef GRACESLAB_TESTS_SIDES_H
#define GRACESLAB_TESTS_SIDES_H

int graceslab_works(int rounds);
int liburcu_works(int rounds);
void other_side_works_inside(void); /* a liburcu section inside one of graceslab's */

#endif
