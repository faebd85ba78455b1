#include "diffraction/sample_result.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>

namespace mesoglass::diffraction {

namespace {

constexpr double nan = std::numeric_limits<double>::quiet_NaN();
constexpr double enough_areas = 3.0;  // for their scatter to be an error bar
using Member = std::function<const std::vector<double>&(const AreaResult&)>;
using Weight = std::function<double(const AreaResult&)>;

double kept_patterns(const AreaResult& area) {
  return static_cast<double>(area.counts.kept);
}

Curve average(const std::vector<AreaResult>& areas, const Member& value_of, const Member& error_of,
              const Weight& weight_of = kept_patterns) {
  const std::size_t count = value_of(areas.front()).size();
  Curve curve{std::vector<double>(count, nan), std::vector<double>(count, nan)};
  for (std::size_t i = 0; i < count; ++i) {
    double sum = 0.0, weights = 0.0, error_squares = 0.0, used = 0.0;
    bool errors_known = true;
    for (const AreaResult& area : areas) {
      const double value = value_of(area)[i];
      const double weight = weight_of(area);
      if (!std::isfinite(value) || !(weight > 0.0)) continue;
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
    if (used < enough_areas) continue;
    double squares = 0.0;
    for (const AreaResult& area : areas) {
      const double value = value_of(area)[i];
      if (std::isfinite(value) && weight_of(area) > 0.0) squares += (value - curve.value[i]) * (value - curve.value[i]);
    }
    const double scatter = std::sqrt(squares / (used * (used - 1.0)));
    if (!(curve.error[i] > scatter)) curve.error[i] = scatter;
  }
  return curve;
}

// `of` picks an area's, or one of its bins'.
PairDistributionCurves average_pair_distributions(const std::vector<AreaResult>& areas,
                                                  const std::function<const PairDistribution&(const AreaResult&)>& of,
                                                  const Weight& weight_of) {
  using Values = std::vector<double> PairDistribution::*;
  const auto mean = [&](Values value, Values error) {
    return average(
        areas, [&](const AreaResult& a) -> const std::vector<double>& { return of(a).*value; },
        [&](const AreaResult& a) -> const std::vector<double>& { return of(a).*error; }, weight_of);
  };
  return {mean(&PairDistribution::structure_factor, &PairDistribution::structure_factor_error),
          mean(&PairDistribution::reduced, &PairDistribution::reduced_error),
          mean(&PairDistribution::distribution, &PairDistribution::distribution_error),
          mean(&PairDistribution::peak_nm, &PairDistribution::peak_error_nm)};
}

// Standard deviation between areas.
std::vector<double> scatter_between(const std::vector<AreaResult>& areas, const Member& value_of) {
  std::vector<double> result(value_of(areas.front()).size(), nan);
  for (std::size_t i = 0; i < result.size(); ++i) {
    double count = 0.0, sum = 0.0;
    for (const AreaResult& area : areas) {
      if (!std::isfinite(value_of(area)[i])) continue;
      count += 1.0;
      sum += value_of(area)[i];
    }
    if (count < 2.0) continue;
    double squares = 0.0;
    for (const AreaResult& area : areas) {
      const double away = value_of(area)[i] - sum / count;
      if (std::isfinite(away)) squares += away * away;
    }
    result[i] = std::sqrt(squares / (count - 1.0));
  }
  return result;
}

std::vector<ThicknessBinCurves> average_bins(const std::vector<AreaResult>& areas) {
  std::vector<ThicknessBinCurves> bins(areas.front().by_thickness.size());
  for (std::size_t bin = 0; bin < bins.size(); ++bin) {
    const auto here = [bin](const AreaResult& area) -> const ThicknessBinResult& { return area.by_thickness[bin]; };
    const Weight weight = [here](const AreaResult& area) { return here(area).patterns; };
    ThicknessBinCurves& curves = bins[bin];
    for (const AreaResult& area : areas) {
      if (!(here(area).patterns > 0.0)) continue;
      curves.patterns += here(area).patterns;
      curves.mean_transmittance += here(area).patterns * here(area).mean_transmittance;
    }
    curves.mean_transmittance /= curves.patterns;
    using Values = std::vector<double> PatternAverages::*;
    const auto of_patterns = [&](Values value, Values error) {
      Member error_of;
      if (error != nullptr) {
        error_of = [here, error](const AreaResult& a) -> const std::vector<double>& { return here(a).averages.*error; };
      }
      return average(
          areas, [here, value](const AreaResult& a) -> const std::vector<double>& { return here(a).averages.*value; },
          error_of, weight);
    };
    curves.order = of_patterns(&PatternAverages::order, &PatternAverages::order_error);
    curves.odd_even_quality = of_patterns(&PatternAverages::odd_even_quality, nullptr);
    curves.radial_intensity = of_patterns(&PatternAverages::radial_intensity, &PatternAverages::radial_intensity_error);
    curves.variance_between = of_patterns(&PatternAverages::variance_between, &PatternAverages::variance_between_error);
    curves.variance_within = of_patterns(&PatternAverages::variance_within, &PatternAverages::variance_within_error);
    curves.power = of_patterns(&PatternAverages::power, &PatternAverages::power_error);
    curves.size = average(
        areas, [here](const AreaResult& a) -> const auto& { return here(a).size; },
        [here](const AreaResult& a) -> const auto& { return here(a).size_error; }, weight);
    curves.area_fraction = average(
        areas, [here](const AreaResult& a) -> const auto& { return here(a).area_fraction; },
        [here](const AreaResult& a) -> const auto& { return here(a).area_fraction_error; }, weight);
    curves.pair_distribution = average_pair_distributions(
        areas, [here](const AreaResult& a) -> const PairDistribution& { return here(a).pair_distribution; }, weight);
  }
  return bins;
}

// Kinds of MRO of all areas, each area's weighted by its kept patterns: the same where their middles are nearer than
// half of their widths.
std::vector<SeparatedType> average_separated(const std::vector<AreaResult>& areas) {
  struct Group {
    std::vector<SeparatedType> types;
    std::vector<double> weights;
  };
  std::vector<Group> groups;
  double all = 0.0;
  for (const AreaResult& area : areas) {
    all += kept_patterns(area);
    for (const SeparatedType& type : area.separated) {
      const auto same = std::find_if(groups.begin(), groups.end(), [&](const Group& group) {
        const TypeProfile& other = group.types.front().profile;
        return std::abs(other.k - type.profile.k) < 0.25 * (other.width + type.profile.width);
      });
      Group& group = same != groups.end() ? *same : groups.emplace_back();
      group.types.push_back(type);
      group.weights.push_back(kept_patterns(area));
    }
  }
  std::vector<SeparatedType> result;
  for (const Group& group : groups) {
    double weights = 0.0;
    SeparatedType mean{{}, 0.0, 0.0, 0.0, 0.0};
    for (std::size_t i = 0; i < group.types.size(); ++i) {
      const SeparatedType& type = group.types[i];
      const double weight = group.weights[i];
      weights += weight;
      mean.profile.k += weight * type.profile.k;
      mean.profile.width += weight * type.profile.width;
      mean.profile.strength += weight * type.profile.strength;
    }
    if (!(weights > 0.5 * all)) continue;
    for (double* value : {&mean.profile.k, &mean.profile.width, &mean.profile.strength}) *value /= weights;
    const auto average_measure = [&](double SeparatedType::*value, double SeparatedType::*error) {
      double squares = 0.0;
      for (std::size_t i = 0; i < group.types.size(); ++i) {
        mean.*value += group.weights[i] * group.types[i].*value / weights;
        squares += std::pow(group.weights[i] * group.types[i].*error / weights, 2);
      }
      mean.*error = std::sqrt(squares);
      const auto used = static_cast<double>(group.types.size());
      if (used < enough_areas) return;
      double scatter = 0.0;
      for (const SeparatedType& type : group.types) scatter += std::pow(type.*value - mean.*value, 2);
      mean.*error = std::fmax(mean.*error, std::sqrt(scatter / (used * (used - 1.0))));
    };
    average_measure(&SeparatedType::area_fraction, &SeparatedType::area_fraction_error);
    average_measure(&SeparatedType::size, &SeparatedType::size_error);
    result.push_back(mean);
  }
  std::sort(result.begin(), result.end(),
            [](const SeparatedType& a, const SeparatedType& b) { return a.profile.k < b.profile.k; });
  return result;
}

PooledCorrelations pool_correlations(const std::vector<AreaResult>& areas) {
  PooledCorrelations pooled;
  for (const LocalMap& map : areas.front().local_maps) pooled.names.push_back(map.name);
  const std::size_t count = pooled.names.size() * pooled.names.size();
  for (auto* values : {&pooled.correlation, &pooled.error, &pooled.area_scatter, &pooled.independent}) {
    values->assign(count, nan);
  }
  constexpr double lost = 3.0;           // independent places that Fisher's z costs
  constexpr double largest = 0.9999999;  // of |r|, so that z is finite
  for (std::size_t i = 0; i < count; ++i) {
    double weights = 0.0, sum = 0.0, independent = 0.0;
    std::vector<double> values;
    for (const AreaResult& area : areas) {
      if (i >= area.relations.correlation.size() || !std::isfinite(area.relations.correlation[i])) continue;
      const double weight = std::fmax(0.1, area.relations.independent[i] - lost);
      values.push_back(std::atanh(std::clamp(area.relations.correlation[i], -largest, largest)));
      sum += weight * values.back();
      weights += weight;
      independent += area.relations.independent[i];
    }
    const auto used = static_cast<double>(values.size());
    if (values.empty()) continue;
    const double z = sum / weights;
    double squares = 0.0;
    for (const double value : values) squares += (value - z) * (value - z);
    pooled.correlation[i] = std::tanh(z);
    pooled.independent[i] = independent;
    const double slope = 1.0 - pooled.correlation[i] * pooled.correlation[i];  // of tanh
    pooled.error[i] = slope / std::sqrt(weights);
    if (used < 2.0) continue;
    pooled.area_scatter[i] = slope * std::sqrt(squares / (used - 1.0));
    if (used >= enough_areas) pooled.error[i] = std::fmax(pooled.error[i], pooled.area_scatter[i] / std::sqrt(used));
  }
  return pooled;
}

}  // namespace

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
  sample.radial_intensity = average(
      areas, [](const auto& a) -> const auto& { return a.averages.radial_intensity; },
      [](const auto& a) -> const auto& { return a.averages.radial_intensity_error; });
  sample.power = average(
      areas, [](const auto& a) -> const auto& { return a.averages.power; },
      [](const auto& a) -> const auto& { return a.averages.power_error; });
  sample.power_variance =
      average(areas, [](const auto& a) -> const auto& { return a.averages.power_variance; }, {}).value;
  sample.variance_between = average(
      areas, [](const auto& a) -> const auto& { return a.averages.variance_between; },
      [](const auto& a) -> const auto& { return a.averages.variance_between_error; });
  sample.variance_within = average(
      areas, [](const auto& a) -> const auto& { return a.averages.variance_within; },
      [](const auto& a) -> const auto& { return a.averages.variance_within_error; });
  sample.size_scatter = scatter_between(
      areas, [](const auto& a) -> const auto& { return a.size; });
  sample.area_fraction_scatter = scatter_between(
      areas, [](const auto& a) -> const auto& { return a.area_fraction; });
  sample.order_scatter = scatter_between(
      areas, [](const auto& a) -> const auto& { return a.averages.order; });
  sample.by_thickness = average_bins(areas);
  sample.pair_distribution = average_pair_distributions(
      areas, [](const AreaResult& a) -> const PairDistribution& { return a.pair_distribution; }, kept_patterns);
  sample.correlations = pool_correlations(areas);
  sample.separated = average_separated(areas);
  if (areas.front().relaxation) {
    const Weight measured = [](const AreaResult& a) {
      return static_cast<double>(a.scan_ny * a.scan_nx - a.relaxation->positions_in(RelaxationState::not_measured));
    };
    sample.g2 = average(
        areas, [](const auto& a) -> const auto& { return a.relaxation->mean_g2; },
        [](const auto& a) -> const auto& { return a.relaxation->mean_g2_error; }, measured);
    sample.g2_fit = average(
        areas, [](const auto& a) -> const auto& { return a.relaxation->mean_fit; }, {}, measured);
    sample.relaxation = average(
        areas, [](const auto& a) -> const auto& { return a.relaxation->mean_numbers; },
        [](const auto& a) -> const auto& { return a.relaxation->mean_number_errors; }, measured);
  }
  const auto k = sample.k();
  sample.types = find_mro_types({k, sample.size.value, sample.size.error, sample.area_fraction.value,
                                 sample.area_fraction.error, sample.order.value, sample.order.error},
                                peak_significance, sample.separated);
  for (const AreaResult& area : areas) mark_several(area.kinds, sample.types);
  sample.areas = std::move(areas);
  return sample;
}

}  // namespace mesoglass::diffraction
