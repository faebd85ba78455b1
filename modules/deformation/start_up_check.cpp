#include "deformation/start_up_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/units.hpp"
#include "deformation/softening.hpp"
#include "elasticity/isotropic_moduli.hpp"

namespace mesoglass::deformation {

EnergyPumping judge_energy_pumping(const DeformationParameters& parameters, const catalog::Catalog& glass) {
  const auto& matrix = glass.types.front();
  const auto moduli =
      elasticity::isotropic_moduli(matrix.young_modulus_gpa, matrix.poisson_ratio, parameters.loading.body);
  // Eshelby's share of a shear eigenstrain that an inclusion keeps: a sphere in three dimensions,
  // beta = 2 (4 - 5 nu) / (15 (1 - nu)) = 6 (K + 2 mu) / (5 (3 K + 4 mu)); a disc in two, beta = kappa / (kappa + 1)
  // with kappa = 1 + 2 mu / K of the two-dimensional body (3 - 4 nu in plane strain).
  const double bulk = moduli.bulk_gpa();
  const double shear = moduli.shear_gpa;
  const double kappa = 1.0 + 2.0 * shear / bulk;
  const double beta =
      moduli.dimensions == 3 ? 6.0 * (bulk + 2.0 * shear) / (5.0 * (3.0 * bulk + 4.0 * shear)) : kappa / (kappa + 1.0);
  const double strain_square = std::pow(matrix.amplitude * matrix.gamma0, 2);
  const auto& kinetics = parameters.kinetics;
  EnergyPumping result;
  result.self_energy_ev = glass.grid.voxel_volume_nm3() * units::ev_per_gpa_nm3 * shear * (1.0 - beta) * strain_square;
  result.softened_barrier_ev =
      matrix.barrier_mean_ev * std::exp(-kinetics.softening_cap - kinetics.temporary_softening * strain_square);
  result.chi = result.self_energy_ev / (2.0 * result.softened_barrier_ev);
  return result;
}

std::vector<std::string> check_parameters(const DeformationParameters& parameters, const catalog::Catalog& glass) {
  validate(parameters, glass.grid.dimensions());
  std::vector<std::string> warnings;
  const auto& matrix = glass.types.front();

  // An atom of a metallic glass takes about 0.017 nm^3 (Zr-Cu-Al alloys: 55 to 60 atoms a nm^3).
  constexpr double atom_nm3 = 0.017;
  const double volume = glass.grid.voxel_volume_nm3();
  if (volume < atom_nm3) {
    throw input_error(
        "a voxel of {:.3g} nm^3 is smaller than an atom ({} nm^3), and no shear transformation has room in "
        "it: build the catalog with larger voxels",
        volume, atom_nm3);
  }
  if (volume * matrix.gamma0 < atom_nm3) {
    warnings.push_back(
        fmt::format("voxel volume times characteristic strain is {:.2g} nm^3, less than an atom: the "
                    "strength will depend on the strain rate far more than a glass's does",
                    volume * matrix.gamma0));
  }

  const EnergyPumping pumping = judge_energy_pumping(parameters, glass);
  if (pumping.chi > doubtful_chi && !parameters.kinetics.energy_guard) {
    const std::string reason = fmt::format(
        "a transformation stores {:.3g} eV of elastic energy on average and a fully softened barrier is {:.3g} eV, chi "
        "= "
        "{:.2f}",
        pumping.self_energy_ev, pumping.softened_barrier_ev, pumping.chi);
    if (pumping.chi > impossible_chi && !parameters.kinetics.allow_pumping) {
      throw input_error(
          "these parameters make endless avalanches ({}, above {}): use --energy-guard, higher barriers, a "
          "smaller characteristic strain or voxel, or less softening",
          reason, impossible_chi);
    }
    warnings.push_back(
        fmt::format("avalanches may run away ({}, above {}): consider --energy-guard", reason, doubtful_chi));
  }

  // Waiting times are added to the time; below this step they would be lost in its rounding.
  const auto& loading = parameters.loading;
  const double duration =
      loading.kind == LoadingKind::creep ? loading.hold_time_s : loading.final_strain / loading.strain_rate_per_s;
  const double step = std::min(loading.step_strain, loading.final_strain) / loading.strain_rate_per_s;
  if (!std::isfinite(duration) || step < duration * std::numeric_limits<double>::epsilon()) {
    throw input_error("a loading step of {} at {} /s is lost in the rounding of the time {} s: use larger steps",
                      loading.step_strain, loading.strain_rate_per_s, duration);
  }
  const double recovery = recovery_time_s(parameters.kinetics);
  if (parameters.kinetics.temporary_softening > 0.0 && recovery > duration) {
    warnings.push_back(
        fmt::format("temporary softening lasts {:.3g} s, longer than the test of {:.3g} s: it acts as "
                    "permanent softening",
                    recovery, duration));
  }
  return warnings;
}

}  // namespace mesoglass::deformation
