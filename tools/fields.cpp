// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "fields.hpp"

#include <limits>
#include <nlohmann/json.hpp>

namespace graceslab::tool {
namespace {

using json = nlohmann::ordered_json;

[[noreturn]] void expected(const char* kind, const std::string& name) {
  throw foreign_json("\"" + name + "\" is not " + kind);
}

// JSON has no number for what is infinite or no number.
double number_of(const json& value, const char* name) {
  if (value.is_null()) return std::numeric_limits<double>::quiet_NaN();
  if (!value.is_number()) expected("a number", name);
  return value.get<double>();
}

std::string text_of(const json& value, const char* name) {
  if (!value.is_string()) expected("a text", name);
  return value.get<std::string>();
}

}  // namespace

fields::fields(const json& object) : object_(&object) {
  if (!object.is_object()) throw foreign_json("an object was expected");
}

const json& fields::at(const char* name) const {
  auto found = object_->find(name);
  if (found == object_->end()) throw foreign_json("\"" + std::string(name) + "\" is missing");
  return *found;
}

bool fields::has(const char* name) const {
  auto found = object_->find(name);
  return found != object_->end() && !found->is_null();
}
std::string fields::text(const char* name) const { return text_of(at(name), name); }
double fields::number(const char* name) const { return number_of(at(name), name); }
std::uint64_t fields::count(const char* name) const {
  if (!at(name).is_number_unsigned()) expected("a count", name);
  return at(name).get<std::uint64_t>();
}
bool fields::truth(const char* name) const {
  if (!at(name).is_boolean()) expected("true or false", name);
  return at(name).get<bool>();
}

fields fields::object(const char* name) const {
  if (!at(name).is_object()) expected("an object", name);
  return fields(at(name));
}
std::vector<fields> fields::objects(const char* name) const {
  if (!at(name).is_array()) expected("a list", name);
  std::vector<fields> all;
  for (const json& each : at(name)) all.emplace_back(each);
  return all;
}
std::vector<std::string> fields::texts(const char* name) const {
  if (!at(name).is_array()) expected("a list", name);
  std::vector<std::string> all;
  for (const json& each : at(name)) all.push_back(text_of(each, name));
  return all;
}
std::vector<double> fields::numbers(const char* name) const {
  if (!at(name).is_array()) expected("a list", name);
  std::vector<double> all;
  for (const json& each : at(name)) all.push_back(number_of(each, name));
  return all;
}
std::vector<std::string> fields::names() const {
  std::vector<std::string> all;
  for (const auto& [name, value] : object_->items()) all.push_back(name);
  return all;
}

}  // namespace graceslab::tool
