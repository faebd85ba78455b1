// The first halo (or any ring) on the mean pattern: its centre, mean radius and ellipse.
#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <vector>

#include "diffraction/pattern_geometry.hpp"

namespace mesoglass::diffraction {

// Mean of the good pixels in rings one pixel wide about a centre; bin i covers radii [i, i + 1).
struct RadialProfile {
  std::vector<double> mean;
  std::vector<double> pixels;  // good pixels in the bin
};
[[nodiscard]] RadialProfile radial_profile(std::span<const float> pattern, const PatternShape& shape,
                                           std::span<const std::uint8_t> good, Point centre);

struct RingFit {
  Point centre;
  Ellipse ellipse;
  double radius_px = 0.0;      // geometric mean of the semi-axes; middle at half height, mean of the sectors
  double half_width_px = 0.0;  // half of the full width at half height
  double prominence = 0.0;     // height above the higher of the minima beside it, detector units
  double residual_px = 0.0;    // root mean square over sectors of what n = 0, 1, 2 leave in the ring's radius
  int sectors = 0;             // sectors that saw the ring
  bool converged = false;
};

struct RingFitOptions {
  double inner_radius_px = 0.0;     // look outside of this (the disc and its skirt)
  std::optional<double> radius_px;  // where the ring is, if the user says so
  std::optional<Ellipse> ellipse;   // known ellipse: only the centre is fitted
};

// Finds the most prominent ring of the radial profile about `start`, then iterates: in every sector the profile is
// compared with the mean over all sectors, p(r) = a + b P(r) - b delta P'(r) in least squares, which uses both flanks
// and all of the ring's shape; the displacement delta(phi) is fitted in n = 0 ... 4; n = 1 moves the centre, n = 2 the
// ellipse, until both vanish. Throws input_error naming `source` where no ring stands out of the noise.
[[nodiscard]] RingFit fit_ring(std::span<const float> mean_pattern, const PatternShape& shape,
                               std::span<const std::uint8_t> good, Point start, const RingFitOptions& options,
                               const std::string& source);

}  // namespace mesoglass::diffraction
