// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The ring of the trace: what is read is one record as one writer wrote it, however often the ring
// goes round meanwhile.
//
// WEAK trace.take trace.word trace.give trace.look trace.read
#include "os/ring.hpp"

#include "model_os.hpp"

namespace {

using graceslab::os::ring_record;
using ring = graceslab::os::ring<2>;

// One slot: each record overwrites the one before.
struct records : model::suite<records, 3> {
  std::uint64_t head;
  ring::slot slot;

  ring whole() { return {&head, &slot, 1}; }
  void prepare() {
    head = 0;
    slot = {};
  }
  void run(unsigned thread) { thread == 2 ? read() : write(thread); }
  void write(unsigned thread) {
    for (std::uint64_t i = 0; i != 2; ++i) {
      const std::uint64_t mine = 1 + thread * 2 + i;
      whole().put({{mine, mine}});
    }
  }
  void read() {
    for (std::uint64_t n = 0; n != 4; ++n) {
      ring_record<2> r = {};
      if (whole().get(n, &r)) MODEL_ASSERT(r.word[0] != 0 && r.word[0] == r.word[1]);
    }
  }
  void settled() { MODEL_ASSERT(whole().end() == 4); }
};

constexpr model::weakening edges[] = {
    {"trace.take", "put", model::op::compare_exchange, model::how::split},
    {"trace.word", "write_words", model::op::store, model::how::relax},
    {"trace.give", "put", model::op::store, model::how::relax},
    {"trace.look", "get", model::op::load, model::how::relax},
    {"trace.read", "read_words", model::op::load, model::how::relax},
};

}  // namespace

int main(int argc, char** argv) { return model::run<records>(argc, argv, edges); }
