// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
// `graceslab metrics`: what a process that is observed tells of itself, for Prometheus: printed, in
// a file, or asked for by HTTP.
#include <fmt/core.h>
#include <prometheus/collectable.h>
#include <prometheus/exposer.h>
#include <prometheus/text_serializer.h>
#include <signal.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <regex>
#include <string>

#include "commands.hpp"
#include "metrics/families.hpp"
#include "observe/client.hpp"
#include "replaced_file.hpp"

namespace graceslab::tool {
namespace {

struct options {
  std::string process, name, file, listen;
  double timeout_s = 10;
};

metrics::families ask(const options& o) {
  const std::uint32_t pid = observe::chosen_process(o.process);
  observe::connection asked({pid, std::chrono::milliseconds(long(o.timeout_s * 1000))});
  return metrics::of(asked.list(), pid, o.name.empty() ? observe::process_name(pid) : o.name);
}

// Asks anew for each that asks us, so that a process which is started again is found again.
class on_demand : public prometheus::Collectable {
 public:
  explicit on_demand(const options& o) : options_(o) {}
  std::vector<prometheus::MetricFamily> Collect() const override {
    try {
      return ask(options_);
    } catch (const usage_error&) {
      return metrics::of_nobody(options_.name);
    }
  }

 private:
  options options_;
};

std::unique_ptr<prometheus::Exposer> open_server(const std::string& where) {
  try {
    return std::make_unique<prometheus::Exposer>(where);
  } catch (const std::exception&) {
    throw usage_error(
        fmt::format("cannot listen on {}: it is taken, or not of this machine", where));
  }
}

// Until somebody ends it: SIGINT or SIGTERM, which the server's threads leave to us.
void serve(options o) {
  if (!std::regex_match(o.listen, std::regex(R"((\[[0-9a-fA-F:.]+\]|[0-9.]+):[0-9]{1,5})")))
    throw usage_error(
        fmt::format("--listen takes ADDRESS:PORT, as 127.0.0.1:9464, not {}", o.listen));
  if (o.name.empty()) o.name = o.process;
  sigset_t ends;
  sigemptyset(&ends);
  sigaddset(&ends, SIGINT);
  sigaddset(&ends, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &ends, nullptr);
  const auto source = std::make_shared<on_demand>(o);
  const auto server = open_server(o.listen);
  server->RegisterCollectable(source);
  const std::string address = o.listen.substr(0, o.listen.rfind(':'));
  fmt::print("http://{}:{}/metrics\n", address, server->GetListeningPorts().at(0));
  if (std::fflush(stdout) != 0) return;
  int number = 0;
  (void)sigwait(&ends, &number);
}

void run(const options& o) {
  if (!o.listen.empty()) return serve(o);
  const std::string text = prometheus::TextSerializer().Serialize(ask(o));
  if (o.file.empty())
    fmt::print("{}", text);
  else
    replace_file(o.file, "--file", text);
}

}  // namespace

void add_metrics(CLI::App& app) {
  CLI::App* command = app.add_subcommand(
      "metrics", "Print what a process that is observed tells of itself, for Prometheus");
  auto o = std::make_shared<options>();
  command->add_option("process", o->process, "Its id, or the name of one that is observed")
      ->type_name("PID|NAME")
      ->required();
  command->add_option("--name", o->name, "The label 'process'; left out, its name")
      ->type_name("TEXT");
  auto* file = command
                   ->add_option("--file", o->file,
                                "Write this file instead, at once whole, for a collector of files")
                   ->type_name("FILE");
  command
      ->add_option("--listen", o->listen,
                   "Answer scrapes of http://ADDRESS:PORT/metrics until it is ended; port 0: any")
      ->type_name("ADDRESS:PORT")
      ->excludes(file);
  command->add_option("--timeout", o->timeout_s, "How long it may take to answer, 0.1 to 600")
      ->type_name("SECONDS")
      ->check(CLI::Range(0.1, 600.0));
  command->callback([o] { run(*o); });
}

}  // namespace graceslab::tool
