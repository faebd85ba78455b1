#include "diffraction/sample_result.hpp"

#include <cmath>
#include <functional>
#include <limits>

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
using Member = std::function<const std::vector<double>&(const AreaResult&)>;

Curve average(const std::vector<AreaResult>& areas, const Member& value_of, const Member& error_of) {
  const std::size_t count = value_of(areas.front()).size();
  Curve curve{std::vector<double>(count, nan), std::vector<double>(count, nan)};
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0.0, weights = 0.0, error_squares = 0.0, used = 0.0;
    bool errors_known = true;
    for (const AreaResult& area : areas) {
      const double value = value_of(area)[i];
      if (!std::isfinite(value)) continue;
      const auto weight = static_cast<double>(area.counts.kept);
      const double error = error_of ? error_of(area)[i] : nan;
      sum += weight * value;
      weights += weight;
      error_squares += weight * weight * error * error;
      errors_known = errors_known && std::isfinite(error);
      used += 1.0;
    }
    if (!(weights > 0.0)) continue;
    curve.value[i] = sum / weights;
    if (errors_known) curve.error[i] = std::sqrt(error_squares) / weights;
    constexpr double enough_areas = 3.0;
    if (used < enough_areas) continue;
    double squares = 0.0;
    for (const AreaResult& area : areas) {
      const double value = value_of(area)[i];
      if (std::isfinite(value)) squares += (value - curve.value[i]) * (value - curve.value[i]);
    }
    const double scatter = std::sqrt(squares / (used * (used - 1.0)));
    if (!(curve.error[i] > scatter)) curve.error[i] = scatter;
  }
  return curve;
}

}  // namespace

std::vector<double> SampleResult::k() const {
  std::vector<double> values(static_cast<std::size_t>(k_range.bins));
  for (int bin = 0; bin < k_range.bins; ++bin) values[static_cast<std::size_t>(bin)] = k_range.k(bin);
  return values;
}

SampleResult average_areas(std::vector<AreaResult> areas, const KRange& k_range, double peak_significance) {
  SampleResult sample;
  sample.k_range = k_range;
  sample.angles = areas.front().grid.angles;
  sample.k_known = areas.front().k_known;
  sample.scan_step_known = areas.front().scan_step_known;
  sample.size = average(
      areas, [](const auto& a) -> const auto& { return a.size; },
      [](const auto& a) -> const auto& { return a.size_error; });
  sample.size_diameter = average(areas, [](const auto& a) -> const auto& { return a.size_diameter; }, {});
  sample.area_fraction = average(
      areas, [](const auto& a) -> const auto& { return a.area_fraction; },
      [](const auto& a) -> const auto& { return a.area_fraction_error; });
  sample.order = average(
      areas, [](const auto& a) -> const auto& { return a.averages.order; },
      [](const auto& a) -> const auto& { return a.averages.order_error; });
  sample.odd_even_quality =
      average(areas, [](const auto& a) -> const auto& { return a.averages.odd_even_quality; }, {});
  sample.radial_intensity =
      average(areas, [](const auto& a) -> const auto& { return a.averages.radial_intensity; }, {});
  sample.power = average(
      areas, [](const auto& a) -> const auto& { return a.averages.power; },
      [](const auto& a) -> const auto& { return a.averages.power_error; });
  sample.power_variance =
      average(areas, [](const auto& a) -> const auto& { return a.averages.power_variance; }, {}).value;
  const auto k = sample.k();
  sample.types = find_mro_types({k, sample.size.value, sample.size.error, sample.area_fraction.value,
                                 sample.area_fraction.error, sample.order.value, sample.order.error},
                                peak_significance);
  sample.areas = std::move(areas);
  return sample;
}

}  // namespace mesoglass::diffraction
