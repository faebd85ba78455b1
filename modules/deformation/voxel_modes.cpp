#include "deformation/voxel_modes.hpp"

#include "core/units.hpp"
#include "deformation/softening.hpp"

namespace mesoglass::deformation {

VoxelModeSource::VoxelModeSource(const catalog::Catalog& glass, const KineticParameters& kinetics, std::uint64_t seed,
                                 const elasticity::StressKernel& kernel)
    : glass_(glass),
      kinetics_(kinetics),
      seed_(seed),
      modes_(glass.types, glass.rules, glass.grid.dimensions()),
      kernel_(kernel),
      half_work_(0.5 * glass.grid.voxel_volume_nm3() * units::ev_per_gpa_nm3) {}

void VoxelModeSource::describe(std::size_t own_voxel, std::int64_t voxel, std::uint32_t generation,
                               std::uint8_t last_mode, VoxelModes& modes) const noexcept {
  const std::uint8_t type = glass_.voxel_type[own_voxel];
  modes.count = static_cast<std::size_t>(modes_.modes(type));
  modes.components = static_cast<std::size_t>(modes_.components());
  modes_.strains(seed_, voxel, generation, type, glass_.rotation(own_voxel),
                 std::span(modes.strain).first(modes.count * modes.components));
  modes_.barriers(seed_, voxel, generation, type, std::span(modes.barrier_ev).first(modes.count));
  // The strain of the last transformation is not stored, but drawn again; zero where there was none.
  std::array<double, catalog::most_components> drawn{};
  std::span<const double> last_strain = std::span(drawn).first(modes.components);
  if (generation > 0 && kinetics_.directional != DirectionalSoftening::isotropic) {
    if (modes_.redrawn(type)) {
      modes_.strain_of_mode(seed_, voxel, generation - 1, type, glass_.rotation(own_voxel), last_mode, drawn);
    } else {
      last_strain = modes.strain_of(last_mode);
    }
  }
  for (std::size_t mode = 0; mode < modes.count; ++mode) {
    const std::span<const double> strain = modes.strain_of(mode);
    modes.share[mode] = directional_factor(kinetics_.directional, strain, last_strain) * modes_.softening(type)[mode];
    if (kinetics_.energy_guard) modes.self_energy_ev[mode] = -half_work_ * kernel_.self_response(strain);
  }
}

}  // namespace mesoglass::deformation
