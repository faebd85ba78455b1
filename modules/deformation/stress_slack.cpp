#include "deformation/stress_slack.hpp"

#include <cmath>

#include "deformation/rate_vectors.hpp"

namespace mesoglass::deformation {

MESOGLASS_VECTOR_CLONES void slack_of_row(const StressRows& rows, std::size_t begin, std::size_t count, double drift,
                                          double* slack) {
  for (std::size_t i = 0; i < count; ++i) slack[i] = 0.0;
  for (int c = 0; c < rows.components; ++c) {
    const double* stress = rows.stress_fluctuation + static_cast<std::size_t>(c) * rows.stride + begin;
    const float* bound = rows.bound_stress + static_cast<std::size_t>(c) * rows.stride + begin;
    const double mean = rows.mean_stress[c];
    for (std::size_t i = 0; i < count; ++i) {
      const double moved = stress[i] + mean - static_cast<double>(bound[i]);
      slack[i] += moved * moved;
    }
  }
  const float* radius = rows.radius + begin;
  const float* drift_at = rows.drift_at + begin;
  for (std::size_t i = 0; i < count; ++i) {
    slack[i] = static_cast<double>(radius[i]) - (drift - static_cast<double>(drift_at[i])) - std::sqrt(slack[i]);
  }
}

}  // namespace mesoglass::deformation
