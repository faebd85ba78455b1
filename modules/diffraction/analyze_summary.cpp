#include "diffraction/analyze_summary.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <iterator>
#include <optional>

#include "core/error.hpp"
#include "core/progress.hpp"
#include "diffraction/local_maps.hpp"

namespace mesoglass::diffraction {

namespace {

// Bin of the largest finite value.
std::optional<std::size_t> largest(const std::vector<double>& values) {
  std::optional<std::size_t> best;
  for (std::size_t i = 0; i < values.size(); ++i) {
    if (std::isfinite(values[i]) && (!best || values[i] > values[*best])) best = i;
  }
  return best;
}

std::string calibration_text(const scan::CalibrationValue& value, const char* unit) {
  return value.value ? fmt::format("{:.5g} {} ({})", *value.value, unit, value.origin) : std::string("unknown");
}

// The first area's relaxation, and how many positions of all areas have one.
void summarise_relaxation(Run& run, const SampleResult& sample) {
  const RelaxationResult& first = *sample.areas.front().relaxation;
  const std::string unit = first.interval_known ? "s" : "frames";
  Summary& summary = run.summary();
  summary.set("relaxation_determined", std::isfinite(sample.relaxation.value[0]), "1",
              "whether the mean g2 has a relaxation time");
  const auto number = [&](const std::string& name, std::size_t index, const std::string& its_unit,
                          const std::string& text) {
    if (!std::isfinite(sample.relaxation.value[index])) return;
    summary.set(name, sample.relaxation.value[index], its_unit, text);
    summary.set(name + "_error", sample.relaxation.error[index], its_unit, "its standard error");
  };
  number("relaxation_time", 0, unit, "tau of the mean g2, 1 + A exp(-2 (t/tau)^beta)");
  number("relaxation_stretching", 1, "1", "beta of the mean g2");
  number("speckle_contrast", 2, "1", "A of the mean g2");
  if (!std::isfinite(sample.relaxation.value[0])) {
    run.log().warning("no relaxation time from the mean g2: {}", state_name(first.mean.state));
  }
  std::vector<double> times;
  std::array<std::int64_t, 6> counts{};
  for (const AreaResult& area : sample.areas) {
    for (std::size_t state = 0; state < counts.size(); ++state) counts[state] += area.relaxation->counts[state];
    std::copy_if(area.relaxation->time.begin(), area.relaxation->time.end(), std::back_inserter(times),
                 [](double time) { return std::isfinite(time); });
  }
  if (!times.empty()) {
    const auto middle = times.begin() + static_cast<std::ptrdiff_t>(times.size() / 2);
    std::nth_element(times.begin(), middle, times.end());
    summary.set("relaxation_time_median", *middle, unit, "median over the positions that have one");
  }
  for (std::size_t state = 0; state < counts.size(); ++state) {
    std::string name = state_name(static_cast<RelaxationState>(state));
    const std::string text = "positions whose relaxation is: " + name;
    std::replace(name.begin(), name.end(), ' ', '_');
    if (counts[state] > 0) summary.set("relaxation_positions_" + name, counts[state], "positions", text);
  }
}

}  // namespace

void tell_scan(Run& run, const scan::ScanDescription& scan) {
  const auto name = scan.path.filename().string();
  run.plan("{}: {}, {} x {} positions (rows x columns) of {} x {} pixels (ky x kx), {}", name, scan.format,
           scan.scan_ny, scan.scan_nx, scan.pattern_ny, scan.pattern_nx,
           bytes_text(static_cast<double>(scan.total_patterns() * scan.pixels()) * scan.element_type.bytes));
  run.plan("{}: k a pixel {}, scan step {}, gain {}", name, calibration_text(scan.k_per_pixel_inverse_nm, "nm^-1"),
           calibration_text(scan.scan_step_nm, "nm"), calibration_text(scan.gain, "detector units an electron"));
  for (const auto& remark : scan.remarks) run.log().information("{}: {}", name, remark);
  if (!scan.k_per_pixel_inverse_nm.value) {
    run.log().warning("{}: no k calibration, so every k is in detector pixels (px): give --k-per-pixel", name);
  }
  if (!scan.scan_step_nm.value) {
    run.log().warning("{}: no scan step, so sizes are in scan steps: give --scan-step", name);
  }
  if (!scan.gain.value) {
    run.log().information(
        "{}: no gain, one detector unit is taken as one electron: give --gain for right noise removal", name);
  }
}

void tell_geometry(Run& run, const scan::ScanDescription& scan, const AreaGeometry& geometry) {
  const auto name = scan.path.filename().string();
  const auto row = 0.5 * static_cast<double>(scan.scan_ny - 1);
  const auto column = 0.5 * static_cast<double>(scan.scan_nx - 1);
  if (geometry.disc) {
    const Point disc = geometry.plane.at(row, column);
    run.plan(
        "{}: disc at x = {:.2f}, y = {:.2f} px (x along a pattern's fast axis), radius {:.2f} px, scatter {:.3f} px; "
        "transmittance about {:.3f}",
        name, disc.x, disc.y, geometry.disc->radius_px, geometry.plane.scatter_px, geometry.median_transmittance);
  }
  if (geometry.ring) {
    run.plan(
        "{}: ring of radius {:.2f} px at x = {:.2f}, y = {:.2f} px, axis ratio {:.4f}, major axis {:.1f} degrees from "
        "+x "
        "towards +y",
        name, geometry.ring->radius_px, geometry.ring->centre.x, geometry.ring->centre.y, geometry.ellipse.axis_ratio(),
        geometry.ellipse.angle_rad() * 180.0 / units::pi);
  }
}

void tell_memory(Run& run, const scan::ScanDescription& scan, const PolarGrid& grid, const MemoryPlan& memory) {
  const std::string maps = memory.bands == 0   ? "no maps"
                           : memory.bands == 1 ? "maps in one band of k"
                                               : fmt::format("maps in {} bands of {} k, the scan is read {} times",
                                                             memory.bands, memory.bins_a_band, memory.bands);
  run.plan("{}: {} k bins x {} angles, {}; {} of memory a rank", scan.path.filename().string(), grid.bins, grid.angles,
           maps, bytes_text(memory.total_bytes));
}

void tell_time_series(Run& run, const scan::ScanDescription& scan, const RelaxationPlan& plan) {
  const auto name = scan.path.filename().string();
  run.plan("{}: time series of {} frames every {}, read {} time(s) for g2 and once more for every band of its mean",
           name, scan.time_frames, calibration_text(scan.frame_interval_s, "s"), plan.columns.size());
  run.plan("{}: g2 of {} k bins x {} angles, {} row(s) at a time; {} of memory a rank", name, plan.ring.bins,
           plan.ring.angles, plan.rows_a_block, bytes_text(plan.total_bytes));
  if (!scan.frame_interval_s.value) {
    run.log().warning("{}: no frame interval, so times are in frames: give --frame-interval", name);
  }
}

void check_scans(const std::vector<const scan::ScanDescription*>& scans) {
  const scan::ScanDescription& first = *scans.front();
  for (const scan::ScanDescription* scan : scans) {
    if (scan->time_frames == 1 && scan->frame_interval_s.value) {
      throw input_error(
          "{}: a frame interval ({}) but a single scan, no time series: leave --frame-interval away, or give "
          "--time-frames",
          scan->path.string(), calibration_text(scan->frame_interval_s, "s"));
    }
    if (scan->time_frames != first.time_frames || scan->frame_interval_s.value != first.frame_interval_s.value) {
      throw input_error(
          "{} and {} cannot be averaged ({} frames every {} and {} every {}): areas of a sample are single scans or "
          "time "
          "series with the same times; analyse them in runs of their own",
          first.path.string(), scan->path.string(), first.time_frames, calibration_text(first.frame_interval_s, "s"),
          scan->time_frames, calibration_text(scan->frame_interval_s, "s"));
    }
    if (scan->k_per_pixel_inverse_nm.value.has_value() != first.k_per_pixel_inverse_nm.value.has_value() ||
        scan->scan_step_nm.value.has_value() != first.scan_step_nm.value.has_value()) {
      throw input_error(
          "{} and {} cannot be averaged (only one of them is calibrated): give --k-per-pixel and --scan-step",
          first.path.string(), scan->path.string());
    }
  }
}

void tell_reading(Run& run, const AreaResult& area) {
  const ReadingRecord& reading = area.reading;
  if (!(reading.seconds > 0.0) || area.counts.total == 0) return;
  const double a_pattern = 1e3 / static_cast<double>(area.counts.total);
  run.log().information(
      "{}: {} patterns in {}, {:.4f} ms a pattern ({:.4f} of processor time), {}/s; {:.1f} % of the time waiting for "
      "the "
      "disk; {:.4f} ms of processor time a pattern for the maps",
      area.name, area.counts.total, duration_text(reading.seconds), a_pattern * reading.seconds,
      a_pattern * reading.processor_s, bytes_text(reading.bytes / reading.seconds),
      100.0 * reading.waited_s / reading.seconds, a_pattern * reading.maps_processor_s);
}

void summarise(Run& run, const SampleResult& sample, double bragg_ratio) {
  Summary& summary = run.summary();
  const AreaResult& first = sample.areas.front();
  const std::string k_unit = sample.k_known ? "nm^-1" : "px";
  const std::string length = sample.scan_step_known ? "nm" : "scan steps";
  const auto number = [&](const std::string& name, double value, const std::string& unit, const std::string& text) {
    if (std::isfinite(value)) summary.set(name, value, unit, text);
  };
  const Point centre = first.geometry.centre_at(0.5 * static_cast<double>(first.scan_ny - 1),
                                                0.5 * static_cast<double>(first.scan_nx - 1));
  number("pattern_centre_x", centre.x, "px", "centre of the rings along the fast axis, at the middle of the scan");
  number("pattern_centre_y", centre.y, "px", "centre of the rings along the slow axis, at the middle of the scan");
  if (first.geometry.ring) {
    number("ring_radius", first.geometry.ring->radius_px, "px",
           "mean radius of the ring that centre and ellipse come from");
    if (first.k_known)
      number("ring_k", first.geometry.ring->radius_px * first.k_per_pixel, "nm^-1", "its scattering vector");
  }
  number("ellipse_axis_ratio", first.geometry.ellipse.axis_ratio(), "1", "major over minor axis");
  number("ellipse_angle", first.geometry.ellipse.angle_rad() * 180.0 / units::pi, "degrees",
         "major axis from +x towards +y");
  number("transmittance_median", first.geometry.median_transmittance, "1", "median of the surveyed patterns");
  PatternCounts counts;
  for (const AreaResult& area : sample.areas) {
    counts.total += area.counts.total;
    counts.kept += area.counts.kept;
    counts.not_finite += area.counts.not_finite;
    counts.empty += area.counts.empty;
    counts.no_disc += area.counts.no_disc;
    counts.too_thick += area.counts.too_thick;
    counts.wrong_thickness += area.counts.wrong_thickness;
  }
  summary.set("total_patterns", counts.total, "patterns", "read");
  summary.set("kept_patterns", counts.kept, "patterns", "that entered the averages");
  const auto excluded = [&](const std::string& name, std::int64_t value, const std::string& text) {
    if (value == 0) return;
    summary.set(name, value, "patterns", text);
    run.log().warning("{} of {} patterns left out: {}", value, counts.total, text);
  };
  excluded("not_finite_patterns", counts.not_finite, "with NaN or infinite pixels");
  excluded("empty_patterns", counts.empty, "with nothing recorded");
  excluded("no_disc_patterns", counts.no_disc, "without a disc in the aperture");
  excluded("too_thick_patterns", counts.too_thick, "below the transmittance limit");
  excluded("wrong_thickness_patterns", counts.wrong_thickness, "outside the thickness window");
  std::int64_t crystalline = 0;
  for (const AreaResult& area : sample.areas) crystalline += crystalline_positions(area.local_maps, bragg_ratio);
  if (crystalline > 0) {
    summary.set("crystalline_patterns", crystalline, "patterns", "with intensities that look like Bragg discs");
    run.log().warning(
        "{} of {} patterns show intensities above {} times their ring's mean, as crystallites do; they take part (map "
        "bragg_ratio)",
        crystalline, counts.total, bragg_ratio);
  }
  const auto deviation = [&](const char* map_name, const char* name, const char* text) {
    for (std::size_t map = 0; map < first.local_maps.size() && map < first.relations.summaries.size(); ++map) {
      const MapSummary& found = first.relations.summaries[map];
      const double signal = found.deviation * found.deviation - found.noise_deviation * found.noise_deviation;
      if (first.local_maps[map].name == map_name) number(name, std::sqrt(std::max(0.0, signal)), "1", text);
    }
  };
  deviation("density", "density_deviation",
            "standard deviation of the relative density over the first area, noise out");
  deviation("dilatation", "dilatation_deviation",
            "standard deviation of the dilatation over the first area, noise out");
  if (const auto peak = largest(sample.order.value)) {
    number("order_peak", sample.order.value[*peak], "1", "largest degree of order, sum of even c_n");
    number("order_peak_k", sample.k_range.k(static_cast<int>(*peak)), k_unit, "k of the largest order");
    number("odd_even_quality", sample.odd_even_quality.value[*peak], "1", "odd over even c_n at that k");
  }
  // Sizes and fractions are read off at the types' peaks; the strongest type comes first in mind.
  const auto strongest = std::max_element(sample.types.begin(), sample.types.end(),
                                          [](const MroType& a, const MroType& b) { return a.order < b.order; });
  if (strongest != sample.types.end()) {
    number("mro_size_peak", strongest->size_nm, length, "speckle size of the most ordered MRO type");
    number("mro_size_peak_error", strongest->size_error_nm, length, "its standard error");
    number("mro_size_peak_k", strongest->k_peak, k_unit, "k of that type");
    number("mro_area_fraction_peak", strongest->area_fraction, "1", "area fraction of that type in its maps");
  }
  if (first.relaxation) summarise_relaxation(run, sample);
  summary.set("mro_types", sample.types.size(), "1", "types of MRO found");
  for (std::size_t index = 0; index < sample.types.size(); ++index) {
    const MroType& type = sample.types[index];
    const std::string prefix = fmt::format("mro_type_{}", index + 1);
    number(prefix + "_k", type.k_peak, k_unit, "k of the type's peak");
    number(prefix + "_size", type.size_nm, length, "speckle size");
    number(prefix + "_area_fraction", type.area_fraction, "1", "area fraction in its maps");
    number(prefix + "_order", type.order, "1", "degree of order");
    if (type.several) {
      summary.set(prefix + "_several", std::int64_t{1}, "1",
                  "several types too close in k to be told apart, see above");
    }
  }
  double resolution = 0.0;
  for (const AreaResult& area : sample.areas) {
    for (const WideKind& kind : area.kinds) resolution = std::max(resolution, kind.speckle.width);
  }
  if (resolution > 0.0) {
    number("mro_type_resolution", resolution, k_unit, "types closer than this in k are not told apart");
  }
  if (sample.types.empty())
    run.log().warning("no peak of order(k) or size(k) stands out, so the table of MRO types is empty");
}

}  // namespace mesoglass::diffraction
