/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The unit that uses liburcu, whose names rcu_read_lock, call_rcu and rcu_barrier are graceslab's
 * as well. */
#include <pthread.h>
#include <stdlib.h>
#include <urcu.h>

#include "sides.h"

static long ran;

static void count(struct rcu_head* head) {
  uatomic_inc(&ran);
  free(head);
}

void other_side_works_inside(void) {
  rcu_read_lock();
  rcu_read_unlock();
}

int liburcu_works(int rounds) {
  for (int i = 0; i < rounds; i++) {
    struct rcu_head* head = (struct rcu_head*)malloc(sizeof *head);
    if (!head) return 0;
    rcu_read_lock();
    call_rcu(head, count);
    rcu_read_unlock();
  }
  synchronize_rcu();
  rcu_barrier();
  return uatomic_read(&ran) == rounds;
}

static void* one_thread(void* failures) {
  rcu_register_thread();
  if (!graceslab_works(500)) uatomic_inc((int*)failures);
  rcu_unregister_thread();
  return NULL;
}

int main(void) {
  static int failures;
  pthread_t thread[1];
  rcu_register_thread();
  if (pthread_create(thread, NULL, one_thread, &failures) != 0) return 1;
  int fine = liburcu_works(1000);
  rcu_thread_offline();
  pthread_join(thread[0], NULL);
  rcu_thread_online();
  rcu_unregister_thread();
  return fine && failures == 0 ? 0 : 2;
}
