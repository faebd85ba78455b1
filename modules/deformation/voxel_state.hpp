// What a run knows of every voxel: all that a checkpoint must keep, and all that observables are made of.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "core/distribution.hpp"

namespace mesoglass::deformation {

// Temporary softening that has not been forgotten yet.
struct LiveSoftening {
  std::int64_t voxel = 0;  // of the whole grid
  double at_event = 0.0;   // k_t e:e of the last transformation
  double age_s = 0.0;      // time since then, summed up step by step
};

// This rank's voxels (grid.voxels_of). Tensors are components in the deviatoric basis of elasticity/tensor_basis.hpp
// (with dilatation: the full one), one array a component: component c of own voxel v stands at c * own.size() + v.
struct VoxelState {
  Range own;
  int components = 0;
  std::vector<std::uint32_t> generation;    // number of transformations
  std::vector<double> permanent_softening;  // g_perm
  std::vector<std::uint8_t> last_mode;      // of the last transformation; 0 before the first
  std::vector<double> plastic_strain;       // sum of all of them
  std::vector<double> stress_fluctuation;   // GPa, local minus mean stress; with unlike moduli: at zero mean stress
  std::vector<double> temperature_rise;     // K, by local heating; empty without
  std::vector<LiveSoftening> live;          // own voxels only

  // What the fast engine knows of its voxels' rates (rate_bound.hpp); empty with the direct engine.
  std::vector<float> bound_rate;           // 1/s
  std::vector<float> bound_radius;         // GPa
  std::vector<std::int16_t> bound_stress;  // in units of bound_stress_unit_gpa()

  VoxelState(Range own_voxels, int component_count) : own(own_voxels), components(component_count) {
    const auto count = static_cast<std::size_t>(own.size());
    const auto all = count * static_cast<std::size_t>(component_count);
    generation.assign(count, 0);
    permanent_softening.assign(count, 0.0);
    last_mode.assign(count, 0);
    plastic_strain.assign(all, 0.0);
    stress_fluctuation.assign(all, 0.0);
  }

  [[nodiscard]] std::size_t count() const noexcept { return generation.size(); }
  // Component c of a tensor array at own voxel v.
  [[nodiscard]] std::size_t at(int component, std::size_t voxel) const noexcept {
    return static_cast<std::size_t>(component) * count() + voxel;
  }
};

inline constexpr int most_strain_components = 6;
using StrainComponents = std::array<double, most_strain_components>;  // unused entries are zero

// One transformation of a voxel by one of its modes.
struct Transformation {
  std::int64_t voxel = 0;  // of the whole grid
  std::int32_t mode = 0;
  std::uint32_t generation = 0;  // before the transformation
  double barrier_ev = 0.0;
  StrainComponents strain{};
};

}  // namespace mesoglass::deformation
