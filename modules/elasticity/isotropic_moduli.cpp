#include "elasticity/isotropic_moduli.hpp"

#include <cmath>

#include "core/error.hpp"

namespace mesoglass::elasticity {

std::string body_name(Body body) {
  switch (body) {
    case Body::solid:
      return "solid";
    case Body::plane_strain:
      return "plane-strain";
    case Body::plane_stress:
      return "plane-stress";
    case Body::legacy_2d:
      return "legacy-2d";
  }
  return "";
}

Body body_from_name(const std::string& name) {
  for (const Body body : {Body::solid, Body::plane_strain, Body::plane_stress, Body::legacy_2d}) {
    if (body_name(body) == name) return body;
  }
  throw input_error("\"{}\" is no kind of body: take solid, plane-strain, plane-stress or legacy-2d", name);
}

IsotropicModuli isotropic_moduli(double young_modulus_gpa, double poisson_ratio, Body body) {
  if (!(std::isfinite(young_modulus_gpa) && young_modulus_gpa > 0.0)) {
    throw input_error("Young's modulus {} GPa is impossible: give a finite, positive one", young_modulus_gpa);
  }
  const double lowest = body == Body::legacy_2d ? -0.5 : -1.0;
  if (!(poisson_ratio > lowest && poisson_ratio < 0.5)) {
    throw input_error(
        "Poisson's ratio {} is impossible (an isotropic {} body is stable between {} and 0.5, both ends "
        "excluded): give one within",
        poisson_ratio, body_name(body), lowest);
  }
  const double young = young_modulus_gpa;
  const double nu = poisson_ratio;
  switch (body) {
    case Body::plane_stress:
      return {young * nu / (1.0 - nu * nu), young / (2.0 + 2.0 * nu), 2};
    case Body::legacy_2d:
      return {2.0 * young * nu / (1.0 - 4.0 * nu * nu), young / (2.0 + 4.0 * nu), 2};
    case Body::solid:
    case Body::plane_strain:
      break;
  }
  return {young * nu / ((1.0 + nu) * (1.0 - 2.0 * nu)), young / (2.0 + 2.0 * nu), dimensions_of(body)};
}

}  // namespace mesoglass::elasticity
