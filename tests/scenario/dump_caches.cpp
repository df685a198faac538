// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// I2, I7: gs_dump_caches() tells of every domain and cache, from anywhere.
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include <sstream>

#include "watched.hpp"

namespace {

using namespace watched;

class memory_file {
 public:
  memory_file() : file_(memfd_create("dump", MFD_CLOEXEC)) {}
  ~memory_file() { close(file_); }
  memory_file(const memory_file&) = delete;
  memory_file& operator=(const memory_file&) = delete;
  int number() const { return file_; }
  std::string text() const {
    std::string all(static_cast<std::size_t>(lseek(file_, 0, SEEK_END)), '\0');
    EXPECT_EQ(pread(file_, all.data(), all.size(), 0), static_cast<ssize_t>(all.size()));
    return all;
  }

 private:
  int file_;
};

std::string dumped() {
  memory_file to;
  EXPECT_EQ(gs_dump_caches(to.number()), 0);
  return to.text();
}

// The columns of the row that begins with this name.
std::vector<std::string> row_of(const std::string& text, const std::string& name) {
  std::istringstream lines(text);
  for (std::string line; std::getline(lines, line);) {
    if (line.rfind(name, 0) != 0) continue;
    std::istringstream words(line);
    std::vector<std::string> all;
    for (std::string word; words >> word;) all.push_back(word);
    return all;
  }
  return {};
}

// name stage objsize objects allocated parked ready deferred leaked slabs KiB oldest-ms
TEST(Dump, I2_I7_a_row_for_each_cache_and_domain) {
  kmem_cache* s = make_cache("a\tdump \n");
  auto live = take(s, 3);
  const std::string name = "a_dump__#" + std::to_string(gs_cache_id(s)) + " ";
  std::vector<std::string> row;
  ASSERT_TRUE(eventually([&] {  // whose locks may be taken just now
    row = row_of(dumped(), name);
    return row.size() == 12 && row[2] != "?" && row[9] == "1";
  })) << dumped();
  EXPECT_EQ(row[1], "open");
  EXPECT_EQ(row[2], std::to_string(sizeof(object)));
  EXPECT_GE(std::stoul(row[3]), std::stoul(row[4]));
  EXPECT_GE(std::stoul(row[4]), 3u);
  {
    held_reader reader;
    retire(live);
    EXPECT_TRUE(eventually([&] {
      row = row_of(dumped(), name);
      return row.size() == 12 && row[7] == "3";
    })) << dumped();
    EXPECT_TRUE(eventually([&] {
      const auto domain = row_of(dumped(), "default ");
      return domain.size() == 9 && domain[1] != "0" && domain[8] != "-" && domain[8] != "?";
    })) << dumped();
    gs_cache_destroy_rcu(s);
    EXPECT_TRUE(eventually([&] {
      row = row_of(dumped(), name);
      return row.size() == 12 && row[1] == "draining";
    })) << dumped();
  }
  EXPECT_TRUE(eventually([&] { return row_of(dumped(), name).empty(); })) << dumped();
}

TEST(Dump, I7_shows_that_a_token_holds_grace_periods_back) {
  gs_domain_options o = {};
  o.name = "by-token";
  gs_domain* d = gs_domain_create(&o);
  const int token = gs_domain_down_read(d);
  const uint64_t cookie = gs_gp_start_poll(d);
  EXPECT_TRUE(eventually([&] {
    (void)gs_gp_poll(d, cookie);
    const auto row = row_of(dumped(), "by-token ");
    return row.size() == 9 && row[7] != "0" && row[7] != "?";
  })) << dumped();
  gs_domain_up_read(d, token);
  gs_synchronize(d);
  EXPECT_EQ(gs_domain_destroy(d), 0);
}

TEST(Dump, I7_counts_who_waits_in_barriers_and_what_is_queued) {
  gs_domain_options o = {};
  o.name = "dumped";
  gs_domain* d = gs_domain_create(&o);
  static rcu_head head;
  {
    held_reader reader(d);
    gs_call_rcu(
        d, &head, [](rcu_head*) {}, nullptr);
    std::thread waiter([d] { gs_rcu_barrier(d); });
    EXPECT_TRUE(eventually([&] {
      const auto row = row_of(dumped(), "dumped ");
      return row.size() == 9 && row[4] == "1" && row[5] == "1";
    })) << dumped();
    reader.leave();
    waiter.join();
  }
  const auto row = row_of(dumped(), "dumped ");
  EXPECT_EQ(row[4] + row[5], "00") << dumped();
  EXPECT_EQ(gs_domain_destroy(d), 0);
  EXPECT_TRUE(row_of(dumped(), "dumped ").empty());
}

TEST(Dump, an_error_of_the_file_is_returned) {
  errno = 7;
  EXPECT_EQ(gs_dump_caches(-1), -EBADF);
  const int full = open("/dev/full", O_WRONLY | O_CLOEXEC);
  if (full >= 0) {
    EXPECT_EQ(gs_dump_caches(full), -ENOSPC);
    close(full);
  }
  EXPECT_EQ(errno, 7);
}

int to_file;
std::uint32_t dumps;
void dump_in_handler(int) {
  (void)gs_dump_caches(to_file);
  gs_fetch_add(&dumps, 1u);
}

// A debug cache takes a lock for each operation: the handler often comes while it is held.
TEST(Dump, in_a_handler_that_interrupted_the_library) {
  const int nowhere = open("/dev/null", O_WRONLY | O_CLOEXEC);
  to_file = nowhere;
  struct sigaction act {
  }, before{};
  act.sa_handler = dump_in_handler;
  ASSERT_EQ(sigaction(SIGURG, &act, &before), 0);
  kmem_cache* s = make_cache("interrupted", SLAB_CONSISTENCY_CHECKS);
  gate begun;
  std::uint32_t stop = 0;
  pid_t tid = 0;
  std::thread busy([&] {
    tid = static_cast<pid_t>(syscall(SYS_gettid));
    begun.open();
    while (gs_load_acquire(&stop) == 0) {
      kmem_cache_free(s, take(s));
      retire(take(s, 1));
    }
  });
  begun.pass();
  for (int i = 0; i != 300; ++i) {
    const std::uint32_t seen = gs_load_acquire(&dumps);
    ASSERT_EQ(syscall(SYS_tgkill, getpid(), tid, SIGURG), 0);
    ASSERT_TRUE(eventually([&] { return gs_load_acquire(&dumps) != seen; })) << i;
  }
  gs_store_release(&stop, 1u);
  busy.join();
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_EQ(sigaction(SIGURG, &before, nullptr), 0);
  close(nowhere);
}

}  // namespace
