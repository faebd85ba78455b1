// Where things are in a diffraction pattern. x counts pixels along kx (the fast axis of the stored array), y along ky;
// the centre of pixel (ky, kx) = (j, i) is at y = j, x = i. Angles go from +x to +y.
#pragma once

#include <cmath>
#include <cstdint>

#include "core/units.hpp"

namespace mesoglass::diffraction {

struct Point {
  double x = 0.0;
  double y = 0.0;
};

// Size of a pattern in pixels.
struct PatternShape {
  std::int64_t ny = 0;
  std::int64_t nx = 0;
  [[nodiscard]] std::int64_t pixels() const noexcept { return ny * nx; }
};

// The area-preserving distortion that turns circles of equal k into ellipses: a point at radius r and angle phi of the
// undistorted pattern is seen at centre + A r (cos phi, sin phi), A = exp([[c, s], [s, -c]]). The radius of an ellipse
// is therefore the geometric mean of its semi-axes.
struct Ellipse {
  double c = 0.0;  // (1/2) ln(axis ratio) cos(2 angle of the major axis)
  double s = 0.0;  // (1/2) ln(axis ratio) sin(2 angle of the major axis)

  [[nodiscard]] static Ellipse from_axes(double axis_ratio, double angle_rad) noexcept {
    const double strength = 0.5 * std::log(axis_ratio);
    return {strength * std::cos(2.0 * angle_rad), strength * std::sin(2.0 * angle_rad)};
  }
  // Major over minor semi-axis, >= 1.
  [[nodiscard]] double axis_ratio() const noexcept { return std::exp(2.0 * std::hypot(c, s)); }
  // Direction of the major axis, 0 <= angle < pi.
  [[nodiscard]] double angle_rad() const noexcept {
    const double angle = 0.5 * std::atan2(s, c);
    return angle < 0.0 ? angle + units::pi : angle;
  }
  // A v.
  [[nodiscard]] Point distort(Point v) const noexcept {
    const double strength = std::hypot(c, s);
    const double diagonal = std::cosh(strength);
    const double ratio = strength > 0.0 ? std::sinh(strength) / strength : 1.0;
    return {(diagonal + ratio * c) * v.x + ratio * s * v.y, ratio * s * v.x + (diagonal - ratio * c) * v.y};
  }
};

}  // namespace mesoglass::diffraction
