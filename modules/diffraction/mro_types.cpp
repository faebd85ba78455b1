#include "diffraction/mro_types.hpp"

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <limits>

namespace mesoglass::diffraction {

namespace {

struct CurvePeak {
  std::size_t peak = 0, low = 0, high = 0;
  double significance = 0.0;
};

// Weighted mean and its error over [first, last]; NaN where nothing is known.
struct Mean {
  double value = std::numeric_limits<double>::quiet_NaN();
  double error = std::numeric_limits<double>::quiet_NaN();
};

Mean weighted_mean(std::span<const double> values, std::span<const double> errors, std::size_t first,
                   std::size_t last) {
  double sum = 0.0, weight = 0.0, inverse = 0.0;
  for (std::size_t i = first; i <= last; ++i) {
    if (!std::isfinite(values[i])) continue;
    const bool known = std::isfinite(errors[i]) && errors[i] > 0.0;
    const double w = known ? 1.0 / (errors[i] * errors[i]) : 0.0;
    sum += w * values[i];
    weight += w;
    inverse += w;
  }
  if (weight > 0.0) return {sum / weight, 1.0 / std::sqrt(inverse)};
  double plain = 0.0, count = 0.0;
  for (std::size_t i = first; i <= last; ++i) {
    if (!std::isfinite(values[i])) continue;
    plain += values[i];
    count += 1.0;
  }
  Mean mean;
  if (count > 0.0) mean.value = plain / count;
  return mean;
}

std::vector<CurvePeak> peaks_of(std::span<const double> values, std::span<const double> errors, double significance) {
  std::vector<double> smooth(values.size(), std::numeric_limits<double>::quiet_NaN());
  for (std::size_t i = 0; i < values.size(); ++i) {
    double sum = 0.0, weight = 0.0;
    for (const int step : {-1, 0, 1}) {
      const auto j = static_cast<std::ptrdiff_t>(i) + step;
      if (j < 0 || j >= static_cast<std::ptrdiff_t>(values.size()) ||
          !std::isfinite(values[static_cast<std::size_t>(j)])) {
        continue;
      }
      const double w = step == 0 ? 0.5 : 0.25;
      sum += w * values[static_cast<std::size_t>(j)];
      weight += w;
    }
    if (std::isfinite(values[i]) && weight > 0.0) smooth[i] = sum / weight;
  }
  double highest = 0.0;
  for (const double value : smooth) {
    if (std::isfinite(value)) highest = std::max(highest, value);
  }
  std::vector<CurvePeak> result;
  for (std::size_t i = 1; i + 1 < smooth.size(); ++i) {
    if (!(smooth[i] > smooth[i - 1] && smooth[i] >= smooth[i + 1])) continue;
    double left = smooth[i], right = smooth[i];
    for (std::size_t j = i; j-- > 0 && smooth[j] <= smooth[i];) left = std::min(left, smooth[j]);
    for (std::size_t j = i + 1; j < smooth.size() && smooth[j] <= smooth[i]; ++j) right = std::min(right, smooth[j]);
    const double height = smooth[i] - std::max(left, right);
    const double error = std::isfinite(errors[i]) ? errors[i] : 0.0;
    // A peak much lower than the curve's highest is a ripple on another one's flank.
    constexpr double least_share = 0.05;
    if (!(height > least_share * highest) || height < significance * error) continue;
    CurvePeak peak{i, i, i, error > 0.0 ? height / error : std::numeric_limits<double>::infinity()};
    const double level = smooth[i] - 0.5 * height;
    while (peak.low > 0 && smooth[peak.low - 1] > level) --peak.low;
    while (peak.high + 1 < smooth.size() && smooth[peak.high + 1] > level) ++peak.high;
    result.push_back(peak);
  }
  return result;
}

}  // namespace

std::vector<MroType> find_mro_types(const DescriptorCurves& curves, double significance) {
  std::vector<CurvePeak> peaks = peaks_of(curves.order, curves.order_error, significance);
  for (const CurvePeak& size_peak : peaks_of(curves.size, curves.size_error, significance)) {
    const bool known = std::any_of(peaks.begin(), peaks.end(), [&](const CurvePeak& peak) {
      return (size_peak.peak >= peak.low && size_peak.peak <= peak.high) ||
             (peak.peak >= size_peak.low && peak.peak <= size_peak.high);
    });
    if (!known) peaks.push_back(size_peak);
  }
  // Where nothing is ordered, a peak of the size is scatter.
  std::erase_if(peaks, [&](const CurvePeak& peak) {
    const double error = std::isfinite(curves.order_error[peak.peak]) ? curves.order_error[peak.peak] : 0.0;
    return !(curves.order[peak.peak] > significance * error);
  });
  std::sort(peaks.begin(), peaks.end(), [](const CurvePeak& a, const CurvePeak& b) { return a.peak < b.peak; });
  std::vector<MroType> types;
  for (const CurvePeak& peak : peaks) {
    const std::size_t first = peak.peak > 0 ? peak.peak - 1 : 0;
    const std::size_t last = std::min(peak.peak + 1, curves.k.size() - 1);
    const Mean size = weighted_mean(curves.size, curves.size_error, first, last);
    const Mean area = weighted_mean(curves.area_fraction, curves.area_fraction_error, first, last);
    const Mean order = weighted_mean(curves.order, curves.order_error, first, last);
    types.push_back({curves.k[peak.peak], curves.k[peak.low], curves.k[peak.high], size.value, size.error, area.value,
                     area.error, order.value, order.error});
  }
  return types;
}

}  // namespace mesoglass::diffraction
