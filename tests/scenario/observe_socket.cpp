// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// I7, G1: a process that opts in tells of itself through a socket, whoever asks and however.
#include <dirent.h>
#include <fcntl.h>
#include <signal.h>
#include <sys/resource.h>

#include <memory>

#include "child_process.hpp"
#include "observe_client.hpp"
#include "watched.hpp"

namespace {

using namespace watched;
using observing::cache_of;
using observing::peer;
using observing::row_of;

std::size_t entries_of(const char* folder) {
  std::size_t n = 0;
  if (DIR* d = opendir(folder)) {
    while (readdir(d) != nullptr) ++n;
    closedir(d);
  }
  return n;
}
bool has_thread(const char* name) {
  bool found = false;
  if (DIR* d = opendir("/proc/self/task")) {
    while (const dirent* e = readdir(d)) {
      char comm[32] = "";
      const std::string path = std::string("/proc/self/task/") + e->d_name + "/comm";
      if (FILE* f = std::fopen(path.c_str(), "re")) {
        found = (std::fgets(comm, sizeof comm, f) != nullptr && contains(comm, name)) || found;
        std::fclose(f);
      }
    }
    closedir(d);
  }
  return found;
}

class Observe : public testing::Test {
 protected:
  void SetUp() override { ASSERT_EQ(gs_observe_start(), 0); }
  void TearDown() override { gs_observe_stop(); }
};

TEST_F(Observe, I7_lists_domains_and_caches) {
  kmem_cache* s = make_cache("listed");
  auto live = take(s, 3);
  held_reader reader;
  retire(take(s, 4));
  std::optional<gs_observe_cache> row;
  EXPECT_TRUE(eventually([&] {
    row = cache_of(getpid(), "listed");
    return row && row->deferred == 4 && row->oldest_ms != 0;
  }));
  ASSERT_TRUE(row);
  EXPECT_EQ(row->stage, std::uint32_t{GS_STAGE_OPEN});
  EXPECT_EQ(row->object_bytes, sizeof(object));
  EXPECT_GE(row->allocated, 3u);
  EXPECT_EQ(row->objects, row->allocated + row->free_in_slabs + row->parked + row->ready + 4);
  peer p(getpid());
  EXPECT_EQ(peer::kind_of(p.next()), GS_OBSERVE_HELLO);
  for (int i = 0; i != 3; ++i) {  // a conversation goes on
    ASSERT_TRUE(p.ask(GS_OBSERVE_LIST));
    const auto all = p.answer();
    const auto d = row_of<gs_observe_domain>(all, GS_OBSERVE_DOMAIN, "default");
    ASSERT_TRUE(d);
    EXPECT_GE(d->readers, 1u);
    EXPECT_TRUE(d->unseen != 0 || d->oldest_thread != 0);
  }
  reader.leave();
  give(s, live);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
  EXPECT_FALSE(cache_of(getpid(), "listed"));
}

TEST_F(Observe, I7_says_why) {
  kmem_cache* s[2] = {make_cache("twin"), make_cache("twin")};
  object* live = take(s[1]);
  peer p(getpid());
  EXPECT_EQ(peer::kind_of(p.next()), GS_OBSERVE_HELLO);
  ASSERT_TRUE(p.ask(GS_OBSERVE_WHY, "twin"));
  EXPECT_EQ(p.answer().size(), 2u);
  ASSERT_TRUE(p.ask(GS_OBSERVE_WHY, ("#" + std::to_string(gs_cache_id(s[1]))).c_str()));
  const auto one = p.answer();
  ASSERT_EQ(one.size(), 1u);
  EXPECT_CONTAINS(one[0], "cache 'twin' is open (#" + std::to_string(gs_cache_id(s[1])) +
                              "); 1 object is allocated");
  ASSERT_TRUE(p.ask(GS_OBSERVE_WHY, "no such"));
  EXPECT_TRUE(p.answer().empty());
  kmem_cache_free(s[1], live);
  for (kmem_cache* each : s) EXPECT_EQ(kmem_cache_destroy_wait(each), 0);
}

// It asks and asks and never reads: what it asked for is neither kept nor waited for.
TEST_F(Observe, G1_a_peer_that_never_reads_is_hung_up_on_and_hinders_nobody) {
  kmem_cache* s = make_cache("beside");
  std::vector<std::unique_ptr<peer>> deaf;
  for (int i = 0; i != 6; ++i) {
    deaf.push_back(std::make_unique<peer>(getpid()));
    ASSERT_TRUE(deaf.back()->connected());
    for (int n = 0; n != 1000 && deaf.back()->ask(GS_OBSERVE_LIST); ++n) {
    }
  }
  for (int i = 0; i != 20; ++i)
    EXPECT_TRUE(eventually([] { return cache_of(getpid(), "beside").has_value(); }));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_F(Observe, G1_a_crowd_that_says_nothing_makes_room) {
  kmem_cache* s = make_cache("crowded");
  std::vector<std::unique_ptr<peer>> silent;
  for (int i = 0; i != 8; ++i) silent.push_back(std::make_unique<peer>(getpid()));
  EXPECT_TRUE(eventually([&] { return cache_of(getpid(), "crowded").has_value(); }));
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

TEST_F(Observe, G1_garbage_ends_the_conversation) {
  gs_observe_request good = {};
  good.head = {GS_OBSERVE_MAGIC, GS_OBSERVE_VERSION, GS_OBSERVE_LIST, sizeof good, 0};
  std::vector<std::string> garbage = {"x", std::string(100'000, '\xff')};
  const auto add = [&](auto change) {
    gs_observe_request r = good;
    change(r);
    garbage.emplace_back(reinterpret_cast<const char*>(&r), sizeof r);
  };
  add([](auto& r) { r.head.magic = 1; });
  add([](auto& r) { r.head.version = 999; });
  add([](auto& r) { r.head.kind = GS_OBSERVE_CACHE; });
  add([](auto& r) { r.head.bytes = 0; });
  add([](auto& r) { std::memset(r.cache, 'x', sizeof r.cache); });
  for (const std::string& bytes : garbage) {
    peer p(getpid());
    EXPECT_EQ(peer::kind_of(p.next()), GS_OBSERVE_HELLO);
    EXPECT_TRUE(p.send(bytes.data(), bytes.size()));
    EXPECT_EQ(p.next(), "");
  }
  // A second request before the answer to the first was fetched is one request more.
  peer hasty(getpid());
  EXPECT_TRUE(hasty.ask(GS_OBSERVE_LIST) && hasty.ask(GS_OBSERVE_LIST));
  EXPECT_EQ(peer::kind_of(hasty.next()), GS_OBSERVE_HELLO);
  EXPECT_FALSE(hasty.answer().empty());
  EXPECT_FALSE(hasty.answer().empty());
}

TEST(ObserveEnds, G1_stop_leaves_neither_thread_nor_file) {
  { kmem_cache_destroy(make_cache("warm")); }
  const std::size_t files = entries_of("/proc/self/fd");
  EXPECT_TRUE(eventually([] { return !has_thread("gs-observe"); }));
  for (int i = 0; i != 20; ++i) {
    ASSERT_EQ(gs_observe_start(), 0);
    ASSERT_EQ(gs_observe_start(), 0);
    if (i % 2 == 0) {
      EXPECT_EQ(peer::kind_of(peer(getpid()).next()), GS_OBSERVE_HELLO);
    }
    gs_observe_stop();
    gs_observe_stop();
    EXPECT_FALSE(peer(getpid()).connected());
  }
  EXPECT_TRUE(eventually([] { return !has_thread("gs-observe"); }));
  EXPECT_EQ(entries_of("/proc/self/fd"), files);
}

TEST(ObserveEnds, G1_starts_and_stops_meet) {
  in_threads(4, [](int i) {
    for (int n = 0; n != 50; ++n) {
      if (i % 2 == 0)
        EXPECT_EQ(gs_observe_start(), 0);
      else
        gs_observe_stop();
    }
  });
  gs_observe_stop();
  EXPECT_FALSE(peer(getpid()).connected());
}

TEST_F(Observe, I8_a_child_has_its_own_socket_once_it_uses_the_library) {
  if (with_tsan) GTEST_SKIP() << "the sanitizer refuses threads after a fork";
  kmem_cache* s = make_cache("forked");
  object* held = take(s);
  peer open_conversation(getpid());
  EXPECT_EQ(peer::kind_of(open_conversation.next()), GS_OBSERVE_HELLO);
  const child_result child = run_fork([&] {
    if (has_thread("gs-observe") || peer(getpid()).connected()) return 1;
    if (!cache_of(getppid(), "forked")) return 2;  // the parent's is still the parent's
    kmem_cache_destroy(make_cache("child's own"));
    gs_retire(held);
    if (!eventually([] { return cache_of(getpid(), "forked").has_value(); })) return 3;
    if (!cache_of(getppid(), "forked")) return 4;
    gs_observe_stop();
    return peer(getpid()).connected() ? 5 : 0;
  });
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_TRUE(open_conversation.ask(GS_OBSERVE_LIST));
  EXPECT_FALSE(open_conversation.answer().empty());
  kmem_cache_free(s, held);
  EXPECT_EQ(kmem_cache_destroy_wait(s), 0);
}

// A program that closes files which it did not open gets their numbers for its own.
TEST(ObserveEnds, G1_a_file_of_the_program_in_the_place_of_our_socket_is_left_alone) {
  reports caught;
  const auto socket_at = [](int file) {
    char target[128] = "";
    const std::string path = "/proc/self/fd/" + std::to_string(file);
    return readlink(path.c_str(), target, sizeof target - 1) > 0 && contains(target, "socket:");
  };
  std::vector<bool> before;
  for (int file = 0; file != 64; ++file) before.push_back(socket_at(file));
  ASSERT_EQ(gs_observe_start(), 0);
  for (int file = 3; file != 64; ++file) {
    if (!before[static_cast<std::size_t>(file)] && socket_at(file)) {
      close(file);
      EXPECT_EQ(dup2(STDERR_FILENO, file), file);
      EXPECT_TRUE(eventually([&] { return caught.count(GS_REPORT_NO_OBSERVER) == 1; }));
      EXPECT_CONTAINS(caught.everything(), "its socket was closed by the program");
      EXPECT_EQ(fcntl(file, F_GETFD), 0) << "the program's file is still open";
      close(file);
      break;
    }
  }
  EXPECT_EQ(caught.count(GS_REPORT_NO_OBSERVER), 1u);
  ASSERT_EQ(gs_observe_start(), 0);
  EXPECT_TRUE(peer(getpid()).connected());
  gs_observe_stop();
}

TEST(ObserveEnds, G1_what_the_system_refuses_is_reported) {
  reports caught;
  {
    fault no_threads(GS_FAULT_THREAD);
    EXPECT_EQ(gs_observe_start(), -EAGAIN);
  }
  EXPECT_FALSE(peer(getpid()).connected());
  rlimit before;
  ASSERT_EQ(getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit none = {0, before.rlim_max};
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &none), 0);
  EXPECT_EQ(gs_observe_start(), -EMFILE);
  ASSERT_EQ(setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_EQ(caught.count(GS_REPORT_NO_OBSERVER), 2u);
  EXPECT_EQ(gs_observe_start(), 0);
  EXPECT_TRUE(peer(getpid()).connected());
  gs_observe_stop();
}

}  // namespace
