#include "diffraction/map_transform.hpp"

#include <array>
#include <cmath>
#include <limits>
#include <stdexcept>

#include "core/units.hpp"

namespace mesoglass::diffraction {

namespace {

// Time of a step relative to one by 2, estimated: it passes over the data, and computes more for a larger radix. Wrong
// values make transforms slower, not wrong.
struct Step {
  int radix;
  double cost;
};
constexpr std::array<Step, 8> steps_known = {
    {{2, 1.0}, {3, 1.3}, {4, 1.2}, {5, 1.7}, {6, 1.6}, {8, 1.7}, {9, 2.1}, {10, 2.2}}};

// The steps that cost least; none for a length with factors other than 2, 3 and 5, or that is prime.
struct Plan {
  std::vector<int> radices;
  double cost = std::numeric_limits<double>::infinity();  // of all steps, for a number
};
Plan plan_of(int length, std::size_t least_steps = 2) {
  Plan best;
  if (length == 1 && least_steps == 0) best.cost = 0.0;
  for (const Step& step : steps_known) {
    if (length % step.radix != 0) continue;
    Plan rest = plan_of(length / step.radix, least_steps == 0 ? 0 : least_steps - 1);
    if (rest.cost + step.cost >= best.cost) continue;
    best = std::move(rest);
    best.cost += step.cost;
    best.radices.push_back(step.radix);
  }
  return best;
}

double cost_of(int length) {
  return plan_of(length).cost * length;
}

std::vector<int> lengths_from(int least) {
  constexpr int shortest = 8;
  std::vector<int> lengths;
  // A power of two is among them.
  for (int length = least < shortest ? shortest : least; length <= 2 * least + shortest; ++length) {
    if (std::isfinite(cost_of(length))) lengths.push_back(length);
  }
  return lengths;
}

}  // namespace

template <typename Scalar>
MapTransform<Scalar>::MapTransform(int length) : length_(length), radices_(plan_of(length).radices) {
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
