#include "deformation/start_up_check.hpp"

#include <fmt/format.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <limits>

#include "core/error.hpp"
#include "core/units.hpp"
#include "deformation/engine.hpp"
#include "deformation/softening.hpp"
#include "elasticity/stress_kernel.hpp"

namespace mesoglass::deformation {

namespace {

// Mean of -e:K(0):e over all directions of a unit shear e, in GPa. On large grids K(0) is that of a small one to 1/N,
// and a small one takes no time.
double mean_self_response(const DeformationParameters& parameters, const catalog::Catalog& glass) {
  constexpr std::int64_t enough_voxels = 16;
  VoxelGrid grid = glass.grid;
  grid.nx = std::min(grid.nx, enough_voxels);
  grid.ny = std::min(grid.ny, enough_voxels);
  grid.nz = std::min(grid.nz, enough_voxels);
  const elasticity::StressKernel kernel(grid, matrix_moduli(parameters, glass), elasticity::BasisKind::deviatoric,
                                        elasticity::KernelMean::zero_stress);
  double trace = 0.0;
  for (int row = 0; row < kernel.count(); ++row) trace -= kernel.value(row, row, 0, 0, 0);
  return trace / kernel.count();
}

// <e:e> of a type's modes.
double mean_strain_square(const catalog::ShearZoneType& type, bool is_matrix) {
  return (is_matrix ? 1.0 : 2.0) * std::pow(type.amplitude * type.gamma0, 2);
}

// An atom of a metallic glass takes about 0.017 nm^3 (Zr-Cu-Al alloys: 55 to 60 atoms a nm^3).
constexpr double atom_nm3 = 0.017;

void check_voxel(const DeformationParameters& parameters, const catalog::Catalog& glass,
                 std::vector<std::string>& warnings) {
  const double volume = glass.grid.voxel_volume_nm3();
  if (volume < atom_nm3) {
    throw input_error(
        "a voxel of {:.3g} nm^3 is smaller than an atom ({} nm^3), and no shear transformation has room in "
        "it: build the catalog with larger voxels",
        volume, atom_nm3);
  }
  // A transformation happens once half its work has brought its barrier within reach of the temperature. Modes three
  // times the characteristic strain, well along the load, are the easiest there are.
  const auto& matrix = glass.types.front();
  const double shear = matrix_moduli(parameters, glass).shear_gpa;
  constexpr double largest_mode = 3.0;
  constexpr double ideal_strength_in_shear_moduli = 0.2;  // no solid bears more; metals bear about 0.1
  double easiest_stress = std::numeric_limits<double>::infinity();
  const double reached_ev =
      units::boltzmann_ev_per_k * parameters.kinetics.temperature_k *
      std::max(0.0, std::log(parameters.kinetics.attempt_rate_per_s * parameters.loading.step_strain /
                             parameters.loading.strain_rate_per_s));
  for (std::size_t row = 0; row < glass.types.size(); ++row) {
    const auto& type = glass.types[row];
    const double strain = row == 0 ? largest_mode * type.amplitude * type.gamma0
                                   : std::sqrt(mean_strain_square(type, false)) * (1.0 + glass.rules.jitter);
    const double barrier = std::max(0.0, type.barrier_mean_ev - reached_ev);
    easiest_stress = std::min(easiest_stress, 2.0 * barrier / (volume * units::ev_per_gpa_nm3 * strain));
  }
  if (easiest_stress > ideal_strength_in_shear_moduli * shear) {
    throw input_error(
        "a voxel of {:.3g} nm^3 is too small for the characteristic strain {} and the barrier {} eV (no transformation "
        "would happen below a shear stress of {:.3g} GPa, and no solid bears a fifth of its shear modulus, {:.3g} "
        "GPa): "
        "build the catalog with larger voxels, a larger strain or lower barriers",
        volume, matrix.gamma0, matrix.barrier_mean_ev, easiest_stress, ideal_strength_in_shear_moduli * shear);
  }
  if (volume * matrix.gamma0 < atom_nm3) {
    warnings.push_back(
        fmt::format("voxel volume times characteristic strain is {:.2g} nm^3, less than an atom: the "
                    "strength will depend on the strain rate far more than a glass's does",
                    volume * matrix.gamma0));
  }
}

void check_energy(const DeformationParameters& parameters, const catalog::Catalog& glass,
                  std::vector<std::string>& warnings) {
  if (parameters.kinetics.energy_guard) return;
  const EnergyPumping pumping = judge_energy_pumping(parameters, glass);
  const std::string cure =
      "use --energy-guard, higher barriers, a smaller characteristic strain or voxel, or less softening";
  if (pumping.self_energy_ev > 2.0 * pumping.barrier_ev && !parameters.kinetics.allow_pumping) {
    throw input_error(
        "a transformation of type {} stores {:.3g} eV of elastic energy, above its barrier: the {:.3g} eV of work that "
        "set it off, twice the barrier of {:.3g} eV, do not pay for it (even without any softening, and avalanches "
        "would feed on energy from nowhere): {}",
        pumping.type, pumping.self_energy_ev, 2.0 * pumping.barrier_ev, pumping.barrier_ev, cure);
  }
  if (pumping.chi <= doubtful_chi) return;
  const std::string reason = fmt::format(
      "a transformation of type {} stores {:.3g} eV of elastic energy, and the work that sets it off once it is fully "
      "softened is {:.3g} eV, chi = {:.2f}",
      pumping.type, pumping.self_energy_ev, 2.0 * pumping.softened_barrier_ev, pumping.chi);
  if (pumping.chi > impossible_chi && !parameters.kinetics.allow_pumping) {
    throw input_error("these parameters make endless avalanches ({}, above {}): {}", reason, impossible_chi, cure);
  }
  warnings.push_back(
      fmt::format("softened zones take elastic energy from nowhere ({}, above {}): avalanches are longer than they "
                  "should be, and at higher temperatures may never end; compare with a run with --energy-guard",
                  reason, doubtful_chi));
}

void check_creep_stress(const DeformationParameters& parameters, const catalog::Catalog& glass) {
  const auto& loading = parameters.loading;
  if (loading.kind != LoadingKind::creep) return;
  const double deviator = std::fabs(loading.creep_stress_gpa) * std::sqrt(2.0 / 3.0);  // norm; in the plane less
  for (std::size_t row = 0; row < glass.types.size(); ++row) {
    const auto& type = glass.types[row];
    const double strain = std::sqrt(mean_strain_square(type, row == 0));
    const double half_work = 0.5 * glass.grid.voxel_volume_nm3() * units::ev_per_gpa_nm3 * strain;
    if (half_work * deviator < type.barrier_mean_ev) continue;
    throw input_error(
        "--creep-stress {} GPa brings the barriers of type {} below zero before the test begins ({:.3g} eV of half the "
        "work against {:.3g} eV on average: the sample would flow at once and without end): hold less than {:.3g} GPa",
        loading.creep_stress_gpa, type.name, half_work * deviator, type.barrier_mean_ev,
        type.barrier_mean_ev / half_work / std::sqrt(2.0 / 3.0));
  }
}

void check_times(const DeformationParameters& parameters, std::vector<std::string>& warnings) {
  const auto& loading = parameters.loading;
  const auto& kinetics = parameters.kinetics;
  const double duration =
      loading.kind == LoadingKind::creep ? loading.hold_time_s : loading.final_strain / loading.strain_rate_per_s;
  const double step = std::min(loading.step_strain, loading.final_strain) / loading.strain_rate_per_s;
  // Waiting times are added to the time; below this step they would be lost in its rounding.
  if (!std::isfinite(duration) || step < duration * std::numeric_limits<double>::epsilon()) {
    throw input_error("a loading step of {} at {} /s is lost in the rounding of the time {} s: use larger steps",
                      loading.step_strain, loading.strain_rate_per_s, duration);
  }
  const double recovery = recovery_time_s(kinetics);
  if (kinetics.temporary_softening > 0.0 && !std::isfinite(recovery_times_until_forgotten * recovery)) {
    throw input_error(
        "temporary softening would last longer than numbers reach (exp({} eV / kT) at {} K overflows): use a higher "
        "temperature or a lower --recovery-barrier",
        kinetics.recovery_barrier_ev, kinetics.temperature_k);
  }
  if (kinetics.temporary_softening > 0.0 && recovery > duration) {
    warnings.push_back(
        fmt::format("temporary softening lasts {:.3g} s, longer than the test of {:.3g} s: it acts as "
                    "permanent softening",
                    recovery, duration));
  }
}

}  // namespace

EnergyPumping judge_energy_pumping(const DeformationParameters& parameters, const catalog::Catalog& glass) {
  const auto& kinetics = parameters.kinetics;
  const double stored_ev_per_strain_square =
      0.5 * glass.grid.voxel_volume_nm3() * units::ev_per_gpa_nm3 * mean_self_response(parameters, glass);
  EnergyPumping worst;
  for (std::size_t row = 0; row < glass.types.size(); ++row) {
    const auto& type = glass.types[row];
    const double square = mean_strain_square(type, row == 0);
    EnergyPumping own;
    own.type = type.name;
    own.self_energy_ev = stored_ev_per_strain_square * square;
    own.barrier_ev = type.barrier_mean_ev;
    own.softened_barrier_ev =
        type.barrier_mean_ev *
        std::exp(-type.softening * (kinetics.softening_cap + kinetics.temporary_softening * square));
    own.chi = own.self_energy_ev / (2.0 * own.softened_barrier_ev);
    if (own.chi > worst.chi) worst = own;
  }
  return worst;
}

std::vector<std::string> check_parameters(const DeformationParameters& parameters, const catalog::Catalog& glass) {
  validate(parameters, glass.grid.dimensions());
  for (std::size_t row = 0; row < glass.types.size(); ++row) catalog::validate_type(glass.types[row], row == 0);
  std::vector<std::string> warnings;
  check_times(parameters, warnings);
  check_voxel(parameters, glass, warnings);
  check_energy(parameters, glass, warnings);
  check_creep_stress(parameters, glass);
  return warnings;
}

}  // namespace mesoglass::deformation
