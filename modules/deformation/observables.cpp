#include "deformation/observables.hpp"

#include <cmath>

#include "core/distribution.hpp"

namespace mesoglass::deformation {

double von_mises_strain(const VoxelState& state, int dimensions, std::size_t voxel) noexcept {
  const int deviatoric = dimensions == 2 ? 2 : 5;
  double square = 0.0;
  for (int c = 0; c < deviatoric; ++c) {
    const double strain = state.plastic_strain[state.at(c, voxel)];
    square += strain * strain;
  }
  return std::sqrt(2.0 / 3.0 * square);
}

std::vector<std::uint8_t> free_volume_voxels(const VoxelState& state, int dimensions,
                                             const ObservableParameters& observables, double softening_cap) {
  const double threshold = observables.criterion_threshold;
  // The dilatation row is (xx + yy) / sqrt 2 or (xx + yy + zz) / sqrt 3; without such modes there is none.
  const int deviatoric = dimensions == 2 ? 2 : 5;
  const double trace = std::sqrt(static_cast<double>(dimensions));
  std::vector<std::uint8_t> carries(state.count(), 0);
  for (std::size_t voxel = 0; voxel < state.count(); ++voxel) {
    bool yes = false;
    switch (observables.criterion) {
      case FreeVolumeCriterion::generation:
        yes = state.generation[voxel] >= threshold;
        break;
      case FreeVolumeCriterion::softening:
        yes = state.permanent_softening[voxel] > 0.0 && state.permanent_softening[voxel] >= threshold * softening_cap;
        break;
      case FreeVolumeCriterion::plastic_strain:
        yes = von_mises_strain(state, dimensions, voxel) >= threshold;
        break;
      case FreeVolumeCriterion::dilatation:
        yes = state.components > deviatoric && trace * state.plastic_strain[state.at(deviatoric, voxel)] >= threshold;
        break;
    }
    carries[voxel] = yes ? 1 : 0;
  }
  return carries;
}

double participation_ratio(const Communicator& communicator, const VoxelGrid& grid, const VoxelState& state) {
  const auto slab_voxels = static_cast<std::size_t>(grid.voxels_per_slab());
  std::vector<double> sums;
  std::vector<double> squares;
  for (std::size_t slab = 0; slab < state.count(); slab += slab_voxels) {
    double sum = 0.0;
    double square = 0.0;
    for (std::size_t voxel = slab; voxel < slab + slab_voxels; ++voxel) {
      const double strain = von_mises_strain(state, grid.dimensions(), voxel);
      sum += strain;
      square += strain * strain;
    }
    sums.push_back(sum);
    squares.push_back(square);
  }
  const double sum = fixed_order_sum(communicator, sums);
  const double square = fixed_order_sum(communicator, squares);
  return square > 0.0 ? sum * sum / (static_cast<double>(grid.voxel_count()) * square) : 1.0;
}

}  // namespace mesoglass::deformation
