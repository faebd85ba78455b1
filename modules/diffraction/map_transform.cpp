#include "diffraction/map_transform.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/units.hpp"

namespace mesoglass::diffraction {

namespace {

// Fours before twos: they go through memory half as often. None for a length with other factors.
std::vector<int> radices_of(int length) {
  std::vector<int> radices;
  for (const int radix : {4, 5, 3, 2}) {
    for (; length % radix == 0; length /= radix) radices.push_back(radix);
  }
  return length == 1 && radices.size() > 1 ? radices : std::vector<int>{};
}

// Time of a transform, relative: every step passes over the data, and computes more for a larger radix.
double cost_of(int length) {
  constexpr std::array<double, 6> step_cost = {0.0, 0.0, 1.0, 1.3, 1.2, 1.7};
  double cost = 0.0;
  for (const int radix : radices_of(length)) cost += step_cost[static_cast<std::size_t>(radix)];
  return cost * length;
}

std::vector<int> lengths_from(int least) {
  constexpr int shortest = 8;
  std::vector<int> lengths;
  // A power of two is among them.
  for (int length = least < shortest ? shortest : least; length <= 2 * least + shortest; ++length) {
    if (!radices_of(length).empty()) lengths.push_back(length);
  }
  return lengths;
}

}  // namespace

template <typename Scalar>
MapTransform<Scalar>::MapTransform(int length) : length_(length), radices_(radices_of(length)) {
  if (radices_.empty()) throw std::logic_error("a transform's length must be a product of 2, 3, 5, and not prime");
  int rest = length;
  for (const int radix : radices_) {
    const int whole = rest;
    rest /= radix;
    for (int p = 0; p < rest; ++p) {
      for (int k = 1; k < radix; ++k) {
        const double angle = -2.0 * units::pi * (static_cast<double>(p) * k) / whole;
        twiddles_.push_back(static_cast<Scalar>(std::cos(angle)));
        twiddles_.push_back(static_cast<Scalar>(std::sin(angle)));
      }
    }
  }
}

template class MapTransform<float>;
template class MapTransform<double>;

TransformShape choose_transform_shape(int map_height, int least_height, int least_width) {
  const auto groups = [](int lines) { return std::ceil(static_cast<double>(lines) / lane_group); };
  TransformShape best;
  double best_cost = std::numeric_limits<double>::infinity();
  for (const int width : lengths_from(least_width)) {
    for (const int height : lengths_from(least_height)) {
      const double cost = groups(map_height) * cost_of(width) + groups(width) * cost_of(height);
      if (cost >= best_cost) continue;
      best_cost = cost;
      best = {height, width};
    }
  }
  return best;
}

}  // namespace mesoglass::diffraction
