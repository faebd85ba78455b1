// A first look at some rows of a scan: bad pixels, the unscattered disc, descan, ring and ellipse. What it finds is
// used for every pattern.
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "core/logging.hpp"
#include "diffraction/analysis_settings.hpp"
#include "diffraction/beam_disc.hpp"
#include "diffraction/pixel_mask.hpp"
#include "diffraction/ring_fit.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::diffraction {

struct AreaGeometry {
  PatternShape shape;
  PixelMask good;  // empty where every pixel is good
  BadPixels bad_pixels;
  std::optional<BeamDisc> disc;  // none behind a beam stop, where the user gave the centre
  double aperture_radius_px = 0.0;
  DescanPlane plane;            // of the disc's centre
  Point ring_offset;            // from the disc's centre to the ring's
  std::optional<RingFit> ring;  // at the middle of the scan; none without a ring fit
  Ellipse ellipse;
  double gain = 1.0;                   // detector units an electron
  double median_transmittance = 0.0;   // of the sampled patterns, NaN without a disc
  std::vector<double> transmittances;  // of the sampled patterns
  std::int64_t sampled_patterns = 0;
  std::vector<float> mean_pattern;  // of the sampled patterns, detector units
  double brightest_mean = 0.0;      // pixel of the sampled patterns' mean, by magnitude

  // Centre of the rings of the pattern at a scan position.
  [[nodiscard]] Point centre_at(double row, double column) const noexcept {
    const Point disc_centre = plane.at(row, column);
    return {disc_centre.x + ring_offset.x, disc_centre.y + ring_offset.y};
  }
};

// Rows (of all time frames) that the survey reads: evenly spread over the scan and the time, about 2,000 patterns, all
// rows of a small scan.
[[nodiscard]] std::vector<std::int64_t> survey_rows(const scan::ScanDescription& scan);

// Surveys a scan. Throws input_error on every rank where there is nothing to analyse: patterns smaller than 16 x 16,
// no finite pattern, all zero, no disc, no ring. Collective.
[[nodiscard]] AreaGeometry survey_area(const Communicator& communicator, const scan::ScanReader& reader,
                                       const AnalysisSettings& settings, const Log& log);

}  // namespace mesoglass::diffraction
