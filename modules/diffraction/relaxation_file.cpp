#include "diffraction/relaxation_file.hpp"

namespace mesoglass::diffraction {

namespace {

std::string time_unit(const RelaxationResult& relaxation) {
  return relaxation.interval_known ? "s" : "frames";
}

Axis lag_axis(const RelaxationResult& relaxation) {
  Axis axis{"lag", time_unit(relaxation), {}};
  for (const std::int64_t lag : relaxation.lags) {
    axis.values.push_back(static_cast<double>(lag) * relaxation.frame_interval_s);
  }
  return axis;
}

// The group with g2 over the lags, its fit and the fit's numbers.
void write_mean(Hdf5File& file, const std::string& group, const RelaxationResult& series, const Curve& g2,
                const std::vector<double>& fit, const Curve& numbers) {
  make_node(file, group);
  const Axis lag = lag_axis(series);
  write_array(file, group + "/g2", {lag}, g2.value, "1",
              "intensity correlation on the ring, split normalisation, mean over the measured positions");
  write_array(file, group + "/g2_error", {lag}, g2.error, "1",
              "its standard error, from leaving out sectors of angles and blocks of the scan");
  write_array(file, group + "/g2_fit", {lag}, fit, "1",
              "fit of 1 + A exp(-2 (t/tau)^beta), as the normalisation of a finite series shows it; NaN without one");
  const auto real = [&](const std::string& name, std::size_t index) {
    file.set_attribute(group, name, numbers.value[index]);
    file.set_attribute(group, name + "_error", numbers.error[index]);
  };
  real("relaxation_time", 0);
  real("stretching", 1);
  real("contrast", 2);
  file.set_attribute(group, "time_unit", time_unit(series));
}

}  // namespace

void write_relaxation(Hdf5File& file, const std::string& area_group, const AreaResult& area,
                      const std::string& length) {
  if (!area.relaxation) return;
  const RelaxationResult& found = *area.relaxation;
  const std::string group = area_group + "/relaxation";
  write_mean(file, group, found, {found.mean_g2, found.mean_g2_error}, found.mean_fit,
             {found.mean_numbers, found.mean_number_errors});
  file.set_attribute(group, "frames", found.frames);
  file.set_attribute(group, "frame_interval", found.frame_interval_s);
  file.set_attribute(group, "significance", found.mean.significance);
  file.set_attribute(group, "state", state_name(found.mean.state));
  file.set_attribute(group, "k_low", found.k_low);
  file.set_attribute(group, "k_high", found.k_high);
  const Axis y = linear_axis("y", length, static_cast<std::size_t>(area.scan_ny), area.scan_step_nm);
  const Axis x = linear_axis("x", length, static_cast<std::size_t>(area.scan_nx), area.scan_step_nm);
  const std::string unit = time_unit(found);
  const auto map = [&](const std::string& name, const std::vector<double>& values, const std::string& value_unit,
                       const std::string& text) {
    write_array(file, group + "/" + name, {y, x}, values, value_unit, text);
  };
  map("relaxation_time", found.time, unit, "tau of 1 + A exp(-2 (t/tau)^beta); NaN unless determined (see state)");
  map("relaxation_time_error", found.time_error, unit, "its standard error, from leaving out sectors of angles");
  map("stretching", found.stretching, "1", "beta");
  map("stretching_error", found.stretching_error, "1", "its standard error; 0 where beta was given");
  map("contrast", found.contrast, "1", "A");
  map("contrast_error", found.contrast_error, "1", "its standard error");
  map("significance", found.significance, "1", "amplitude of the decay over its standard error");
  std::vector<std::int64_t> states;
  for (const RelaxationState state : found.states) states.push_back(static_cast<std::int64_t>(state));
  write_array<std::int64_t>(file, group + "/state", {y, x}, states, "1",
                            "0 determined, 1 not measured, 2 no relaxation seen, 3 faster than a frame, 4 slower than "
                            "the longest lag, 5 not determined (error of ln tau 1 or more, or beta at its limits)");
  write_array<float>(file, group + "/g2_map", {y, x, lag_axis(found)}, found.g2, "1", "g2 at every position");
}

void write_sample_relaxation(Hdf5File& file, const std::string& sample_group, const SampleResult& sample) {
  if (!sample.areas.front().relaxation) return;
  write_mean(file, sample_group + "/relaxation", *sample.areas.front().relaxation, sample.g2, sample.g2_fit.value,
             sample.relaxation);
}

}  // namespace mesoglass::diffraction
