// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// static_order: caches and their users of static lifetime, in two units and a module.
#include "static_order.hpp"

#include "../loaded_module.hpp"

graceslab::cache<payload>& second_units_cache();

namespace {

graceslab::cache<payload> first{"first-unit"};
user early{"first unit"};
graceslab::cache<payload> last{"last-of-first-unit"};
graceslab::cache<payload> destroyed{"destroyed"};

// Ends after everything above: uses caches whose objects have ended, by their handles.
struct straggler {
  kmem_cache* stale = nullptr;
  kmem_cache* serving = nullptr;
  ~straggler() {
    void* object = serving != nullptr ? gs_cache_alloc(serving, 0) : nullptr;
    if (object != nullptr) say("static cache serves on");
    gs_cache_retire(serving, object);
    void* p = stale != nullptr ? gs_cache_alloc(stale, 0) : nullptr;
    say(p == nullptr ? "stale handle refused" : "stale handle gave memory");
  }
};
straggler& before_all() {
  static straggler one;
  return one;
}
[[gnu::constructor(102)]] void make_straggler() { before_all(); }

}  // namespace

int main() {
  before_all().serving = first.native_handle();
  before_all().stale = destroyed.native_handle();
  destroyed.destroy();
  for (int i = 0; i < 1000; ++i) {
    first.retire(first.make());
    last.retire(last.make());
    second_units_cache().retire(second_units_cache().make());
  }
  static loaded_module m("typed");
  m.start();
  m.api().post(200);
  m.api().retire(200);
  static user local("function");
  say("main ends");
  return 0;  // m is unloaded by the exit, with everything pending
}
