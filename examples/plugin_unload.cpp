// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Unloading a shared object whose callbacks are pending. dlclose() waits for them by itself and
// says so; the orderly way says nothing: stop posting, rcu_barrier(), unload.
#include <dlfcn.h>

#include <cstdio>
#include <graceslab/error.hpp>

// What any plugin of this program offers.
struct plugin {
  void (*start)();
  void (*work)(int n);  // posts n callbacks
  void (*stop)();       // rcu_barrier(), then destroys its caches
};

static bool run(const char* path, bool orderly) {
  void* handle = dlopen(path, RTLD_NOW | RTLD_LOCAL);
  if (handle == nullptr) return std::printf("%s\n", dlerror()), false;
  const auto* p = static_cast<const plugin*>(dlsym(handle, "plugin"));
  p->start();
  p->work(1000);
  if (orderly) p->stop();
  return dlclose(handle) == 0;  // no callback of it is queued or running any more
}

int main(int argc, char** argv) {
  if (argc < 2) return std::printf("usage: plugin_unload PLUGIN.so\n"), 0;
  graceslab::set_report_handler([](gs_report kind, const char* text, size_t, void*) {
    std::printf("told (%s): %s", gs_report_name(kind), text);
  });
  const bool fine = run(argv[1], true) && run(argv[1], false);
  std::printf("%llu times an unload had to wait\n",
              static_cast<unsigned long long>(graceslab::report_count(GS_REPORT_OWNER_UNLOADED)));
  return fine ? 0 : 1;
}
