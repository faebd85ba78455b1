// What an iterative solve did, and how it is told when it fails.
#pragma once

#include <string>
#include <vector>

namespace mesoglass::elasticity {

struct SolverSettings {
  double tolerance = 1e-8;  // of the residual's energy norm sqrt(r . M^-1 r), relative to the unloaded start
  int maximum_iterations = 500;
};

struct SolveReport {
  int solves = 0;               // a prescribed mean stress may cost more than one
  int iterations = 0;           // of the longest solve
  double residual = 0.0;        // relative, as in SolverSettings
  std::vector<double> history;  // relative residual after 0, 1, ... iterations of the last solve
};

// Throws Failure that says what the residual did (fell and how fast, stagnated, grew, was not a number) and `advice`.
[[noreturn]] void throw_not_converged(const SolveReport& report, const SolverSettings& settings,
                                      const std::string& advice);

}  // namespace mesoglass::elasticity
