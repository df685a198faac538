// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// [saferecl.rcu] of the C++26 draft, clause by clause: first what a compiler sees, then the clauses
// and the example as code that runs. Contract G5.
#include <graceslab/std/rcu.hpp>
#include <memory>
#include <mutex>
#include <type_traits>
#include <utility>

using namespace graceslab::std26;

// ---- [saferecl.rcu.domain] ----
static_assert(!std::is_default_constructible_v<rcu_domain>);
static_assert(!std::is_copy_constructible_v<rcu_domain> && !std::is_copy_assignable_v<rcu_domain>);
static_assert(!std::is_move_constructible_v<rcu_domain> && !std::is_move_assignable_v<rcu_domain>);
static_assert(std::is_same_v<decltype(&rcu_domain::lock), void (rcu_domain::*)() noexcept>);
static_assert(std::is_same_v<decltype(&rcu_domain::try_lock), bool (rcu_domain::*)() noexcept>);
static_assert(std::is_same_v<decltype(&rcu_domain::unlock), void (rcu_domain::*)() noexcept>);

// ---- [saferecl.rcu.domain.func] ----
static_assert(std::is_same_v<decltype(&rcu_default_domain), rcu_domain& (*)() noexcept>);
static_assert(std::is_same_v<decltype(&rcu_synchronize), void (*)(rcu_domain&) noexcept>);
static_assert(std::is_same_v<decltype(&rcu_barrier), void (*)(rcu_domain&) noexcept>);
static_assert(std::is_same_v<decltype(&rcu_retire<int>),
                             void (*)(int*, std::default_delete<int>, rcu_domain&)>);
static_assert(noexcept(rcu_synchronize()) && noexcept(rcu_barrier()));
static_assert(!noexcept(rcu_retire(static_cast<int*>(nullptr))));

// ---- [saferecl.rcu.base] ----
struct incomplete;
using base_of_incomplete = rcu_obj_base<incomplete>;
static_assert(sizeof(base_of_incomplete) != 0);  // T may be incomplete until a member is named
struct incomplete : base_of_incomplete {};
using retiring = void (base_of_incomplete::*)(std::default_delete<incomplete>,
                                              rcu_domain&) noexcept;
static_assert(std::is_same_v<decltype(&incomplete::retire), retiring>);
// Everything but retire() is the derived class's alone.
static_assert(!std::is_default_constructible_v<base_of_incomplete>);
static_assert(!std::is_copy_constructible_v<base_of_incomplete>);
static_assert(!std::is_move_constructible_v<base_of_incomplete>);
static_assert(!std::is_copy_assignable_v<base_of_incomplete>);
static_assert(!std::is_move_assignable_v<base_of_incomplete>);
static_assert(!std::is_destructible_v<base_of_incomplete>);
// Trivially copyable where the deleter is.
static_assert(std::is_trivially_copyable_v<base_of_incomplete>);
static_assert(std::is_trivially_copyable_v<incomplete>);

template <int Kind>
struct counted;
template <int Kind>
int ended = 0;
template <int Kind>
struct counting {
  std::shared_ptr<int> state;
  void operator()(counted<Kind>* p) const;
};
// Default construction and move assignment are all that the clause asks of D.
template <>
struct counting<1> {
  explicit counting() = default;
  counting(counting&&) = delete;
  counting& operator=(counting&&) = default;
  void operator()(counted<1>* p) const;
};
template <int Kind>
struct counted : rcu_obj_base<counted<Kind>, counting<Kind>> {
  counted() = default;
  int payload = 7;
};
template <int Kind>
void counting<Kind>::operator()(counted<Kind>* p) const {
  ended<Kind> += p->payload == 7;
  delete p;
}
void counting<1>::operator()(counted<1>* p) const {
  ended<1> += p->payload == 7;
  delete p;
}
static_assert(!std::is_trivially_copyable_v<rcu_obj_base<counted<0>, counting<0>>>);

// The base need not come first.
struct before {
  virtual ~before() = default;
  long word = 1;
};
struct in_the_middle : before, rcu_obj_base<in_the_middle> {
  ~in_the_middle() override { ended<2> += word == 1; }
};

namespace {

// The example: a region of protection for the length of a scope.
int example() {
  std::scoped_lock<rcu_domain> rlock(rcu_default_domain());
  return gs_read_held(nullptr) == 1 ? 0 : 1;
}

// Regions nest, and try_lock() is lock().
int regions() {
  rcu_domain& dom = rcu_default_domain();
  if (&dom != &rcu_default_domain()) return 2;
  dom.lock();
  const bool entered = dom.try_lock();
  const bool nested = gs_read_held(nullptr) == 2;
  dom.unlock();
  dom.unlock();
  return entered && nested && gs_read_held(nullptr) == 0 ? 0 : 3;
}

// A scheduled evaluation waits for the region; the barrier for the evaluation.
int evaluations() {
  {
    std::scoped_lock<rcu_domain> rlock(rcu_default_domain());
    (new counted<0>)->retire();
    (new counted<1>)->retire();
    (new in_the_middle)->retire();
    rcu_retire(new counted<3>, [](counted<3>* p) { counting<3>{}(p); });
    if (ended<0> + ended<1> + ended<2> + ended<3> != 0) return 4;
  }
  rcu_barrier();
  rcu_synchronize(rcu_default_domain());
  return ended<0> == 1 && ended<1> == 1 && ended<2> == 1 && ended<3> == 1 ? 0 : 5;
}

// The deleter is what was passed, moved to where it waits, and called as an lvalue.
int deleters() {
  auto seen = std::make_shared<int>(0);
  (new counted<4>)->retire({seen});
  struct alignas(64) wide {
    std::shared_ptr<int> seen;
    wide(std::shared_ptr<int> s) : seen(std::move(s)) {}
    wide(wide&& other) : seen(std::move(other.seen)) {}  // may throw, for all that is known
    void operator()(int* p) & {
      *seen += reinterpret_cast<std::uintptr_t>(this) % alignof(wide) == 0 ? *p : 100;
      delete p;
    }
  };
  rcu_retire(new int(3), wide(seen));
  rcu_retire(new int(4), wide(seen));
  rcu_barrier();
  return *seen == 7 && seen.use_count() == 1 && ended<4> == 1 ? 0 : 6;
}

#if defined(__cpp_exceptions)
struct refusing_to_move {
  int moves_left = 1;
  refusing_to_move() = default;
  refusing_to_move(refusing_to_move&& other) : moves_left(other.moves_left - 1) {
    if (moves_left < 0) throw 1;
  }
  void operator()(int* p) const { delete p; }
};

// Leaving by the exception of the move: nothing is scheduled.
int thrown() {
  auto kept = std::make_unique<int>(1);
  refusing_to_move once;
  once.moves_left = 0;
  try {
    rcu_retire(kept.get(), std::move(once));
  } catch (int) {
    rcu_barrier();
    rcu_retire(kept.release(), refusing_to_move());  // one move is enough
    rcu_barrier();
    return 0;
  }
  return 7;
}
#else
int thrown() { return 0; }
#endif

}  // namespace

int main() {
  for (int (*clause)() : {example, regions, evaluations, deleters, thrown})
    if (const int failed = clause()) return failed;
  return 0;
}
