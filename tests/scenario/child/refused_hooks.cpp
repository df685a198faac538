// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// refused_hooks: works in a process whose C library has no room for one kind of hook: that which
// the variable REFUSE names.
#include <dlfcn.h>
#include <pthread.h>

#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <graceslab/teardown.hpp>
#include <thread>

#include "../loaded_module.hpp"

namespace {

bool refuses(const char* what) {
  const char* refused = std::getenv("REFUSE");
  return refused != nullptr && std::strcmp(refused, what) == 0;
}

template <class Function>
Function* next(const char* name) {
  return reinterpret_cast<Function*>(dlsym(RTLD_NEXT, name));
}

}  // namespace

// In front of the C library's. The program's own hooks are refused as well; it needs none. Each
// looks once for what it stands in front of, when main() or something before it calls: dlsym()
// takes the loader's lock, which whoever unloads a module holds while it waits for callbacks.
extern "C" {

int pthread_key_create(pthread_key_t* key, void (*end)(void*)) noexcept {
  if (refuses("key")) return EAGAIN;
  static auto* const real = next<int(pthread_key_t*, void (*)(void*))>("pthread_key_create");
  return real(key, end);
}

int pthread_setspecific(pthread_key_t key, const void* value) noexcept {
  if (refuses("value")) return ENOMEM;
  static auto* const real = next<int(pthread_key_t, const void*)>("pthread_setspecific");
  return real(key, value);
}

int __register_atfork(void (*prepare)(), void (*parent)(), void (*child)(), void* dso) {
  if (refuses("fork")) return ENOMEM;
  static auto* const real =
      next<int(void (*)(), void (*)(), void (*)(), void*)>("__register_atfork");
  return real(prepare, parent, child, dso);
}

int __cxa_atexit(void (*run)(void*), void* arg, void* dso) {
  if (refuses("exit")) return -1;
  static auto* const real = next<int(void (*)(void*), void*, void*)>("__cxa_atexit");
  return real(run, arg, dso);
}
}

namespace {

struct object {
  long value;
};

// Threads come and go; what each leaves behind comes home.
void work() {
  graceslab::cache<object> cache("refused");
  for (int i = 0; i != 300; ++i)
    std::thread([&] {
      graceslab::rcu_reader section;
      cache.retire(cache.make());
    }).join();
  if (cache.destroy().code == graceslab::errc::ok) std::puts("all home");
  gs_domain_stats stats;
  gs_domain_read_stats(nullptr, &stats);
  if (stats.readers < 30) std::puts("slots are used again");
}

void use_a_module() {
  loaded_module m("typed");
  m.start();
  m.api().post(200);
  m.api().retire(200);
  if (m.unload()) std::puts("the module is gone");
}

}  // namespace

int main() {
  work();
  use_a_module();
  std::puts("main ends");
  std::fflush(stdout);
  return 0;
}
