// The shear modes and activation barriers of a voxel as pure functions of (seed, voxel, generation): nothing is stored,
// nothing is communicated, and any rank can ask for any voxel.
//
// Strains are given by components in an orthonormal basis of the deviatoric tensors, so that e:e' = sum of products of
// components:
//   2-D: c0 = (e_xx - e_yy) / sqrt 2,  c1 = sqrt 2 e_xy                                            (e_zz = 0)
//   3-D: c0 = (e_xx - e_yy) / sqrt 2,  c1 = (2 e_zz - e_xx - e_yy) / sqrt 6,
//        c2 = sqrt 2 e_yz,  c3 = sqrt 2 e_xz,  c4 = sqrt 2 e_xy
// and with dilatation one more, the last: 2-D (e_xx + e_yy) / sqrt 2, 3-D (e_xx + e_yy + e_zz) / sqrt 3.
// A stress resolves on the same basis, so sigma:e is a dot product of components too.
#pragma once

#include <array>
#include <cstdint>
#include <span>
#include <vector>

#include "catalog/stz_catalog.hpp"

namespace mesoglass::catalog {

inline constexpr int most_modes = 64;
inline constexpr int most_components = 6;

// Symmetric tensor (xx, yy, zz, yz, xz, xy; tensor shear) to basis components and back. `components` has 2 or 3 (2-D)
// or 5 or 6 (3-D) entries; parts of the tensor outside the basis are dropped. Pure.
void components_of(std::span<const double, 6> tensor, int dimensions, std::span<double> components) noexcept;
[[nodiscard]] std::array<double, 6> tensor_of(std::span<const double> components, int dimensions) noexcept;

// `count` unit shear tensors (s n + n s) / sqrt 2 in 3-D, each by its slip direction s and plane normal n, with the
// largest angles between them that a deterministic repulsion finds: exactly orthogonal for up to three. Returned as
// {s, n} pairs. Uses only correctly rounded arithmetic: the same bits on every machine.
struct SlipSystem {
  std::array<double, 3> direction;
  std::array<double, 3> normal;
};
[[nodiscard]] std::vector<SlipSystem> spread_slip_systems(int count);

class ShearModes {
 public:
  // `types` as in the catalog (row 0 = matrix); dimensions 2 or 3. Throws InputError as validate_type, validate_rules.
  ShearModes(std::vector<ShearZoneType> types, const ModeRules& rules, int dimensions);

  // Components a mode: 2 (2-D) or 5 (3-D), one more with dilatation.
  [[nodiscard]] int components() const noexcept { return components_; }
  [[nodiscard]] int dimensions() const noexcept { return dimensions_; }
  [[nodiscard]] int modes(std::uint8_t type) const noexcept { return types_[type].modes; }
  [[nodiscard]] int largest_mode_count() const noexcept { return largest_mode_count_; }
  // The factor on the voxel's softening, one a mode.
  [[nodiscard]] std::span<const double> softening(std::uint8_t type) const noexcept { return softening_[type]; }
  // True where the modes change with the generation (matrix, or any type with dilatation); else they last for life.
  [[nodiscard]] bool redrawn(std::uint8_t type) const noexcept { return type == 0 || rules_.dilatation > 0.0; }

  // The strains of all modes: strains[mode * components() + component], for mode < modes(type). `rotation` is the
  // domain's quaternion (ignored in the matrix). `generation` counts the voxel's transformations, from 0.
  // Matrix: every deviatoric component gamma0 / sqrt(number of components) * N(0,1), so <e:e> = gamma0^2, isotropic.
  // MRO 2-D: e_j = A gamma0 (cos a_j, sin a_j) in (e_xx, e_xy), a_j = a_0 + 2 pi j / m; modes j and j + m/2 are one
  // slip system in both senses and share their jitter. MRO 3-D: e = +-A gamma0 (s n + n s), mode j the positive and j +
  // m/2 the negative sense of slip system j. Jitter: A times 1 + jitter U(-1,1); in 2-D the angle a_j plus jitter (2 pi
  // / m) U(-1,1); in 3-D the slip system turned about a random axis by jitter (pi / m) U(-1,1), which turns the strain
  // by up to twice that. No allocation, no communication; about 0.3 to 3 microseconds.
  void strains(std::uint64_t seed, std::int64_t voxel, std::uint32_t generation, std::uint8_t type,
               const std::array<float, 4>& rotation, std::span<double> strains) const noexcept;

  // The components() components of one mode's strain, with the same bits as strains() gives.
  void strain_of_mode(std::uint64_t seed, std::int64_t voxel, std::uint32_t generation, std::uint8_t type,
                      const std::array<float, 4>& rotation, int mode, std::span<double> strain) const noexcept;

  // The barriers Q0 in eV of all modes, never negative: barriers[mode].
  void barriers(std::uint64_t seed, std::int64_t voxel, std::uint32_t generation, std::uint8_t type,
                std::span<double> barriers_ev) const noexcept;

 private:
  // Standard deviation of a component of a matrix mode's strain.
  [[nodiscard]] double matrix_scale() const noexcept;
  void matrix_strains(std::uint64_t seed, std::int64_t voxel, std::uint32_t generation,
                      std::span<double> strains) const noexcept;
  void planar_strains(std::uint64_t seed, std::int64_t voxel, std::uint8_t type, const std::array<float, 4>& rotation,
                      std::span<double> strains) const noexcept;
  void spatial_strains(std::uint64_t seed, std::int64_t voxel, std::uint8_t type, const std::array<float, 4>& rotation,
                       std::span<double> strains) const noexcept;

  std::vector<ShearZoneType> types_;
  ModeRules rules_;
  int dimensions_;
  int components_;
  int largest_mode_count_ = 0;
  std::vector<std::vector<double>> softening_;
  std::vector<std::vector<SlipSystem>> slip_systems_;
};

}  // namespace mesoglass::catalog
