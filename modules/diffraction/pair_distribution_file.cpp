#include "diffraction/pair_distribution_file.hpp"

#include "diffraction/emd_arrays.hpp"
#include "diffraction/pair_distribution_summary.hpp"

namespace mesoglass::diffraction {

namespace {

PairDistributionCurves curves_of(const PairDistribution& found) {
  return {{found.structure_factor, found.structure_factor_error},
          {found.reduced, found.reduced_error},
          {found.distribution, found.distribution_error},
          {found.peak_nm, found.peak_error_nm}};
}

// One of the curves, of one or of several PairDistributionCurves (rows).
void write_curve(Hdf5File& file, const std::string& path, const std::vector<Axis>& axes,
                 const std::vector<PairDistributionCurves>& rows, Curve PairDistributionCurves::*member,
                 const std::string& unit, const std::string& description) {
  Curve all;
  for (const PairDistributionCurves& row : rows) {
    const Curve& curve = row.*member;
    all.value.insert(all.value.end(), curve.value.begin(), curve.value.end());
    all.error.insert(all.error.end(), curve.error.begin(), curve.error.end());
  }
  write_array(file, path, axes, all.value, unit, description);
  write_array(file, path + "_error", axes, all.error, unit,
              "standard error of " + path.substr(path.rfind('/') + 1) + ", from leaving out blocks of the scan");
}

// `outer` is the axis of the rows, if they have one.
void write_curves(Hdf5File& file, const std::string& group, const std::vector<Axis>& outer,
                  const std::vector<PairDistributionCurves>& rows, const PairDistributionMeter& meter) {
  const Axis k{"k", "nm^-1", meter.k()};
  const Axis r{"r", "nm", meter.r_nm()};
  const auto axes = [&](const Axis& last) {
    std::vector<Axis> all = outer;
    all.push_back(last);
    return all;
  };
  write_curve(file, group + "/structure_factor", axes(k), rows, &PairDistributionCurves::structure_factor, "1",
              "S(k) = 1 + [I/N - <f^2>]/<f>^2, smooth background taken off");
  write_curve(file, group + "/reduced_structure_function", axes(k), rows, &PairDistributionCurves::reduced, "nm^-1",
              "phi(k) = k (S(k) - 1), without the window");
  const std::string path = group + "/pair_distribution";
  write_curve(file, path, axes(r), rows, &PairDistributionCurves::distribution, "nm^-2",
              "G(r) = 8 pi integral phi(k) W(k) sin(2 pi k r) dk = 4 pi r (rho(r) - rho_0)");
  const PairDistributionSettings& settings = meter.settings();
  file.set_attribute(path, "composition", settings.composition.text);
  file.set_attribute(path, "scattering_factors", "Lobato and Van Dyck, Acta Cryst. A70 (2014) 636");
  file.set_attribute(path, "k_min", meter.k().front());
  file.set_attribute(path, "k_max", meter.k().back());
  file.set_attribute(path, "fit_min", meter.fit_low());
  file.set_attribute(path, "fit_max", meter.fit_high());
  file.set_attribute(path, "background", settings.constant_background ? "constant" : "none");
  file.set_attribute(path, "background_degree", std::int64_t{meter.background_degree()});
  file.set_attribute(path, "window", settings.window == PairWindow::lorch ? "lorch" : "none");
  file.set_attribute(path, "damping_nm2", settings.damping_nm2);
  file.set_attribute(path, "resolution_nm", meter.resolution_nm());
  file.set_attribute(path, "peak_width_nm", meter.peak_width_nm());
  file.set_attribute(path, "warning", resolution_warning(meter));
}

void set_peak(Hdf5File& file, const std::string& group, const Curve& peak) {
  file.set_attribute(group + "/pair_distribution", "peak_nm", peak.value.front());
  file.set_attribute(group + "/pair_distribution", "peak_error_nm", peak.error.front());
}

}  // namespace

void write_pair_distribution(Hdf5File& file, const std::string& group, const AreaResult& area,
                             const PairDistributionMeter& meter) {
  const PairDistributionCurves whole = curves_of(area.pair_distribution);
  write_curves(file, group, {}, {whole}, meter);
  set_peak(file, group, whole.peak);
  file.set_attribute(group + "/pair_distribution", "scale", area.pair_distribution.scale);
  file.set_attribute(group + "/pair_distribution", "constant", area.pair_distribution.constant);
  std::vector<PairDistributionCurves> bins;
  for (const ThicknessBinResult& bin : area.by_thickness) bins.push_back(curves_of(bin.pair_distribution));
  if (bins.empty()) return;
  write_curves(file, group + "/thickness_bins", {linear_axis("thickness bin", "1", bins.size(), 1.0)}, bins, meter);
}

void write_pair_distribution(Hdf5File& file, const std::string& group, const SampleResult& sample,
                             const PairDistributionMeter& meter) {
  write_curves(file, group, {}, {sample.pair_distribution}, meter);
  set_peak(file, group, sample.pair_distribution.peak);
  std::vector<PairDistributionCurves> bins;
  for (const ThicknessBinCurves& bin : sample.by_thickness) bins.push_back(bin.pair_distribution);
  if (bins.empty()) return;
  write_curves(file, group + "/thickness_bins", {linear_axis("thickness bin", "1", bins.size(), 1.0)}, bins, meter);
}

}  // namespace mesoglass::diffraction
