#include "diffraction/map_measurement.hpp"

#include <cmath>
#include <limits>

#include "diffraction/speckle_law.hpp"
#include "diffraction/type_profiles.hpp"

namespace mesoglass::diffraction {

namespace {

// Of one bin.
void narrow_area_fraction(const KRange& k_range, double k_per_pixel, const PatternAverages& averages, int bin,
                          double& fraction, double& error) {
  std::vector<double> powers;
  for (int n = 0; n < averages.orders; ++n) {
    powers.push_back(averages.power[static_cast<std::size_t>(n * averages.bins + bin)]);
  }
  const double factor = without_interpolation(speckle_angle(powers), k_range.k(bin) / k_per_pixel);
  fraction = 1.0 - std::pow(1.0 - fraction, factor);  // as densities
  error *= factor;
}

void narrow_all(const KRange& k_range, double k_per_pixel, const PatternAverages& averages,
                std::vector<double>& fractions, std::vector<double>& errors) {
  for (int bin = 0; bin < k_range.bins; ++bin) {
    narrow_area_fraction(k_range, k_per_pixel, averages, bin, fractions[static_cast<std::size_t>(bin)],
                         errors[static_cast<std::size_t>(bin)]);
  }
}

}  // namespace

std::vector<MapDescriptors> describe_all(const Communicator& communicator, std::span<const BinMaps> here,
                                         MapDescriber& describer, const AnalysisSettings& settings, MapDetail detail) {
  std::vector<MapDescriptors> own;
  collectively(communicator, [&] {
    for (const BinMaps& maps : here) own.push_back(describer.describe(maps, settings.false_positives, detail));
  });
  return communicator.all_gather(std::span<const MapDescriptors>(own));
}

TypesUnmixing separate_types(const KRange& k_range, const KCovariance& covariance, std::span<const double> expected,
                             AreaResult& result) {
  constexpr double unknown = std::numeric_limits<double>::quiet_NaN();
  std::vector<double> k;
  for (int bin = 0; bin < k_range.bins; ++bin) k.push_back(k_range.k(bin));
  const std::vector<double> all = covariance.matrix();
  std::vector<std::vector<double>> without;
  for (int strip = 0; strip < covariance.strips(); ++strip) without.push_back(covariance.matrix(strip));
  const ProfileFit fit = fit_type_profiles(k, all, expected);
  result.kinds = fit_wide_kinds(k, all, without, expected, fit.types);
  auto unmixing = unmix_types(fit.types, k, expected);
  for (std::size_t type = 0; type < unmixing.kinds.size(); ++type)
    result.separated.push_back({fit.types[type], unknown, unknown, unknown, unknown});
  return unmixing;
}

void describe_separated(const Communicator& communicator, TypeMaps& maps, std::span<const Range> row_ranges,
                        MapDescriber& describer, const AnalysisSettings& settings, AreaResult& result) {
  const auto describe_kinds = [&] {
    std::vector<MapDescriptors> kinds;
    for (int first = 0; first < maps.count(); first += communicator.size()) {
      const auto here = maps.exchange(communicator, first, row_ranges);
      const auto all = describe_all(communicator, here, describer, settings, MapDetail::area);
      kinds.insert(kinds.end(), all.begin(), all.end());
    }
    return kinds;
  };
  maps.unmix();
  std::vector<double> backgrounds;
  for (const MapDescriptors& kind : describe_kinds()) backgrounds.push_back(kind.background);
  maps.restore_heights(backgrounds);
  const auto kinds = describe_kinds();
  for (std::size_t kind = 0; kind < kinds.size(); ++kind) {
    SeparatedType& type = result.separated[kind];
    type.area_fraction = kinds[kind].area_fraction;
    type.area_fraction_error = kinds[kind].area_fraction_error;
    type.size = kinds[kind].size;
    type.size_error = kinds[kind].size_error;
  }
}

void narrow_area_fractions(const KRange& k_range, AreaResult& result) {
  narrow_all(k_range, result.k_per_pixel, result.averages, result.area_fraction, result.area_fraction_error);
  for (SeparatedType& type : result.separated) {
    narrow_area_fraction(k_range, result.k_per_pixel, result.averages, k_range.nearest(type.profile.k),
                         type.area_fraction, type.area_fraction_error);
  }
  for (auto& bin : result.by_thickness) {
    narrow_all(k_range, result.k_per_pixel, bin.averages, bin.area_fraction, bin.area_fraction_error);
  }
}

}  // namespace mesoglass::diffraction
