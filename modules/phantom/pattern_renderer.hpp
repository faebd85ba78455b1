// The expected electrons of a pattern: disc, diffuse halo and the speckles of the domains in the beam's column.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "phantom/domains.hpp"
#include "phantom/phantom_model.hpp"

namespace mesoglass::phantom {

// How a true scattering vector stands on the detector: position = centre + M k / k_per_pixel, with M of determinant 1,
// so that a ring of radius R becomes an ellipse of semi-axes R sqrt(ratio) and R / sqrt(ratio).
struct DetectorDistortion {
  double xx = 1.0;
  double xy = 0.0;
  double yy = 1.0;
  // The quadratic form of M^-2: |k|^2 = k_per_pixel^2 (a dx^2 + 2 b dx dy + c dy^2).
  double a = 1.0;
  double b = 0.0;
  double c = 1.0;
  [[nodiscard]] static DetectorDistortion of(const Detector& detector);
};

struct RenderedPattern {
  double speckle_electrons = 0.0;
  bool diffuse_exhausted = false;  // the speckles alone took more than the film scatters
};

class PatternRenderer {
 public:
  PatternRenderer(const PhantomModel& model, const DomainIndex& domains);

  // Electrons expected in every pixel [ky][kx] at a probe position. Disc plus everything else sum to the dose, the disc
  // to dose * transmittance. `brightness` multiplies the electrons of every speckle of the index; empty = all by 1.
  // Safe to call from any rank for any position.
  RenderedPattern render(std::int64_t scan_y, std::int64_t scan_x, std::span<float> electrons,
                         std::span<const float> brightness = {}) const;

 private:
  void add_diffuse(double centre_x, double centre_y, double electrons, std::span<float> pattern) const;
  void add_disc(double centre_x, double centre_y, double electrons, std::span<float> pattern) const;
  void add_spot(double x, double y, double sigma_px, double electrons, std::span<float> pattern) const;

  const PhantomModel& model_;
  const DomainIndex& domains_;
  DetectorDistortion distortion_;
  std::vector<float> diffuse_;  // of k^2, per electron and pixel
  double diffuse_steps_per_k2_ = 1.0;
};

// The diffuse intensity's shape at k, not normalised: halo and background, zero in the forward direction.
[[nodiscard]] double diffuse_profile(const Scattering& scattering, double k_inverse_nm);

}  // namespace mesoglass::phantom
