// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Look-ups as SLAB_TYPESAFE_BY_RCU means them: memory may be reused at once, but as long as a
// section lasts it stays an object of its type. So a reader first takes a reference, if there is
// one left to take, and then looks whether it got what it was after.
#include <graceslab/kernel/slab.h>

#include <graceslab/rcu.hpp>

#include "phases.hpp"

namespace graceslab::torture {
namespace {

constexpr std::uint64_t type_word = 0x7479706573616665u;
constexpr unsigned keys = 64;
constexpr unsigned burst = 700;  // objects: several slabs

struct entry {
  std::uint64_t type;  // set by the constructor, for good
  std::uint32_t references;
  std::uint32_t key;
  std::uint64_t check;  // of the key
  std::uint64_t filler[12];
};

void construct(void* p) {
  auto* e = static_cast<entry*>(p);
  gs_store_relaxed(&e->type, type_word);
  gs_store_relaxed(&e->references, 0u);
}

bool get(entry* e) {
  std::uint32_t n = gs_load_acquire(&e->references);
  while (n != 0)
    if (gs_compare_exchange(&e->references, &n, n + 1)) return true;
  return false;
}

class type_safe_phase : public phase {
 public:
  explicit type_safe_phase(session& s)
      : cache_(kmem_cache_create("torture.typesafe", sizeof(entry), 0, SLAB_TYPESAFE_BY_RCU,
                                 construct)) {
    if (cache_ == nullptr) throw std::bad_alloc();
    for (int i = 0; i != 2; ++i) s.add_worker("looker", [this](worker& w) { return look(w); });
    s.add_worker("replacer", [this](worker& w) { return replace(w); });
  }
  ~type_safe_phase() override {
    for (entry* e : slot_) put(e);
    (void)kmem_cache_destroy_wait(cache_);
  }

 private:
  void put(entry* e) {
    if (e != nullptr && gs_fetch_sub(&e->references, 1u) == 1) kmem_cache_free(cache_, e);
  }

  bool look(worker& w) {
    w.doing("look-ups");
    for (unsigned n = 1 + w.plan.below(64); n != 0; --n) {
      unsigned key = w.noise.below(keys);
      rcu_reader section;
      entry* e = rcu_dereference(slot_[key]);
      if (e == nullptr) continue;
      if (w.noise.one_in(8)) w.pause();
      check_type(w, e);
      if (!get(e)) {
        if (w.noise.one_in(8)) w.pause();
        check_type(w, e);
        continue;
      }
      check_held(w, e, key);
      put(e);
    }
    w.count("look-ups");
    return w.all.more(w);
  }

  void check_type(worker& w, const entry* e) {
    std::uint64_t type = gs_load_relaxed(&e->type);
    if (type != type_word)
      w.all.fail(trouble::reused, "type-safe memory {} became {:#x} inside a section",
                 static_cast<const void*>(e), type);
  }

  // With a reference it changes no more; it may be another's, though.
  void check_held(worker& w, const entry* e, unsigned key) {
    std::uint32_t mine = gs_load_relaxed(&e->key);
    w.count(mine == key ? "found" : "found another");
    for (int i = 0; i != 2; ++i) {
      if (gs_load_relaxed(&e->key) != mine || gs_load_relaxed(&e->check) != mix(mine))
        w.all.fail(trouble::damaged, "a type-safe object changed under a reference");
      if (w.noise.one_in(8)) w.pause();
    }
  }

  entry* make(worker& w, unsigned key) {
    auto* e = static_cast<entry*>(kmem_cache_alloc(cache_, GFP_KERNEL));
    if (e == nullptr) {
      w.all.fail(trouble::result, "no memory for a type-safe object");
      return nullptr;
    }
    if (gs_load_relaxed(&e->type) != type_word)
      w.all.fail(trouble::damaged, "a type-safe object came back unconstructed");
    gs_store_relaxed(&e->key, key);
    gs_store_relaxed(&e->check, mix(key));
    gs_store_release(&e->references, 1u);
    return e;
  }

  bool replace(worker& w) {
    w.doing("replacing");
    for (unsigned n = w.plan.below(200); n != 0; --n) {
      unsigned key = w.plan.below(keys);
      put(gs_exchange(&slot_[key], make(w, key)));
    }
    if (w.plan.one_in(4)) {
      // Empties whole slabs under the readers.
      std::array<entry*, burst> many;
      for (unsigned i = 0; i != burst; ++i) many[i] = make(w, i % keys);
      for (unsigned i = 0; i != keys; ++i) many[i] = gs_exchange(&slot_[i], many[i]);
      for (unsigned i = 0; i != burst; ++i) put(many[i]);
      w.doing("shrinking a type-safe cache");
      (void)kmem_cache_shrink(cache_);
    }
    w.count("type-safe rounds");
    w.pause();
    return w.all.more(w);
  }

  kmem_cache* cache_;
  entry* slot_[keys] = {};  // atomic; only the replacer writes
};

}  // namespace

std::unique_ptr<phase> make_type_safe(session& s) { return std::make_unique<type_safe_phase>(s); }

}  // namespace graceslab::torture
