// Elastic constants of an isotropic material, and what they become in a two-dimensional body.
#pragma once

#include <string>

namespace mesoglass::elasticity {

// What kind of body the grid is.
//   solid         three dimensions, tensors of six components. On a grid one voxel thick (nz = 1) the periodic images
//                 above and below make it generalised plane strain: mean strain zz = 0 is exactly plane strain, mean
//                 stress zz = 0 lets the thickness change uniformly, and antiplane shear is carried too.
//   plane_strain  two dimensions, tensors of three components (xx, yy, xy), no strain along z.
//   plane_stress  the same, no stress along z.
//   legacy_2d     a genuinely two-dimensional isotropic body, as published two-dimensional studies used: shear modulus
//                 mu = E / (2 + 4 nu) with E the slope of uniaxial tension in the plane.
enum class Body { solid, plane_strain, plane_stress, legacy_2d };

[[nodiscard]] constexpr int dimensions_of(Body body) noexcept {
  return body == Body::solid ? 3 : 2;
}

// "solid", "plane-strain", "plane-stress", "legacy-2d" and back; throws InputError on another name.
[[nodiscard]] std::string body_name(Body body);
[[nodiscard]] Body body_from_name(const std::string& name);

// sigma = lambda tr(eps) 1 + 2 mu eps with the trace over `dimensions` axes.
struct IsotropicModuli {
  double lambda_gpa = 0.0;
  double shear_gpa = 0.0;
  int dimensions = 3;

  // K of sigma_mean = K tr(eps): lambda + 2 mu / dimensions.
  [[nodiscard]] double bulk_gpa() const noexcept { return lambda_gpa + 2.0 * shear_gpa / dimensions; }
};

// Constants of `body` from Young's modulus E (GPa) and Poisson's ratio nu of the material.
//   solid, plane strain  mu = E / (2 + 2 nu), lambda = E nu / ((1 + nu)(1 - 2 nu))
//   plane stress         mu the same, lambda = 2 lambda3 mu / (lambda3 + 2 mu) = E nu / (1 - nu^2)
//   legacy 2-D           mu = E / (2 + 4 nu); that uniaxial tension in the plane has the slope E = 4 K mu / (K + mu)
//                        fixes K = E / (2 - 4 nu), lambda = K - mu = 2 E nu / (1 - 4 nu^2): the body's own Poisson's
//                        ratio (K - mu) / (K + mu) is 2 nu
// Throws InputError unless E is finite and positive and -1 < nu < 0.5 (-0.5 < nu < 0.5 for legacy 2-D), where the
// strain energy is positive.
[[nodiscard]] IsotropicModuli isotropic_moduli(double young_modulus_gpa, double poisson_ratio, Body body);

}  // namespace mesoglass::elasticity
