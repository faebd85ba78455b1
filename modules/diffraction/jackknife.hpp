// Standard errors from leaving out one group at a time.
#pragma once

#include <cmath>
#include <limits>
#include <span>

namespace mesoglass::diffraction {

// Standard error of an estimate from its values without one group each (Tukey 1958): sqrt((g - 1)/g sum (x - mean)^2).
// NaN with fewer than two finite values. Pure.
[[nodiscard]] inline double jackknife_error(std::span<const double> without_one) noexcept {
  double count = 0.0;
  double mean = 0.0;
  for (const double value : without_one) {
    if (!std::isfinite(value)) continue;
    count += 1.0;
    mean += value;
  }
  if (count < 2.0) return std::numeric_limits<double>::quiet_NaN();
  mean /= count;
  double squares = 0.0;
  for (const double value : without_one) {
    if (std::isfinite(value)) squares += (value - mean) * (value - mean);
  }
  return std::sqrt((count - 1.0) / count * squares);
}

}  // namespace mesoglass::diffraction
