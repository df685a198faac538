// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// debugged ROLE: one mistake, or none, for a debug mode that the environment chose to find. What
// happens afterwards is printed: the program goes on.
#include <graceslab/kernel/slab.h>

#include <cstdio>
#include <cstring>
#include <utility>

#include "roles.hpp"

namespace {

struct object {
  rcu_head rcu;
  char text[56];
};

// Early: before main.
struct early_cache {
  kmem_cache* cache = kmem_cache_create("early", sizeof(object), 0, 0, nullptr);
};
early_cache early;

// Each is in the stack: nothing here is called last.
[[gnu::noinline]] void* make(std::size_t bytes) {
  void* p = kzalloc(bytes, GFP_KERNEL);
  asm volatile("" : "+r"(p));
  return p;
}
[[gnu::noinline]] void drop(void* p) {
  kfree(p);
  asm volatile("");
}

kmem_cache* cache_named(const char* name) {
  return kmem_cache_create(name, sizeof(object), 0, 0, nullptr);
}

void overflow_by_one() {
  auto* p = static_cast<char*>(make(33));
  std::memset(p, 'x', 33);
  p[33] = 0;
  drop(p);
  std::printf("next %s\n", make(33) != p ? "another" : "the same");
}

// Another object keeps the slab: an empty one may go back before anybody looks.
void write_after_free() {
  (void)make(100);
  auto* p = static_cast<char*>(make(100));
  drop(p);
  p[21] = 'x';
  std::printf("next %s\n", make(100) != p ? "another" : "the same");
}

void write_after_grace_period() {
  kmem_cache* s = cache_named("mine");
  (void)kmem_cache_alloc(s, GFP_KERNEL);
  auto* o = static_cast<object*>(kmem_cache_alloc(s, GFP_KERNEL));
  kfree_rcu(o, rcu);
  kmem_cache_free_barrier(s);
  o->text[3] = 'x';
  std::printf("damaged %d\n", gs_cache_validate(s));
}

// Beyond its end, while readers may still look: found when the grace period is over.
void overflow_of_retired() {
  kmem_cache* s = cache_named("mine");
  auto* o = static_cast<object*>(kmem_cache_alloc(s, GFP_KERNEL));
  rcu_read_lock();
  kfree_rcu(o, rcu);
  reinterpret_cast<char*>(o)[sizeof *o] = 'x';
  rcu_read_unlock();
  kmem_cache_free_barrier(s);
  gs_cache_stats stats;
  gs_cache_read_stats(s, &stats);
  std::printf("leaked %llu, in flight %llu\n", static_cast<unsigned long long>(stats.leaked),
              static_cast<unsigned long long>(stats.retired - stats.reclaimed));
}

void free_twice() {
  void* p = make(64);
  drop(p);
  drop(p);
}

void free_inside() {
  auto* p = static_cast<char*>(make(64));
  drop(p + 8);
  drop(p);
}

// Page runs have owners as well.
void retire_run_twice() {
  void* p = make(2u << 20);
  rcu_read_lock();
  gs_retire(p);
  gs_retire(p);
  rcu_read_unlock();
}

void free_undetected() {
  kmem_cache* s = kmem_cache_create("undetected", 40, 0, SLAB_NO_DETECTION, nullptr);
  void* p = kmem_cache_alloc(s, GFP_KERNEL);
  kmem_cache_free(s, p);
  kmem_cache_free(s, p);
}

void use_early() {
  auto* p = static_cast<char*>(kmem_cache_alloc(early.cache, GFP_KERNEL));
  p[sizeof(object)] = 'x';
  kmem_cache_free(early.cache, p);
}

void trace() {
  kmem_cache* s = cache_named("traced");
  auto* o = static_cast<object*>(kmem_cache_alloc(s, GFP_KERNEL));
  kmem_cache_free(s, o);
  o = static_cast<object*>(kmem_cache_alloc(s, GFP_KERNEL));
  kfree_rcu(o, rcu);
  kmem_cache_free_barrier(s);
  drop(make(2u << 20));
  drop(make(20));
}

// Everything that may be done with what was asked for.
void clean() {
  for (std::size_t bytes :
       {0u, 1u, 8u, 33u, 64u, 100u, 4096u, 9000u, 65536u, 100'000u, 1u << 20, 2'000'000u}) {
    void* before = make(bytes);  // the first of a slab lies well anyhow
    auto* p = static_cast<char*>(make(bytes));
    if (bytes != 0 && (bytes & (bytes - 1)) == 0 &&
        reinterpret_cast<std::uintptr_t>(p) % bytes != 0)
      std::printf("%zu bytes are not aligned\n", bytes);
    std::memset(p, 'x', bytes);
    p = static_cast<char*>(krealloc(p, bytes + 3, GFP_KERNEL | __GFP_ZERO));
    if (p[bytes] != 0) std::printf("what %zu bytes grew by is not zero\n", bytes);
    std::memset(p, 'y', bytes + 3);
    p = static_cast<char*>(krealloc(p, bytes / 2 + 1, GFP_KERNEL));
    std::memset(p, 'z', ksize(p));
    drop(before);
    drop(p);
  }
  kmem_cache* s = cache_named("mine");
  for (int i = 0; i != 200; ++i) {
    auto* o = static_cast<object*>(kmem_cache_zalloc(s, GFP_KERNEL));
    if (i % 2 == 0)
      kfree_rcu(o, rcu);
    else
      kmem_cache_free(s, o);
  }
  std::printf("damaged %d\n", gs_caches_validate());
  std::printf("destroyed %d\n", kmem_cache_destroy_wait(s));
  kmem_cache_destroy(early.cache);
}

// One site each, and the later the more.
template <int Which>
[[gnu::noinline]] void leave() {
  void* p = kmalloc(100 + Which, GFP_KERNEL);
  asm volatile("" : "+r"(p));
}
template <int... Which>
void leave_each(std::integer_sequence<int, Which...>) {
  (leave<Which>(), ...);
}

void leak() {
  volatile int times = 50;  // a loop that is unrolled would have many sites
  for (int i = 0; i != times; ++i) leave<0>();
  leave<1>();
  (void)kmalloc(3u << 20, GFP_KERNEL);
  kmem_cache* s = cache_named("mine");
  (void)kmem_cache_alloc(s, GFP_KERNEL);
  kmem_cache* undetected = kmem_cache_create("undetected", 40, 0, SLAB_NO_DETECTION, nullptr);
  (void)kmem_cache_alloc(undetected, GFP_KERNEL);
  kmem_cache_free(undetected, kmem_cache_alloc(undetected, GFP_KERNEL));
  // None of these is one.
  drop(make(77));
  kfree_rcu(static_cast<object*>(make(sizeof(object))), rcu);
}

void leak_often() {
  leave_each(std::make_integer_sequence<int, 40>());
  for (int i = 0; i != 8; ++i) cache_named("one of many");
}

// The border of what may be used moves; what was damaged before stays damage.
void move_border() {
  auto* p = static_cast<char*>(make(40));
  p[40] = 'x';
  auto* q = static_cast<char*>(krealloc(p, 44, GFP_KERNEL | __GFP_ZERO));
  std::printf("%s, then %d\n", q == p ? "stayed" : "moved", q[40]);
  p = static_cast<char*>(make(40));
  std::printf("ksize %zu\n", ksize(p));
  std::memset(p, 'x', 48);
  q = static_cast<char*>(krealloc(p, 41, GFP_KERNEL));
  std::printf("%s\n", q == p ? "stayed" : "moved");
  q[41] = 'x';
  drop(q);
}

void choose_here() {
  if (gs_debug_caches("Z,mine;T,traced") != 0) return;
  kmem_cache* s = cache_named("mine");
  auto* p = static_cast<char*>(kmem_cache_alloc(s, GFP_KERNEL));
  p[sizeof(object)] = 'x';
  std::printf("damaged %d of all\n", gs_caches_validate());
}

constexpr role roles[] = {
    {"overflow", overflow_by_one},
    {"write_after_free", write_after_free},
    {"write_after_grace_period", write_after_grace_period},
    {"overflow_of_retired", overflow_of_retired},
    {"free_twice", free_twice},
    {"free_inside", free_inside},
    {"free_undetected", free_undetected},
    {"retire_run_twice", retire_run_twice},
    {"early", use_early},
    {"trace", trace},
    {"clean", clean},
    {"move_border", move_border},
    {"choose_here", choose_here},
    {"leak", leak},
    {"leak_often", leak_often},
};

}  // namespace

int main(int argc, char** argv) { return play_named(roles, argc, argv); }
