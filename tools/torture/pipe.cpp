// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "pipe.hpp"

namespace graceslab::torture {
namespace {

std::uint64_t serials = 0;

std::uint64_t word(std::uint64_t serial, unsigned i) { return mix(serial * 8 + i); }

void aged(rcu_head* head) {
  auto* e = reinterpret_cast<element*>(head);
  e->home->grow_older(e);
}

}  // namespace

pipe::pipe(const char* n, rcu_domain& d) : name(n), domain(d), elements(n, {.domain = &d}) {
  current.store(make());
}

pipe::~pipe() {
  while (gs_load_acquire(&in_callbacks) != 0) rcu_barrier(domain);
  elements.release(current.exchange(nullptr));
}

element* pipe::make() {
  element* e = static_cast<element*>(elements.make());
  // Whoever still holds this memory from its former life gets to see it at once.
  gs_store_relaxed(&e->age, last_age);
  gs_store_relaxed(&e->serial, std::uint64_t{0});
  for (std::uint64_t& w : e->payload) w = ~std::uint64_t{0};
  std::uint64_t serial = gs_fetch_add_relaxed(&serials, std::uint64_t{1}) + 1;
  e->home = this;
  e->next = nullptr;
  for (unsigned i = 0; i != 4; ++i) e->payload[i] = word(serial, i);
  gs_store_relaxed(&e->serial, serial);
  gs_store_relaxed(&e->age, 0u);
  return e;
}

void pipe::take_apart(element* e) {
  for (std::uint64_t& w : e->payload) w = 0;
  gs_store_relaxed(&e->serial, std::uint64_t{0});
  elements.release(e);
}

void pipe::post(element* e) {
  gs_domain* d = domain.native_handle();
  if (e->posted != 0)
    gs_call_rcu_hurry(d, &e->head, aged, gs_this_module());
  else
    gs_call_rcu(d, &e->head, aged, gs_this_module());
}

void pipe::grow_older(element* e) {
  std::uint32_t age = gs_load_relaxed(&e->age) + 1;
  gs_store_relaxed(&e->age, age);
  if (age < last_age) return post(e);
  take_apart(e);
  gs_fetch_sub(&in_callbacks, 1u);
}

sighting::sighting(const pipe& p)
    : pipe_(p), element_(p.current.load()), serial_(gs_load_relaxed(&element_->serial)) {}

void sighting::check(worker& w) const {
  std::uint32_t age = gs_load_relaxed(&element_->age);
  bool intact = true;
  for (unsigned i = 0; i != 4; ++i) intact = intact && element_->payload[i] == word(serial_, i);
  std::uint64_t serial = gs_load_relaxed(&element_->serial);
  w.saw(age);
  if (serial != serial_ || !intact)
    w.all.fail(trouble::reused, "{}: {}: element {} became {} inside a section", w.name(),
               pipe_.name, serial_, serial);
  else if (age >= 2)
    w.all.fail(trouble::early, "{}: {}: element {} has age {} inside a section", w.name(),
               pipe_.name, serial, age);
}

void read(worker& w, pipe& outer, pipe& inner) {
  unsigned depth = 1 + w.plan.below(4);
  bool nested = w.plan.one_in(3);
  bool twice = w.plan.one_in(4);
  bool updates = w.plan.one_in(16);
  w.doing("a section");
  for (unsigned i = 0; i != depth; ++i) outer.domain.lock();
  sighting first(outer);
  w.pause();
  if (nested) {
    rcu_reader section(inner.domain);
    sighting other(inner);
    w.pause();
    other.check(w);
  }
  if (twice) sighting(outer).check(w);
  if (updates) {
    keeps_errno keep(w.all, "retire");
    outer.elements.retire(outer.make());
  }
  if (depth > 1) outer.domain.unlock();
  first.check(w);
  for (unsigned i = depth > 1 ? 1 : 0; i != depth; ++i) outer.domain.unlock();
  w.count("sections");
}

}  // namespace graceslab::torture
