// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// C1, C2, R14: debug modes that the environment chooses for a program which was not made for them,
// each with the mistake that it finds.
#include <regex>

#include "child_process.hpp"
#include "watched.hpp"

namespace {

using watched::contains;

child_result run(const char* role, const char* modes,
                 const char* further = "GRACESLAB_LEAKS_AT_EXIT=off") {
  return run_child({GRACESLAB_CHILD_DIR "/debugged", role},
                   {std::string("GRACESLAB_DEBUG=") + modes, further});
}

// The text has it, as a regular expression within lines or over them.
bool found(const std::string& text, const char* wanted) {
  return std::regex_search(text, std::regex(wanted));
}
#define EXPECT_FOUND(child, wanted) EXPECT_TRUE(found((child).err, wanted)) << (child).story()

std::size_t lines_with(const std::string& text, const std::string& part) {
  std::size_t n = 0;
  for (std::size_t at = 0; (at = text.find(part, at)) != std::string::npos; ++at) ++n;
  return n;
}

class DebugModes : public testing::Test {
 protected:
  void SetUp() override {
    if (with_asan) GTEST_SKIP() << "names come from the sanitizer";
  }
};

TEST_F(DebugModes, C2_Z_finds_one_byte_too_many_inside_the_size_class) {
  const child_result child = run("overflow", "Z");
  EXPECT_TRUE(child.fine() && child.said("goes on") && child.said("next another")) << child.story();
  EXPECT_FOUND(child,
               "corrupt-object: object 0x[0-9a-f]+ of cache 'kmalloc-48' #[0-9]+ "
               "\\(48 bytes, 33 asked for\\) was overwritten at offset 33 "
               "\\(0x00, not 0xcc; its red zone\\), found at free by .*drop.*; left alone");
  EXPECT_FOUND(child, "\n  found    \\+0x0020:  78 00 cc cc cc cc cc cc cc cc cc cc cc cc cc cc");
  EXPECT_FOUND(child, "\n  expected \\+0x0020:  .. cc cc cc cc cc cc cc cc cc cc cc cc cc cc cc");
  EXPECT_FALSE(contains(child.err, "by thread")) << child.story();
}

TEST_F(DebugModes, C2_Z_follows_krealloc_and_ksize) {
  const child_result child = run("move_border", "Z");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_EQ(child.out, "moved, then 0\nksize 48\nstayed\ngoes on\n") << child.story();
  EXPECT_FOUND(child, "40 asked for\\) was overwritten at offset 40 ");
  EXPECT_FOUND(child, "41 asked for\\) was overwritten at offset 41 ");
  EXPECT_EQ(lines_with(child.err, "corrupt-object"), 2u) << child.story();
}

TEST_F(DebugModes, C1_the_program_chooses_as_well) {
  const child_result child = run("choose_here", "P");
  EXPECT_TRUE(child.fine() && child.said("damaged 1 of all")) << child.story();
  EXPECT_FOUND(child, "of cache 'mine' .* was overwritten at offset 72 ");
}

TEST_F(DebugModes, C2_P_finds_a_write_after_the_free) {
  const child_result child = run("write_after_free", "P,kmalloc-1*");
  EXPECT_TRUE(child.fine() && child.said("goes on") && child.said("next another")) << child.story();
  EXPECT_FOUND(child,
               "of cache 'kmalloc-112' #[0-9]+ \\(112 bytes\\) was overwritten at offset 21 "
               "\\(0x78, not 0x6b; poison of a free object\\), found at allocation");
  EXPECT_FOUND(child, "\n  found    \\+0x0010:  6b 6b 6b 6b 6b 78 6b");
  EXPECT_FOUND(child, "\n  expected \\+0x0010:  6b 6b 6b 6b 6b 6b 6b");
}

TEST_F(DebugModes, C2_P_finds_a_write_after_the_grace_period) {
  const child_result child = run("write_after_grace_period", "PU,mine");
  EXPECT_TRUE(child.fine() && child.said("damaged 1")) << child.story();
  EXPECT_FOUND(child, "poison of a free object\\), found at validation");
  EXPECT_FOUND(child, "\n  retired by thread [0-9]+, [0-9]+ ms ago, at\n");
  EXPECT_FOUND(child, "\n  reclaimed by thread [0-9]+, [0-9]+ ms ago\n");
}

TEST_F(DebugModes, C2_Z_finds_a_write_past_a_retired_object) {
  const child_result child = run("overflow_of_retired", "Z,m?ne");
  EXPECT_TRUE(child.fine() && child.said("leaked 1, in flight 0")) << child.story();
  EXPECT_FOUND(child, "its red zone\\), found at the end of its grace period");
}

TEST_F(DebugModes, C2_U_names_who_allocated_and_who_freed) {
  const child_result child = run("free_twice", "U");
  EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
  EXPECT_FOUND(child, "double-free: .*drop");
  EXPECT_FOUND(child, "\n  allocated by thread [0-9]+, [0-9]+ ms ago, at\n    #0 \\S*make");
  EXPECT_FOUND(child, "\n  freed by thread [0-9]+, [0-9]+ ms ago, at\n    #0 \\S*drop\\S*\\+");
}

TEST_F(DebugModes, C2_U_names_whose_object_a_wild_free_is_in) {
  const child_result child = run("free_inside", "U");
  EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
  EXPECT_FOUND(child,
               "foreign-pointer: .*it lies 8 bytes inside object 0x[0-9a-f]+ of cache "
               "'kmalloc-64'");
  EXPECT_FOUND(child, "\n  allocated by thread [0-9]+, [0-9]+ ms ago, at\n    #0 \\S*make");
}

TEST_F(DebugModes, C2_U_names_the_owners_of_page_runs) {
  const child_result child = run("retire_run_twice", "U,kmalloc-large");
  EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
  EXPECT_FOUND(child, "double-retire: .* of cache 'kmalloc-large'");
  EXPECT_FOUND(child, "\n  allocated by thread [0-9]+, [0-9]+ ms ago, at\n    #0 \\S*make");
  EXPECT_FOUND(child, "\n  retired by thread [0-9]+, [0-9]+ ms ago, at\n    #0 \\S*twice");
}

TEST_F(DebugModes, C2_F_finds_what_is_wrong_at_each_operation) {
  for (const char* role : {"free_twice", "free_inside"}) {
    const child_result child = run(role, "F");
    EXPECT_TRUE(child.fine() && child.said("goes on")) << child.story();
    EXPECT_TRUE(child.reported("double-free") || child.reported("foreign-pointer"))
        << child.story();
  }
}

TEST_F(DebugModes, C2_modes_bring_detection_with_them) {
  const child_result child = run("free_undetected", "F,undetected");
  EXPECT_TRUE(child.fine() && child.reported("double-free")) << child.story();
}

TEST_F(DebugModes, C1_T_tells_each_event_in_a_line) {
  const child_result child = run("trace", "T");
  EXPECT_TRUE(child.fine()) << child.story();
  const std::regex line(
      "graceslab: trace: (alloc|free|retire|reclaim) (0x[0-9a-f]+) of cache "
      "'([a-z0-9-]+)' #[0-9]+, ([0-9]+) bytes, thread [0-9]+, [0-9]+ ms, by .*\n");
  std::string events;
  for (std::sregex_iterator i(child.err.begin(), child.err.end(), line), end; i != end; ++i)
    events += (*i)[1].str() + " " + (*i)[3].str() + " " + (*i)[4].str() + "\n";
  EXPECT_EQ(events,
            "alloc traced 72\nfree traced 72\nalloc traced 72\nretire traced 72\n"
            "reclaim traced 72\nalloc kmalloc-large 2097152\nfree kmalloc-large 2097152\n"
            "alloc kmalloc-32 20\nfree kmalloc-32 20\n")
      << child.story();
}

TEST_F(DebugModes, R14_caches_made_before_main_have_them_too) {
  const child_result child = run("early", "Z,ear*");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FOUND(child, "of cache 'early' #[0-9]+ \\(72 bytes\\) was overwritten at offset 72");
}

TEST_F(DebugModes, R14_a_slip_of_the_pen_is_one_line_and_the_rest_holds) {
  const child_result child = run("overflow", "XZ,kmalloc-48");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FOUND(child,
               "^graceslab: bad-config: GRACESLAB_DEBUG=XZ,kmalloc-48: unknown letters: "
               "'X' .*\ngraceslab: corrupt-object: ");
}

TEST_F(DebugModes, C1_only_what_is_named) {
  const child_result child = run("overflow", "Z,kmalloc-64;-");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FALSE(child.reported("corrupt-object")) << child.story();
}

TEST_F(DebugModes, G3_the_program_may_choose_to_end) {
  const child_result child = run("overflow", "Z", "GRACESLAB_ON_VIOLATION=abort");
  EXPECT_EQ(child.signal, SIGABRT) << child.story();
}

// Under a sanitizer, too.
TEST(DebugModesClean, C1_a_clean_program_is_silent_in_every_mode) {
  for (const char* modes : {"-", "F", "Z", "P", "U", "FZPU", ",kmalloc-*;-"}) {
    const child_result child = run("clean", modes, "GRACESLAB_LEAKS_AT_EXIT=auto");
    EXPECT_TRUE(child.fine()) << modes << "\n" << child.story();
    EXPECT_EQ(child.out, "damaged 0\ndestroyed 0\ngoes on\n") << modes;
    EXPECT_FALSE(child.reported_anything()) << modes << "\n" << child.story();
  }
}

TEST_F(DebugModes, I7_leaks_at_exit_are_told_by_site) {
  const child_result child = run("leak", "U", "GRACESLAB_LEAKS_AT_EXIT=auto");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FOUND(child,
               "^graceslab: leaks-at-exit: 54 objects of [0-9]+ bytes are allocated, and 3 "
               "caches are open\n"
               "  3145728 bytes in 1 object of cache 'kmalloc-large' #[0-9]+, allocated at "
               "\\S*leak\\S*\\+.*\n"
               "  5000 bytes in 50 objects of cache 'kmalloc-112' #[0-9]+, allocated at "
               "\\S*leave\\S*\\+.* < \\S*leak\\S*\\+.*\n"
               "  101 bytes in 1 object of cache 'kmalloc-112' .*\n"
               "  72 bytes in 1 object of cache 'mine' .*\n"
               "  40 bytes in 1 object of cache 'undetected' .*\n"
               "  cache 'early' #[0-9]+ is open, created at .*\n"
               "  cache 'mine' #[0-9]+ is open, created at \\S*.*\n"
               "  cache 'undetected' #[0-9]+ is open, created at .*\n$");
}

TEST_F(DebugModes, I7_leaks_at_exit_need_no_debug_mode) {
  const child_result child = run("leak", "-", "GRACESLAB_LEAKS_AT_EXIT=on");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FOUND(child, "\n  5712 bytes in 51 objects of cache 'kmalloc-112' #[0-9]+\n");
  EXPECT_FOUND(child, "\n  40 bytes in 1 object of cache 'undetected' #[0-9]+\n");
  EXPECT_FALSE(contains(child.err, "allocated at")) << child.story();
}

TEST_F(DebugModes, I7_leaks_at_exit_are_twenty_lines_at_most) {
  const child_result child = run("leak_often", "U,kmalloc-*", "GRACESLAB_LEAKS_AT_EXIT=auto");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_FOUND(child,
               "^graceslab: leaks-at-exit: 40 objects of 4780 bytes are allocated, and 9 "
               "caches are open\n  139 bytes in 1 object of cache 'kmalloc-160' ");
  EXPECT_LE(lines_with(child.err, "\n"), 21u) << child.story();
}

TEST_F(DebugModes, I7_leaks_at_exit_are_silent_where_nobody_asked) {
  for (const char* modes : {"-", "U"}) {
    const child_result child =
        run("leak", modes,
            *modes == '-' ? "GRACESLAB_LEAKS_AT_EXIT=auto" : "GRACESLAB_LEAKS_AT_EXIT=off");
    EXPECT_TRUE(child.fine()) << child.story();
    EXPECT_FALSE(child.reported_anything()) << child.story();
  }
}

TEST_F(DebugModes, R14_a_name_that_no_cache_had_is_told_at_exit) {
  const child_result child = run("clean", "F,mine,kmaloc-*,early;Z,nobody?");
  EXPECT_TRUE(child.fine()) << child.story();
  EXPECT_EQ(child.err,
            "graceslab: bad-config: GRACESLAB_DEBUG: no cache was made with a name "
            "like: kmaloc-* nobody?\n");
}

}  // namespace
