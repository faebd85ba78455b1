// The modes of one voxel as both engines need them: catalog, directional share in the softening, own elastic energy.
#pragma once

#include <array>
#include <cmath>
#include <cstdint>
#include <span>

#include "catalog/shear_modes.hpp"
#include "catalog/stz_catalog.hpp"
#include "deformation/deformation_parameters.hpp"
#include "elasticity/stress_kernel.hpp"

namespace mesoglass::deformation {

// Of one voxel in one generation. Entries beyond `count` are unused.
struct VoxelModes {
  std::size_t count = 0;
  std::size_t components = 0;
  std::array<double, catalog::most_modes> barrier_ev;                         // Q0
  std::array<double, catalog::most_modes> share;                              // d_m s_m
  std::array<double, catalog::most_modes> self_energy_ev;                     // with the energy guard
  std::array<double, catalog::most_modes * catalog::most_components> strain;  // mode by mode

  [[nodiscard]] std::span<const double> strain_of(std::size_t mode) const noexcept {
    return std::span(strain).subspan(mode * components, components);
  }
  // Q0_m exp(-d_m s_m g) in eV.
  [[nodiscard]] double softened_ev(std::size_t mode, double softening) const noexcept {
    return barrier_ev[mode] * std::exp(-share[mode] * softening);
  }
};

// Components that strains and stresses of a glass need: the full basis where transformations dilate.
[[nodiscard]] inline elasticity::BasisKind basis_kind(const catalog::Catalog& glass) noexcept {
  return glass.rules.dilatation > 0.0 ? elasticity::BasisKind::full : elasticity::BasisKind::deviatoric;
}

class VoxelModeSource {
 public:
  // Catalog and kernel must outlive the source. Throws InputError where the catalog's types cannot be.
  VoxelModeSource(const catalog::Catalog& glass, const KineticParameters& kinetics, std::uint64_t seed,
                  const elasticity::StressKernel& kernel);

  // Modes of own voxel `own_voxel` (index `voxel` in the grid) in a generation; `last_mode` is the one, of those of the
  // generation before, by which it transformed last (of no matter in generation 0). Pure.
  void describe(std::size_t own_voxel, std::int64_t voxel, std::uint32_t generation, std::uint8_t last_mode,
                VoxelModes& modes) const noexcept;
  // Modes that own voxel `own_voxel` has.
  [[nodiscard]] int count(std::size_t own_voxel) const noexcept { return modes_.modes(glass_.voxel_type[own_voxel]); }
  [[nodiscard]] const catalog::ShearModes& catalog_modes() const noexcept { return modes_; }

 private:
  const catalog::Catalog& glass_;
  KineticParameters kinetics_;
  std::uint64_t seed_;
  catalog::ShearModes modes_;
  const elasticity::StressKernel& kernel_;
  double half_work_;  // V / 2 in eV a GPa
};

}  // namespace mesoglass::deformation
