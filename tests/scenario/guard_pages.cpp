// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// I6: an object that is touched after it was freed, after its grace period, or beside it is found
// at the very instruction, in a program that was not made for that.
#include <regex>

#include "child_process.hpp"
#include "watched.hpp"

namespace {

std::size_t count_of(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++n;
  return n;
}

class GuardPages : public testing::Test {
 protected:
  void SetUp() override {
    if (with_asan || with_tsan) GTEST_SKIP() << "the sanitizer looks after objects itself";
  }

  static child_result run(const char* role, const char* further = "GRACESLAB_LEAKS_AT_EXIT=off") {
    return run_child({GRACESLAB_CHILD_DIR "/guarded", role}, {"GRACESLAB_GUARD=1000000", further});
  }
};

// The text has it, as a regular expression within lines or over them.
#define EXPECT_FOUND(child, wanted) \
  EXPECT_TRUE(std::regex_search((child).err, std::regex(wanted))) << (child).story()
#define EXPECT_REPORTS(child, n) \
  EXPECT_EQ(count_of((child).err, "graceslab: "), std::size_t{n}) << (child).story()

constexpr char allocated[] = "\n  allocated by thread [0-9]+, [0-9]+ ms ago, at\n    #0 \\S*make";
constexpr char retired[] = "\n  retired by thread [0-9]+, [0-9]+ ms ago, at\n    #0 \\S*retire";

TEST_F(GuardPages, I6_a_read_after_the_free) {
  const child_result child = run("read_after_free");
  EXPECT_TRUE(child.fine() && child.said("found a\nagain a\ngoes on")) << child.story();
  EXPECT_FOUND(
      child,
      "^graceslab: use-after-free: (read|access) at offset 19 of object 0x[0-9a-f]+ of "
      "cache 'mine' #[0-9]+ \\(80 bytes\\), which is free, by thread [0-9]+, outside any "
      "read-side section of its domain, at\n    #0 \\S*peek.*\n    #1 \\S*read_after_free");
  EXPECT_FOUND(child, allocated);
  EXPECT_FOUND(child, "\n  freed by thread [0-9]+, [0-9]+ ms ago, at\n    #0 \\S*drop");
  EXPECT_REPORTS(child, 1);
}

TEST_F(GuardPages, I6_a_write_after_the_grace_period) {
  const child_result child = run("write_after_grace_period");
  EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
  EXPECT_FOUND(child,
               "^graceslab: use-after-grace-period: (write|access) at offset 16 of object .* "
               "\\(80 bytes\\), whose grace period [0-9]+ is over, by thread [0-9]+, outside any ");
  EXPECT_FOUND(child, allocated);
  EXPECT_FOUND(child, retired);
  EXPECT_FOUND(child, "\n  reclaimed by thread [0-9]+, [0-9]+ ms ago\n");
  EXPECT_REPORTS(child, 1);
}

TEST_F(GuardPages, I6_a_pointer_that_was_kept_for_a_later_section) {
  const child_result child = run("read_inside_a_later_section");
  EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
  EXPECT_FOUND(child,
               "use-after-grace-period: .* inside a read-side section of its domain "
               "\\(level 2\\), at\n    #0 \\S*peek");
  EXPECT_REPORTS(child, 1);
}

TEST_F(GuardPages, I6_R1_an_earlier_reader_is_left_alone) {
  const child_result child = run("stay_inside");
  EXPECT_TRUE(child.fine() && child.said("found a\nover 0\ngoes on")) << child.story();
  EXPECT_REPORTS(child, 0);
}

TEST_F(GuardPages, I6_out_of_bounds_at_either_edge) {
  child_result child = run("beyond_right");
  EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
  EXPECT_FOUND(child,
               "^graceslab: out-of-bounds: (write|access) at offset 80 of object .* "
               "\\(80 bytes\\), by thread .*\n    #0 \\S*poke");
  EXPECT_FOUND(child, allocated);
  EXPECT_REPORTS(child, 1);
  child = run("beyond_left");
  EXPECT_TRUE(child.fine() && child.said("found 0\ngoes on")) << child.story();
  EXPECT_FOUND(child, "^graceslab: out-of-bounds: (read|access) at offset -1 of object ");
  EXPECT_REPORTS(child, 1);
}

TEST_F(GuardPages, I6_what_was_written_beside_it_is_found_when_it_goes) {
  const child_result child = run("beyond_unnoticed");
  EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
  EXPECT_FOUND(child,
               "corrupt-object: beside object .* was written: at offset -2 "
               "\\(0x78, not 0xaa\\), found at free by \\S*drop");
  EXPECT_FOUND(child,
               "was written: at offset 80 \\(0x78, not 0xaa\\), found at retire by \\S*retire");
  EXPECT_REPORTS(child, 2);
}

TEST_F(GuardPages, I6_objects_of_kmalloc_end_where_was_asked_for) {
  const child_result child = run("overflow_of_kmalloc");
  EXPECT_TRUE(child.fine() && child.said("may use 4000\nmay use 4000\ngoes on")) << child.story();
  EXPECT_EQ(count_of(child.err, "4000 bytes) was written: at offset 4000 "), 2u) << child.story();
}

TEST_F(GuardPages, C2_wrong_frees_are_told_as_ever) {
  child_result child = run("free_twice");
  EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
  EXPECT_EQ(count_of(child.err, "double-free: free of object"), 2u) << child.story();
  EXPECT_FOUND(child, "\n  freed by thread [0-9]+, [0-9]+ ms ago, at\n    #0 \\S*drop");
  EXPECT_REPORTS(child, 2);
  child = run("retire_twice");
  EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
  EXPECT_FOUND(child, "double-retire: retire of object .*, which is already retired, at ");
  EXPECT_FOUND(child,
               "retire-of-freed: retire of object .*, whose grace period [0-9]+ is over, at ");
  EXPECT_REPORTS(child, 2);
  child = run("free_inside");
  EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
  EXPECT_FOUND(child, "foreign-pointer: .* it lies 16 bytes inside object ");
  EXPECT_REPORTS(child, 1);
}

TEST_F(GuardPages, I8_a_forked_child_is_watched_as_well) {
  const child_result child = run("fork_child");
  EXPECT_TRUE(child.fine() && child.said("child 7\ngoes on")) << child.story();
  EXPECT_FOUND(child, "use-after-free: ");
  EXPECT_FOUND(child, "use-after-grace-period: ");
  EXPECT_REPORTS(child, 2);
}

TEST_F(GuardPages, I6_the_handler_of_the_program_has_its_own_faults) {
  for (const char* role : {"handler_before", "handler_after"}) {
    const child_result child = run(role);
    EXPECT_TRUE(child.fine() && child.said("handled 3\nthen 3\ngoes on")) << child.story();
    EXPECT_FOUND(child, "use-after-free: ");
    EXPECT_REPORTS(child, 1);
  }
  for (const char* role : {"crash", "crash_in_a_ring"}) {
    const child_result child = run(role);
    EXPECT_TRUE(child.crashed() && !child.timed_out) << child.story();
    EXPECT_REPORTS(child, 0);
  }
}

TEST_F(GuardPages, I6_where_violations_end_the_process_so_do_these) {
  const child_result child = run("read_after_free", "GRACESLAB_ON_VIOLATION=abort");
  EXPECT_EQ(child.signal, SIGABRT) << child.story();
  EXPECT_FOUND(child, "use-after-free: ");
}

TEST_F(GuardPages, I6_a_correct_program_hears_nothing_and_counts_are_exact) {
  const child_result child = run("clean");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_EQ(child.out,
            "carved 1 live 1 in flight 0 slabs 0\n"
            "carved 1 live 0 in flight 1 slabs 0\n"
            "carved 0 live 0 in flight 0 slabs 0\n"
            "damaged 0\ndestroyed 0\ngoes on\n");
  EXPECT_REPORTS(child, 0);
}

TEST_F(GuardPages, I6_the_cache_may_be_gone) {
  const child_result child = run("destroy_first");
  EXPECT_TRUE(child.fine() && child.said("gone 0\ngoes on")) << child.story();
  EXPECT_FOUND(child, "use-after-grace-period: .* of cache 'mine' ");
  EXPECT_REPORTS(child, 1);
}

TEST_F(GuardPages, I7_leaks_at_exit_name_the_sites_of_guarded_objects) {
  const child_result child = run("leak", "GRACESLAB_LEAKS_AT_EXIT=on");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FOUND(child, "leaks-at-exit: 2 objects of 160 bytes are allocated");
  EXPECT_FOUND(child, "80 bytes in 1 object of cache 'mine' #[0-9]+, allocated at \\S*make");
}

// Without the setting nothing is put aside, and nothing is found.
TEST_F(GuardPages, I6_none_is_guarded_unless_somebody_asks) {
  const child_result child =
      run_child({GRACESLAB_CHILD_DIR "/guarded", "read_after_free"}, {"GRACESLAB_GUARD=0"});
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_REPORTS(child, 0);
}

}  // namespace
