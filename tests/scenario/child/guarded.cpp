// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// guarded ROLE: one mistake, or none, with an object that GRACESLAB_GUARD puts on a page of its
// own. What happens afterwards is printed: the program goes on.
#include <graceslab/kernel/slab.h>
#include <setjmp.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cstdio>
#include <cstring>
#include <thread>

#include "roles.hpp"

namespace {

struct object {
  rcu_head rcu;
  char text[64];
};

kmem_cache* mine() {
  static kmem_cache* s = kmem_cache_create("mine", sizeof(object), 0, 0, nullptr);
  return s;
}

// Each is in the stack: nothing here is called last.
[[gnu::noinline]] object* make() {
  auto* o = static_cast<object*>(kmem_cache_zalloc(mine(), GFP_KERNEL));
  asm volatile("" : "+r"(o));
  return o;
}
[[gnu::noinline]] void drop(object* o) {
  kmem_cache_free(mine(), o);
  asm volatile("");
}
[[gnu::noinline]] void retire(object* o) {
  kfree_rcu(o, rcu);
  asm volatile("");
}
[[gnu::noinline]] int peek(const volatile char* at) {
  const int found = *at;
  asm volatile("");
  return found;
}
[[gnu::noinline]] void poke(volatile char* at) {
  *at = 'x';
  asm volatile("");
}

bool right_edge(const void* p, std::size_t bytes) {
  const auto page = static_cast<std::uintptr_t>(sysconf(_SC_PAGESIZE));
  return (reinterpret_cast<std::uintptr_t>(p) + bytes) % page == 0;
}
bool left_edge(const void* p) { return right_edge(p, 0); }

// One that stands at the edge that is wanted.
object* make_at(bool right) {
  for (int i = 0; i != 4; ++i)
    if (object* o = make(); right ? right_edge(o, sizeof *o) : left_edge(o)) return o;
  std::puts("none stands there");
  return make();
}

void read_after_free() {
  object* o = make();
  o->text[3] = 'a';
  drop(o);
  std::printf("found %c\n", peek(o->text + 3));
  std::printf("again %c\n", peek(o->text + 3));
}

void write_after_grace_period() {
  object* o = make();
  retire(o);
  kmem_cache_free_barrier(mine());
  poke(o->text);
}

void read_inside_a_later_section() {
  object* o = make();
  retire(o);
  kmem_cache_free_barrier(mine());
  rcu_read_lock();
  rcu_read_lock();
  (void)peek(o->text);
  rcu_read_unlock();
  rcu_read_unlock();
}

// The reader was there before the retire: nothing to tell, and nothing is lost.
void stay_inside() {
  object* o = make();
  o->text[0] = 'a';
  rcu_read_lock();
  const unsigned long cookie = start_poll_synchronize_rcu();
  std::thread([o] { retire(o); }).join();
  std::printf("found %c\n", peek(o->text));
  std::printf("over %d\n", poll_state_synchronize_rcu(cookie) ? 1 : 0);
  rcu_read_unlock();
  kmem_cache_free_barrier(mine());
}

void beyond_right() {
  object* o = make_at(true);
  poke(o->text + sizeof o->text);
  drop(o);
}

void beyond_left() {
  object* o = make_at(false);
  std::printf("found %d\n", peek(reinterpret_cast<char*>(o) - 1));
  drop(o);
}

// Within its page, on the other side: found when it is freed.
void beyond_unnoticed() {
  object* o = make_at(true);
  poke(reinterpret_cast<char*>(o) - 2);
  drop(o);
  o = make_at(false);
  poke(o->text + sizeof o->text);
  retire(o);
  kmem_cache_free_barrier(mine());
}

void free_twice() {
  object* o = make();
  drop(o);
  drop(o);
  o = make();
  kfree(o);
  kfree(o);
}

void retire_twice() {
  object* o = make();
  rcu_read_lock();
  retire(o);
  retire(o);
  rcu_read_unlock();
  kmem_cache_free_barrier(mine());
  retire(o);
}

void free_inside() {
  object* o = make();
  kfree(o->text);
  drop(o);
}

void fork_child() {
  object* o = make();
  object* kept = make();
  drop(o);
  std::fflush(stdout);
  const pid_t pid = fork();
  if (pid == 0) {
    (void)peek(o->text);
    retire(kept);
    kmem_cache_free_barrier(mine());
    (void)peek(kept->text);
    std::fflush(stdout);
    _exit(7);
  }
  int status = 0;
  waitpid(pid, &status, 0);
  std::printf("child %d\n", WEXITSTATUS(status));
  kept->text[0] = 'k';
  drop(kept);
}

// ---- the program has a handler of its own ----

volatile int handled;
sigjmp_buf back;
void on_segv(int, siginfo_t*, void*) {
  handled = handled + 1;
  siglongjmp(back, 1);
}
struct sigaction before;
void hand_on(int number, siginfo_t* info, void* context) {
  handled = handled + 1;
  if ((before.sa_flags & SA_SIGINFO) != 0)
    before.sa_sigaction(number, info, context);
  else
    signal(SIGSEGV, SIG_DFL);
}
void handle_by(void (*handler)(int, siginfo_t*, void*)) {
  struct sigaction mine {};
  mine.sa_sigaction = handler;
  mine.sa_flags = SA_SIGINFO | SA_NODEFER;
  sigaction(SIGSEGV, &mine, &before);
}
char* forbidden() {
  void* page = mmap(nullptr, 4096, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  return static_cast<char*>(page);
}

void own_handler(bool first) {
  if (first) handle_by(on_segv);
  drop(make());
  if (!first) handle_by(on_segv);
  object* o = make();
  drop(o);
  while (handled != 3)
    if (sigsetjmp(back, 1) == 0) (void)peek(forbidden());
  std::printf("handled %d\n", handled);
  (void)peek(o->text);
  std::printf("then %d\n", handled);
}
void handler_before() { own_handler(true); }
void handler_after() { own_handler(false); }

void crash() {
  drop(make());
  (void)peek(forbidden());
}
// A handler that hands on to whoever was there before it, which is the library.
void crash_in_a_ring() {
  drop(make());
  handle_by(hand_on);
  drop(make());
  (void)peek(forbidden());
}

// ---- all is well ----

void count() {
  gs_cache_stats stats;
  gs_cache_read_stats(mine(), &stats);
  std::printf("carved %llu live %llu in flight %llu slabs %llu\n",
              static_cast<unsigned long long>(stats.carved - stats.parked - stats.free_in_slabs),
              static_cast<unsigned long long>(stats.live),
              static_cast<unsigned long long>(stats.retired - stats.reclaimed),
              static_cast<unsigned long long>(stats.slabs));
}

void clean() {
  object* first = make();
  count();
  rcu_read_lock();
  retire(first);
  count();
  rcu_read_unlock();
  kmem_cache_free_barrier(mine());
  count();
  for (int i = 0; i != 2000; ++i) {
    object* o = make();
    std::memset(o, 'x', sizeof *o);
    i % 2 == 0 ? retire(o) : drop(o);
  }
  kmem_cache_free_barrier(mine());
  for (std::size_t bytes : {1u, 8u, 33u, 64u, 100u, 192u, 1000u, 2048u, 4096u, 5000u})
    for (int edge = 0; edge != 2; ++edge) {
      auto* p = static_cast<char*>(kzalloc(bytes, GFP_KERNEL));
      if ((reinterpret_cast<std::uintptr_t>(p) & ((bytes & -bytes) - 1)) != 0)
        std::printf("%zu bytes are not aligned\n", bytes);
      std::memset(p, 'x', bytes);
      p = static_cast<char*>(krealloc(p, bytes + 3, GFP_KERNEL | __GFP_ZERO));
      if (p[bytes] != 0) std::printf("what %zu bytes grew by is not zero\n", bytes);
      std::memset(p, 'y', bytes + 3);
      std::memset(p, 'z', ksize(p));
      kfree(p);
    }
  kfree(kmalloc(0, GFP_KERNEL));
  std::printf("damaged %d\n", gs_caches_validate());
  std::printf("destroyed %d\n", kmem_cache_destroy_wait(mine()));
}

// The cache goes first; what was guarded comes home later, and is watched for still.
void destroy_first() {
  object* o = make();
  rcu_read_lock();
  retire(o);
  gs_cache_destroy_by(mine(), GS_POLICY_LINGER, nullptr);
  rcu_read_unlock();
  std::printf("gone %d\n", kmem_cache_destroy_barrier());
  (void)peek(o->text);
}

void overflow_of_kmalloc() {
  for (int i = 0; i != 2; ++i) {
    auto* p = static_cast<char*>(kmalloc(4000, GFP_KERNEL));
    std::printf("may use %zu\n", ksize(p));
    poke(p + 4000);
    kfree(p);
  }
}

void leak() {
  (void)make();
  (void)make();
  drop(make());
}

constexpr role roles[] = {
    {"read_after_free", read_after_free},
    {"write_after_grace_period", write_after_grace_period},
    {"read_inside_a_later_section", read_inside_a_later_section},
    {"stay_inside", stay_inside},
    {"beyond_right", beyond_right},
    {"beyond_left", beyond_left},
    {"beyond_unnoticed", beyond_unnoticed},
    {"free_twice", free_twice},
    {"retire_twice", retire_twice},
    {"free_inside", free_inside},
    {"fork_child", fork_child},
    {"handler_before", handler_before},
    {"handler_after", handler_after},
    {"crash", crash},
    {"crash_in_a_ring", crash_in_a_ring},
    {"clean", clean},
    {"destroy_first", destroy_first},
    {"overflow_of_kmalloc", overflow_of_kmalloc},
    {"leak", leak},
};

}  // namespace

int main(int argc, char** argv) { return play_named(roles, argc, argv); }
