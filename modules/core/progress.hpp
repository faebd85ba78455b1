// How far the work is, with a rate and the time left.
#pragma once

#include <chrono>
#include <string>

#include "core/logging.hpp"

namespace mesoglass {

// A bar on a terminal, a line at each 5 % or minute in a log file, nothing under --quiet. Only the rank that has the
// log speaks, so `done` is that rank's view; not collective.
class Progress {
 public:
  // `unit` is what is counted ("patterns", "events").
  Progress(const Log& log, std::string task, double total, std::string unit);
  ~Progress();
  Progress(const Progress&) = delete;
  Progress& operator=(const Progress&) = delete;

  // Cheap: the clock is read, and only now and then something is written.
  void update(double done);

 private:
  void show(double done, bool final) const;
  const Log& log_;
  std::string task_;
  double total_;
  std::string unit_;
  bool active_;
  bool terminal_;
  double last_done_ = 0.0;
  double last_shown_fraction_ = 0.0;
  std::chrono::steady_clock::time_point start_;
  mutable std::chrono::steady_clock::time_point last_shown_;
};

// "3 s", "4 min 10 s", "2 h 5 min".
[[nodiscard]] std::string duration_text(double seconds);
// "1.5 GiB".
[[nodiscard]] std::string bytes_text(double bytes);

}  // namespace mesoglass
