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

MroType type_at(const DescriptorCurves& curves, std::size_t peak) {
  const std::size_t first = peak > 0 ? peak - 1 : 0;
  const std::size_t last = std::min(peak + 1, curves.k.size() - 1);
  const Mean size = weighted_mean(curves.size, curves.size_error, first, last);
  const Mean area = weighted_mean(curves.area_fraction, curves.area_fraction_error, first, last);
  const Mean order = weighted_mean(curves.order, curves.order_error, first, last);
  MroType type;
  type.k_peak = curves.k[peak];
  type.size_nm = size.value;
  type.size_error_nm = size.error;
  type.area_fraction = type.area_fraction_at_peak = area.value;
  type.area_fraction_error = area.error;
  type.order = order.value;
  type.order_error = order.error;
  return type;
}

void give_separated(const DescriptorCurves& curves, std::span<const SeparatedType> separated,
                    std::vector<MroType>& types) {
  const std::size_t peaks = types.size();
  const auto adds_at = [&](std::size_t kind, double k) {
    const TypeProfile& profile = separated[kind].profile;
    return profile.strength * profile.at(k) * profile.at(k);
  };
  for (std::size_t kind = 0; kind < separated.size(); ++kind) {
    const TypeProfile& profile = separated[kind].profile;
    MroType* own = nullptr;
    for (std::size_t peak = 0; peak < peaks; ++peak) {
      MroType& type = types[peak];
      bool most = true;
      for (std::size_t other = 0; other < separated.size(); ++other) {
        most = most && !(adds_at(other, type.k_peak) > adds_at(kind, type.k_peak));
      }
      if (most && (own == nullptr || profile.at(type.k_peak) > profile.at(own->k_peak))) own = &type;
    }
    MroType hidden;
    if (own == nullptr) {
      const auto nearest = std::min_element(curves.k.begin(), curves.k.end(), [&](double a, double b) {
        return std::abs(a - profile.k) < std::abs(b - profile.k);
      });
      hidden = type_at(curves, static_cast<std::size_t>(nearest - curves.k.begin()));
      const double half_width = profile.width * std::sqrt(std::log(2.0));
      hidden.k_peak = profile.k;
      hidden.k_low = profile.k - half_width;
      hidden.k_high = profile.k + half_width;
      own = &hidden;
    }
    own->area_fraction = separated[kind].area_fraction;
    own->area_fraction_error = separated[kind].area_fraction_error;
    if (std::isfinite(separated[kind].size)) {
      own->size_nm = separated[kind].size;
      own->size_error_nm = separated[kind].size_error;
    }
    if (own == &hidden) types.push_back(hidden);
  }
  std::sort(types.begin(), types.end(), [](const MroType& a, const MroType& b) { return a.k_peak < b.k_peak; });
}

}  // namespace

std::vector<MroType> find_mro_types(const DescriptorCurves& curves, double significance,
                                    std::span<const SeparatedType> separated) {
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
    types.push_back(type_at(curves, peak.peak));
    types.back().k_low = curves.k[peak.low];
    types.back().k_high = curves.k[peak.high];
  }
  give_separated(curves, separated, types);
  return types;
}

void mark_several(std::span<const WideKind> kinds, std::vector<MroType>& types) {
  const auto near = [](const WideKind& kind, const MroType& type) {
    return std::abs(kind.speckle.k - type.k_peak) < kind.speckle.width;
  };
  for (MroType& type : types) {
    for (const WideKind& kind : kinds) {
      if (!near(kind, type)) continue;
      const bool shared = std::any_of(types.begin(), types.end(), [&](const MroType& other) {
        return &other != &type && near(kind, other) &&
               std::none_of(kinds.begin(), kinds.end(), [&](const WideKind& second) {
                 return &second != &kind && (near(second, type) || near(second, other));
               });
      });
      type.several = type.several || kind.several() || shared;
    }
  }
}

}  // namespace mesoglass::diffraction
