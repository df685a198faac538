// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
#include "slab/slab.hpp"

namespace graceslab::slab {

void list_add(slab_list& l, slab& s) noexcept {
  s.list = &l;
  s.previous = nullptr;
  s.next = l.head;
  (l.head != nullptr ? l.head->previous : l.tail) = &s;
  l.head = &s;
  ++l.count;
}

void list_remove(slab& s) noexcept {
  (s.previous != nullptr ? s.previous->next : s.list->head) = s.next;
  (s.next != nullptr ? s.next->previous : s.list->tail) = s.previous;
  --s.list->count;
  s.list = nullptr;
}

}  // namespace graceslab::slab
