// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// memory NAME: one mistake that a checker of memory is to find, or nothing wrong at all. The
// functions' names are what the checker's stacks are looked for.
#include <graceslab/kernel/slab.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <graceslab/cache.hpp>
#include <string>

namespace {

struct entry {
  rcu_head head;
  char name[44];  // no multiple of 8: the bytes behind it are nobody's either
  char* text;
};

graceslab::cache<entry>& entries() {
  static auto& one = *new graceslab::cache<entry>("entries");  // lives for ever
  return one;
}
graceslab::rcu_pointer<entry> current;
volatile char sink;

[[gnu::noinline]] void touch(const char* byte) { sink = *byte; }
[[gnu::noinline]] void write(char* byte) { *const_cast<volatile char*>(byte) = 1; }
[[gnu::noinline]] entry* allocate() {
  entry* e = entries().make();
  std::strcpy(e->name, "name");
  e->text = nullptr;
  return e;
}
[[gnu::noinline]] void free_it(entry* e) { entries().release(e); }
[[gnu::noinline]] void retire_it(entry* e) { entries().retire(e); }

// ---- mistakes ----

void use_after_free() {
  entry* e = allocate();
  free_it(e);
  touch(e->name);
}

void use_after_grace_period() {
  entry* e = allocate();
  retire_it(e);
  entries().barrier();
  touch(e->name);
}

void use_in_callback() {
  entry* e = allocate();
  call_rcu(&e->head, [](rcu_head* head) {
    auto* of = reinterpret_cast<entry*>(head);
    free_it(of);
    touch(of->name);
  });
  rcu_barrier();
}

void overflow() {
  entry* e = allocate();
  write(reinterpret_cast<char*>(e) + sizeof(entry));
}

void overflow_kmalloc() {
  auto* bytes = static_cast<char*>(kmalloc(64, GFP_KERNEL));
  write(bytes + 64);
}

void overflow_kmalloc_odd() {
  auto* bytes = static_cast<char*>(kmalloc(100, GFP_KERNEL));
  write(bytes + 101);
}

void use_after_kfree() {
  auto* bytes = static_cast<char*>(kzalloc(100, GFP_KERNEL));
  kfree(bytes);
  touch(bytes);
}

void use_after_kfree_large() {
  auto* bytes = static_cast<char*>(kmalloc(3u << 20, GFP_KERNEL));
  kfree(bytes);
  touch(bytes + (1u << 20));
}

void use_after_krealloc() {
  auto* bytes = static_cast<char*>(kmalloc(100, GFP_KERNEL));
  auto* more = static_cast<char*>(krealloc(bytes, 5000, GFP_KERNEL));
  touch(more + 4999);
  touch(bytes);
}

void use_after_destroy() {
  kmem_cache* c = kmem_cache_create("short", 32, 0, 0, nullptr);
  auto* bytes = static_cast<char*>(kmem_cache_alloc(c, GFP_KERNEL));
  kmem_cache_free(c, bytes);
  kmem_cache_destroy(c);
  touch(bytes);
}

void use_of_constructed() {
  kmem_cache* c = kmem_cache_create("built", 32, 0, 0, [](void* p) { std::memset(p, 1, 32); });
  auto* bytes = static_cast<char*>(kmem_cache_alloc(c, GFP_KERNEL));
  kmem_cache_free(c, bytes);
  touch(bytes);
}

[[gnu::noinline]] char* make_block() { return static_cast<char*>(std::malloc(333)); }

// The only pointer to a block lies in an object that was freed.
void lost() {
  entry* e = allocate();
  e->text = make_block();
  free_it(e);
}

void lost_by_retire() {
  entry* e = allocate();
  e->text = make_block();
  retire_it(e);
  entries().barrier();
}

// ---- nothing wrong ----

struct named {
  std::string name;
};

void reachable() {
  static auto& all = *new graceslab::cache<named>("named");
  static graceslab::rcu_pointer<named> one;
  one.store(all.make(named{std::string(200, 'x')}));
  static char** large = static_cast<char**>(kmalloc(3u << 20, GFP_KERNEL));
  large[0] = make_block();
  static char** block = static_cast<char**>(kmalloc(40, GFP_KERNEL));
  block[1] = make_block();
}

void objects() {
  for (int round = 0; round != 3; ++round)
    for (int i = 0; i != 300; ++i) {
      entry* e = allocate();
      std::memset(e->name, i, sizeof e->name);
      entry* old = current.load();
      current.store(e);
      if (old != nullptr) i % 2 == 0 ? retire_it(old) : (synchronize_rcu(), free_it(old));
    }
  retire_it(current.load());
  current.store(nullptr);
  entries().barrier();
}

void sizes() {
  for (std::size_t size :
       {0u, 1u, 7u, 8u, 9u, 64u, 100u, 4096u, 8192u, 70000u, 1u << 20, 3u << 20}) {
    auto* bytes = static_cast<char*>(kmalloc(size, GFP_KERNEL));
    std::memset(bytes, 1, size);
    std::memset(bytes, 2, ksize(bytes));
    bytes = static_cast<char*>(krealloc(bytes, size + 40, GFP_KERNEL));
    std::memset(bytes, 3, size + 40);
    bytes = static_cast<char*>(krealloc(bytes, size / 2 + 1, GFP_KERNEL));
    std::memset(bytes, 4, size / 2 + 1);
    bytes = static_cast<char*>(krealloc(bytes, size + 2, GFP_KERNEL));
    std::memset(bytes, 5, size + 2);
    if (size % 2 == 0)
      kfree(bytes);
    else
      kfree_rcu_mightsleep(bytes);
    auto* zero = static_cast<char*>(kzalloc(size, GFP_KERNEL));
    for (std::size_t i = 0; i != size; ++i)
      if (zero[i] != 0) std::abort();
    if ((size & (size - 1)) == 0 && size != 0 && reinterpret_cast<std::uintptr_t>(zero) % size != 0)
      std::abort();
    kfree(zero);
  }
}

void flags() {
  const auto fill = [](void* p) { std::memset(p, 1, 24); };
  for (unsigned flag : {0u, SLAB_TYPESAFE_BY_RCU, SLAB_HWCACHE_ALIGN, SLAB_NO_DETECTION,
                        SLAB_POISON | SLAB_RED_ZONE | SLAB_STORE_USER | SLAB_CONSISTENCY_CHECKS})
    for (void (*ctor)(void*) : {static_cast<void (*)(void*)>(nullptr), +fill}) {
      kmem_cache* c = kmem_cache_create("flags", 24, 0, flag, ctor);
      char* some[200];
      for (char*& one : some) {
        one = static_cast<char*>(kmem_cache_alloc(c, GFP_KERNEL));
        if (ctor != nullptr && one[23] != 1) std::abort();
        std::memset(one, 1, 24);
      }
      for (char* one : some) kmem_cache_free(c, one);
      // Readers may look at type-safe objects that were freed.
      if ((flag & SLAB_TYPESAFE_BY_RCU) != 0) {
        graceslab::rcu_reader inside;
        touch(some[7]);
      }
      for (int i = 0; i != 50; ++i) gs_retire(kmem_cache_alloc(c, GFP_KERNEL));
      if (gs_cache_validate(c) != 0) std::abort();
      if (kmem_cache_destroy_wait(c) != 0) std::abort();
    }
}

void callbacks() {
  for (int i = 0; i != 100; ++i) {
    call_rcu(&allocate()->head, [](rcu_head* head) { free_it(reinterpret_cast<entry*>(head)); });
    auto* e = static_cast<entry*>(std::malloc(sizeof(entry)));
    call_rcu(&e->head, [](rcu_head* head) { std::free(head); });
  }
  rcu_barrier();
}

void clean() {
  objects();
  sizes();
  flags();
  callbacks();
}

struct {
  const char* name;
  void (*run)();
} const cases[] = {
    {"use_after_free", use_after_free},
    {"use_after_grace_period", use_after_grace_period},
    {"use_in_callback", use_in_callback},
    {"overflow", overflow},
    {"overflow_kmalloc", overflow_kmalloc},
    {"overflow_kmalloc_odd", overflow_kmalloc_odd},
    {"use_after_kfree", use_after_kfree},
    {"use_after_kfree_large", use_after_kfree_large},
    {"use_after_krealloc", use_after_krealloc},
    {"use_after_destroy", use_after_destroy},
    {"use_of_constructed", use_of_constructed},
    {"lost", lost},
    {"lost_by_retire", lost_by_retire},
    {"reachable", reachable},
    {"clean", clean},
};

// Of pointers that the cases left there.
[[gnu::noinline]] void clear_stack() {
  volatile char bytes[4096];
  for (volatile char& byte : bytes) byte = 0;
}

}  // namespace

int main(int, char** arguments) {
  for (const auto& one : cases)
    if (std::strcmp(one.name, arguments[1]) == 0) {
      one.run();
      clear_stack();
      std::puts("ended");
      return 0;
    }
  return 2;
}
