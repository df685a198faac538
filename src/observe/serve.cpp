// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// The thread that lets `graceslab top`, `slabinfo` and `why` look at this process, for programs
// that opt in. Peers may be slow, dead or hostile: nothing is sent that would block, an answer is
// made as it is fetched, and whoever does not fetch it is hung up on.
// Page: docs/ordering/observer.md (who starts, serves, forks and stops)
#include <errno.h>

#include "base/format.hpp"
#include "observe/answer.hpp"
#include "observe/observe.hpp"
#include "os/clock.hpp"
#include "os/config.hpp"
#include "os/hooks.hpp"
#include "os/peer_socket.hpp"
#include "os/report.hpp"
#include "os/thread.hpp"
#include "sync/event.hpp"

namespace graceslab::observe {
namespace {

constexpr unsigned peers_most = 8;
constexpr unsigned messages_per_turn = 64;
constexpr std::uint64_t ns_per_ms = 1'000'000;
constexpr std::uint64_t look_around_ms = 1000;  // for the end of the process's other threads
constexpr std::uint64_t fetch_limit_ms = 5000, idle_limit_ms = 60'000, newcomer_wins_ms = 1000;
constexpr std::uint64_t refused_nap_us = 100'000;
constexpr unsigned refusals_most = 20;  // in a row, of waiting
// The thread takes a fifth of a core at most, whatever its peers ask for.
constexpr std::uint64_t rest_factor = 4, rest_most_us = 20'000;

enum : std::uint32_t { off, starting, serving, stopping };

struct peer {
  os::peer_socket socket;
  answer talk;
  std::uint64_t moved_ns = 0;  // when it last asked or fetched something
};

constinit sync::mutex serve_lock{sync::rank::observe};
constinit sync::event changed;
std::uint32_t state = off;  // written under serve_lock; atomic
// Their sockets come and go under serve_lock; all else of them is the thread's own.
os::peer_socket listener;
peer peers[peers_most];
bool child_resumes;  // under serve_lock: the parent was being served

// ---- peers ----

void drop(peer& p) noexcept {
  sync::lock_guard hold(serve_lock);
  os::close_socket(p.socket);
}

std::uint64_t still_for_ms(const peer& p) noexcept {
  return (os::now_ns() - p.moved_ns) / ns_per_ms;
}

void drop_the_late() noexcept {
  for (peer& p : peers)
    if (p.socket.is_open() && still_for_ms(p) > (p.talk.waits() ? idle_limit_ms : fetch_limit_ms))
      drop(p);
}

// The place of one that has been still for longest makes room for a newcomer.
peer* place_for_one() noexcept {
  peer* stillest = nullptr;
  for (peer& p : peers) {
    if (!p.socket.is_open()) return &p;
    if (stillest == nullptr || p.moved_ns < stillest->moved_ns) stillest = &p;
  }
  if (still_for_ms(*stillest) < newcomer_wins_ms) return nullptr;
  drop(*stillest);
  return stillest;
}

// False: the system refuses it.
bool let_in() noexcept {
  peer* place = place_for_one();
  sync::lock_guard hold(serve_lock);
  os::peer_socket come;
  const int how = os::accept_peer(listener, &come);
  if (how != 0) return how > 0;
  if (place == nullptr) return os::close_socket(come), true;
  place->talk = answer();
  place->moved_ns = os::now_ns();
  place->socket = come;
  return true;
}

void hear(peer& p) noexcept {
  gs_observe_request request;
  bool gone;
  const long n = os::receive_message(p.socket, &request, sizeof request, &gone);
  if (gone) return drop(p);
  if (n < 0) return;
  if (!p.talk.ask(&request, static_cast<std::size_t>(n))) return drop(p);
  p.moved_ns = os::now_ns();
}

void tell(peer& p) noexcept {
  static message next;  // the one thread's
  for (unsigned i = 0; i != messages_per_turn && !p.talk.waits(); ++i) {
    const std::size_t bytes = p.talk.prepare(&next);
    if (bytes == 0) continue;
    bool gone;
    if (!os::send_message(p.socket, &next, bytes, &gone)) {
      if (gone) drop(p);
      return;
    }
    p.talk.sent();
    p.moved_ns = os::now_ns();
  }
}

// ---- the thread ----

struct round {
  os::socket_wish wishes[peers_most + 1];
  peer* whose[peers_most + 1];
  unsigned n = 0;

  void add(const os::peer_socket& s, peer* p) noexcept {
    wishes[n] = {&s, p != nullptr && !p->talk.waits(), false};
    whose[n++] = p;
  }
};

// False: nothing came.
bool take_turns(const round& r) noexcept {
  bool any = false, taken = true;
  for (unsigned i = 0; i != r.n; ++i) {
    if (!r.wishes[i].ready) continue;
    any = true;
    peer* p = r.whose[i];
    if (p == nullptr)
      taken = let_in();
    else if (p->talk.waits())
      hear(*p);
    else
      tell(*p);
  }
  if (!taken) os::sleep_us(refused_nap_us);
  return any;
}

// A process whose other threads have ended is to end.
bool is_alone() noexcept {
  os::census now;
  return os::count_threads(&now) && now.main_ended && now.threads <= 2;
}

void rest(std::uint64_t began_cpu_ns) noexcept {
  const std::uint64_t us = (os::thread_cpu_ns() - began_cpu_ns) * rest_factor / 1000;
  os::sleep_us(us < rest_most_us ? us : rest_most_us);
}

const char* serve_until_stopped() noexcept {
  std::uint64_t looked_ms = os::now_ms();
  for (unsigned refused = 0; gs_load_relaxed(&state) != stopping;) {
    if (!os::still_ours(listener))
      return gs_load_relaxed(&state) == stopping ? nullptr : "its socket was closed by the program";
    round r;
    r.add(listener, nullptr);
    for (peer& p : peers)
      if (p.socket.is_open()) r.add(p.socket, &p);
    if (!os::await_sockets(r.wishes, r.n, look_around_ms)) {
      if (++refused == refusals_most) return "the system refuses to wait for peers";
      os::sleep_us(refused_nap_us);
      continue;
    }
    refused = 0;
    const std::uint64_t began = os::thread_cpu_ns();
    if (gs_load_relaxed(&state) == stopping) break;
    const bool idle = !take_turns(r);
    if (const std::uint64_t now_ms = os::now_ms(); idle || now_ms - looked_ms >= look_around_ms) {
      looked_ms = now_ms;
      if (is_alone()) break;
    }
    drop_the_late();
    rest(began);
  }
  return nullptr;
}

void move_to(std::uint32_t to) noexcept {
  gs_store_relaxed(&state, to);
  changed.notify_all();
}

void close_all() noexcept {
  for (peer& p : peers) os::close_socket(p.socket);
  os::close_socket(listener);
}

void run(void*) noexcept {
  const char* why_not = serve_until_stopped();
  {
    sync::lock_guard hold(serve_lock);
    close_all();
    move_to(off);
  }
  if (why_not != nullptr) os::report(GS_REPORT_NO_OBSERVER, "observing ends: %s", why_not);
}

// ---- who starts and stops it ----

// True: it is for the caller to start a thread. `error` is for what was refused.
bool begin_start(int* error) noexcept {
  for (;;) {
    const std::uint32_t ticket = changed.ticket();
    {
      sync::lock_guard hold(serve_lock);
      *error = 0;
      gs_store_relaxed(&child_resumes, false);
      if (state == serving) return false;
      if (state == off) {
        char name[40];
        base::writer(name, sizeof name).add(GS_OBSERVE_SOCKET, os::process_id());
        *error = os::listen_as(name, &listener);
        if (*error == 0) gs_store_relaxed(&state, std::uint32_t{starting});
        return *error == 0;
      }
    }
    (void)changed.wait(ticket, os::forever_ms);
  }
}

int finish_start(bool started) noexcept {
  sync::lock_guard hold(serve_lock);
  if (started) {
    if (state == starting) move_to(serving);  // else it has ended already
    return 0;
  }
  close_all();
  move_to(off);
  return -EAGAIN;
}

void resume_in_child() noexcept {
  if (gs_load_relaxed(&child_resumes)) (void)start_serving();
}

void before_fork() noexcept { serve_lock.lock(); }
void in_parent() noexcept { serve_lock.unlock(); }
// The sockets are the parent's as well: closing ours says nothing to its peers.
void in_child() noexcept {
  child_resumes = child_resumes || state == serving || state == starting;
  close_all();
  gs_store_relaxed(&state, std::uint32_t{off});
  changed.reset_in_child();
  serve_lock.reset_in_child();
}

[[gnu::constructor]] void register_serving() noexcept {
  os::on_fork({static_cast<int>(sync::rank::observe), before_fork, in_parent, in_child});
  reclaim::also_resume = resume_in_child;
  if (gs_load_relaxed(&os::settings.observe)) (void)start_serving();
}

}  // namespace

int start_serving() noexcept {
  if (os::forking()) return -EAGAIN;
  int error;
  if (begin_start(&error)) error = finish_start(os::start_thread("gs-observe", run, nullptr));
  if (error != 0)
    os::report(GS_REPORT_NO_OBSERVER,
               "this process cannot be observed: the system refuses a socket or a thread for it "
               "(error %d)",
               -error);
  return error;
}

void stop_serving() noexcept {
  for (;;) {
    const std::uint32_t ticket = changed.ticket();
    {
      sync::lock_guard hold(serve_lock);
      gs_store_relaxed(&child_resumes, false);
      if (state == off) return;
      if (state == serving) {
        move_to(stopping);
        os::stop_listening(listener);
        continue;
      }
    }
    (void)changed.wait(ticket, os::forever_ms);
  }
}

}  // namespace graceslab::observe
