// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// bare_host PLUGIN...: a host that knows nothing of the library opens, uses and closes each plug-in
// several times; says whether they stay mapped.
#include <dlfcn.h>

#include <cstdio>

int main(int count, char** names) {
  for (int i = 0; i < 3 * (count - 1); ++i) {
    const char* name = names[1 + i % (count - 1)];
    void* plugin = dlopen(name, RTLD_NOW | RTLD_LOCAL);
    if (plugin == nullptr) return std::puts(dlerror()), 1;
    if (reinterpret_cast<int (*)()>(dlsym(plugin, "work"))() != 0) return std::puts("no work"), 1;
    dlclose(plugin);
    if (dlopen(name, RTLD_NOW | RTLD_NOLOAD) == nullptr) return std::puts("it has gone"), 1;
  }
  return 0;
}
