// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// threads NAME: one race that TSan is to find, or nothing wrong at all. The functions' names are
// what its stacks are looked for. A race is made by what is not ordered, whatever thread comes
// first: nothing here depends on time.
#include <graceslab/kernel/slab.h>

#include <cstdio>
#include <cstring>
#include <graceslab/cache.hpp>
#include <semaphore>
#include <thread>
#include <vector>

namespace {

struct entry {
  rcu_head head;
  long a, b;
};

graceslab::cache<entry>& entries() {
  static auto& one = *new graceslab::cache<entry>("entries");  // lives for ever
  return one;
}
graceslab::rcu_pointer<entry> current;

[[gnu::noinline]] long read_it(const entry* e) {
  asm volatile("");  // a read that nobody needs is not left out
  return e->a + e->b;
}
[[gnu::noinline]] void write_it(entry* e, long value) { e->a = e->b = value; }

entry* make_one(long value) {
  entry* e = entries().make();
  write_it(e, value);
  return e;
}

// Ordered by nothing that TSan sees: the word is one of this program's, which is not looked at.
class unseen_flag {
 public:
  __attribute__((no_sanitize("thread"), noinline)) void set() { now_ = true; }
  __attribute__((no_sanitize("thread"), noinline)) void wait() {
    while (!now_) std::this_thread::yield();
  }

 private:
  volatile bool now_ = false;
};

// ---- races ----

// A reader outside of any section, and an update that waits for sections alone.
void read_outside() {
  current.store(make_one(1));
  unseen_flag was_read;
  std::thread reader([&] {
    (void)read_it(current.load());
    was_read.set();
  });
  was_read.wait();
  entry* old = current.load();
  current.store(nullptr);
  entries().retire(old);
  entries().barrier();
  write_it(make_one(2), 3);
  reader.join();
}

// A section that ended before the use.
void read_after_section() {
  current.store(make_one(1));
  unseen_flag was_read;
  std::thread reader([&] {
    entry* e;
    {
      graceslab::rcu_reader inside;
      e = current.load();
    }
    (void)read_it(e);
    was_read.set();
  });
  was_read.wait();
  entries().retire(current.load());
  entries().barrier();
  write_it(make_one(2), 3);
  reader.join();
}

// synchronize_rcu() does not wait for callbacks: rcu_barrier() would.
long counted;
unseen_flag was_counted;
[[gnu::noinline]] void count_in_callback(rcu_head*) {
  ++counted;
  was_counted.set();
}
[[gnu::noinline]] void read_count() { std::printf("%ld\n", counted); }
void no_barrier() {
  static rcu_head head;
  call_rcu(&head, count_in_callback);
  was_counted.wait();
  read_count();
}

// Two threads that share nothing but the library. (What is freed by the one and handed out to the
// other does order them, so nothing is freed meanwhile.)
[[gnu::noinline]] void use_the_library() {
  static_cast<void>(make_one(1));
  static_cast<char*>(kmalloc(100, GFP_KERNEL))[99] = 1;
  graceslab::rcu_reader inside;
}
void no_order() {
  static entry* shared = make_one(1);
  unseen_flag was_written;
  std::thread other([&] {
    use_the_library();
    write_it(shared, 2);
    use_the_library();
    was_written.set();
  });
  was_written.wait();
  use_the_library();
  (void)read_it(shared);
  other.join();
}

// ---- nothing wrong ----

constexpr int rounds = 2000;

struct node {
  long a, b;
  node(long x) : a(x), b(x) {}
  ~node() { ended += a - b + 1; }
  static long ended;  // by destructors, read after a wait for them
};
long node::ended;

void readers_and_writer() {
  current.store(make_one(1));
  std::vector<std::thread> readers;
  for (int i = 0; i != 3; ++i)
    readers.emplace_back([i] {
      long sum = 0;
      for (int k = 0; k != rounds; ++k) {
        graceslab::rcu_reader inside;
        sum += read_it(current.load());
        if (i == 2) {  // the same, called
          gs_read_lock();
          sum += read_it(current.load());
          gs_read_unlock();
        }
      }
      if (sum < 0) std::puts("negative");
    });
  for (int k = 0; k != rounds; ++k) {
    entry* old = current.load();
    current.store(make_one(k));
    if (k % 50 == 0) {
      synchronize_rcu();
      write_it(old, -1);
      entries().release(old);
    } else if (k % 3 == 0) {
      call_rcu(&old->head, [](rcu_head* head) {
        auto* e = reinterpret_cast<entry*>(head);
        write_it(e, 0);
        entries().release(e);
      });
    } else {
      entries().retire(old);
    }
  }
  for (std::thread& t : readers) t.join();
  entries().retire(current.load());
  current.store(nullptr);
  rcu_barrier();
  entries().barrier();
}

void destructors() {
  graceslab::cache<node> nodes("nodes");
  std::vector<std::thread> threads;
  for (int i = 0; i != 3; ++i)
    threads.emplace_back([&] {
      for (int k = 0; k != 300; ++k) nodes.retire(nodes.make(k));
    });
  for (std::thread& t : threads) t.join();
  nodes.barrier();
  if (node::ended != 900) std::printf("%ld ended\n", node::ended);
}

void callbacks() {
  static long sum;
  static rcu_head heads[100];
  for (int round = 0; round != 5; ++round) {
    std::thread posts([] {
      for (rcu_head& head : heads)
        call_rcu(&head, [](rcu_head*) { __atomic_fetch_add(&sum, 1, 0); });
      static rcu_head last;
      call_rcu(&last, [](rcu_head*) { counted += 1; });
    });
    posts.join();
    rcu_barrier();
    counted += 1;
  }
  if (counted != 10) std::printf("%ld counted\n", counted);
}

// Memory goes from thread to thread, size to size, cache to cache.
void memory() {
  std::vector<std::thread> threads;
  for (int i = 0; i != 4; ++i)
    threads.emplace_back([i] {
      for (int k = 0; k != 200; ++k) {
        for (std::size_t size : {24u, 100u, 3000u, 20000u, 200000u, 2000000u}) {
          auto* bytes = static_cast<char*>(kmalloc(size, GFP_KERNEL));
          std::memset(bytes, i, size < 5000 ? size : 5000);
          bytes = static_cast<char*>(krealloc(bytes, size + 50, GFP_KERNEL));
          bytes[size + 49] = 1;
          k % 2 == 0 ? kfree(bytes) : kvfree(bytes);
          if (k % 20 == 0) gs_retire(kzalloc(size, GFP_KERNEL));
        }
        kmem_cache* c = kmem_cache_create("short", static_cast<std::size_t>(16 + 8 * i), 0,
                                          k % 5 == 0 ? SLAB_TYPESAFE_BY_RCU : 0u,
                                          k % 3 == 0 ? [](void* p) { std::memset(p, 1, 16); }
                                                     : static_cast<void (*)(void*)>(nullptr));
        void* some[40];
        for (void*& one : some) std::memset(one = kmem_cache_alloc(c, GFP_KERNEL), 7, 16);
        for (void* one : some) k % 2 == 0 ? kmem_cache_free(c, one) : gs_retire(one);
        kmem_cache_destroy(c);
      }
    });
  for (std::thread& t : threads) t.join();
}

// What was written before a grace period is seen by sections that begin after it.
void before_and_after() {
  static long plain;
  static long ready;
  std::thread reader([] {
    for (bool done = false; !done;) {
      graceslab::rcu_reader inside;
      done = __atomic_load_n(&ready, __ATOMIC_RELAXED) != 0;
      if (done && plain != 1) std::puts("not seen");
    }
  });
  plain = 1;
  synchronize_rcu();
  __atomic_store_n(&ready, 1, __ATOMIC_RELAXED);
  reader.join();
}

void domains() {
  for (int round = 0; round != 20; ++round) {
    graceslab::rcu_domain domain({.name = "mine"});
    static graceslab::rcu_pointer<entry> here;
    here.store(make_one(round));
    std::thread reader([&] {
      for (int k = 0; k != 200; ++k) {
        gs_domain_read_lock(domain.native_handle());
        if (entry* e = here.load()) (void)read_it(e);
        gs_domain_read_unlock(domain.native_handle());
      }
    });
    entry* old = here.load();
    here.store(nullptr);
    gs_synchronize(domain.native_handle());
    write_it(old, -1);
    entries().release(old);
    reader.join();
  }
}

// Threads come and go, and their slots are used again.
void short_threads() {
  current.store(make_one(1));
  for (int round = 0; round != 60; ++round) {
    std::thread one([] {
      graceslab::rcu_reader inside;
      (void)read_it(current.load());
    });
    std::thread two([] {
      graceslab::rcu_reader inside;
      (void)read_it(current.load());
    });
    entry* old = current.load();
    current.store(make_one(round));
    synchronize_rcu();
    write_it(old, -1);
    entries().release(old);
    one.join();
    two.join();
  }
}

void clean() {
  readers_and_writer();
  destructors();
  callbacks();
  memory();
  before_and_after();
  domains();
  short_threads();
}

struct {
  const char* name;
  void (*run)();
} const cases[] = {
    {"read_outside", read_outside},
    {"read_after_section", read_after_section},
    {"no_barrier", no_barrier},
    {"no_order", no_order},
    {"clean", clean},
};

}  // namespace

int main(int, char** arguments) {
  for (const auto& one : cases)
    if (std::strcmp(one.name, arguments[1]) == 0) {
      one.run();
      std::puts("ended");
      return 0;
    }
  return 2;
}
