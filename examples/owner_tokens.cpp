// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Part of a program that can be switched off: its callbacks have an owner of their own, which is
// settled before the part goes. A shared object has that by itself: dlclose() settles it.
#include <cstdio>
#include <graceslab/teardown.hpp>
#include <memory>

struct connection {
  rcu_head head;  // first, so that the callback finds its object
  int fd;
};

class plugin {
 public:
  void drop(int fd) {
    connection* c = connections_.make();
    c->fd = fd;
    owner_.call(&c->head, &plugin::close_later);
    ++dropped_;
  }

  // Everything that may still run here has run when this returns; other owners are not waited for.
  ~plugin() {
    const unsigned long refused = owner_.settle();
    std::printf("%d connections dropped, %d closed, %lu posts refused\n", dropped_, closed_,
                refused);
  }

 private:
  static void close_later(rcu_head* head) {
    gs_fetch_add(&closed_, 1);
    gs_kfree(reinterpret_cast<connection*>(head));
  }
  static inline int closed_ = 0;
  int dropped_ = 0;
  graceslab::cache<connection> connections_{"connections"};
  graceslab::owner_token owner_{"plugin"};
};

int main() {
  auto loaded = std::make_unique<plugin>();
  for (int fd = 0; fd < 1000; ++fd) loaded->drop(fd);
  loaded.reset();
  return gs_report_count(GS_REPORT_LEAK) == 0 ? 0 : 1;
}
