#include "elasticity/solve_report.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>

#include "core/error.hpp"

namespace mesoglass::elasticity {

void throw_not_converged(const SolveReport& report, const SolverSettings& settings, const std::string& advice) {
  std::string behaviour = "no iteration was possible";
  const auto& history = report.history;
  if (!history.empty()) {
    const double first = history.front();
    const double last = history.back();
    const double lowest = *std::min_element(history.begin(), history.end());
    const std::size_t back = std::min<std::size_t>(10, history.size() - 1);
    const double earlier = history[history.size() - 1 - back];
    if (!std::isfinite(last)) {
      behaviour = fmt::format("the residual stopped being a number after {} iterations", report.iterations);
    } else if (lowest == first && last > first) {
      behaviour =
          fmt::format("the residual grew from {:.2g} to {:.2g} in {} iterations", first, last, report.iterations);
    } else if (last > 10.0 * std::max(lowest, settings.tolerance)) {
      behaviour = fmt::format("the residual fell to {:.2g} and then grew to {:.2g} in {} iterations", lowest, last,
                              report.iterations);
    } else if (back > 0 && last > 0.9 * earlier) {
      behaviour = fmt::format(
          "the residual fell from {:.2g} to {:.2g} and then stood still over the last {} of {} "
          "iterations",
          first, last, back, report.iterations);
    } else {
      const double rate = back > 0 ? std::pow(last / earlier, 1.0 / static_cast<double>(back)) : 1.0;
      behaviour = fmt::format(
          "the residual fell from {:.2g} to {:.2g} in {} iterations, lately by a factor {:.2f} an "
          "iteration",
          first, last, report.iterations, rate);
    }
  }
  throw failure("the elastic solve did not reach its tolerance {:.2g} ({}): {}", settings.tolerance, behaviour, advice);
}

}  // namespace mesoglass::elasticity
