// Diffraction patterns with a known answer, drawn pixel by pixel from formulas.
#pragma once

#include <cmath>
#include <functional>
#include <vector>

#include "core/random_stream.hpp"
#include "diffraction/pattern_geometry.hpp"

namespace mesoglass::diffraction::test {

// Undistorted polar coordinates of a pixel: the inverse of centre + A r (cos, sin). A is symmetric with determinant 1,
// so its inverse is that of the ellipse with both parts' signs changed.
struct PolarPlace {
  double radius;
  double phi;
};
inline PolarPlace polar_place(double x, double y, Point centre, const Ellipse& ellipse) {
  const Ellipse inverse{-ellipse.c, -ellipse.s};
  const Point p = inverse.distort({x - centre.x, y - centre.y});
  return {std::hypot(p.x, p.y), std::atan2(p.y, p.x)};
}

using Intensity = std::function<double(double radius, double phi)>;

inline std::vector<float> draw_pattern(const PatternShape& shape, Point centre, const Ellipse& ellipse,
                                       const Intensity& intensity) {
  std::vector<float> pattern(static_cast<std::size_t>(shape.pixels()));
  for (std::int64_t y = 0; y < shape.ny; ++y) {
    for (std::int64_t x = 0; x < shape.nx; ++x) {
      const auto place = polar_place(static_cast<double>(x), static_cast<double>(y), centre, ellipse);
      pattern[static_cast<std::size_t>(y * shape.nx + x)] = static_cast<float>(intensity(place.radius, place.phi));
    }
  }
  return pattern;
}

inline double gaussian(double x, double sigma) {
  return std::exp(-0.5 * x * x / (sigma * sigma));
}

// A disc, a falling background and a halo.
inline Intensity glass(double disc_radius, double disc_height, double halo_radius, double halo_width,
                       double halo_height) {
  return [=](double r, double) {
    const double disc = disc_height / (1.0 + std::exp((r - disc_radius) / 0.3));
    return disc + halo_height * (gaussian(r - halo_radius, halo_width) + 0.3 * std::exp(-r / 30.0));
  };
}

// Electrons counted with the given gain (detector units an electron).
inline void count_electrons(std::vector<float>& pattern, double gain, std::uint64_t seed, std::uint64_t index) {
  RandomStream random(seed, RandomPurpose::test, index);
  for (float& value : pattern) {
    value = static_cast<float>(gain * static_cast<double>(random.poisson(static_cast<double>(value) / gain)));
  }
}

}  // namespace mesoglass::diffraction::test
