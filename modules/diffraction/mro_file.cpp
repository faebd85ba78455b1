#include "diffraction/mro_file.hpp"

#include <algorithm>
#include <cmath>
#include <limits>

#include "diffraction/emd_arrays.hpp"
#include "diffraction/heterogeneity_file.hpp"
#include "diffraction/map_descriptors.hpp"
#include "diffraction/pair_distribution_file.hpp"
#include "diffraction/relaxation_file.hpp"

namespace mesoglass::diffraction {

namespace {

std::vector<double> power_as(PowerForm form, int angles, std::vector<double> values) {
  if (form == PowerForm::dft2) {
    for (double& value : values) value = angles * value * (angles * value);
  }
  return values;
}

class Writer {
 public:
  Writer(Hdf5File& file, const SampleResult& sample, const MroFileSettings& settings)
      : file_(file), sample_(sample), settings_(settings) {
    k_ = {"k", sample.k_known ? "nm^-1" : "px", sample.k()};
    n_ = linear_axis("n", "1", static_cast<std::size_t>(sample.angles / 2 + 1), 1.0);
    length_ = sample.scan_step_known ? "nm" : "scan steps";
  }

  // The quantities that areas and the sample have in common.
  void descriptors(const std::string& group, const Curve& size, const Curve& diameter, const Curve& area_fraction,
                   const Curve& order, const Curve& quality, const Curve& intensity, const Curve& power,
                   const std::vector<double>& variance) {
    const std::string size_text = settings_.calibrated_size
                                      ? "diameter of MRO domains from the maps' autocorrelation, calibrated for " +
                                            settings_.size_profile + " domains"
                                      : "speckle size: full width at half maximum of the maps' autocorrelation over "
                                        "sqrt 2, probe removed in quadrature";
    const Curve& shown = settings_.calibrated_size ? diameter : size;
    curve(group + "/size", {k_}, shown.value, length_, size_text);
    curve(group + "/size_error", {k_}, size.error, length_,
          "standard error of size, from leaving out groups of angles");
    curve(group + "/size_diameter", {k_}, diameter.value, length_,
          "diameter of " + settings_.size_profile + " domains whose maps give this speckle size");
    curve(group + "/area_fraction", {k_}, area_fraction.value, "1",
          "part of the maps where a single speckle has at least half of an ideal one's height, whatever type of order "
          "it belongs to; of single types see separated_types and /mro/types");
    curve(group + "/area_fraction_error", {k_}, area_fraction.error, "1", "standard error of area_fraction");
    const bool cn = settings_.power_form == PowerForm::cn;
    const std::string power_text =
        cn ? "angular power c_n = |I_n|^2/|I_0|^2, mean over patterns, counting noise removed"
           : "angular power (N c_n)^2 of the mean c_n, counting noise removed";
    curve(group + "/power", {n_, k_}, power_as(settings_.power_form, sample_.angles, power.value), "1", power_text);
    curve(group + "/power_variance", {n_, k_}, variance, "1", "variance of c_n over patterns");
    curve(group + "/power_error", {n_, k_}, power.error, "1",
          "standard error of the mean c_n, from leaving out blocks of the scan");
    curve(group + "/order", {k_}, order.value, "1", "degree of order: sum of c_n over even n");
    curve(group + "/order_error", {k_}, order.error, "1", "standard error of order");
    curve(group + "/odd_even_quality", {k_}, quality.value, "1",
          "sum of c_n over odd n by that over even n: plural scattering");
    curve(group + "/radial_intensity", {k_}, intensity.value, "electrons a pixel",
          "mean over angles and kept patterns");
    curve(group + "/radial_intensity_error", {k_}, intensity.error, "electrons a pixel",
          "standard error of radial_intensity, from leaving out blocks of the scan");
  }

  void area(const std::string& group, const AreaResult& area) {
    make_node(file_, group);
    const PatternAverages& averages = area.averages;
    const std::vector<double> unknown(averages.order.size(), std::numeric_limits<double>::quiet_NaN());
    descriptors(group, {area.size, area.size_error}, {area.size_diameter, unknown},
                {area.area_fraction, area.area_fraction_error}, {averages.order, averages.order_error},
                {averages.odd_even_quality, unknown}, {averages.radial_intensity, averages.radial_intensity_error},
                {averages.power, averages.power_error}, averages.power_variance);
    curve(group + "/noise_bias", {n_, k_}, averages.noise_bias, "1",
          "counting noise that was removed from c_n: G beta_n / I_0");
    curve(group + "/map_variance", {k_}, area.map_variance, "1",
          "variance of the maps' relative intensity, noise removed");
    curve(group + "/map_noise_variance", {k_}, area.map_noise_variance, "1",
          "white noise in the maps' relative intensity");
    size_estimators(group, area);
    separated(group + "/separated_types", area.separated);
    kinds(group + "/type_profiles", area.kinds);
    const std::string pixel = area.k_known ? "nm^-1" : "px";
    const auto& shape = area.geometry.shape;
    const Axis ky = linear_axis("ky", pixel, static_cast<std::size_t>(shape.ny), area.k_per_pixel);
    const Axis kx = linear_axis("kx", pixel, static_cast<std::size_t>(shape.nx), area.k_per_pixel);
    curve(group + "/mean_pattern", {ky, kx}, area.mean_pattern, "detector units", "mean of the kept patterns");
    const Axis y = linear_axis("y", length_, static_cast<std::size_t>(area.scan_ny), area.scan_step_nm);
    const Axis x = linear_axis("x", length_, static_cast<std::size_t>(area.scan_nx), area.scan_step_nm);
    curve(group + "/transmittance", {y, x}, area.transmittance, "1",
          "intensity in the unscattered disc over all intensity");
    curve(group + "/disc_x", {y, x}, area.centre_x_px, "px", "centre of mass of the unscattered disc along kx");
    curve(group + "/disc_y", {y, x}, area.centre_y_px, "px", "centre of mass of the unscattered disc along ky");
    transmittance_histogram(group, area.transmittance);
    write_thickness_bins(file_, group, area, k_, n_, length_);
    if (settings_.pair_distribution) write_pair_distribution(file_, group, area, *settings_.pair_distribution);
    write_local_maps(file_, group, area, length_);
    write_relaxation(file_, group, area, length_);
    example_maps(group, area, y, x);
    calibration(group + "/calibration", area);
  }

  void separated(const std::string& group, const std::vector<SeparatedType>& types) {
    const std::string k_unit = sample_.k_known ? "nm^-1" : "px";
    const auto column = [&](const std::string& name, const std::string& unit, const std::string& text, auto value_of) {
      std::vector<double> values;
      for (const SeparatedType& type : types) values.push_back(value_of(type));
      file_.write(group + "/" + name, values, unit, text);
    };
    file_.create_group(group);
    column("k", k_unit, "middle of the profile over k of types shown alone, also where they overlap in k",
           [](const SeparatedType& type) { return type.profile.k; });
    column("width", k_unit, "standard deviation of that profile",
           [](const SeparatedType& type) { return type.profile.width; });
    column("strength", "1", "variance of the intensity that the type adds at its k, over the largest at any k",
           [](const SeparatedType& type) { return type.profile.strength; });
    column("area_fraction", "1", "area fraction of the type alone",
           [](const SeparatedType& type) { return type.area_fraction; });
    column("area_fraction_error", "1", "its standard error",
           [](const SeparatedType& type) { return type.area_fraction_error; });
    column("size", length_, "size of the type alone, as size(k)", [](const SeparatedType& type) { return type.size; });
    column("size_error", length_, "its standard error", [](const SeparatedType& type) { return type.size_error; });
  }

  void types() {
    const std::string group = "/mro/types";
    const std::string k_unit = sample_.k_known ? "nm^-1" : "px";
    const auto column = [&](const std::string& name, const std::string& unit, const std::string& text, auto member) {
      std::vector<double> values;
      for (const MroType& type : sample_.types) values.push_back(type.*member);
      file_.write(group + "/" + name, values, unit, text);
    };
    file_.create_group(group);
    column("k_peak", k_unit, "k of the peak of order(k) or size(k)", &MroType::k_peak);
    column("k_low", k_unit, "lower end of the peak at half of its height", &MroType::k_low);
    column("k_high", k_unit, "upper end of the peak at half of its height", &MroType::k_high);
    column("size_nm", length_, "size: of this type alone where it was found in separated maps, else at the peak",
           &MroType::size_nm);
    column("size_error_nm", length_, "its standard error", &MroType::size_error_nm);
    column("area_fraction", "1",
           "area fraction: of this type alone where it was found in separated maps, else at the peak",
           &MroType::area_fraction);
    column("area_fraction_error", "1", "its standard error", &MroType::area_fraction_error);
    column("area_fraction_at_peak", "1", "area fraction of the maps at the peak, speckles of all types counted",
           &MroType::area_fraction_at_peak);
    column("order", "1", "degree of order at the peak", &MroType::order);
    column("order_error", "1", "its standard error", &MroType::order_error);
    std::vector<double> several;
    for (const MroType& type : sample_.types) several.push_back(type.several ? 1.0 : 0.0);
    file_.write(group + "/several", several, "1",
                "1 where several types too close in k to be told apart may be taken for one");
  }

 private:
  void curve(const std::string& group, const std::vector<Axis>& axes, const std::vector<double>& values,
             const std::string& unit, const std::string& description) {
    write_array(file_, group, axes, values, unit, description);
  }

  // The second and the third size estimator, and what maps with shuffled angles give.
  void size_estimators(const std::string& group, const AreaResult& area) {
    curve(group + "/region_diameter", {k_}, area.region_diameter, length_,
          "median equivalent diameter of connected regions above the area threshold, probe removed in quadrature");
    curve(group + "/region_diameter_error", {k_}, area.region_diameter_error, length_,
          "standard error of region_diameter, from the scatter between groups of angles");
    curve(group + "/region_diameter_null", {k_}, area.null_region_diameter, length_,
          "the same in maps whose angles were shuffled");
    curve(group + "/speckle_fit", {k_}, area.fit_width, length_,
          "median full width at half maximum of Gaussians fitted to single speckles, probe removed in quadrature");
    curve(group + "/speckle_fit_error", {k_}, area.fit_width_error, length_,
          "standard error of speckle_fit, from the scatter between groups of angles");
    curve(group + "/speckle_fit_null", {k_}, area.null_fit_width, length_,
          "the same in maps whose angles were shuffled");
    curve(group + "/share_above_threshold", {k_}, area.share_above, "1",
          "part of the smoothed maps above the threshold");
    curve(group + "/share_above_threshold_null", {k_}, area.null_share, "1",
          "the same in maps whose angles were shuffled");
    const Axis diameter = linear_axis("diameter", length_, diameter_bins, diameter_bin_steps * area.scan_step_nm,
                                      0.5 * diameter_bin_steps * area.scan_step_nm);
    curve(group + "/region_diameter_histogram", {k_, diameter}, area.region_diameter_histogram, "regions",
          "regions in bins of equivalent diameter, smoothing removed, probe not removed; the last bin holds all larger "
          "ones");
  }

  void kinds(const std::string& group, const std::vector<WideKind>& kinds) {
    const std::string k_unit = sample_.k_known ? "nm^-1" : "px";
    const std::string square = sample_.k_known ? "nm^-2" : "px^2";
    const auto column = [&](const std::string& name, const std::string& unit, const std::string& text, auto value_of) {
      std::vector<double> values;
      for (const WideKind& kind : kinds) values.push_back(value_of(kind));
      file_.write(group + "/" + name, values, unit, text);
    };
    file_.create_group(group);
    column("k", k_unit, "middle of what is taken for one type; none where no profiles describe the maps",
           [](const WideKind& kind) { return kind.speckle.k; });
    column("width", k_unit, "standard deviation of a single speckle's profile over k; types closer are not told apart",
           [](const WideKind& kind) { return kind.speckle.width; });
    column("middle_variance", square, "variance of the speckles' middles; noise may make it negative",
           [](const WideKind& kind) { return kind.middle_variance; });
    column("middle_variance_error", square, "its standard error, from leaving out strips of the scan",
           [](const WideKind& kind) { return kind.middle_variance_error; });
    column("several", "1", "1 where that is more than a single type's",
           [](const WideKind& kind) { return kind.several() ? 1.0 : 0.0; });
  }

  void transmittance_histogram(const std::string& group, const std::vector<double>& values) {
    constexpr std::size_t bins = 100;
    std::vector<std::int64_t> counts(bins, 0);
    for (const double value : values) {
      if (!std::isfinite(value)) continue;
      const double place = std::clamp(value, 0.0, 1.0) * static_cast<double>(bins);
      ++counts[std::min(bins - 1, static_cast<std::size_t>(place))];
    }
    const Axis centre = linear_axis("transmittance", "1", bins, 1.0 / bins, 0.5 / bins);
    write_array<std::int64_t>(file_, group + "/transmittance_histogram", {centre}, counts, "patterns",
                              "measured patterns in bins of transmittance");
  }

  void example_maps(const std::string& group, const AreaResult& area, const Axis& y, const Axis& x) {
    if (area.example_maps.empty()) return;
    std::vector<float> values;
    std::vector<double> k;
    std::vector<double> phi;
    for (const ExampleMap& map : area.example_maps) {
      const double electrons = area.averages.radial_intensity[static_cast<std::size_t>(map.bin)];
      for (const float relative : map.relative)
        values.push_back(static_cast<float>(static_cast<double>(relative) * electrons));
      k.push_back(sample_.k_range.k(map.bin));
      phi.push_back(2.0 * units::pi * map.angle / area.grid.angles);
    }
    const Axis index = linear_axis("map", "1", area.example_maps.size(), 1.0);
    write_array<float>(
        file_, group + "/example_maps", {index, y, x}, values, "electrons a pixel",
        "dark-field maps: intensity relative to the pattern's own mean at that k, times the mean at that k");
    curve(group + "/example_map_k", {index}, k, k_.unit, "k of the example maps");
    curve(group + "/example_map_phi", {index}, phi, "rad", "angle of the example maps, from +kx towards +ky");
  }

  void calibration(const std::string& group, const AreaResult& area) {
    constexpr double nan = std::numeric_limits<double>::quiet_NaN();
    file_.create_group(group);
    const AreaGeometry& geometry = area.geometry;
    const Point centre =
        geometry.centre_at(0.5 * static_cast<double>(area.scan_ny - 1), 0.5 * static_cast<double>(area.scan_nx - 1));
    const auto real = [&](const char* name, double value) { file_.set_attribute(group, name, value); };
    const auto whole = [&](const char* name, std::int64_t value) { file_.set_attribute(group, name, value); };
    file_.set_attribute(group, "source", area.name);
    real("centre_x_px", centre.x);
    real("centre_y_px", centre.y);
    real("ring_radius_px", geometry.ring ? geometry.ring->radius_px : nan);
    real("ring_half_width_px", geometry.ring ? geometry.ring->half_width_px : nan);
    real("ellipse_axis_ratio", geometry.ellipse.axis_ratio());
    real("ellipse_angle_rad", geometry.ellipse.angle_rad());
    real("k_per_pixel", area.k_known ? area.k_per_pixel : nan);
    file_.set_attribute(group, "k_unit", k_.unit);
    real("scan_step_nm", area.scan_step_known ? area.scan_step_nm : nan);
    real("gain", geometry.gain);
    real("probe_fwhm_nm", settings_.probe_fwhm_nm);
    real("disc_centre_x_px",
         geometry.plane.at(0.5 * static_cast<double>(area.scan_ny - 1), 0.5 * static_cast<double>(area.scan_nx - 1)).x);
    real("disc_centre_y_px",
         geometry.plane.at(0.5 * static_cast<double>(area.scan_ny - 1), 0.5 * static_cast<double>(area.scan_nx - 1)).y);
    real("disc_radius_px", geometry.disc ? geometry.disc->radius_px : nan);
    real("disc_aperture_px", geometry.disc ? geometry.aperture_radius_px : nan);
    real("descan_x_px_a_column", geometry.plane.x_column);
    real("descan_x_px_a_row", geometry.plane.x_row);
    real("descan_y_px_a_column", geometry.plane.y_column);
    real("descan_y_px_a_row", geometry.plane.y_row);
    whole("dead_pixels", geometry.bad_pixels.dead);
    whole("hot_pixels", geometry.bad_pixels.hot);
    whole("kept_patterns", area.counts.kept);
    whole("total_patterns", area.counts.total);
    whole("not_finite_patterns", area.counts.not_finite);
    whole("empty_patterns", area.counts.empty);
    whole("no_disc_patterns", area.counts.no_disc);
    whole("too_thick_patterns", area.counts.too_thick);
    whole("wrong_thickness_patterns", area.counts.wrong_thickness);
  }

  Hdf5File& file_;
  const SampleResult& sample_;
  const MroFileSettings& settings_;
  Axis k_;
  Axis n_;
  std::string length_;
};

}  // namespace

void write_mro(Hdf5File& file, const SampleResult& sample, const MroFileSettings& settings) {
  file.write_format("mesoglass mro", 1, 2);
  file.set_attribute("/", "emd_group_type", "file");
  file.set_attribute("/", "version_major", std::int64_t{1});
  file.set_attribute("/", "version_minor", std::int64_t{0});
  file.set_attribute("/", "authoring_program", "mesoglass mg-analyze");
  file.create_group("/mro");
  file.set_attribute("/mro", "emd_group_type", "root");
  file.set_attribute("/mro", "python_class", "Root");
  Writer writer(file, sample, settings);
  for (std::size_t index = 0; index < sample.areas.size(); ++index) {
    writer.area(fmt::format("/mro/area_{:03}", index), sample.areas[index]);
  }
  make_node(file, "/mro/sample");
  writer.descriptors("/mro/sample", sample.size, sample.size_diameter, sample.area_fraction, sample.order,
                     sample.odd_even_quality, sample.radial_intensity, sample.power, sample.power_variance);
  writer.separated("/mro/sample/separated_types", sample.separated);
  write_sample_heterogeneity(file, "/mro/sample", sample);
  if (settings.pair_distribution) write_pair_distribution(file, "/mro/sample", sample, *settings.pair_distribution);
  write_sample_relaxation(file, "/mro/sample", sample);
  writer.types();
}

}  // namespace mesoglass::diffraction
