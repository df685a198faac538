// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// Reading JSON that somebody else may have written: each field has to be there and of its kind.
#pragma once
#include <cstdint>
#include <nlohmann/json_fwd.hpp>
#include <stdexcept>
#include <string>
#include <vector>

namespace graceslab::tool {

// Says in a few words what is wrong.
struct foreign_json : std::runtime_error {
  using std::runtime_error::runtime_error;
};

// The members of one object. It refers to the JSON it was made of.
class fields {
 public:
  explicit fields(const nlohmann::ordered_json& object);  // throws foreign_json: it is none

  bool has(const char* name) const;  // and is not null
  std::string text(const char* name) const;
  double number(const char* name) const;  // null: what is no number
  std::uint64_t count(const char* name) const;
  bool truth(const char* name) const;
  fields object(const char* name) const;
  std::vector<fields> objects(const char* name) const;
  std::vector<std::string> texts(const char* name) const;
  std::vector<double> numbers(const char* name) const;
  std::vector<std::string> names() const;

 private:
  const nlohmann::ordered_json& at(const char* name) const;
  const nlohmann::ordered_json* object_;
};

}  // namespace graceslab::tool
