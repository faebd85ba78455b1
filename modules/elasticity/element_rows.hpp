// The stiffness of a row of voxels applied to nodal displacements, without a matrix.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "core/voxel_grid.hpp"
#include "elasticity/isotropic_moduli.hpp"
#include "elasticity/tensor_basis.hpp"

namespace mesoglass::elasticity {

// A row of elements along x lies between four rows of nodes: (y, z), (y + 1, z), (y, z + 1), (y + 1, z + 1); between
// the first two on a grid one voxel thick. A row's values are node by node, `freedoms` values each.
//
// Instead of the dense 24 x 24 element matrices: a trilinear displacement is a sum of the eight products 1, xi, eta,
// xi eta, ... of the element's coordinates, which are orthogonal to each other on it. In them the stiffness of an
// isotropic, rectangular element has few entries: about 300 operations a voxel where the dense matrices take 1,200.
// The same stiffness as ElementMatrices, to round-off.
class ElementRows {
 public:
  // `body` two-dimensional needs a grid with nz = 1.
  ElementRows(const VoxelGrid& grid, Body body);

  // Adds to the rows `force` the forces that the row's `count` elements with the moduli lambda[i], shear[i] need to
  // take the displacements of the rows `displacement` and the uniform strain `uniform`. Node `count` (the far end of
  // the last element) is found `end_offset` values behind each row's beginning: count * freedoms, or 0 where x is
  // periodic. Not collective; not for two threads at once.
  void add_forces(const std::array<const double*, 4>& displacement, const std::array<double*, 4>& force,
                  const double* lambda, const double* shear, std::int64_t count, std::int64_t end_offset,
                  const Tensor& uniform = {});

 private:
  int axes_;
  int freedoms_;
  std::array<double, 3> gradient_{};  // 2 / edge, 1/nm
  double volume_;
  std::vector<double> nodal_;    // [mode across x][axis][node]
  std::vector<double> element_;  // forces the same way, from the element's low and high nodes
  std::vector<double> moduli_;   // lambda, then shear, filled up with zeros
};

}  // namespace mesoglass::elasticity
