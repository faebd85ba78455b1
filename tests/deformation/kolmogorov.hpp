// The test of Kolmogorov and Smirnov for the tests of sampling.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <vector>

namespace mesoglass::test {

// Largest distance between the empirical distribution of `uniforms` (values of a distribution function) and the uniform
// one, times sqrt n. Kolmogorov: above 1.95 with probability 0.001 if they are uniform.
inline double kolmogorov(std::vector<double> uniforms) {
  std::sort(uniforms.begin(), uniforms.end());
  const double n = static_cast<double>(uniforms.size());
  double distance = 0.0;
  for (std::size_t i = 0; i < uniforms.size(); ++i) {
    distance = std::max({distance, std::fabs(uniforms[i] - static_cast<double>(i) / n),
                         std::fabs(uniforms[i] - static_cast<double>(i + 1) / n)});
  }
  return distance * std::sqrt(n);
}
inline constexpr double kolmogorov_limit = 1.95;

// Largest distance between two empirical distributions, scaled so that the same limit holds for independent samples of
// one distribution (ties make it smaller).
inline double two_sample_kolmogorov(std::vector<double> a, std::vector<double> b) {
  std::sort(a.begin(), a.end());
  std::sort(b.begin(), b.end());
  const auto share_up_to = [](const std::vector<double>& values, double value) {
    return static_cast<double>(std::upper_bound(values.begin(), values.end(), value) - values.begin()) /
           static_cast<double>(values.size());
  };
  double distance = 0.0;
  for (const auto* sample : {&a, &b}) {
    for (const double value : *sample) {
      distance = std::max(distance, std::fabs(share_up_to(a, value) - share_up_to(b, value)));
    }
  }
  const auto n = static_cast<double>(a.size());
  const auto m = static_cast<double>(b.size());
  return distance * std::sqrt(n * m / (n + m));
}

}  // namespace mesoglass::test
