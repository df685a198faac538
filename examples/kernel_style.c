/* SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */
/* The kernel's names, in C11: a list of sessions, removed by kfree_rcu() and by call_rcu(). */
#include <graceslab/kernel/slab.h>
#include <stdio.h>

struct session {
  struct session* next;
  int id;
  struct rcu_head rcu;
};

static struct kmem_cache* session_cache;
static struct session* sessions;
static int closed;

static int count_sessions(void) {
  int n = 0;
  rcu_read_lock();
  for (struct session* s = rcu_dereference(sessions); s; s = rcu_dereference(s->next)) n++;
  rcu_read_unlock();
  return n;
}

static int add_session(int id) {
  struct session* s = (struct session*)kmem_cache_alloc(session_cache, GFP_KERNEL);
  if (!s) return -1;
  s->id = id;
  s->next = sessions;
  rcu_assign_pointer(sessions, s);
  return 0;
}

static struct session* unlink_first(void) {
  struct session* s = rcu_dereference_protected(sessions, 1);
  rcu_assign_pointer(sessions, s->next);
  return s;
}

static void close_session(struct rcu_head* head) {
  struct session* s = (struct session*)(void*)((char*)head - offsetof(struct session, rcu));
  gs_fetch_add(&closed, 1);
  kmem_cache_free(session_cache, s);
}

int main(void) {
  session_cache = KMEM_CACHE(session, 0);
  for (int i = 0; i < 100; i++)
    if (add_session(i) != 0) return 1;
  for (int i = 0; i < 25; i++) {
    struct session* s = unlink_first();
    kfree_rcu(s, rcu); /* only memory to give back */
  }
  for (int i = 0; i < 25; i++)
    call_rcu(&unlink_first()->rcu, close_session); /* something to do as well */
  printf("%d sessions left\n", count_sessions());

  while (sessions) kfree_rcu(unlink_first(), rcu);
  rcu_barrier(); /* close_session() frees into the cache: callbacks first */
  printf("%d sessions closed by callback\n", closed);
  return kmem_cache_destroy_wait(session_cache); /* then the retires: 0 when gone */
}
