// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// limits ROLE: a representative scenario under what a system may refuse.
// It says `fence N` (enum gs_fence) and `scenario fine`.
#include <errno.h>
#include <graceslab/detail/local.h>
#include <graceslab/kernel/slab.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <stddef.h>
#include <sys/mman.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <graceslab/stats.hpp>
#include <graceslab/teardown.hpp>
#include <set>
#include <string>
#include <thread>
#include <vector>

namespace {

struct item {
  rcu_head head;
  unsigned long value, check;  // check == ~value while it lives
};

bool say(const char* what, long number) {
  std::printf("%s %ld\n", what, number);
  return std::fflush(stdout) == 0;
}

// From now on, and in every program executed from here, this system call fails with EPERM.
bool deny(int system_call) {
  sock_filter filter[] = {
      BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
      BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, static_cast<unsigned>(system_call), 0, 1),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | EPERM),
      BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
  };
  sock_fprog program = {sizeof filter / sizeof filter[0], filter};
  return prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) == 0 &&
         syscall(SYS_seccomp, SECCOMP_SET_MODE_FILTER, SECCOMP_FILTER_FLAG_TSYNC, &program) == 0;
}

graceslab::rcu_pointer<item> published;

void read_for_a_while(unsigned* wrong) {
  for (int i = 0; i < 20000; ++i) {
    graceslab::rcu_reader section;
    const item* p = published.load();
    if (p != nullptr && p->check != ~p->value) gs_fetch_add(wrong, 1u);
  }
}

// Readers against an updater, callbacks, retires, every wait, and the end of the cache.
bool scenario() {
  static unsigned wrong, ran;
  gs_store_relaxed(&ran, 0u);
  graceslab::cache<item> items("scenario");
  std::vector<std::thread> readers;
  for (int i = 0; i < 2; ++i) readers.emplace_back([] { read_for_a_while(&wrong); });
  static item posted[200];
  for (unsigned long i = 0; i < 20000; ++i) {
    item* fresh = items.make();
    fresh->value = i;
    fresh->check = ~i;
    item* old = published.exchange(fresh);
    if (old != nullptr) items.retire(old);
    if (i % 100 == 0)
      gs_call_rcu(
          nullptr, &posted[i / 100].head, [](rcu_head*) { gs_fetch_add(&ran, 1u); }, nullptr);
    if (i % 1000 == 0) graceslab::rcu_synchronize();
  }
  items.retire(published.exchange(nullptr));
  for (std::thread& t : readers) t.join();
  graceslab::rcu_barrier();
  if (wrong != 0 || ran != 200) return false;
  if (items.barrier() != graceslab::errc::ok) return false;
  const graceslab::cache_stats s = graceslab::stats(items);
  return s.retired == 20000 && s.reclaimed == 20000 && items.destroy().code == graceslab::errc::ok;
}

int run_scenario() {
  const bool fine = scenario();
  say("fence", graceslab::stats().fence);
  if (fine) say("scenario fine", 1);
  return fine ? 0 : 1;
}

// C6: memory runs out, everything stays as it was, and what is given back can be had again.
int run_out_of_memory() {
  kmem_cache* s = kmem_cache_create("hungry", 4096, 0, 0, nullptr);
  std::vector<void*> got;
  got.reserve(1u << 20);
  void* p;
  while ((p = kmem_cache_alloc(s, __GFP_NOWARN)) != nullptr) {
    std::memset(p, 1, 64);
    got.push_back(p);
  }
  say("objects", static_cast<long>(got.size()));
  void* none[8];
  if (kmem_cache_alloc_bulk(s, __GFP_NOWARN, 8, none) != 0) return 1;
  rcu_read_lock();
  rcu_read_unlock();
  for (std::size_t i = 0; i < got.size(); ++i)
    i % 2 != 0 ? kmem_cache_free(s, got[i]) : gs_cache_retire(s, got[i]);
  kfree_rcu_barrier();
  synchronize_rcu();
  if ((p = kmem_cache_alloc(s, 0)) == nullptr) return 2;
  kmem_cache_free(s, p);
  return kmem_cache_destroy_wait(s) == 0 ? run_scenario() : 3;
}

bool usable(char* p, std::size_t bytes) {
  if (p == nullptr || ksize(p) < bytes || p[0] != 0 || p[bytes - 1] != 0) return false;
  p[0] = p[bytes - 1] = 1;
  return true;
}

// B4, C3, K4: page runs where address space is limited, one big one and then as many small ones as
// fit: most of it is theirs.
int run_most_of_it() {
  static std::vector<char*> got;
  got.reserve(1u << 16);
  void* first = kmalloc(1, GFP_KERNEL);
  const std::size_t big = std::size_t{300} << 20;
  const std::size_t small = 100'000;
  auto* p = static_cast<char*>(kzalloc(big, GFP_KERNEL));
  if (!usable(p, big)) return 1;
  gs_retire(p);
  kfree_rcu_barrier();
  gs_object_info info;
  if (gs_object_lookup(p, &info) == 0) return 2;
  while (auto* q = static_cast<char*>(kmalloc(small, __GFP_NOWARN))) {
    if (!usable(q, small)) return 3;
    got.push_back(q);
  }
  say("runs", static_cast<long>(got.size()));
  if (got.size() * small < big) return 4;
  for (std::size_t i = 0; i < got.size(); i += 2) i % 4 != 0 ? kfree(got[i]) : gs_retire(got[i]);
  kfree_rcu_barrier();
  for (std::size_t i = 0; i < got.size(); i += 2)
    if ((got[i] = static_cast<char*>(kmalloc(small, GFP_KERNEL))) == nullptr) return 5;
  for (char* q : got) {
    if (gs_object_lookup(q + small - 1, &info) != 0 || info.object != q) return 6;
    kfree(q);
  }
  p = static_cast<char*>(kmalloc(big, GFP_KERNEL));
  if (!usable(p, big)) return 7;
  kfree(p);
  kfree(first);
  return run_scenario();
}

bool reads_zero(const char* p, std::size_t bytes) {
  for (std::size_t i = 0; i != bytes; ++i)
    if (p[i] != 0) return false;
  return true;
}

// B9: what was promised zeroed is zero, whether or not pages can be given back.
int run_zeroed() {
  for (std::size_t bytes : {std::size_t{12'000}, std::size_t{70'000}, std::size_t{3'000'000}})
    for (int i = 0; i != 4; ++i) {
      auto* p = static_cast<char*>(kzalloc(bytes, GFP_KERNEL));
      if (p == nullptr || !reads_zero(p, bytes)) return 1;
      std::memset(p, 0x5a, bytes);
      i % 2 == 0 ? kfree(p) : gs_retire(p);
      kfree_rcu_barrier();
    }
  return run_scenario();
}

// K6: the address space is full of runs; one that was retired comes home for the next, unless that
// must not wait. Nothing else brings it home: there is no background thread.
int run_retired_home() {
  static std::vector<void*> got;
  got.reserve(1000);
  const std::size_t bytes = std::size_t{24} << 20;
  while (void* p = kmalloc(bytes, GFP_NOWAIT)) got.push_back(p);
  say("runs", static_cast<long>(got.size()));
  if (got.size() < 3) return 1;
  for (gfp_t gfp : {GFP_KERNEL, __GFP_NOFAIL}) {
    gs_retire(got[1]);
    if (kmalloc(bytes, GFP_NOWAIT) != nullptr || kmalloc(bytes, GFP_ATOMIC) != nullptr) return 2;
    if ((got[1] = kmalloc(bytes, gfp)) == nullptr) return 3;
    gs_retire(got.back());
    if (kmalloc(bytes, GFP_NOWAIT) != nullptr || kmalloc(bytes, GFP_ATOMIC) != nullptr) return 2;
    if ((got.back() = kmalloc(bytes, gfp)) == nullptr) return 3;
  }
  if (kmalloc(std::size_t{600} << 20, __GFP_NOFAIL) != nullptr) return 4;  // over the limit
  for (void* p : got) kfree(p);
  return 0;
}

// The stack grows no more where address space may not.
[[gnu::noinline]] void touch_stack() {
  volatile char room[256 << 10];
  for (std::size_t i = 0; i < sizeof room; i += 4096) room[i] = 1;
}

// R6: call_rcu, retire and free keep errno while the system refuses the memory they could use. A
// reader holds everything back, so that they want ever more of it.
int keep_errno_without_memory() {
  constexpr int mine = 77, calls = 100'000;
  static rcu_head heads[calls];
  kmem_cache* s = kmem_cache_create("errno", sizeof(item), 0, 0, nullptr);
  std::vector<item*> all(calls);
  for (item*& one : all)
    if ((one = static_cast<item*>(kmem_cache_alloc(s, 0))) == nullptr) return 1;
  touch_stack();
  const rlimit nothing_more = {1, RLIM_INFINITY};
  if (setrlimit(RLIMIT_AS, &nothing_more) != 0) return 2;
  errno = 0;
  void* refused = mmap(nullptr, 1 << 20, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  if (refused != MAP_FAILED || errno != ENOMEM) return 3;
  bool kept = true;
  rcu_read_lock();
  for (int i = 0; i < calls; ++i) {
    errno = mine;
    call_rcu(&heads[i], [](rcu_head*) {});
    kept = kept && errno == mine;
    if (i % 2 != 0)
      kfree_rcu(all[static_cast<std::size_t>(i)], head);
    else
      kmem_cache_free(s, all[static_cast<std::size_t>(i)]);
    kept = kept && errno == mine;
  }
  rcu_read_unlock();
  rcu_barrier();
  return !kept ? 4 : kmem_cache_destroy_wait(s) == 0 ? 0 : 5;
}

// No thread can be started any more: waits do the work themselves.
int use_without_threads() {
  static unsigned ran;
  static rcu_head heads[100];
  graceslab::cache<item> items("alone");
  for (rcu_head& head : heads)
    gs_call_rcu(
        nullptr, &head, [](rcu_head*) { gs_fetch_add(&ran, 1u); }, nullptr);
  for (int i = 0; i < 100000; ++i) items.retire(items.make());
  graceslab::rcu_barrier();
  if (ran != 100 || items.barrier() != graceslab::errc::ok) return 1;
  if (items.destroy(graceslab::destroy_policy::linger).code > graceslab::errc::busy) return 2;
  return graceslab::destroy_barrier() == graceslab::errc::ok ? 0 : 4;
}

// More caches than there are records: creation says so, and every one that exists has a handle of
// its own. A record that comes back serves again.
int use_every_record() {
  std::vector<kmem_cache*> all;
  all.reserve(1u << 20);
  while (kmem_cache* s = kmem_cache_create("one of many", 64, 0, 0, nullptr)) all.push_back(s);
  say("caches", static_cast<long>(all.size()));
  const std::uint64_t reports = gs_report_count(GS_REPORT_NO_RECORD);
  if (std::set<kmem_cache*>(all.begin(), all.end()).size() != all.size()) return 1;
  if (reports != 1) return 2;
  void* p = kmem_cache_alloc(all.front(), 0);
  if (p == nullptr) return 3;
  kmem_cache_free(all.front(), p);
  for (int i = 0; i < 100; ++i) {
    kmem_cache* old = all.back();
    if (kmem_cache_destroy_wait(old) != 0) return 4;
    all.back() = kmem_cache_create("after another", 64, 0, 0, nullptr);
    if (all.back() == nullptr || all.back() == old) return 5;
  }
  for (kmem_cache* s : all) kmem_cache_destroy(s);
  return gs_report_count(GS_REPORT_NO_RECORD) == reports ? 0 : 6;
}

// kB of a line of /proc/self/status.
long status_kb(const char* key) {
  FILE* file = std::fopen("/proc/self/status", "r");
  char line[200];
  long kb = -1;
  while (kb < 0 && std::fgets(line, sizeof line, file) != nullptr)
    if (std::strncmp(line, key, std::strlen(key)) == 0)
      std::sscanf(line + std::strlen(key), ": %ld", &kb);
  std::fclose(file);
  return kb;
}

// A cache and kmalloc in small, with all that belongs to them.
bool small_use() {
  kmem_cache* s = kmem_cache_create("small use", sizeof(item), 0, 0, nullptr);
  if (s == nullptr) return false;
  for (int i = 0; i < 1000; ++i) {
    auto* p = static_cast<item*>(kmem_cache_alloc(s, GFP_KERNEL));
    void* q = kmalloc(100, GFP_KERNEL);
    if (p == nullptr || q == nullptr) return false;
    kfree_rcu(p, head);
    kfree(q);
  }
  kfree_rcu_barrier();
  return kmem_cache_destroy_wait(s) == 0;
}

// B4: what the first use charges: writable memory, and address space where that is limited.
int use_from_the_start(const char* key, long most_kb) {
  const long before = status_kb(key);
  if (!small_use()) return 1;
  const long charged = status_kb(key) - before;
  say("charged kB", charged);
  return charged < most_kb ? 0 : 2;
}

// B4: all memory is locked, what comes too. Little becomes resident.
int use_locked(bool before) {
  const long least = status_kb("VmRSS");
  if (!before && !small_use()) return 1;
  if (mlockall(MCL_CURRENT | MCL_FUTURE) != 0) return say("may not lock", errno) ? 0 : 1;
  if (!small_use()) return 2;
  const long more = status_kb("VmRSS") - least;
  say("resident kB", more);
  return more < 32 << 10 ? 0 : 3;
}

// B4: the limit on writable memory is the reason, and is named.
int run_out_of_data() {
  const rlimit limit = {rlim_t{24} << 20, rlim_t{24} << 20};
  if (setrlimit(RLIMIT_DATA, &limit) != 0 || !small_use()) return 1;
  unsigned got = 0;
  for (void* p; (p = kmalloc(4000, GFP_KERNEL)) != nullptr; ++got) std::memset(p, 1, 4000);
  say("got", got);
  return got * 4000 > (8u << 20) ? 0 : 2;
}

// B2, B4: what was given back is there for others, be it for the program's own mappings or,
// unasked, for new caches.
int give_data_back() {
  constexpr std::size_t room = std::size_t{24} << 20;
  const rlimit limit = {room, room};
  static std::vector<void*> got;
  got.reserve(1u << 16);
  if (setrlimit(RLIMIT_DATA, &limit) != 0 || !small_use()) return 1;
  kmem_cache* s = kmem_cache_create("spike", 4000, 0, 0, nullptr);
  for (int round = 0; round != 2; ++round) {
    while (void* p = kmem_cache_alloc(s, __GFP_NOWARN)) got.push_back(p);
    if (got.size() * 4000 < room / 3) return 2;
    for (void* p : got) kmem_cache_free(s, p);
    got.clear();
    if (round == 1) break;
    kmem_cache_shrink(s);
    void* mine =
        mmap(nullptr, room / 2, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (mine == MAP_FAILED) return 3;
    munmap(mine, room / 2);
  }
  for (int i = 0; i != 500; ++i)
    if (kmem_cache_create("one more", 4000, 0, 0, nullptr) == nullptr) return 4;
  return 0;
}

bool limit_address_space(rlim_t bytes) {
  const rlimit limit = {bytes, bytes};
  return setrlimit(RLIMIT_AS, &limit) == 0;
}

bool start_again(const char* self, const char* role) {
  execl(self, self, role, static_cast<char*>(nullptr));
  return false;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 2) return 2;
  const std::string role = argv[1];
  constexpr rlim_t small = rlim_t{512} << 20;
  if (role == "scenario") return run_scenario();
  if (role == "exhaust") return run_out_of_memory();
  if (role == "most") return run_most_of_it();
  if (role == "retired-home") return run_retired_home();
  if (role == "small-range")
    return limit_address_space(small) && start_again(argv[0], "most") ? 0 : 3;
  if (role == "small-range-full")
    return limit_address_space(small) && start_again(argv[0], "retired-home") ? 0 : 3;
  if (role == "no-membarrier")
    return deny(SYS_membarrier) && start_again(argv[0], "scenario") ? 0 : 3;
  if (role == "no-membarrier-later") return deny(SYS_membarrier) ? run_scenario() : 3;
  if (role == "no-discard") return deny(SYS_madvise) ? run_zeroed() : 3;
  if (role == "no-threads") return deny(SYS_clone) && deny(SYS_clone3) ? use_without_threads() : 3;
  if (role == "small-address-space")
    return limit_address_space(small) && start_again(argv[0], "exhaust") ? 0 : 3;
  if (role == "small-address-space-later")
    return limit_address_space(small) ? run_out_of_memory() : 3;
  if (role == "charge") return use_from_the_start("VmData", 2 << 10);
  if (role == "locked") return use_locked(true);
  if (role == "locked-later") return use_locked(false);
  if (role == "data-back") return give_data_back();
  if (role == "data-limit") return run_out_of_data();
  if (role == "tiny-address-space") return small_use() ? 0 : 1;
  if (role == "48-MiB" || role == "240-MiB")
    return limit_address_space(rlim_t(std::atoi(role.c_str())) << 20) &&
                   start_again(argv[0], "tiny-address-space")
               ? 0
               : 3;
  if (role == "keep-errno") return keep_errno_without_memory();
  if (role == "use-every-record")
    return limit_address_space(small) && start_again(argv[0], "every-record") ? 0 : 3;
  if (role == "every-record") return use_every_record();
  return 2;
}
