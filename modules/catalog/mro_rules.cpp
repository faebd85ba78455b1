#include "catalog/mro_rules.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/hdf5_file.hpp"

namespace mesoglass::catalog {

namespace {

constexpr double lowest_position = -0.25;

double interpolated_geometrically(double at_weak, double at_strong, double position) {
  return at_weak * std::pow(at_strong / at_weak, position);
}

// What the rules make of one standard error less and more order.
void carry_order_error(const MeasuredMro& row, const OrderCalibration& calibration, ShearZoneType& type) {
  if (!(row.order_error >= 0.0) || !std::isfinite(row.order_error)) return;
  // An error as large as the value leaves no positive order below: the limit of the rules then.
  const auto less =
      zone_for_order(std::max(row.order - row.order_error, std::numeric_limits<double>::min()), calibration);
  const auto more = zone_for_order(row.order + row.order_error, calibration);
  type.modes_at_less_order = less.modes;
  type.modes_at_more_order = more.modes;
  type.amplitude_at_less_order = less.amplitude;
  type.amplitude_at_more_order = more.amplitude;
  type.softening_at_less_order = less.softening;
  type.softening_at_more_order = more.softening;
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
  const double modes = interpolated_geometrically(weakly_ordered.modes, strongly_ordered.modes, position);
  zone.modes = std::clamp(2 * static_cast<int>(std::lround(0.5 * modes)), 2, 18);
  zone.softening =
      std::min(1.0, interpolated_geometrically(weakly_ordered.softening, strongly_ordered.softening, position));
  zone.amplitude = weakly_ordered.amplitude + (strongly_ordered.amplitude - weakly_ordered.amplitude) * position;
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

double reference_order(const std::vector<MeasuredMro>& measured, double k_low, double k_high) {
  double sum = 0.0;
  double area = 0.0;
  for (const auto& row : measured) {
    if (row.k_peak < k_low || row.k_peak > k_high) continue;
    sum += row.area_fraction * row.order;
    area += row.area_fraction;
  }
  if (!(area > 0.0)) {
    throw input_error("the reference has no MRO type with its peak between k = {} and {} nm^-1: widen the range", k_low,
                      k_high);
  }
  return sum / area;
}

GlassRecipe recipe_from_measurement(const std::vector<MeasuredMro>& measured, const MeasurementRules& rules,
                                    const ParameterSet& set) {
  GlassRecipe recipe;
  recipe.matrix = set.matrix;
  double total_area = 0.0;
  double total_variance = 0.0;
  for (const auto& row : measured) {
    if (row.k_peak < rules.k_low || row.k_peak > rules.k_high) continue;
    DomainSizes sizes;
    sizes.law = rules.size_law;
    sizes.mean_nm = rules.size_factor * row.size_nm;
    sizes.spread_nm = rules.relative_spread * sizes.mean_nm;
    sizes.minimum_nm = std::max(0.0, sizes.mean_nm - 3.0 * sizes.spread_nm);
    auto population =
        mro_population(set, fmt::format("MRO k = {:.2f}", row.k_peak), zone_for_order(row.order, rules.calibration),
                       rules.fraction * row.area_fraction, sizes);
    auto& type = population.type;
    type.source_k_peak = row.k_peak;
    type.source_size_nm = row.size_nm;
    type.source_order = row.order;
    type.source_area_fraction = row.area_fraction;
    type.source_size_error_nm = row.size_error_nm;
    type.source_order_error = row.order_error;
    type.source_area_fraction_error = row.area_fraction_error;
    type.diameter_error_nm = rules.size_factor * row.size_error_nm;
    carry_order_error(row, rules.calibration, type);
    total_area += row.area_fraction;
    total_variance += row.area_fraction_error * row.area_fraction_error;
    recipe.mro.push_back(population);
  }
  if (recipe.mro.empty()) {
    throw input_error("none of the {} measured MRO types has its peak between k = {} and {} nm^-1: widen the range",
                      measured.size(), rules.k_low, rules.k_high);
  }
  for (auto& population : recipe.mro) {
    auto& type = population.type;
    type.volume_fraction_error = rules.fraction * type.source_area_fraction_error;
    if (rules.fraction_rule == FractionRule::area) continue;
    population.volume_fraction /= total_area;
    // Of a / (a + b), a being this type's area fraction and b the others' sum.
    const double own = type.source_area_fraction;
    const double own_error = type.source_area_fraction_error;
    const double others = total_area - own;
    const double others_variance = std::max(0.0, total_variance - own_error * own_error);
    type.volume_fraction_error = rules.fraction *
                                 std::sqrt(others * others * own_error * own_error + own * own * others_variance) /
                                 (total_area * total_area);
  }
  return recipe;
}

}  // namespace mesoglass::catalog
