// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reports, configuration, time and faults for programs: translation and nothing else.
#include <graceslab/detail/abi.h>

#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/debug_modes.hpp"
#include "os/fault.hpp"
#include "os/keep_errno.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"

namespace os = graceslab::os;

const char* gs_report_name(enum gs_report kind) { return os::report_name(kind); }
uint64_t gs_report_count(enum gs_report kind) { return os::report_count(kind); }
void gs_report_set_handler(gs_report_handler handler, void* arg) {
  os::set_report_handler(handler, arg);
}
uint64_t gs_reports_unsaid(void) { return os::reports_unsaid(); }

size_t gs_config_items(struct gs_config_item* items, size_t n) {
  return os::config_items(items, n);
}
int gs_config_set(const char* variable, const char* value) {
  return os::set_config(variable, value);
}
int gs_debug_caches(const char* blocks) {
  os::keep_errno keep;
  return os::add_debug_modes(blocks);
}

void gs_helper_hooks_set(gs_helper_hook started, gs_helper_hook ending, void* arg) {
  os::set_thread_hooks({started, ending, arg});
}

void gs_clock_virtual(int on) { os::set_clock_virtual(on != 0); }
void gs_clock_advance(uint64_t ms) { os::advance_clock(ms); }
uint64_t gs_clock_now_ms(void) { return os::now_ms(); }

void gs_fault_set(enum gs_fault_site site, const struct gs_fault* fault) {
  os::set_fault(site, fault);
}
uint64_t gs_fault_hits(enum gs_fault_site site) { return os::fault_hits(site); }
