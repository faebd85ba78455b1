// The matrices of one voxel as a finite element: what every solver of the module is made of.
#pragma once

#include <Eigen/Dense>
#include <array>

#include "core/voxel_grid.hpp"
#include "elasticity/isotropic_moduli.hpp"
#include "elasticity/tensor_basis.hpp"

namespace mesoglass::elasticity {

// Trilinear hexahedron, or on a grid one voxel thick the quadrilateral that is left when the element's upper and lower
// nodes are the same. Nodes are numbered x fastest: node = ix + 2 iy + 4 iz. Unknowns of a node: ux, uy, uz; in a
// two-dimensional body ux, uy. Unknown j = node * freedoms + axis.
//
// Stiffness: lambda * stiffness_lambda() + mu * stiffness_mu() (GPa nm), exactly integrated (2 x 2 x 2 Gauss points are
// exact for rectangular elements): integral of lambda div v div u + mu (grad v : grad u + grad v : grad u^T).
// Mean strain of the element: mean_strain() * unknowns, rows xx ... xy, tensor shear (1/nm). Because the eigenstrain
// and the moduli are constant in the element, the nodal force of a constant stress s is volume * force_of_stress() * s
// with force_of_stress()_jc = d(sum_c' s:eps)/du_j.
class ElementMatrices {
 public:
  static constexpr int largest = 24;
  using Matrix = Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, 0, largest, largest>;
  using Vector = Eigen::Matrix<double, Eigen::Dynamic, 1, 0, largest, 1>;
  using StrainMatrix = Eigen::Matrix<double, tensor_components, Eigen::Dynamic, 0, tensor_components, largest>;

  // `body` two-dimensional needs a grid with nz = 1.
  ElementMatrices(const VoxelGrid& grid, Body body);

  [[nodiscard]] int nodes() const noexcept { return nodes_; }        // 4 or 8
  [[nodiscard]] int freedoms() const noexcept { return freedoms_; }  // 2 or 3 a node
  [[nodiscard]] int unknowns() const noexcept { return nodes_ * freedoms_; }
  [[nodiscard]] double volume_nm3() const noexcept { return volume_; }

  [[nodiscard]] const Matrix& stiffness_lambda() const noexcept { return stiffness_lambda_; }
  [[nodiscard]] const Matrix& stiffness_mu() const noexcept { return stiffness_mu_; }
  [[nodiscard]] const StrainMatrix& mean_strain() const noexcept { return mean_strain_; }
  // volume * (mean strain)^T with each shear counted twice, applied to `stress`.
  [[nodiscard]] Vector force_of_stress(const Tensor& stress) const noexcept;

 private:
  int nodes_;
  int freedoms_;
  double volume_;
  Matrix stiffness_lambda_;
  Matrix stiffness_mu_;
  StrainMatrix mean_strain_;
};

}  // namespace mesoglass::elasticity
