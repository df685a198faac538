// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "prose.hpp"

namespace graceslab::lab::html {
namespace {

const prose all[] = {
    {approach::rcu_barrier, "Status quo: call_rcu(), then rcu_barrier()",
     "rcu_barrier();\nkmem_cache_destroy(s);",
     "Objects of the cache are given up by call_rcu() alone, with a callback that frees them. "
     "rcu_barrier() waits until every callback that was posted before has run; then nothing of the "
     "cache is out any more.",
     "Nothing new is needed, and a module that has callbacks needs this barrier anyway before its "
     "code may go.",
     "A callback has to be written for each type, and runs once for each object. kfree_rcu() must "
     "not be used for this cache: rcu_barrier() does not wait for it, and a mistake shows as "
     "corrupted memory, later and elsewhere. It waits for the callbacks of everybody. Callbacks "
     "that post callbacks need one more barrier for each step.",
     "Objects need more than to be freed when they go, so that there is a callback anyway."},
    {approach::barrier_covers_retire, "rcu_barrier() waits for kfree_rcu() as well",
     "rcu_barrier();  /* covers both */\nkmem_cache_destroy(s);",
     "The meaning of before 2019: one barrier waits for callbacks and for everything that was "
     "passed to kfree_rcu().",
     "There is no new name to learn. Code that was written for the old meaning is right again.",
     "Every rcu_barrier() of the process pays for the objects that anybody has retired, also where "
     "only callbacks were meant.",
     "Code that relies on the old meaning cannot be changed."},
    {approach::kfree_rcu_barrier, "kfree_rcu_barrier()",
     "kfree_rcu_barrier();\nkmem_cache_destroy(s);",
     "One more function: it waits until all memory is free that was passed to kfree_rcu() before, "
     "whatever cache it is of.",
     "One call, no callbacks of one's own, and one wait serves any number of caches.",
     "It waits for the objects of all caches when only one is to go. Who destroys many caches and "
     "calls it for each pays each time for all.",
     "Many caches end together, and the caller must know that their objects are free."},
    {approach::linger, "kmem_cache_destroy() lingers", "kmem_cache_destroy(s);",
     "The allocator takes care: where objects are still out, the cache lives on, closed, until the "
     "last of them is home, and then goes by itself.",
     "The caller does not wait for readers, cannot choose the wrong wait, and may be in a place "
     "that must not "
     "wait. Nobody else waits either.",
     "The pages stay until the last object is home. Objects that nobody has given up yet are "
     "reported, and waited for as well; a leak is told when a limit has passed, not at once.",
     "Always, unless something below is needed: it is the default here."},
    {approach::linger_typesafe, "kmem_cache_destroy() lingers, SLAB_TYPESAFE_BY_RCU",
     "kmem_cache_destroy(s);",
     "The same for caches whose objects may be freed and used again at once, while readers still "
     "look at them: only the pages wait for a grace period, in batches that nobody waits for.",
     "Freed objects are used again without a grace period between, so memory does not grow while a "
     "reader stays in its section.",
     "Each reader has to make sure that what it found is still what it looked for, by a lock, a "
     "reference or a sequence count, and to start again if not.",
     "Objects come and go fast, memory is tight, and the readers can revalidate."},
    {approach::destroy_rcu, "kmem_cache_destroy_rcu() lingers",
     "cookie = kmem_cache_destroy_rcu(s);",
     "A name of its own for the destroy that lingers, so that plain kmem_cache_destroy() can go on "
     "complaining at once about objects that are left.",
     "The caller does not wait for readers, and caches without RCU keep their leak check.",
     "One more name, and the author of each cache has to know which of the two is right.",
     "Plain destroys are set to report (GRACESLAB_DESTROY=report), and this cache has objects in "
     "flight by design."},
    {approach::free_barrier, "kmem_cache_free_barrier()",
     "kmem_cache_free_barrier(s);\nkmem_cache_destroy(s);",
     "kfree_rcu_barrier() for one cache: it waits for the objects that were retired of this cache, "
     "and for no others.",
     "What it waits for does not depend on what other caches have in flight. The cache can be used "
     "on afterwards, and plain destroy keeps its leak check.",
     "The allocator has to know what is in flight for each cache, and many caches mean many waits.",
     "The objects of one cache have to be home, and the cache goes on or ends in a way of its "
     "own."},
    {approach::destroy_wait, "kmem_cache_destroy_wait()", "err = kmem_cache_destroy_wait(s);",
     "The wait for this cache's objects and its destroy in one call, which says whether it worked.",
     "When it returns 0 the cache is gone, pages and all; objects that are still allocated are an "
     "error code, at the place that is to blame.",
     "The caller is held as long as the slowest reader stays. Many caches mean many waits.",
     "The caller has to know that it is gone: at the end of a program, in a test, before memory is "
     "handed on."},
    {approach::destroy_cookie, "kmem_cache_destroy_rcu() and kmem_cache_destroy_barrier()",
     "cookie = kmem_cache_destroy_rcu(s);\n/* other work */\n"
     "err = kmem_cache_destroy_barrier_one(cookie);",
     "Begin now, wait later: the asynchronous destroy gives a cookie, and a barrier waits for that "
     "one, or for all that began before.",
     "The grace periods of many destroys overlap each other and other work, and a cookie says "
     "which "
     "cache leaks.",
     "Two calls that belong together, and a cookie to keep between them.",
     "Many caches end one after the other, and at the end somebody has to know that all are gone."},
    {approach::fully_freed, "SLAB_DESTROY_ONCE_FULLY_FREED",
     "s = kmem_cache_create(..., SLAB_DESTROY_ONCE_FULLY_FREED, ...);\n/* ... */\n"
     "kmem_cache_destroy(s);",
     "A flag at creation: destroy never complains, and the cache goes when its last object is "
     "freed, by whomever and whenever.",
     "References may outlive the code that made them, by reference counts, hazard pointers or "
     "chains "
     "of callbacks of any depth. The last one ends the cache, and no new call is needed.",
     "Whether a cache is meant to outlive its owner is decided where it is made, far from where it "
     "is destroyed. A leak is never reported.",
     "Others hold objects for as long as they like."},
};

}  // namespace

const prose& prose_of(approach which) {
  for (const prose& each : all)
    if (each.which == which) return each;
  return all[0];
}

}  // namespace graceslab::lab::html
