#include "diffraction/heterogeneity_file.hpp"

#include <cmath>
#include <functional>
#include <limits>

namespace mesoglass::diffraction {

namespace {

constexpr const char* angular_text = "mean over patterns of <I^2>/<I>^2 - 1 over the angles, counting noise removed";
constexpr const char* between_text =
    "<Ibar^2>/<Ibar>^2 - 1 over the patterns, Ibar the mean over the angles, counting noise removed";

// One row a bin: (bins, width) from what `row_of` gives of each.
template <typename Bins, typename RowOf>
std::vector<double> rows(const Bins& bins, const RowOf& row_of) {
  std::vector<double> values;
  for (const auto& bin : bins) {
    const std::vector<double>& row = row_of(bin);
    values.insert(values.end(), row.begin(), row.end());
  }
  return values;
}

// What tells the bins apart; `patterns` and `transmittance` have one value a bin.
void write_bin_limits(Hdf5File& file, const std::string& group, const Axis& axis, const ThicknessBins& bins,
                      const std::vector<double>& patterns, const std::vector<double>& transmittance) {
  std::vector<double> low{0.0};
  std::vector<double> high = bins.edges;
  low.insert(low.end(), bins.edges.begin(), bins.edges.end());
  high.push_back(std::numeric_limits<double>::infinity());
  std::vector<double> thickness;
  for (const double value : transmittance) thickness.push_back(thickness_in_mean_free_paths(value));
  write_array(file, group + "/transmittance_low", {axis}, low, "1", "transmittance from which the bin begins");
  write_array(file, group + "/transmittance_high", {axis}, high, "1", "transmittance at which it ends");
  write_array(file, group + "/transmittance_mean", {axis}, transmittance, "1", "mean transmittance of its patterns");
  write_array(file, group + "/thickness_mean", {axis}, thickness, "mean free paths", "-ln of transmittance_mean");
  write_array(file, group + "/patterns", {axis}, patterns, "patterns", "kept patterns in the bin");
}

// The names of the maps that the tables beside are about, and the tables' axis.
Axis write_names(Hdf5File& file, const std::string& group, const std::vector<std::string>& names) {
  file.write_texts(group + "/names", names, "the maps, in the order of the tables beside");
  return linear_axis("map", "1", names.size(), 1.0);
}

// A (maps, maps) table.
void write_matrix(Hdf5File& file, const std::string& group, const Axis& maps, const std::string& name,
                  const std::vector<double>& values, const std::string& unit, const std::string& text) {
  Axis columns = maps;
  columns.name = "other map";
  write_array(file, group + "/" + name, {maps, columns}, values, unit, text);
}

}  // namespace

void write_thickness_bins(Hdf5File& file, const std::string& area_group, const AreaResult& area, const Axis& k,
                          const Axis& n, const std::string& length) {
  const auto& bins = area.by_thickness;
  if (bins.empty()) return;
  const std::string group = area_group + "/thickness_bins";
  make_node(file, group);
  const Axis axis = linear_axis("thickness bin", "1", bins.size(), 1.0);
  std::vector<double> patterns, transmittance;
  for (const auto& bin : bins) {
    patterns.push_back(bin.patterns);
    transmittance.push_back(bin.mean_transmittance);
  }
  write_bin_limits(file, group, axis, area.thickness_bins, patterns, transmittance);
  using Values = std::vector<double> PatternAverages::*;
  const auto of_patterns = [&](const std::string& name, Values values, const std::string& unit,
                               const std::string& text) {
    write_array(file, group + "/" + name, {axis, k},
                rows(
                    bins, [&](const auto& bin) -> const auto& { return bin.averages.*values; }),
                unit, text);
  };
  of_patterns("order", &PatternAverages::order, "1", "degree of order: sum of c_n over even n");
  of_patterns("order_error", &PatternAverages::order_error, "1", "standard error of order");
  of_patterns("odd_even_quality", &PatternAverages::odd_even_quality, "1",
              "sum of c_n over odd n by that over even n: plural scattering");
  of_patterns("radial_intensity", &PatternAverages::radial_intensity, "electrons a pixel", "mean over angles");
  of_patterns("radial_intensity_error", &PatternAverages::radial_intensity_error, "electrons a pixel",
              "its standard error");
  of_patterns("variance_between", &PatternAverages::variance_between, "1", between_text);
  of_patterns("variance_between_error", &PatternAverages::variance_between_error, "1", "its standard error");
  of_patterns("variance_within", &PatternAverages::variance_within, "1", angular_text);
  of_patterns("variance_within_error", &PatternAverages::variance_within_error, "1", "its standard error");
  write_array(file, group + "/power", {axis, n, k},
              rows(
                  bins, [](const auto& bin) -> const auto& { return bin.averages.power; }),
              "1", "angular power c_n, mean over the bin's patterns, counting noise removed");
  write_array(file, group + "/power_error", {axis, n, k},
              rows(
                  bins, [](const auto& bin) -> const auto& { return bin.averages.power_error; }),
              "1", "its standard error");
  write_array(file, group + "/size", {axis, k},
              rows(
                  bins, [](const auto& bin) -> const auto& { return bin.size; }),
              length, "speckle size (--sizes-by-thickness; else NaN)");
  write_array(file, group + "/size_error", {axis, k},
              rows(
                  bins, [](const auto& bin) -> const auto& { return bin.size_error; }),
              length, "its standard error");
  write_array(file, group + "/area_fraction", {axis, k},
              rows(
                  bins, [](const auto& bin) -> const auto& { return bin.area_fraction; }),
              "1", "area fraction (--sizes-by-thickness; else NaN)");
  write_array(file, group + "/area_fraction_error", {axis, k},
              rows(
                  bins, [](const auto& bin) -> const auto& { return bin.area_fraction_error; }),
              "1", "its standard error");
}

void write_local_maps(Hdf5File& file, const std::string& area_group, const AreaResult& area,
                      const std::string& length) {
  if (area.local_maps.empty()) return;
  const std::string group = area_group + "/heterogeneity";
  make_node(file, group);
  make_node(file, group + "/maps");
  file.set_attribute(group, "k_low", area.local_k_low);
  file.set_attribute(group, "k_high", area.local_k_high);
  const Axis y = linear_axis("y", length, static_cast<std::size_t>(area.scan_ny), area.scan_step_nm);
  const Axis x = linear_axis("x", length, static_cast<std::size_t>(area.scan_nx), area.scan_step_nm);
  std::vector<std::string> names;
  for (const LocalMap& map : area.local_maps) {
    names.push_back(map.name);
    write_array<float>(file, group + "/maps/" + map.name, {y, x}, map.values, map.unit, map.description);
  }
  const MapRelations& relations = area.relations;
  const Axis maps = write_names(file, group, names);
  const auto statistic = [&](const std::string& name, const std::string& unit, const std::string& text,
                             double MapSummary::*member, double scale = 1.0) {
    std::vector<double> values;
    for (const MapSummary& summary : relations.summaries) values.push_back(summary.*member * scale);
    write_array(file, group + "/" + name, {maps}, values, unit, text);
  };
  const double step = area.scan_step_nm;
  statistic("positions", "positions", "with a value in every map", &MapSummary::positions);
  statistic("independent_positions", "1", "independent values that tell as much of the mean", &MapSummary::independent);
  statistic("mean", "the map's", "mean", &MapSummary::mean);
  statistic("mean_error", "the map's", "its standard error, from the independent values", &MapSummary::mean_error);
  statistic("deviation", "the map's", "standard deviation of single positions", &MapSummary::deviation);
  statistic("noise_deviation", "the map's", "the part of it that neighbouring positions do not share",
            &MapSummary::noise_deviation);
  statistic("skewness", "1", "third central moment over the cube of the deviation", &MapSummary::skewness);
  statistic("correlation_length", length, "where the autocorrelation, noise left out, has fallen to 1/e",
            &MapSummary::correlation_length, step);
  statistic("exponential_length", length, "l of A exp(-r/l) fitted to the autocorrelation",
            &MapSummary::exponential_length, step);
  statistic("exponential_residual", "1", "root mean square of that fit", &MapSummary::exponential_residual);
  statistic("gaussian_length", length, "l of A exp(-(r/l)^2) fitted to the autocorrelation",
            &MapSummary::gaussian_length, step);
  statistic("gaussian_residual", "1", "root mean square of that fit", &MapSummary::gaussian_residual);
  write_matrix(file, group, maps, "correlation", relations.correlation, "1", "Pearson's r between maps");
  write_matrix(file, group, maps, "correlation_error", relations.correlation_error, "1",
               "standard error of r, from the independent places");
  write_matrix(file, group, maps, "correlation_independent", relations.independent, "1",
               "independent places of the pair (Clifford, Richardson and Hemon 1989)");
  write_matrix(file, group, maps, "correlation_probability", relations.probability, "1",
               "that unrelated maps with these autocorrelations give an r as large");
  write_matrix(file, group, maps, "correlation_at_thickness", relations.partial, "1",
               "partial r with the thickness held fixed");
  if (relations.lags == 0) return;
  const Axis lag = linear_axis("distance", length, static_cast<std::size_t>(relations.lags), step);
  Axis others = maps;
  others.name = "other map";
  write_array(file, group + "/autocorrelation", {maps, lag}, relations.autocorrelation, "1",
              "radial mean of the map's autocorrelation");
  write_array(file, group + "/cross_correlation", {maps, others, lag}, relations.cross_correlation, "1",
              "radial mean of the correlation between maps at a distance; NaN for pairs that are not followed");
}

void write_sample_heterogeneity(Hdf5File& file, const std::string& sample_group, const SampleResult& sample) {
  const Axis k{"k", sample.k_known ? "nm^-1" : "px", sample.k()};
  const std::string length = sample.scan_step_known ? "nm" : "scan steps";
  const auto curve = [&](const std::string& name, const std::vector<double>& values, const std::string& unit,
                         const std::string& text) {
    write_array(file, sample_group + "/" + name, {k}, values, unit, text);
  };
  curve("variance_between", sample.variance_between.value, "1", between_text);
  curve("variance_between_error", sample.variance_between.error, "1", "its standard error");
  curve("variance_within", sample.variance_within.value, "1", angular_text);
  curve("variance_within_error", sample.variance_within.error, "1", "its standard error");
  curve("size_area_scatter", sample.size_scatter, length, "standard deviation of size between areas");
  curve("area_fraction_area_scatter", sample.area_fraction_scatter, "1",
        "standard deviation of area_fraction between areas");
  curve("order_area_scatter", sample.order_scatter, "1", "standard deviation of order between areas");

  const auto& bins = sample.by_thickness;
  if (!bins.empty()) {
    const std::string group = sample_group + "/thickness_bins";
    make_node(file, group);
    const Axis axis = linear_axis("thickness bin", "1", bins.size(), 1.0);
    const Axis n = linear_axis("n", "1", static_cast<std::size_t>(sample.angles / 2 + 1), 1.0);
    std::vector<double> patterns, transmittance;
    for (const auto& bin : bins) {
      patterns.push_back(bin.patterns);
      transmittance.push_back(bin.mean_transmittance);
    }
    write_bin_limits(file, group, axis, sample.areas.front().thickness_bins, patterns, transmittance);
    const auto binned = [&](const std::string& name, Curve ThicknessBinCurves::*member, const std::string& unit,
                            const std::string& text, bool with_error = true) {
      write_array(file, group + "/" + name, {axis, k},
                  rows(
                      bins, [&](const auto& bin) -> const auto& { return (bin.*member).value; }),
                  unit, text);
      if (!with_error) return;
      write_array(file, group + "/" + name + "_error", {axis, k},
                  rows(
                      bins, [&](const auto& bin) -> const auto& { return (bin.*member).error; }),
                  unit, "standard error of " + name);
    };
    binned("order", &ThicknessBinCurves::order, "1", "degree of order: sum of c_n over even n");
    binned("odd_even_quality", &ThicknessBinCurves::odd_even_quality, "1",
           "sum of c_n over odd n by that over even n: plural scattering", false);
    binned("radial_intensity", &ThicknessBinCurves::radial_intensity, "electrons a pixel", "mean over angles");
    binned("variance_between", &ThicknessBinCurves::variance_between, "1", between_text);
    binned("variance_within", &ThicknessBinCurves::variance_within, "1", angular_text);
    binned("size", &ThicknessBinCurves::size, length, "speckle size (--sizes-by-thickness; else NaN)");
    binned("area_fraction", &ThicknessBinCurves::area_fraction, "1", "area fraction (--sizes-by-thickness; else NaN)");
    write_array(file, group + "/power", {axis, n, k},
                rows(
                    bins, [](const auto& bin) -> const auto& { return bin.power.value; }),
                "1", "angular power c_n, mean over the bin's patterns, counting noise removed");
  }

  const PooledCorrelations& pooled = sample.correlations;
  if (pooled.names.empty()) return;
  const std::string group = sample_group + "/heterogeneity";
  make_node(file, group);
  const Axis maps = write_names(file, group, pooled.names);
  write_matrix(file, group, maps, "correlation", pooled.correlation, "1",
               "Pearson's r between maps, over the areas by Fisher's z");
  write_matrix(file, group, maps, "correlation_error", pooled.error, "1",
               "standard error of r, from the independent places or the scatter between at least three areas");
  write_matrix(file, group, maps, "correlation_area_scatter", pooled.area_scatter, "1",
               "standard deviation of r between areas");
  write_matrix(file, group, maps, "correlation_independent", pooled.independent, "1",
               "independent places of all areas");
}

}  // namespace mesoglass::diffraction
