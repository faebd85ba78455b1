// Seconds spent in named phases of a program, reported as minimum, mean and maximum over the ranks.
#pragma once

#include <chrono>
#include <map>
#include <string>
#include <vector>

#include "core/communicator.hpp"

namespace mesoglass {

class PhaseTimers {
 public:
  // Adds the time until it goes out of scope to its phase. Not collective.
  class Scope {
   public:
    Scope(PhaseTimers& timers, std::string phase) : timers_(timers), phase_(std::move(phase)) {}
    ~Scope() { timers_.add(phase_, std::chrono::duration<double>(std::chrono::steady_clock::now() - start_).count()); }
    Scope(const Scope&) = delete;
    Scope& operator=(const Scope&) = delete;

   private:
    PhaseTimers& timers_;
    std::string phase_;
    std::chrono::steady_clock::time_point start_ = std::chrono::steady_clock::now();
  };

  [[nodiscard]] Scope time(std::string phase) { return {*this, std::move(phase)}; }
  void add(const std::string& phase, double seconds) { seconds_[phase] += seconds; }

  struct Row {
    std::string phase;
    double minimum_s = 0.0;
    double mean_s = 0.0;
    double maximum_s = 0.0;
  };
  // Phases that any rank has timed. Collective.
  [[nodiscard]] std::vector<Row> over_ranks(const Communicator& communicator) const;

 private:
  std::map<std::string, double> seconds_;
};

}  // namespace mesoglass
