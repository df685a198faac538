// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// A shared object of module/, loaded and unloaded for real.
#pragma once
#include <dlfcn.h>

#include <stdexcept>
#include <string>
#include <utility>

#include "module/module.h"

class loaded_module {
 public:
  explicit loaded_module(const char* name)
      : path_(std::string(GRACESLAB_MODULE_DIR "/") + name + ".so") {
    handle_ = dlopen(path_.c_str(), RTLD_NOW | RTLD_LOCAL);
    if (handle_ == nullptr) throw std::runtime_error(dlerror());
    api_ = reinterpret_cast<module_entry_t>(dlsym(handle_, "module_entry"))();
    sem_init(&counts.entered, 0, 0);
    sem_init(&counts.go_on, 0, 0);
  }
  ~loaded_module() {
    if (handle_ != nullptr) dlclose(handle_);
  }
  loaded_module(const loaded_module&) = delete;
  loaded_module& operator=(const loaded_module&) = delete;

  const module_api& api() const { return *api_; }
  const void* where() const { return api_; }
  void start() { api_->start(&counts); }

  // True when its code is really gone afterwards.
  bool unload() {
    if (dlclose(std::exchange(handle_, nullptr)) != 0) return false;
    void* still = dlopen(path_.c_str(), RTLD_NOW | RTLD_NOLOAD);
    if (still != nullptr) dlclose(still);
    return still == nullptr;
  }

  module_counts counts = {};

 private:
  std::string path_;
  void* handle_ = nullptr;
  const module_api* api_ = nullptr;
};
