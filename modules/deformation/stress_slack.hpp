// How much farther the stress of voxels may move before their bounds have to be found anew.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <span>

#include "deformation/voxel_state.hpp"

namespace mesoglass::deformation {

// Arrays of a rank's voxels; tensors have their components one after the other, `stride` voxels each.
struct StressRows {
  const double* stress_fluctuation;
  const std::int16_t* bound_stress;
  double bound_stress_unit_gpa;
  const float* radius;
  std::size_t stride;
  int components;
};

// Neighbouring voxels along x: the first of them, and what the stress at the i-th is more than its fluctuation in the
// arrays: offset + i * gradient.
struct StressRow {
  std::size_t begin = 0;
  StrainComponents offset{};  // GPa
};

// slack[r * length + i] of voxel i of row r: its radius less the distance between its stress and the one its bound was
// found at, GPa. Returns the least of them. Pure.
double slack_of_rows(const StressRows& arrays, std::span<const StressRow> rows, std::size_t length,
                     const StrainComponents& gradient, double* slack);

}  // namespace mesoglass::deformation
