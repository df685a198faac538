// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Settling an owner, and what happens when a shared object is unloaded.
//
// dlclose() comes twice: first when the object's functions with the attribute `destructor` run
// (leave_module), which is before any of its static C++ objects ends, and once more from the
// handler that the attaching registered, for what those ends left behind.
#include "base/format.hpp"
#include "os/busted.hpp"
#include "os/config.hpp"
#include "os/exit.hpp"
#include "os/report.hpp"
#include "os/stack.hpp"
#include "rcu/domain.hpp"
#include "rcu/grace_period.hpp"
#include "rcu/owner_table.hpp"
#include "rcu/settle.hpp"

namespace graceslab::rcu {
namespace {

// Chains of callbacks of finite depth come to an end by themselves; after this many rounds, or
// when the stall limit has passed, re-arming is refused.
constexpr unsigned patient_rounds = 8;

class settling {
 public:
  settling(gs_owner* o, occasion why) noexcept
      : owner_(o), watch_(work_of(o), why != occasion::asked) {}
  ~settling() {
    if (closed_) reopen_owner(owner_);
  }
  settling(const settling&) = delete;
  settling& operator=(const settling&) = delete;

  void rounds(settled* result) noexcept {
    for (unsigned round = 0; !closed_ && round < patient_rounds; ++round) {
      if (quiet(watch_)) return;
      one(result);
      if (os::busted(os::flaw::settle_once)) return;
      if (patience_.over()) break;
    }
    if (!closed_) close_owner(owner_);
    closed_ = true;
    result->dropped += hazards().wait_for_protectors(watch_.of);
    // What is queued now is all there will be: one round runs it. What linked batches bring later
    // is others'.
    if (!quiet(watch_)) one(result);
  }

 private:
  void one(settled* result) noexcept {
    settle_round(watch_, &result->dropped);
    ++result->waited;
  }
  gs_owner* owner_;
  watch watch_;
  patience patience_;
  bool closed_ = false;
};

// The caches of a token, or of a module whose static objects are dead, end here.
void settle_caches(const whose& w, occasion why) noexcept {
  const bool ends = why == occasion::unloaded || w.object.bytes == 0;
  auto* settle_them = ends ? upper().settle_owner : upper().settle_retires;
  if (settle_them) settle_them(w);
}

void report_unload(const gs_owner* o, unsigned long pending, const settled& result) noexcept {
  if (pending == 0 && result.waited == 0) return;
  char more[160];
  base::writer out(more, sizeof more);
  if (result.refused) out.add("; %lu later posts were refused and leaked", result.refused);
  if (result.dropped)
    out.add("; %lu could not be waited for here, were taken out of the queues and leaked",
            result.dropped);
  os::report(GS_REPORT_OWNER_UNLOADED,
             "module %s is unloaded with %lu callbacks pending: waited until none was queued "
             "or running%s",
             o->name, pending, more);
}

bool protects() noexcept {
  return !os::exit_begun() && gs_load_relaxed(&os::settings.owner_protection);
}

void settle_module(gs_owner* o, occasion why) noexcept {
  const unsigned long pending = pending_of(work_of(o));
  report_unload(o, pending, settle(o, why));
}

// Run by the C library before it unmaps the object. At process exit the exit policy decides
// instead.
void unload(void* dso) noexcept {
  if (os::exit_begun()) return;
  gs_owner* o = find_owner(dso);
  if (!o) return;
  if (protects()) settle_module(o, occasion::unloaded);
  remove_owner(o);
  os::forget_stack_names(dso);
}

}  // namespace

settled settle(gs_owner* o, occasion why) noexcept {
  settled result;
  if (os::exit_begun() && os::exit_cut_short()) return result;
  deadline_scope limit(os::exit_begun() ? os::exit_deadline_ns() : 0);
  if (runs_on_this_stack(work_of(o)))
    report_here(GS_REPORT_WAIT_IN_CALLBACK,
                "the callbacks of %s are waited for inside one of them: all but those on this "
                "stack are waited for",
                o->name);
  const unsigned long refused_before = refused_by(o);
  settling work(o, why);
  work.rounds(&result);
  settle_caches(work_of(o), why);
  work.rounds(&result);  // destructors that just ran may have posted
  result.refused = refused_by(o) - refused_before;
  if (os::exit_begun() && result.dropped != 0)
    os::report(GS_REPORT_EXIT_UNDRAINED,
               "%lu callbacks of %s could not be waited for before the deadline of exit, and leak",
               result.dropped, o->name);
  return result;
}

void attach_module(void* dso, std::uint32_t layout) noexcept {
  char path[sizeof(gs_owner::name)];
  os::module_path(dso, path, sizeof path);
  if (layout != GS_LAYOUT_VERSION)
    os::report(GS_REPORT_LAYOUT_MISMATCH,
               "%s was compiled against layout %u of the inlined structures, the library has "
               "layout %u: compile it anew",
               path, layout, GS_LAYOUT_VERSION);
  if (!add_owner(dso, path) || os::in_main_program(dso) || os::on_unload(dso, unload)) return;
  os::report(GS_REPORT_NO_MEMORY,
             "the C library has no room for the hook that tells of the end of %s: settle it and "
             "destroy its caches before dlclose()",
             path);
}

// An object that never attached itself may own work nevertheless: posted by a function of its own
// that the linker bound to another object's copy.
void leave_module(void* dso) noexcept {
  if (!protects() || os::in_main_program(dso)) return;
  gs_owner* known = find_owner(dso);
  char path[sizeof(gs_owner::name)];
  if (!known) os::module_path(dso, path, sizeof path);
  gs_owner* o = known ? known : add_owner(dso, path);
  if (!o) return;
  settle_module(o, occasion::leaving);
  if (known) return;
  remove_owner(o);
  os::forget_stack_names(dso);
}

}  // namespace graceslab::rcu
