// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// [saferecl.hp] of the C++26 draft, clause by clause: first what a compiler sees, then the clauses
// and the example as code that runs. Contract G5.
#include <atomic>
#include <graceslab/std/hazard_pointer.hpp>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

using namespace graceslab::std26;

// ---- [saferecl.hp.holder] ----
static_assert(std::is_nothrow_default_constructible_v<hazard_pointer>);
static_assert(std::is_nothrow_move_constructible_v<hazard_pointer>);
static_assert(std::is_nothrow_move_assignable_v<hazard_pointer>);
static_assert(!std::is_copy_constructible_v<hazard_pointer>);
static_assert(!std::is_copy_assignable_v<hazard_pointer>);
static_assert(std::is_nothrow_swappable_v<hazard_pointer>);
static_assert(
    std::is_same_v<decltype(&hazard_pointer::empty), bool (hazard_pointer::*)() const noexcept>);
static_assert(std::is_same_v<decltype(&hazard_pointer::swap),
                             void (hazard_pointer::*)(hazard_pointer&) noexcept>);
static_assert(std::is_same_v<decltype(&make_hazard_pointer), hazard_pointer (*)()>);

struct incomplete;
using base_of_incomplete = hazard_pointer_obj_base<incomplete>;
static_assert(sizeof(base_of_incomplete) != 0);  // T may be incomplete until a member is named
struct incomplete : base_of_incomplete {};

using holder = hazard_pointer&;
using source = const std::atomic<incomplete*>&;
static_assert(noexcept(std::declval<holder>().protect(std::declval<source>())));
static_assert(
    std::is_same_v<decltype(std::declval<holder>().protect(std::declval<source>())), incomplete*>);
static_assert(noexcept(std::declval<holder>().try_protect(std::declval<incomplete*&>(),
                                                          std::declval<source>())));
static_assert(std::is_same_v<decltype(std::declval<holder>().try_protect(
                                 std::declval<incomplete*&>(), std::declval<source>())),
                             bool>);
static_assert(noexcept(std::declval<holder>().reset_protection(std::declval<incomplete*>())));
static_assert(noexcept(std::declval<holder>().reset_protection(nullptr)));
static_assert(noexcept(std::declval<holder>().reset_protection()));
static_assert(noexcept(swap(std::declval<holder>(), std::declval<holder>())));

// ---- [saferecl.hp.base] ----
static_assert(
    std::is_same_v<decltype(&incomplete::retire),
                   void (base_of_incomplete::*)(std::default_delete<incomplete>) noexcept>);
static_assert(!std::is_default_constructible_v<base_of_incomplete>);
static_assert(!std::is_copy_constructible_v<base_of_incomplete>);
static_assert(!std::is_move_assignable_v<base_of_incomplete>);
static_assert(!std::is_destructible_v<base_of_incomplete>);
static_assert(std::is_trivially_copyable_v<incomplete>);  // as the deleter is

// Default construction and move assignment are all that the clause asks of D.
struct counted;
struct counting {
  int* ended = nullptr;
  explicit counting() = default;
  explicit counting(int* n) : ended(n) {}
  counting(counting&&) = delete;
  counting& operator=(counting&&) = default;
  void operator()(counted* p) const;
};
struct before {
  virtual ~before() = default;
  long word = 1;
};
struct counted : before, hazard_pointer_obj_base<counted, counting> {};  // not at the start
void counting::operator()(counted* p) const {
  *ended += static_cast<int>(p->word);
  delete p;
}

namespace {

// The example.
struct Name : public hazard_pointer_obj_base<Name> {
  explicit Name(std::string s) : text(std::move(s)) {}
  std::string text;
};
std::atomic<Name*> name;

bool name_is(const char* wanted) {
  hazard_pointer h = make_hazard_pointer();
  Name* ptr = h.protect(name);
  return ptr->text == wanted;
}
void update_name(Name* new_name) {
  Name* ptr = name.exchange(new_name);
  if (ptr != nullptr) ptr->retire();
}
int example() {
  update_name(new Name("first"));
  if (!name_is("first")) return 1;
  update_name(new Name("second"));
  if (!name_is("second")) return 2;
  name.exchange(nullptr)->retire();
  graceslab::hazard_pointer_barrier();
  return 0;
}

int holders() {
  hazard_pointer none;
  hazard_pointer one = make_hazard_pointer();
  if (!none.empty() || one.empty()) return 3;
  swap(none, one);
  if (none.empty() || !one.empty()) return 4;
  one = std::move(none);
  hazard_pointer moved(std::move(one));
  moved.swap(one);
  return !one.empty() && none.empty() && moved.empty() ? 0 : 5;
}

// Protected: it stays. Copied to another and let go by the first: it stays. Let go: it ends.
int protection() {
  int ended = 0;
  std::atomic<counted*> src = new counted;
  hazard_pointer first = make_hazard_pointer(), second = make_hazard_pointer();
  counted* p = first.protect(src);
  src.exchange(nullptr)->retire(counting(&ended));
  graceslab::hazard_pointer_barrier();
  second.reset_protection(p);
  first.reset_protection();
  graceslab::hazard_pointer_barrier();
  if (ended != 0 || p->word != 1) return 6;
  second.reset_protection(nullptr);
  graceslab::hazard_pointer_barrier();
  return ended == 1 ? 0 : 7;
}

int failed_attempts() {
  counted a, b;
  std::atomic<counted*> src = &b;
  hazard_pointer h = make_hazard_pointer();
  counted* p = &a;
  if (h.try_protect(p, src) || p != &b) return 8;
  if (!h.try_protect(p, src) || p != &b) return 9;
  src = nullptr;
  return h.protect(src) == nullptr ? 0 : 10;
}

}  // namespace

int main() {
  for (int (*clause)() : {example, holders, protection, failed_attempts})
    if (const int failed = clause()) return failed;
  return 0;
}
