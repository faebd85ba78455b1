// The unscattered beam's disc: where it is, how large it is, and how much of the pattern it holds.
#pragma once

#include <cstdint>
#include <span>
#include <string>
#include <vector>

#include "diffraction/pattern_geometry.hpp"

namespace mesoglass::diffraction {

struct BeamDisc {
  Point centre;
  double radius_px = 0.0;  // where the radial profile passes half of the plateau
};

// Finds the disc on a mean pattern: the brightest place that is not one hot pixel, its centre of mass, its radius.
// `good` is one byte a pixel or empty. Throws input_error where nothing is bright or the disc touches the pattern's
// edge, naming `source`.
[[nodiscard]] BeamDisc find_beam_disc(std::span<const float> mean_pattern, const PatternShape& shape,
                                      std::span<const std::uint8_t> good, const std::string& source);

// What one pattern's disc shows.
struct DiscMeasurement {
  bool finite = false;  // no NaN or infinite pixel
  double total = 0.0;   // all good pixels
  double disc = 0.0;    // good pixels inside the aperture
  Point centre;         // centre of mass inside the aperture, background subtracted; NaN where the disc is empty
};

// Measures discs with an aperture of `aperture_radius_px`, centred where each call says. The pixel lists are made once.
class DiscMeter {
 public:
  DiscMeter(const PatternShape& shape, std::span<const std::uint8_t> good, double aperture_radius_px);
  // `expected` is where the disc should be; the aperture is moved to the measured centre and measured again.
  [[nodiscard]] DiscMeasurement measure(std::span<const float> pattern, Point expected) const;
  [[nodiscard]] double aperture_radius_px() const noexcept { return aperture_radius_px_; }

 private:
  struct Moments {
    double sum = 0.0, x = 0.0, y = 0.0, pixels = 0.0, pixels_x = 0.0, pixels_y = 0.0, rim = 0.0, rim_pixels = 0.0;
  };
  [[nodiscard]] Moments moments(std::span<const float> pattern, Point centre) const;
  PatternShape shape_;
  std::span<const std::uint8_t> good_;
  std::vector<std::size_t> bad_pixels_;
  double aperture_radius_px_;
};

// The plane x = x0 + ax column + bx row (and y alike) through the disc centres over the scan: what descan leaves.
struct DescanPlane {
  double x0 = 0.0, x_column = 0.0, x_row = 0.0;
  double y0 = 0.0, y_column = 0.0, y_row = 0.0;
  double scatter_px = 0.0;  // robust standard deviation of the centres about the plane
  [[nodiscard]] Point at(double row, double column) const noexcept {
    return {x0 + x_column * column + x_row * row, y0 + y_column * column + y_row * row};
  }
};

struct DiscPosition {
  double row = 0.0;
  double column = 0.0;
  Point centre;
};

// Robust fit (iteratively reweighted least squares with Tukey's biweight at 4.685 robust standard deviations): crystals
// and damaged patterns do not pull it. Slopes that the positions cannot tell (one row, one column) are zero. Throws
// std::logic_error without positions.
[[nodiscard]] DescanPlane fit_descan_plane(std::span<const DiscPosition> positions);

}  // namespace mesoglass::diffraction
