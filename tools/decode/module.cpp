// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "decode/module.hpp"

#include <dwarf.h>
#include <elfutils/libdw.h>
#include <elfutils/libdwelf.h>
#include <fcntl.h>
#include <fmt/core.h>
#include <gelf.h>
#include <unistd.h>

#include <cstdlib>

#include "demangled.hpp"

namespace graceslab::tool::decode {
namespace {

struct free_it {
  void operator()(void* p) const { std::free(p); }
};
template <class T>
using allocated = std::unique_ptr<T, free_it>;

// Whether it is an object at all, and which; "" for one without a build-id.
bool read_build_id(const std::filesystem::path& path, std::string* id) {
  const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (file < 0) return false;
  elf_version(EV_CURRENT);
  Elf* elf = elf_begin(file, ELF_C_READ_MMAP, nullptr);
  const bool is_object = elf != nullptr && elf_kind(elf) == ELF_K_ELF;
  const void* bytes = nullptr;
  const ssize_t n = is_object ? dwelf_elf_gnu_build_id(elf, &bytes) : 0;
  id->clear();
  for (ssize_t i = 0; i < n; ++i)
    *id += fmt::format("{:02x}", static_cast<const unsigned char*>(bytes)[i]);
  if (elf != nullptr) elf_end(elf);
  ::close(file);
  return is_object;
}

std::string name_of(Dwarf_Die* die) {
  Dwarf_Attribute found;
  for (const unsigned which : {DW_AT_linkage_name, DW_AT_MIPS_linkage_name})
    if (dwarf_attr_integrate(die, which, &found) != nullptr)
      return demangled(dwarf_formstring(&found));
  return demangled(dwarf_diename(die));
}

int number_of(Dwarf_Die* die, unsigned which) {
  Dwarf_Attribute found;
  Dwarf_Word value = 0;
  if (dwarf_formudata(dwarf_attr(die, which, &found), &value) != 0) return 0;
  return static_cast<int>(value);
}

bool is_inlined(Dwarf_Die* die) { return dwarf_tag(die) == DW_TAG_inlined_subroutine; }
bool is_function(Dwarf_Die* die) { return is_inlined(die) || dwarf_tag(die) == DW_TAG_subprogram; }

// Where an inlined function was called, which is a place in the function around it.
void set_call_site(Dwarf_Die* inlined, call* outer) {
  Dwarf_Die unit;
  Dwarf_Files* all = nullptr;
  std::size_t n = 0;
  outer->line = number_of(inlined, DW_AT_call_line);
  if (dwarf_diecu(inlined, &unit, nullptr, nullptr) == nullptr ||
      dwarf_getsrcfiles(&unit, &all, &n) != 0)
    return;
  const auto file = static_cast<std::size_t>(number_of(inlined, DW_AT_call_file));
  const char* name = file < n ? dwarf_filesrc(all, file, nullptr, nullptr) : nullptr;
  if (name != nullptr) outer->file = name;
}

// The functions around an address, the innermost first.
std::vector<Dwarf_Die> functions_around(Dwfl_Module* module, Dwarf_Addr address) {
  std::vector<Dwarf_Die> found;
  Dwarf_Addr bias = 0;
  Dwarf_Die* unit = dwfl_module_addrdie(module, address, &bias);
  Dwarf_Die* raw = nullptr;
  if (unit == nullptr || dwarf_getscopes(unit, address - bias, &raw) <= 0) return found;
  const allocated<Dwarf_Die> innermost(raw);
  // Scopes by address end at the abstract function; those by entry go on to the real one.
  Dwarf_Die inner = innermost.get()[0];
  const int n = dwarf_getscopes_die(&inner, &raw);
  if (n <= 0) return found;
  const allocated<Dwarf_Die> scopes(raw);
  for (int i = 0; i != n; ++i)
    if (is_function(&scopes.get()[i])) found.push_back(scopes.get()[i]);
  return found;
}

}  // namespace

// A file that was stripped will do where none with lines is found.
module::module(const files& where, std::string_view name, std::string_view build_id) :name_(name),
    build_id_(build_id), debug_path_(where.debug_path()) {
  std::string other, id;
  std::filesystem::path stripped;
  where.each(name, build_id, [&](const std::filesystem::path& path) {
    if (!read_build_id(path, &id)) return false;
    const bool named_so = path.filename() == name_ || path.filename() == name_ + ".debug";
    const bool fits = build_id_.empty() ? named_so && id.empty() : id.starts_with(build_id_);
    if (!fits && named_so && other.empty())
      other = fmt::format("{} is another build of it ({})", path.string(),
                          id.empty() ? "without a build-id" : "build-id " + id);
    if (fits && stripped.empty()) stripped = path;
    return fits && open(path) && has_lines();
  });
  if (module_ != nullptr && has_lines()) return;
  if (stripped.empty() || !open(stripped))
    problem_ = fmt::format("{}; its frames stay as they are, and --debug-path adds places to look",
                           other.empty() ? "its file was not found" : other);
  else if (!has_lines())
    problem_ =
        fmt::format("the debug information of {} was not found, so there are no lines", path_);
}

bool module::open(const std::filesystem::path& path) {
  debug_path_for_elfutils_ = debug_path_.data();
  callbacks_.find_elf = dwfl_build_id_find_elf;
  callbacks_.find_debuginfo = dwfl_standard_find_debuginfo;
  callbacks_.section_address = dwfl_offline_section_address;
  callbacks_.debuginfo_path = &debug_path_for_elfutils_;
  module_ = nullptr;
  path_.clear();
  session_.reset(dwfl_begin(&callbacks_));
  if (!session_) return false;
  Dwfl_Module* found = dwfl_report_offline(session_.get(), name_.c_str(), path.c_str(), -1);
  if (found == nullptr || dwfl_report_end(session_.get(), nullptr, nullptr) != 0 ||
      dwfl_module_getelf(found, &bias_) == nullptr)
    return false;
  module_ = found;
  path_ = path.string();
  return true;
}

bool module::has_lines() const {
  Dwarf_Addr ignored = 0;
  return dwfl_module_getdwarf(module_, &ignored) != nullptr;
}

std::vector<call> module::calls_at(std::uint64_t offset) const {
  std::vector<call> calls;
  if (module_ == nullptr) return calls;
  const Dwarf_Addr address = offset + bias_;
  std::vector<Dwarf_Die> around = functions_around(module_, address);
  for (Dwarf_Die& die : around) {
    call one;
    one.function = name_of(&die);
    one.inlined = is_inlined(&die);
    calls.push_back(std::move(one));
  }
  for (std::size_t i = 0; i + 1 < calls.size(); ++i) set_call_site(&around[i], &calls[i + 1]);
  if (calls.empty()) {
    const char* name = dwfl_module_addrname(module_, address);
    if (name == nullptr) return calls;
    calls.emplace_back().function = demangled(name);
  }
  if (Dwfl_Line* line = dwfl_module_getsrc(module_, address)) {
    const char* file = dwfl_lineinfo(line, nullptr, &calls[0].line, nullptr, nullptr, nullptr);
    if (file != nullptr) calls[0].file = file;
  }
  return calls;
}

}  // namespace graceslab::tool::decode
