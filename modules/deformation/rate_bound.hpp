// How far the stress of a voxel may move before its rate exceeds a bound: what lets the fast engine leave a voxel
// alone.
#pragma once

#include <cstddef>

#include "deformation/rate_kernel.hpp"

namespace mesoglass::deformation {

// A voxel's rate is at most `bound_rate` wherever its stress is within `radius_gpa` (basis norm) of the stress it was
// evaluated at, and no barrier is negative there.
struct RateBound {
  double rate = 0.0;         // 1/s, at the stress itself
  double lowest_ev = 0.0;    // lowest barrier there
  double bound_rate = 0.0;   // 1/s
  double radius_gpa = 0.0;   // -1 where a barrier is negative
  double steepest_kt = 0.0;  // largest sensitivity of a mode: kT a GPa
};

// Evaluates one voxel at `stress` (components, GPa) with the block of modes `block` and chooses as its bound
// max(margin * rate, least_bound). The radius solves an inequality on the safe side: mode m's barrier falls by at most
// its sensitivity steepest_slope * |e_m| / kT, in kT, a GPa, so that its rate grows by at most exp(sensitivity_m *
// distance), and the sum's logarithm is convex in the distance, so that the chord between two
// points overestimates it. margin > 1. Pure.
[[nodiscard]] RateBound bound_rate_of_voxel(const RateConstants& constants, const double* block, std::size_t padded,
                                            const double* stress, double margin, double least_bound) noexcept;

}  // namespace mesoglass::deformation
