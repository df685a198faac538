// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Copies of objects that can be retired: [saferecl.rcu.base] has them trivial where the deleter is,
// and a copy carries the deleter of what it was copied from. Contract R8, G5.
#include <graceslab/rcu.hpp>
#include <memory>
#include <type_traits>
#include <utility>

namespace {

int ended[3];

struct trivial;
struct counting {
  int* counter = nullptr;
  void operator()(trivial* p) const;
};
struct trivial : graceslab::rcu_obj_base<trivial, counting> {
  int value = 0;
};
void counting::operator()(trivial* p) const {
  ++*counter;
  delete p;
}

struct plain : graceslab::rcu_obj_base<plain> {};
struct sharing {
  std::shared_ptr<int> kept;
  template <class T>
  void operator()(T* p) const {
    delete p;
  }
};
struct not_trivial : graceslab::rcu_obj_base<not_trivial, sharing> {};
struct move_only {
  std::unique_ptr<int> kept;
  template <class T>
  void operator()(T* p) const {
    delete p;
  }
};
struct moving : graceslab::rcu_obj_base<moving, move_only> {};

static_assert(std::is_trivially_copyable_v<trivial>);
static_assert(std::is_trivially_copyable_v<plain>);
static_assert(!std::is_trivially_copyable_v<not_trivial>);
static_assert(std::is_copy_constructible_v<not_trivial> && std::is_copy_assignable_v<not_trivial>);
static_assert(!std::is_copy_constructible_v<moving> && std::is_move_constructible_v<moving>);
static_assert(std::is_move_assignable_v<moving>);

// A copy of an object that is queued is not taken for queued itself, nor one that is assigned to.
int copies_of_retired_ones() {
  auto* first = new trivial;
  first->value = 7;
  auto* assigned = new trivial;
  {
    graceslab::rcu_reader section;
    first->retire({&ended[0]});
    auto* copy = new trivial(*first);
    *assigned = *first;
    if (copy->value != 7 || assigned->value != 7) return 1;
    copy->retire({&ended[1]});
    assigned->retire({&ended[2]});
  }
  graceslab::rcu_barrier();
  for (int count : ended)
    if (count != 1) return 2;
  return graceslab::report_count(GS_REPORT_DOUBLE_CALLBACK) == 0 ? 0 : 3;
}

int copies_have_the_deleter() {
  auto watched = std::make_shared<int>(0);
  auto* first = new not_trivial;
  first->retire({watched});
  const long users = watched.use_count();
  auto* copy = new not_trivial(*first);  // retired, but not reclaimed while we read
  const bool carried = watched.use_count() == users + 1;
  delete copy;
  return carried ? 0 : 4;
}

}  // namespace

int main() {
  int failed = copies_of_retired_ones();
  if (failed == 0) {
    graceslab::rcu_reader section;
    failed = copies_have_the_deleter();
  }
  return failed;
}
