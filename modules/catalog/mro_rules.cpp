#include "catalog/mro_rules.hpp"

#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "core/hdf5_file.hpp"

namespace mesoglass::catalog {

namespace {

// The paper's two cases.
constexpr double weak_modes = 12.0;
constexpr double strong_modes = 2.0;
constexpr double weak_softening = 0.9;
constexpr double strong_softening = 0.01;
constexpr double weak_amplitude = 0.5;
constexpr double strong_amplitude = 0.8;
constexpr double lowest_position = -0.25;

double interpolated_geometrically(double at_weak, double at_strong, double position) {
  return at_weak * std::pow(at_strong / at_weak, position);
}

}  // namespace

OrderedZone zone_for_order(double order, const OrderCalibration& calibration) {
  if (!(calibration.weak > 0.0) || !(calibration.strong > calibration.weak) || !std::isfinite(calibration.strong)) {
    throw input_error(
        "the calibration of the degree of order, weak = {} and strong = {}, is impossible: both must be "
        "positive and strong the larger",
        calibration.weak, calibration.strong);
  }
  if (!(order > 0.0) || !std::isfinite(order)) {
    throw input_error("a degree of order of {} cannot be mapped to shear modes: it must be finite and positive", order);
  }
  const double position = std::clamp(
      std::log(order / calibration.weak) / std::log(calibration.strong / calibration.weak), lowest_position, 1.0);
  OrderedZone zone;
  const double modes = interpolated_geometrically(weak_modes, strong_modes, position);
  zone.modes = std::clamp(2 * static_cast<int>(std::lround(0.5 * modes)), 2, 18);
  zone.softening = std::min(1.0, interpolated_geometrically(weak_softening, strong_softening, position));
  zone.amplitude = weak_amplitude + (strong_amplitude - weak_amplitude) * position;
  return zone;
}

std::vector<MeasuredMro> read_measured_mro(const Communicator& communicator, const std::filesystem::path& path) {
  const auto file = Hdf5File::open(communicator, path);
  file.check_format("mesoglass mro", 1);
  struct Column {
    const char* name;
    double MeasuredMro::*member;
  };
  const Column columns[] = {
      {"k_peak", &MeasuredMro::k_peak},
      {"k_low", &MeasuredMro::k_low},
      {"k_high", &MeasuredMro::k_high},
      {"size_nm", &MeasuredMro::size_nm},
      {"size_error_nm", &MeasuredMro::size_error_nm},
      {"area_fraction", &MeasuredMro::area_fraction},
      {"area_fraction_error", &MeasuredMro::area_fraction_error},
      {"order", &MeasuredMro::order},
      {"order_error", &MeasuredMro::order_error},
  };
  std::vector<MeasuredMro> rows;
  for (const auto& column : columns) {
    const auto values = file.read<double>(std::string("/mro/types/") + column.name);
    if (&column == &columns[0]) rows.resize(values.size());
    if (values.size() != rows.size()) {
      throw input_error(
          "{}: /mro/types/{} has {} rows where {} are expected: the file is damaged, make it again with "
          "mg-analyze",
          path.string(), column.name, values.size(), rows.size());
    }
    for (std::size_t row = 0; row < rows.size(); ++row) rows[row].*column.member = values[row];
  }
  std::erase_if(rows, [](const MeasuredMro& row) {
    const auto usable = [](double value) { return std::isfinite(value) && value > 0.0; };
    return !usable(row.k_peak) || !usable(row.size_nm) || !usable(row.area_fraction) || !usable(row.order);
  });
  if (rows.empty()) {
    throw input_error(
        "{}: /mro/types has no row with a positive size, area fraction and degree of order: there is nothing "
        "to make zones of; look at size(k) and order(k) of the analysis, or describe the types with --type",
        path.string());
  }
  return rows;
}

GlassRecipe recipe_from_measurement(const std::vector<MeasuredMro>& measured, const MeasurementRules& rules,
                                    const ParameterSet& set) {
  GlassRecipe recipe;
  recipe.matrix = set.matrix;
  double total_area = 0.0;
  for (const auto& row : measured) {
    if (row.k_peak < rules.k_low || row.k_peak > rules.k_high) continue;
    const auto zone = zone_for_order(row.order, rules.calibration);
    MroPopulation population;
    population.type = set.matrix;
    population.type.name = fmt::format("MRO k = {:.2f}", row.k_peak);
    population.type.modes = zone.modes;
    population.type.amplitude = zone.amplitude;
    population.type.softening = zone.softening;
    population.type.barrier_law = set.mro_barrier_law;
    population.type.barrier_mean_ev = set.mro_barrier_mean_ev;
    population.type.barrier_spread = set.mro_barrier_spread;
    population.type.source_k_peak = row.k_peak;
    population.type.source_size_nm = row.size_nm;
    population.type.source_order = row.order;
    population.sizes.mean_nm = rules.size_factor * row.size_nm;
    population.sizes.spread_nm = rules.relative_spread * population.sizes.mean_nm;
    population.sizes.minimum_nm = std::max(0.0, population.sizes.mean_nm - 3.0 * population.sizes.spread_nm);
    population.volume_fraction = rules.fraction * row.area_fraction;
    total_area += row.area_fraction;
    recipe.mro.push_back(population);
  }
  if (recipe.mro.empty()) {
    throw input_error("none of the {} measured MRO types has its peak between k = {} and {} nm^-1: widen the range",
                      measured.size(), rules.k_low, rules.k_high);
  }
  if (rules.fraction_rule == FractionRule::total) {
    for (auto& population : recipe.mro) population.volume_fraction /= total_area;
  }
  return recipe;
}

}  // namespace mesoglass::catalog
