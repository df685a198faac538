// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Containers whose nodes have caches of their own, and objects that return to their cache when
// their owner ends.
#include <cstdio>
#include <graceslab/memory_resource.hpp>
#include <graceslab/stats.hpp>
#include <map>
#include <string>
#include <vector>

struct session {
  explicit session(int who) : user(who) {}
  int user;
  ~session() { std::printf("session of user %d ends\n", user); }
};

int main() {
  graceslab::slab_resource nodes("index");
  std::pmr::map<int, std::pmr::string> index(&nodes);
  for (int i = 0; i != 1000; ++i) index.emplace(i, "a name too long to lie in the string itself");

  // What do they take? Nobody else uses these caches.
  gs_caches_visit(
      [](const gs_cache_stats* s, void*) {
        if (std::string(s->name).starts_with("index-"))
          std::printf("%s: %llu objects\n", s->name, static_cast<unsigned long long>(s->live));
      },
      nullptr);
  index.clear();

  std::vector<int, graceslab::allocator<int>> plain(1000);  // kmalloc, as it comes

  graceslab::cache<session> sessions("sessions");
  graceslab::cache<session>::unique_ptr first = sessions.make_unique(1);
  first.reset();
  return graceslab::stats(sessions).live == 0 && plain.size() == 1000 ? 0 : 1;
}
