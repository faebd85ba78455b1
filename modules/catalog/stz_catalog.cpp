#include "catalog/stz_catalog.hpp"

#include <cmath>

#include "catalog/shear_modes.hpp"
#include "core/error.hpp"

namespace mesoglass::catalog {

namespace {

void require(bool condition, const ShearZoneType& type, const char* quantity, double value, const char* allowed) {
  if (!condition) {
    throw input_error("zone type '{}' has {} = {} (impossible): it must be {}", type.name, quantity, value, allowed);
  }
}

}  // namespace

void validate_type(const ShearZoneType& type, bool is_matrix) {
  require(type.modes >= 1 && type.modes <= most_modes, type, "modes", type.modes, "from 1 to 64");
  if (!is_matrix && type.modes % 2 != 0) {
    throw input_error(
        "zone type '{}' has modes = {} (odd): every slip system shears in both senses, so an MRO type "
        "needs an even number of modes",
        type.name, type.modes);
  }
  require(type.amplitude > 0.0 && type.amplitude <= 10.0, type, "amplitude", type.amplitude, "above 0 and at most 10");
  require(type.softening >= 0.0 && type.softening <= 1.0, type, "softening", type.softening, "from 0 to 1");
  require(type.barrier_mean_ev > 0.0 && type.barrier_mean_ev <= 100.0, type, "barrier_mean_ev", type.barrier_mean_ev,
          "above 0 and at most 100 eV");
  if (type.barrier_law == BarrierLaw::uniform) {
    require(type.barrier_spread >= 0.0 && type.barrier_spread <= 1.0, type, "barrier_spread", type.barrier_spread,
            "from 0 to 1 (a uniform law's relative half width)");
  } else {
    require(type.barrier_spread >= 0.0 && type.barrier_spread <= 0.25 * type.barrier_mean_ev, type, "barrier_spread",
            type.barrier_spread, "from 0 to a quarter of the mean (a normal law's standard deviation in eV)");
  }
  require(type.young_modulus_gpa > 0.0 && std::isfinite(type.young_modulus_gpa), type, "young_modulus_gpa",
          type.young_modulus_gpa, "finite and positive");
  require(type.poisson_ratio > -1.0 && type.poisson_ratio < 0.5, type, "poisson_ratio", type.poisson_ratio,
          "above -1 and below 0.5");
  require(type.gamma0 > 0.0 && type.gamma0 <= 1.0, type, "gamma0", type.gamma0, "above 0 and at most 1");
}

void validate_rules(const ModeRules& rules, int dimensions) {
  if (!(rules.jitter >= 0.0 && rules.jitter <= 0.5)) {
    throw input_error("jitter = {} is impossible: it must be from 0 to 0.5", rules.jitter);
  }
  if (!(rules.dilatation >= 0.0 && rules.dilatation <= 1.0)) {
    throw input_error("dilatation = {} is impossible: it must be from 0 to 1 (of gamma0)", rules.dilatation);
  }
  if (dimensions == 3 && (rules.parallel_modes || rules.tension_biased)) {
    throw input_error(
        "nearly parallel modes and the tension bias are defined in two dimensions only: leave them off on "
        "a grid with nz > 1");
  }
}

}  // namespace mesoglass::catalog
