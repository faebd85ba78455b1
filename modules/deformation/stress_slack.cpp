#include "deformation/stress_slack.hpp"

#include <cmath>
#include <limits>

#include "deformation/rate_vectors.hpp"

namespace mesoglass::deformation {

namespace {

// Rows of bricks, but for those at the end of the sample: their length is known to the compiler.
constexpr std::size_t usual_length = 8;

template <int Components, std::size_t Length>
[[gnu::always_inline]] inline double slack_of(const StressRows& arrays, const StressRow* rows, std::size_t row_count,
                                              std::size_t any_length, const double* gradient,
                                              double* __restrict slack) noexcept {
  const std::size_t length = Length > 0 ? Length : any_length;
  double least[Length > 0 ? Length : 1];
  for (double& value : least) value = std::numeric_limits<double>::infinity();
  for (std::size_t row = 0; row < row_count; ++row) {
    double* __restrict out = slack + row * length;
    const std::size_t begin = rows[row].begin;
    const double* __restrict stress = arrays.stress_fluctuation + begin;
    const std::int16_t* __restrict bound = arrays.bound_stress + begin;
    const float* __restrict radius = arrays.radius + begin;
    const double* offset = rows[row].offset.data();
    for (std::size_t i = 0; i < length; ++i) {
      double square = 0.0;
      for (int c = 0; c < Components; ++c) {
        const std::size_t at = static_cast<std::size_t>(c) * arrays.stride + i;
        const double moved = stress[at] + (offset[c] + gradient[c] * static_cast<double>(static_cast<int>(i))) -
                             arrays.bound_stress_unit_gpa * static_cast<double>(bound[at]);
        square += moved * moved;
      }
      out[i] = static_cast<double>(radius[i]) - std::sqrt(square);
    }
    for (std::size_t i = 0; i < length; ++i) {
      double& column = least[Length > 0 ? i : 0];
      column = out[i] < column ? out[i] : column;
    }
  }
  double result = least[0];
  for (const double value : least) result = value < result ? value : result;
  return result;
}

#define MESOGLASS_SLACK_FUNCTION(COMPONENTS)                                                                           \
  MESOGLASS_VECTOR_CLONES double slack_##COMPONENTS(const StressRows& arrays, const StressRow* rows,                   \
                                                    std::size_t row_count, std::size_t length, const double* gradient, \
                                                    double* slack) {                                                   \
    return length == usual_length                                                                                      \
               ? slack_of<COMPONENTS, usual_length>(arrays, rows, row_count, length, gradient, slack)                  \
               : slack_of<COMPONENTS, 0>(arrays, rows, row_count, length, gradient, slack);                            \
  }
MESOGLASS_SLACK_FUNCTION(2)
MESOGLASS_SLACK_FUNCTION(3)
MESOGLASS_SLACK_FUNCTION(5)
MESOGLASS_SLACK_FUNCTION(6)
#undef MESOGLASS_SLACK_FUNCTION

}  // namespace

double slack_of_rows(const StressRows& arrays, std::span<const StressRow> rows, std::size_t length,
                     const StrainComponents& gradient, double* slack) {
  const auto function = [&] {
    switch (arrays.components) {
      case 2:
        return slack_2;
      case 3:
        return slack_3;
      case 5:
        return slack_5;
      default:
        return slack_6;
    }
  }();
  return function(arrays, rows.data(), rows.size(), length, gradient.data(), slack);
}

}  // namespace mesoglass::deformation
