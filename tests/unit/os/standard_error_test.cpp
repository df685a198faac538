// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// G3: reports never block, never kill, and go nowhere but to what was standard error; floods are
// limited and counted; text from outside is disarmed; little stack is enough.
#include "os/standard_error.hpp"

#include <fcntl.h>
#include <graceslab/kernel/slab.h>
#include <gtest/gtest.h>
#include <pthread.h>
#include <signal.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <string>

#include "os/report.hpp"

namespace {

using namespace graceslab;

// What standard error is while this lives. The library takes it for the right one.
class standard_error_is {
 public:
  explicit standard_error_is(int fd) : before_(dup(STDERR_FILENO)) {
    dup2(fd, STDERR_FILENO);
    gs_report_set_handler(nullptr, nullptr);
  }
  ~standard_error_is() {
    dup2(before_, STDERR_FILENO);
    close(before_);
    gs_report_set_handler(nullptr, nullptr);
  }
  standard_error_is(const standard_error_is&) = delete;
  standard_error_is& operator=(const standard_error_is&) = delete;

 private:
  int before_;
};

int temporary_file() {
  char path[] = "/tmp/graceslab-XXXXXX";
  const int fd = mkstemp(path);
  EXPECT_GE(fd, 0);
  unlink(path);
  return fd;
}

std::string contents(int fd) {
  std::string all;
  char piece[4096];
  lseek(fd, 0, SEEK_SET);
  for (ssize_t n; (n = read(fd, piece, sizeof piece)) > 0;)
    all.append(piece, static_cast<std::size_t>(n));
  return all;
}

std::string what_is_there(int nonblocking_fd) {
  std::string all;
  char piece[4096];
  for (ssize_t n; (n = read(nonblocking_fd, piece, sizeof piece)) > 0;)
    all.append(piece, static_cast<std::size_t>(n));
  return all;
}

std::size_t lines_with(const std::string& text, const std::string& what) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(what, at)) != std::string::npos; ++at) ++n;
  return n;
}

// Another place each: no flood.
void report_from_many_places(int n) {
  for (int i = 0; i != n; ++i) {
    const std::string place(static_cast<std::size_t>(1 + i), 'p');
    os::report(GS_REPORT_OBJECT, "at %s", place.c_str());
  }
}

TEST(StandardError, G3_AFullPipeDoesNotBlock) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  fcntl(ends[0], F_SETFL, O_NONBLOCK);
  fcntl(ends[1], F_SETPIPE_SZ, 4096);
  const std::uint64_t before = gs_reports_unsaid();
  {
    standard_error_is full(ends[1]);
    report_from_many_places(300);
    EXPECT_GT(gs_reports_unsaid(), before);
    EXPECT_NE(what_is_there(ends[0]), "");
    os::report(GS_REPORT_STALL, "room again");
    const std::string said = what_is_there(ends[0]);
    EXPECT_NE(said.find("graceslab: stall: room again"), std::string::npos) << said;
    EXPECT_NE(said.find("reports before were not written)"), std::string::npos) << said;
    os::report(GS_REPORT_STALL, "once is enough");
    EXPECT_EQ(what_is_there(ends[0]), "graceslab: stall: once is enough\n");
  }
  close(ends[0]);
  close(ends[1]);
}

TEST(StandardError, G3_AFullSocketDoesNotBlock) {
  int ends[2];
  ASSERT_EQ(socketpair(AF_UNIX, SOCK_STREAM, 0, ends), 0);
  const int small = 4096;
  setsockopt(ends[1], SOL_SOCKET, SO_SNDBUF, &small, sizeof small);
  const std::uint64_t before = gs_reports_unsaid();
  {
    standard_error_is full(ends[1]);
    for (int i = 0; i != 20; ++i) report_from_many_places(64);
    EXPECT_GT(gs_reports_unsaid(), before);
  }
  close(ends[0]);
  close(ends[1]);
}

bool pipe_signal_pending() {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGPIPE) == 1;
}

TEST(StandardError, G3_APipeWithoutAReaderDoesNotKill) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  close(ends[0]);
  const std::uint64_t before = gs_reports_unsaid();
  sigset_t pipes, mask, mask_after;
  sigemptyset(&pipes);
  sigaddset(&pipes, SIGPIPE);
  pthread_sigmask(SIG_SETMASK, nullptr, &mask);
  {
    standard_error_is gone(ends[1]);
    os::report(GS_REPORT_STALL, "to nobody");
    EXPECT_EQ(gs_reports_unsaid(), before + 1);
    EXPECT_FALSE(pipe_signal_pending());
    pthread_sigmask(SIG_SETMASK, nullptr, &mask_after);
    EXPECT_EQ(sigismember(&mask, SIGPIPE), sigismember(&mask_after, SIGPIPE));
    // The program's own stays.
    pthread_sigmask(SIG_BLOCK, &pipes, nullptr);
    raise(SIGPIPE);
    os::report(GS_REPORT_STALL, "to nobody");
    EXPECT_TRUE(pipe_signal_pending());
    const timespec at_once{};
    EXPECT_EQ(sigtimedwait(&pipes, nullptr, &at_once), SIGPIPE);
    pthread_sigmask(SIG_SETMASK, &mask, nullptr);
  }
  close(ends[1]);
}

TEST(StandardError, G3_AnotherFileInItsPlaceIsLeftAlone) {
  int ends[2];
  ASSERT_EQ(pipe(ends), 0);
  const int data = temporary_file();
  {
    standard_error_is right(ends[1]);
    const std::uint64_t before = gs_reports_unsaid();
    dup2(data, STDERR_FILENO);
    os::report(GS_REPORT_STALL, "not into data");
    EXPECT_EQ(contents(data), "");
    EXPECT_EQ(gs_reports_unsaid(), before + 1);
    gs_report_set_handler(nullptr, nullptr);  // the program says that it is standard error now
    os::report(GS_REPORT_STALL, "into a log");
    EXPECT_NE(contents(data).find("graceslab: stall: into a log"), std::string::npos);
  }
  close(data);
  close(ends[0]);
  close(ends[1]);
}

TEST(StandardError, G3_WhereItWasClosedNothingIsWritten) {
  const int data = temporary_file();
  const int before = dup(STDERR_FILENO);
  close(STDERR_FILENO);
  gs_report_set_handler(nullptr, nullptr);
  dup2(data, STDERR_FILENO);
  os::report(GS_REPORT_STALL, "not into data");
  dup2(before, STDERR_FILENO);
  gs_report_set_handler(nullptr, nullptr);
  EXPECT_EQ(contents(data), "");
  close(data);
  close(before);
}

TEST(StandardError, G3_AFloodIsLimitedByKindAndPlaceAndCounted) {
  const int file = temporary_file();
  gs_clock_virtual(1);
  {
    standard_error_is log(file);
    gs_clock_advance(60'000);  // other floods are over
    char some[100];
    const auto report_at = [&some](int i, const char* place) {
      os::report(GS_REPORT_DOUBLE_FREE, "object %p of thread %d at %s",
                 static_cast<void*>(some + i), i, place);
    };
    for (int i = 0; i != 100; ++i) report_at(i, "main+0x1a");
    EXPECT_EQ(lines_with(contents(file), "double-free"), 10u) << contents(file);
    report_at(1, "other+0x2b");
    EXPECT_EQ(lines_with(contents(file), "other+0x2b"), 1u) << contents(file);
    gs_clock_advance(1000);
    for (int i = 0; i != 3; ++i) report_at(i, "main+0x1a");
    EXPECT_EQ(lines_with(contents(file), "main+0x1a"), 11u) << contents(file);
    EXPECT_NE(contents(file).find("(and 90 like it since the last one)"), std::string::npos)
        << contents(file);
  }
  gs_clock_virtual(0);
  close(file);
}

std::string heard;
void hear(gs_report, const char* text, std::size_t bytes, void*) { heard.assign(text, bytes); }

TEST(StandardError, G3_NamesForgeNoLine) {
  gs_report_set_handler(hear, nullptr);
  kmem_cache* s = kmem_cache_create("x\ngraceslab: leak: forged\x1b[2J\r\x7f", 64, 0, 0, nullptr);
  void* p = kmem_cache_alloc(s, 0);
  kmem_cache_free(s, p);
  kmem_cache_free(s, p);
  EXPECT_EQ(heard.find('\n'), heard.size() - 1) << heard;
  EXPECT_EQ(heard.find_first_of("\x1b\r\x7f"), std::string::npos);
  EXPECT_NE(heard.find("x?graceslab: leak: forged?[2J"), std::string::npos) << heard;
  kmem_cache_destroy_wait(s);
  gs_report_set_handler(nullptr, nullptr);
}

#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)  // their frames are larger
void* misuse_everything(void*) {
  kmem_cache* s = kmem_cache_create("small stack", 64, 0, SLAB_STORE_USER, nullptr);
  void* all[3];
  for (void*& p : all) p = kmem_cache_alloc(s, 0);
  kmem_cache_free(s, all[0]);
  kmem_cache_free(s, all[0]);
  gs_retire(all[0]);
  kfree(static_cast<char*>(all[1]) + 8);
  kmem_dump_obj(all[1]);
  kmem_cache_cookie_t k = kmem_cache_destroy_rcu(s);
  char text[200];
  gs_cache_why(k, text, sizeof text);
  kfree(all[1]);
  kfree(all[2]);
  return nullptr;
}

TEST(StandardError, G3_ReportsWorkOnAStackOf16KiB) {
  const int file = temporary_file();
  const auto smallest = static_cast<std::size_t>(PTHREAD_STACK_MIN);  // 128 KiB on aarch64
  {
    standard_error_is log(file);
    pthread_attr_t small;
    pthread_attr_init(&small);
    ASSERT_EQ(pthread_attr_setstacksize(&small, std::max(std::size_t{16384}, smallest)), 0);
    pthread_t thread;
    ASSERT_EQ(pthread_create(&thread, &small, misuse_everything, nullptr), 0);
    pthread_join(thread, nullptr);
    pthread_attr_destroy(&small);
  }
  const std::string said = contents(file);
  for (const char* kind : {"double-free", "retire-of-freed", "foreign-pointer", "object:"})
    EXPECT_NE(said.find(kind), std::string::npos) << said;
  close(file);
}
#endif

}  // namespace
