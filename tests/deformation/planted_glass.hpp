// Small glasses and parameters with known properties.
#pragma once

#include <cmath>
#include <cstddef>

#include "catalog/stz_catalog.hpp"
#include "core/communicator.hpp"
#include "deformation/deformation_parameters.hpp"

namespace mesoglass::test {

// A matrix glass of nx x ny x nz voxels of this rank's share, 2-D set (nz = 1) or 3-D default set.
inline catalog::Catalog matrix_glass(const Communicator& communicator, std::int64_t nx, std::int64_t ny,
                                     std::int64_t nz) {
  catalog::Catalog glass;
  glass.grid.nx = nx;
  glass.grid.ny = ny;
  glass.grid.nz = nz;
  catalog::ShearZoneType matrix;
  matrix.name = "matrix";
  if (nz == 1) {
    glass.grid.voxel_size_nm = {0.7, 0.7, 1.0};
    matrix.young_modulus_gpa = 69.46;
    matrix.poisson_ratio = 0.365;
    matrix.gamma0 = 0.14;
    matrix.barrier_mean_ev = 2.0;
  } else {
    glass.grid.voxel_size_nm = {2.5, 2.5, 2.5};
  }
  glass.types = {matrix};
  const Range own = glass.grid.voxels_of(communicator.rank(), communicator.size());
  glass.voxel_type.assign(static_cast<std::size_t>(own.size()), 0);
  glass.voxel_domain.assign(static_cast<std::size_t>(own.size()), -1);
  glass.seed = 1;
  glass.glass = "planted";
  return glass;
}

// Every voxel of one kind of order whose modes, directions and barriers never change: `modes` modes in two dimensions,
// amplitude 1, no jitter, barrier `barrier_ev` for all, one domain that is turned by `angle` (rad).
inline catalog::Catalog ordered_glass(const Communicator& communicator, std::int64_t nx, std::int64_t ny, int modes,
                                      double barrier_ev, double angle = 0.0) {
  catalog::Catalog glass = matrix_glass(communicator, nx, ny, 1);
  catalog::ShearZoneType ordered = glass.types.front();
  ordered.name = "ordered";
  ordered.modes = modes;
  ordered.barrier_mean_ev = barrier_ev;
  ordered.barrier_spread = 0.0;
  glass.types.push_back(ordered);
  glass.rules.jitter = 0.0;
  catalog::Domain domain;
  domain.type = 1;
  domain.voxels = static_cast<std::int32_t>(glass.grid.voxel_count());
  domain.rotation = {static_cast<float>(std::cos(0.5 * angle)), 0.0F, 0.0F, static_cast<float>(std::sin(0.5 * angle))};
  glass.domains = {domain};
  for (auto& type : glass.voxel_type) type = 1;
  for (auto& row : glass.voxel_domain) row = 0;
  return glass;
}

inline deformation::DeformationParameters parameters_for(const catalog::Catalog& glass) {
  deformation::DeformationParameters parameters;
  if (glass.grid.dimensions() == 2) {
    parameters.kinetics.permanent_softening = 13.0;
    parameters.kinetics.temporary_softening = 39.0;
    parameters.kinetics.softening_cap = 0.5108;
    parameters.loading.body = elasticity::Body::plane_stress;
  } else {
    parameters.kinetics.rate_volume = true;
  }
  parameters.observables.paraview = false;
  return parameters;
}

inline void switch_softening_off(deformation::DeformationParameters& parameters) {
  parameters.kinetics.permanent_softening = 0.0;
  parameters.kinetics.temporary_softening = 0.0;
}

}  // namespace mesoglass::test
