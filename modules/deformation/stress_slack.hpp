// How much farther the stress of voxels may move before their bounds have to be found anew.
#pragma once

#include <cstddef>

namespace mesoglass::deformation {

// Arrays of a rank's voxels; tensors have their components one after the other, `stride` voxels each.
struct StressRows {
  const double* stress_fluctuation;
  const float* bound_stress;
  const float* radius;
  const float* drift_at;  // the drift when the voxel's stress was last exact
  std::size_t stride;
  const double* mean_stress;
  int components;
};

// slack[i] of voxel begin + i: its radius less the drift since its stress was last exact and the distance between its
// known stress and the one its bound was found at, GPa. Pure.
void slack_of_row(const StressRows& rows, std::size_t begin, std::size_t count, double drift, double* slack);

}  // namespace mesoglass::deformation
