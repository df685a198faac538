// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// What the file of a module knows of an address: function, file and line, with those inlined there.
#pragma once
#include <elfutils/libdwfl.h>

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "decode/files.hpp"

namespace graceslab::tool::decode {

struct call {
  std::string function;
  std::string file;  // "": not known
  int line = 0;
  bool inlined = false;  // into the next one
};

class module {
 public:
  // The file with that build-id; without one, the first of that name.
  module(const files& where, std::string_view name, std::string_view build_id);

  // The innermost first; empty: nothing is known.
  std::vector<call> calls_at(std::uint64_t offset) const;

  const std::string& name() const { return name_; }
  const std::string& build_id() const { return build_id_; }
  const std::string& path() const { return path_; }        // "": none
  const std::string& problem() const { return problem_; }  // "": none

 private:
  bool open(const std::filesystem::path& path);
  bool has_lines() const;

  struct end_session {
    void operator()(Dwfl* session) const { dwfl_end(session); }
  };
  std::string name_, build_id_, path_, problem_;
  std::string debug_path_;
  char* debug_path_for_elfutils_ = nullptr;
  Dwfl_Callbacks callbacks_ = {};
  std::unique_ptr<Dwfl, end_session> session_;
  Dwfl_Module* module_ = nullptr;
  Dwarf_Addr bias_ = 0;
};

}  // namespace graceslab::tool::decode
