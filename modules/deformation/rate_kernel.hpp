// Barriers and rates of all modes of many voxels: the innermost loop of a run, vectorised over the modes.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>

namespace mesoglass::deformation {

// Modes are stored in groups of this many; unused places hold `padding_barrier_ev`, whose rate adds nothing.
inline constexpr std::size_t mode_group = 4;
inline constexpr double padding_barrier_ev = 1e300;

[[nodiscard]] constexpr std::size_t padded_modes(int modes) noexcept {
  return (static_cast<std::size_t>(modes) + mode_group - 1) / mode_group * mode_group;
}

// Constants of Q_m = softened_m - half_work * s:e_m, with the energy guard Q_m = max(Q_m, self_m - 2 half_work *
// s:e_m), rate = attempt_rate * exp(-Q_m / kT).
struct RateConstants {
  double half_work = 0.0;     // V / 2 in eV a GPa
  double inverse_kt = 0.0;    // 1 / eV
  double attempt_rate = 0.0;  // 1 / s
  int components = 0;         // 2, 3, 5 or 6
  bool energy_guard = false;
};

// Doubles a block of `padded` modes takes: softened barriers, one row a strain component, and with the guard the modes'
// own elastic energies (eV).
[[nodiscard]] constexpr std::size_t block_size(const RateConstants& constants, std::size_t padded) noexcept {
  return padded * (1 + static_cast<std::size_t>(constants.components) + (constants.energy_guard ? 1 : 0));
}

// Voxels to evaluate. Stress of local voxel v: stress[c * stride + v] + mean[c] (GPa).
struct RateBatch {
  const double* blocks = nullptr;
  const std::size_t* block_begin = nullptr;  // of each local voxel
  const std::uint16_t* padded = nullptr;     // of each local voxel
  const double* stress = nullptr;
  std::size_t stride = 0;
  const double* mean = nullptr;
};

// For each listed voxel v: rate[v] = sum over its modes (1/s), lowest[v] = its lowest barrier (eV), evaluated at the
// local stress, of which a copy goes to evaluated_stress[v * components + c]. The same bits on every processor. Pure.
void evaluate_voxels(const RateConstants& constants, const RateBatch& batch, std::span<const std::uint32_t> voxels,
                     double* rate, double* lowest, double* evaluated_stress) noexcept;

// The barriers (eV) of one voxel's modes at its local stress, computed by the same operations. Pure.
void barriers_of_voxel(const RateConstants& constants, const double* block, std::size_t padded, const double* stress,
                       double* barriers) noexcept;

// exp(x) for |x| <= 708 to 2 units in the last place, by the operations of the vectorised loop.
[[nodiscard]] double rate_exponential(double x) noexcept;

// How much a barrier can fall a unit of stress times strain: the guard's energy falls twice as fast as the barrier.
[[nodiscard]] constexpr double steepest_slope(const RateConstants& constants) noexcept {
  return (constants.energy_guard ? 2.0 : 1.0) * constants.half_work;
}

// For voxels 0 <= v < count: a lower bound of its lowest barrier now, from the barrier and stress at its last
// evaluation: lowest - steepest_slope * reach[v] * |stress - evaluated stress|, reach = largest norm of a mode. Pure.
void bound_voxels(const RateConstants& constants, const RateBatch& batch, std::size_t count, const double* lowest,
                  const double* reach, const double* evaluated_stress, double* bound) noexcept;

}  // namespace mesoglass::deformation
