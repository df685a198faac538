// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A cache of objects: its record, its barn of sheaves, its slabs. Everything about one cache hangs
// off this record.
//
// Equations (under lock and slabs_lock, with every thread's arrays seized; check_cache() runs them)
//   carved == free_in_slabs + parked + in_flight + live + leaked + unborn
//   in_flight == retired - reclaimed
#pragma once
#include <graceslab/detail/abi.h>

#include <cstddef>
#include <cstdint>

#include "sync/account.hpp"
#include "sync/mutex.hpp"
#include "sync/registry.hpp"

namespace graceslab::slab {

struct slab;
struct cache;
struct birth;

// Flags of kernel/slab.h, which this layer does not include: the C face is a coat over the core.
inline constexpr unsigned flag_hwcache_align = 0x0001, flag_typesafe = 0x0002, flag_panic = 0x0004,
                          flag_poison = 0x0008, flag_red_zone = 0x0010, flag_store_user = 0x0020,
                          flag_checks = 0x0040, flag_once_fully_freed = 0x0080,
                          flag_no_detection = 0x0100, flag_trace = 0x0200;
inline constexpr unsigned flags_known = 0x03ff;
inline constexpr unsigned flags_debug =
    flag_poison | flag_red_zone | flag_store_user | flag_checks | flag_trace;
inline constexpr unsigned flag_large_runs = 0x10000;  // internal: each object is a run of its own
inline constexpr unsigned flag_watched = 0x20000;  // internal: a sanitizer is told of each object
// Internal: a size class of kmalloc.
inline constexpr unsigned flag_sized = 0x40000;
inline constexpr unsigned gfp_nowait = 0x1, gfp_atomic = 0x2, gfp_zero = 0x4, gfp_nowarn = 0x8,
                          gfp_nofail = 0x10;

struct slab_list {  // the latest first
  slab* head = nullptr;
  slab* tail = nullptr;
  std::uint32_t count = 0;
};

struct sheaf_list {  // LIFO, or FIFO by append()
  gs_sheaf* head = nullptr;
  gs_sheaf* tail = nullptr;
  std::uint32_t count = 0;
};

inline constexpr std::uint32_t barn_limit = 10;  // full, and as many empty

// A part of the barn for a few cores: sheaves on their way out and back, and retired ones that wait
// for their grace period. A machine with more cores has more of them, so that a handful of cores
// shares a lock (depots.hpp). A sheaf stays in its depot unless another one has none.
struct depot_fields {
  sheaf_list full;            // freed, ready to allocate from; at most barn_limit
  sheaf_list empty;           // at most barn_limit
  sheaf_list reclaimed;       // harvested, ready to allocate from; aged by the background thread
  sheaf_list deferred;        // FIFO, each with its cookie
  std::uint64_t retired = 0;  // counted when an array is deferred here
  std::uint64_t reclaimed_objects = 0;
  std::uint64_t deferred_objects = 0;  // read without the lock too
  std::uint64_t newest_cookie = 0;
  std::uint64_t deferred_since_ms = 0;  // the first of them is there at least since then
};
struct alignas(GS_CACHE_LINE) depot : depot_fields {
  sync::mutex lock{sync::rank::depot};
  // Who has objects of the cache in hand (transit.hpp); atomic, outlive the cache.
  std::uint32_t in_transit[2] = {};
};

struct cache_identity {  // outlives the cache: the record is never unmapped
  // What users hold: our address and generation. Atomic; moves under locals_lock while the stage is
  // gone.
  std::uintptr_t handle = 0;
  std::uint32_t id = 0;
  std::uint32_t generation = 0;         // how many caches the record has been
  std::uint32_t touched = 0;            // something was parked since the last trim; atomic
  std::uint32_t stage = GS_STAGE_GONE;  // enum gs_stage; atomic
  depot* depots = nullptr;              // depot_count of them
};

struct cache_fields {  // all that a new cache in the same record starts afresh
  // What it is; constant between creation and the end.
  std::uint32_t size = 0;  // as asked
  std::uint32_t stride = 0;
  std::uint64_t inverse = 1;  // GS_INVERSE(stride)
  std::uint32_t flags = 0;
  std::uint32_t sheaf_capacity = 0;  // 0: parks_one()
  std::uint32_t slab_granules = 0;
  std::uint32_t slab_objects = 0;
  std::uint32_t align = 0;
  std::uint32_t red_zone_at = 0;  // offset in the object; 0 = none
  // A handle.
  gs_domain* domain = nullptr;
  void (*ctor)(void*) = nullptr;
  void (*dtor)(void*) = nullptr;  // atomic: an owner that goes takes it away
  void* owner = nullptr;
  bool posts = false;  // callbacks were posted on its behalf: its waits begin with them; atomic
  int policy = 0;
  int pressure = 0;
  std::uint64_t pending_limit_bytes = 0;
  sync::account memory;          // of its slabs or runs; charge.hpp
  std::uint64_t trim_at_ms = 0;  // the background thread's; 0: nothing is parked
  cache* next_free = nullptr;    // queue of ids

  // What the depots have in common, under lock.
  sheaf_list ripe;                     // grace period over, destructors still to run
  bool ripe_running = false;           // some thread runs destructors of this cache: one at a time
  void* const* run_objects = nullptr;  // what that thread has in hand
  std::uint32_t run_count = 0;
  // Chains of destructors that retire (docs/ordering/teardown.md, claim 11), under lock.
  sheaf_list heirs;                     // what they retired, waiting for its grace period; FIFO
  std::uint64_t run_root = 0;           // of what runs; 0: nothing does
  std::uint64_t runs = 0;               // that have ended, where destructors were run
  std::uint64_t turns = 0;              // all that have ended
  bool endless = false;                 // a wait gave up following, and said so
  std::uint64_t last_run_ms = 0;        // when one ended; 0: none since the cache was closed
  std::uint64_t retired = 0;            // by state byte; arrays count in their depots
  std::uint64_t reclaimed_objects = 0;  // of those and of the ripe ones

  // Slabs, under slabs_lock.
  slab_list partial, full_slabs, empty_slabs;
  slab_list quarantined;  // type-safe: emptied, waiting for their cookie
  slab_list guarded;      // objects between guard pages: guard.hpp
  std::uint64_t carved = 0;
  std::uint64_t free_in_slabs = 0;
  std::uint64_t unborn = 0;        // their constructor has not returned yet: construct.hpp
  birth* births = nullptr;         // those
  std::uint64_t marked = 0;        // objects retired by state byte; read without the lock too
  std::uint64_t heirs_marked = 0;  // how many its destructors retired so, ever
  slab* first_marked = nullptr;    // slabs that hold such objects, in the order of their cookies
  slab* last_marked = nullptr;
  std::uint64_t marked_since_ms = 0;  // the first of them is there at least since then
  std::uint64_t resident_bytes = 0;  // sum of resident_bytes() of its slabs
  slab* sweep_at = nullptr;          // where discard_free_pages() goes on in `partial`
  std::uint64_t leaked = 0;
  std::uint64_t late_frees = 0;

  // Threads that have arrays of this cache, under locals_lock.
  gs_local* locals = nullptr;
  // Of the thread that runs destructors, under seize_lock; read by it without.
  const gs_local* run_local = nullptr;
  const void* runner = nullptr;  // and that thread, as it knows itself; likewise

  // Teardown, under that layer's lock.
  std::uint64_t ticket = 0;
  std::uint64_t closed_at_ms = 0;  // read without the lock too
  std::uint64_t next_splat_ms = 0;
  std::uint32_t destroy_stack = 0;
  std::uint32_t create_stack = 0;  // kept where leaks at exit are told
  std::uint32_t splats = 0;
  bool finishing = false;  // somebody took it off the lingering list
  cache* next_lingering = nullptr;
  cache* previous_lingering = nullptr;

  char name[64] = {};
};

struct cache : cache_identity, cache_fields {
  alignas(GS_CACHE_LINE) sync::mutex lock{sync::rank::cache};
  sync::mutex slabs_lock{sync::rank::slabs};
  sync::mutex seize_lock{sync::rank::seize};  // held over a fence (docs/ordering/takeover.md)
  sync::mutex locals_lock{sync::rank::locals};
  sync::mutex drain_lock{sync::rank::settle};
  std::uint32_t phase = 0;  // which count newcomers take (transit.hpp); atomic, outlives the cache
  // Under the background thread's lock; these outlive the cache too: a record may be used again
  // while it stands there.
  // 1: that thread looks at it; on its list: joined != 0; atomic.
  alignas(64) std::uint32_t active = 0;
  // Who has it from that list, from a callback that is queued or as a loan, and is not done with
  // it; atomic.
  std::uint32_t walkers = 0;
  cache* next_active = nullptr;
  cache* previous_active = nullptr;
  std::uint64_t joined = 0;  // when it joined that list, counted in joins; 0 = it is not on it
  // A run of destructors behind other callbacks. The cache may end before it: nobody waits for
  // callbacks who does not say so.
  bool ripe_posted = false;  // ripe_head is queued, and we are a walker; under lock
  rcu_head ripe_head = {};
  // The only one where cores are few. At the end: elsewhere a record would be too large where cache
  // lines have 128 bytes.
  depot first_depot;
};

inline constexpr std::size_t cache_record_bytes = 1024;
static_assert(sizeof(cache) <= cache_record_bytes);

// Whether its objects have state bytes, so that misuse of them is found.
inline bool detects(const cache& c) noexcept { return (c.flags & flag_no_detection) == 0; }
inline bool has_destructor(const cache& c) noexcept { return gs_load_relaxed(&c.dtor) != nullptr; }
inline bool is_large(const cache& c) noexcept { return (c.flags & flag_large_runs) != 0; }

// Objects so large that a thread keeps one of them, and none in the barn. They are retired by their
// state byte.
inline bool parks_one(const cache& c) noexcept { return c.sheaf_capacity == 0; }

// ---- ids and handles (cache_table.cpp) ----
// A handle's address tells the lower bits of the id: see fast.hpp.
inline constexpr std::size_t table_align = cache_record_bytes * GS_TLS_FAR;
static_assert(GS_TLS_FAR % GS_TLS_CACHES == 0);
struct cache_table {
  std::uintptr_t start = 0;  // of the records
  std::size_t bytes = 0;     // of those given out at least once; atomic
  // The bits of a handle that are its record's address; the others hold the generation.
  std::uintptr_t address_bits = 0;
  std::uint32_t generations = 0;  // how many caches a record can be
};
[[gnu::visibility("hidden")]] extern cache_table table;

// Of a handle that was good once.
inline cache& record_of(std::uintptr_t handle) noexcept {
  return *reinterpret_cast<cache*>(handle & table.address_bits);
}
inline std::uintptr_t record_address(std::uint32_t id) noexcept {
  return table.start + std::size_t{id} * cache_record_bytes;
}
inline std::uint32_t id_of_handle(std::uintptr_t handle) noexcept {
  return static_cast<std::uint32_t>(((handle & table.address_bits) - table.start) /
                                    cache_record_bytes);
}
// An aligned word, read once and compared. Compilers fold a plain load into the comparison, and an
// atomic one they do not: three instructions of each path of a cache beyond the thread's block. The
// sanitizer, which cannot know that, sees an atomic.
inline std::uintptr_t handle_now(const cache& c) noexcept {
#if defined(__SANITIZE_THREAD__)
  return gs_load_relaxed(&c.handle);
#else
  return c.handle;
#endif
}
// nullptr when the handle is stale or not ours.
inline cache* cache_from_handle(const kmem_cache* handle) noexcept {
  auto value = reinterpret_cast<std::uintptr_t>(handle);
  std::uintptr_t record = value & table.address_bits;
  if (GS_UNLIKELY(record - table.start >= gs_load_relaxed(&table.bytes))) return nullptr;
  auto* c = reinterpret_cast<cache*>(record);
  // Whoever uses a handle of a record that is being given out misuses it, and finds out under a
  // lock.
  return GS_LIKELY(handle_now(*c) == value) ? c : nullptr;
}
// ORDER cache_table.find <-> cache_table.grow   (docs/ordering/publish.md, claim 3)
inline std::uint32_t cache_ids() noexcept {  // ids are below this
  return static_cast<std::uint32_t>(gs_load_acquire(&table.bytes) / cache_record_bytes);
}
inline cache* cache_from_id(std::uint32_t id) noexcept {
  if (id == 0 || id >= cache_ids()) return nullptr;
  return reinterpret_cast<cache*>(record_address(id));
}
inline kmem_cache* handle_of(const cache& c) noexcept {
  return reinterpret_cast<kmem_cache*>(gs_load_relaxed(&c.handle));
}
inline std::uintptr_t handle_value(const kmem_cache* handle) noexcept {
  return reinterpret_cast<std::uintptr_t>(handle);
}
inline std::uint32_t stage_of(const cache& c) noexcept { return gs_load_acquire(&c.stage); }
// Whether the record is the open cache of that handle. Stays so only under a lock that its close
// takes afterwards, or while something of it is in hand (transit.hpp).
// ORDER handle.look <-> handle.open   (docs/ordering/teardown.md, claim 9)
inline bool open_as(const cache& c, std::uintptr_t handle) noexcept {
  return stage_of(c) == GS_STAGE_OPEN && gs_load_relaxed(&c.handle) == handle;
}
// What stands in a record, looked at by somebody to whom it is not lent. False: no cache.
struct cache_glimpse {
  std::uintptr_t handle;
  gs_domain* domain;
  void* owner;
  void (*ctor)(void*);
  void (*dtor)(void*);
  std::uint32_t size, stride, flags;
};
bool glimpse(cache& c, cache_glimpse* out) noexcept;
// As long as it is lent a record is used for no other cache, also when the cache comes to its end
// meanwhile: for whoever found it by its handle and works with it under more than one lock.
class loan {
 public:
  loan(cache& c, std::uintptr_t handle) noexcept;
  ~loan();
  loan(const loan&) = delete;
  loan& operator=(const loan&) = delete;
  cache* get() const noexcept { return lent_; }  // nullptr: that cache is gone

 private:
  cache* lent_ = nullptr;
};
// A record whose stage is not yet open to anybody; nullptr without memory, or without a record
// (reported).
cache* cache_new() noexcept;
// The same in steps, for who has a lock that allocations take: take() asks the system for nothing,
// and ask() wants no lock held.
class record_supply {
 public:
  record_supply() noexcept = default;
  ~record_supply();
  record_supply(const record_supply&) = delete;
  record_supply& operator=(const record_supply&) = delete;
  cache* take() noexcept;
  bool ask() noexcept;  // false: no use to take() again

 private:
  bool more() noexcept;

  std::size_t usable_ = 0;  // bytes of the table
  void* depots_ = nullptr;
  bool refused_ = false;
};
// Its record may be used again, oldest first, unless it has been all the caches it can be.
void cache_delete(cache& c) noexcept;
void table_lock_for_fork() noexcept;
void table_unlock_after_fork(bool child) noexcept;
void classes_lock_for_fork() noexcept;
void classes_unlock_after_fork(bool child) noexcept;

// ---- creation (create.cpp) ----
// Reports bad arguments. `site`: where the program called.
cache* create(const gs_cache_options& options, const void* site) noexcept;
// Asks the system for nothing; nullptr: not without.
cache* create_internal(record_supply& from, const char* name, std::uint32_t size,
                       unsigned flags) noexcept;

// ---- operations ----
// From the cache that `handle` named when the record was looked up: it may have ended since, and
// the record be another's. Each place that takes something compares again, where that cannot
// change.
void* alloc_slow(std::uintptr_t handle, unsigned gfp, const void* site) noexcept;
// The same without asking others for memory.
void* alloc_once(std::uintptr_t handle, unsigned gfp, const void* site) noexcept;
void free_slow(cache& c, void* object, const void* site) noexcept;
void retire_slow(cache& c, void* object, const void* site) noexcept;
// As retire_object(), but false when no array could be had: nothing is changed then.
bool retire_in_array(cache& c, void* object, const void* site) noexcept;
bool alloc_bulk(cache& c, std::uintptr_t handle, unsigned gfp, std::size_t n, void** objects,
                const void* site) noexcept;
bool shrink(cache& c) noexcept;  // true when no slab is left

// ---- objects of any size ----
void* kmalloc(std::size_t size, unsigned gfp, const void* site) noexcept;
cache* cache_holding(const void* pointer) noexcept;   // in one of its slabs; nullptr: foreign
cache* cache_of_object(const void* object) noexcept;  // the same for an object's start
std::size_t usable_bytes(const void* object) noexcept;

}  // namespace graceslab::slab
