// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A module is loaded, leaves work behind and is unloaded, over and over. Afterwards nothing of its
// own may run: its code is gone.
#include <dlfcn.h>

#include <chrono>
#include <stdexcept>

#include "../beside.hpp"
#include "phases.hpp"
#include "storm_module.hpp"

namespace graceslab::torture {
namespace {

class unloads_phase : public phase {
 public:
  explicit unloads_phase(session& s) : path_(tool::find_beside("storm_module.so")) {
    s.add_worker("unloader", [this](worker& w) { return round(w); });
  }

 private:
  static storm_orders orders_of(random_source& plan, std::uint64_t* ran) {
    storm_orders o = {};
    o.ran = ran;
    o.heads = 1 + plan.below(storm_heads);
    o.links = plan.one_in(2) ? 0 : 1 + plan.below(20);
    o.busy_us = plan.one_in(2) ? plan.below(100) : 0;
    o.hurry = plan.one_in(2);
    o.objects = plan.one_in(2) ? plan.below(200) : 0;
    return o;
  }

  bool round(worker& w) {
    static std::uint64_t ran;  // still there when a callback comes too late
    const storm_orders orders = orders_of(w.plan, &ran);
    w.doing("loading a module");
    void* module = dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (module == nullptr) throw std::runtime_error(dlerror());
    auto entry = reinterpret_cast<storm_entry>(dlsym(module, storm_entry_name));
    if (entry == nullptr) throw std::runtime_error(dlerror());
    (void)entry()->start(&orders);
    w.pause();
    w.doing("unloading a module");
    if (dlclose(module) != 0) throw std::runtime_error(dlerror());
    const std::uint64_t then = gs_load_acquire(&ran);
    if (void* still = dlopen(path_.c_str(), RTLD_NOW | RTLD_NOLOAD)) {
      dlclose(still);
      w.all.fail(trouble::unload, "the module is still there after dlclose()");
    }
    w.doing("between modules");
    std::this_thread::sleep_for(std::chrono::microseconds(w.noise.below(2000)));
    if (gs_load_acquire(&ran) != then)
      w.all.fail(trouble::unload, "{} callbacks ran after their module was unloaded",
                 gs_load_acquire(&ran) - then);
    w.count("unloads");
    return w.all.more(w);
  }

  std::string path_;
};

}  // namespace

std::unique_ptr<phase> make_unloads(session& s) { return std::make_unique<unloads_phase>(s); }

}  // namespace graceslab::torture
