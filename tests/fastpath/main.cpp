// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Steps through every operation and prints, for each, its name and then each instruction executed
// as "OBJECT BASE ADDRESS". fastpath.py makes counts of them.
#include <dlfcn.h>
#include <graceslab/kernel/slab.h>

#include <cstdio>
#include <string>
#include <vector>

#include "steps.h"

namespace {

constexpr int attempts = 7;  // the background thread may hold the arrays just now

// The shortest of several runs: the path that is taken when nothing is in the way.
void print_steps(const std::string& name, const operation& o, kmem_cache* s) {
  static steps one, shortest;
  shortest.count = STEPS_MAX;
  for (int i = 0; i != attempts; ++i) {
    void* object = o.prepare(s);
    o.finish(s, steps_of(o.run, s, object, &one));
    if (one.count < shortest.count) shortest = one;
  }
  std::printf("operation %s\n", name.c_str());
  for (std::size_t i = 0; i != shortest.count; ++i) {
    Dl_info where = {};
    dladdr(reinterpret_cast<void*>(shortest.address[i]), &where);
    std::printf("%s %#lx %#lx\n", where.dli_fname != nullptr ? where.dli_fname : "?",
                reinterpret_cast<unsigned long>(where.dli_fbase),
                static_cast<unsigned long>(shortest.address[i]));
  }
}

void print_all(const char* prefix, const operation* all, kmem_cache* s, bool readers) {
  for (; all->name != nullptr; ++all) {
    bool is_reader = std::string(all->name).find("reader") != std::string::npos;
    bool is_small = std::string(all->name).find("kmalloc") != std::string::npos;
    if (!readers && (is_reader || is_small)) continue;
    print_steps(std::string(prefix) + all->name, *all, s);
  }
}

kmem_cache* stocked(unsigned flags) {
  kmem_cache* s = kmem_cache_create("stepped", 64, 0, flags, nullptr);
  std::vector<void*> some(40);
  for (void*& p : some) p = kmem_cache_alloc(s, GFP_KERNEL);
  for (void* p : some) kmem_cache_free(s, p);
  return s;
}

kmem_cache* stocked_typed(unsigned flags) {
  auto* s = static_cast<kmem_cache*>(typed_cache_new(flags));
  for (const operation* o = typed_operations; o->name != nullptr; ++o)
    o->finish(s, o->run(s, o->prepare(s)));  // registers the thread, fills its arrays
  return s;
}

}  // namespace

int main() {
  steps_begin();
  rcu_read_lock();
  rcu_read_unlock();
  kfree(kmalloc(64, GFP_KERNEL));
  print_all("", kernel_operations, stocked(0), true);
  print_all("typed.", typed_operations, stocked_typed(0), true);
  print_all("hazard.", hazard_operations, nullptr, true);
#ifdef SLAB_NO_DETECTION
  print_all("undetected.", kernel_operations, stocked(SLAB_NO_DETECTION), false);
  print_all("undetected.typed.", typed_operations, stocked_typed(SLAB_NO_DETECTION), false);
#endif
  for (unsigned i = 0; i != GS_TLS_CACHES; ++i) kmem_cache_create("filler", 64, 0, 0, nullptr);
  print_all("beyond.", kernel_operations, stocked(0), false);
  print_all("beyond.typed.", typed_operations, stocked_typed(0), true);
  return 0;
}
