#include "deformation/transformation.hpp"

#include <vector>

#include "core/distribution.hpp"
#include "deformation/softening.hpp"

namespace mesoglass::deformation {

Transformation transformation_of(const VoxelState& state, std::size_t own_voxel, std::size_t mode, double barrier_ev,
                                 const double* block, std::size_t padded) noexcept {
  Transformation flip;
  flip.voxel = state.own.begin + static_cast<std::int64_t>(own_voxel);
  flip.mode = static_cast<std::int32_t>(mode);
  flip.generation = state.generation[own_voxel];
  flip.barrier_ev = barrier_ev;
  for (int c = 0; c < state.components; ++c) {
    flip.strain[static_cast<std::size_t>(c)] = block[static_cast<std::size_t>(c + 1) * padded + mode];
  }
  return flip;
}

double change_voxel(VoxelState& state, const KineticParameters& kinetics, const Transformation& flip) noexcept {
  const auto voxel = static_cast<std::size_t>(flip.voxel - state.own.begin);
  double square = 0.0;
  for (int c = 0; c < state.components; ++c) {
    const double strain = flip.strain[static_cast<std::size_t>(c)];
    state.plastic_strain[state.at(c, voxel)] += strain;
    square += strain * strain;
  }
  state.permanent_softening[voxel] = permanent_softening_after(kinetics, state.permanent_softening[voxel], square);
  state.last_mode[voxel] = static_cast<std::uint8_t>(flip.mode);
  ++state.generation[voxel];
  return square;
}

double fluctuation_work_gpa(const VoxelState& state, const Transformation& flip) noexcept {
  const auto voxel = static_cast<std::size_t>(flip.voxel - state.own.begin);
  double work = 0.0;
  for (int c = 0; c < state.components; ++c) {
    work += state.stress_fluctuation[state.at(c, voxel)] * flip.strain[static_cast<std::size_t>(c)];
  }
  return work;
}

double fluctuation_energy_ev(const Communicator& communicator, const VoxelGrid& grid, const VoxelState& state,
                             double half_work) {
  const auto slab_voxels = static_cast<std::size_t>(grid.voxels_per_slab());
  std::vector<double> own_slabs;
  for (std::size_t slab = 0; slab < state.count(); slab += slab_voxels) {
    double sum = 0.0;
    for (int c = 0; c < state.components; ++c) {
      for (std::size_t voxel = slab; voxel < slab + slab_voxels; ++voxel) {
        sum += state.plastic_strain[state.at(c, voxel)] * state.stress_fluctuation[state.at(c, voxel)];
      }
    }
    own_slabs.push_back(sum);
  }
  return -half_work * fixed_order_sum(communicator, own_slabs);
}

double memory_bytes(const VoxelState& state) noexcept {
  const auto bytes = [](const auto& values) { return static_cast<double>(values.capacity() * sizeof(values[0])); };
  return bytes(state.generation) + bytes(state.permanent_softening) + bytes(state.last_mode) +
         bytes(state.plastic_strain) + bytes(state.stress_fluctuation) + bytes(state.bound_rate) +
         bytes(state.bound_radius) + bytes(state.bound_stress);
}

}  // namespace mesoglass::deformation
