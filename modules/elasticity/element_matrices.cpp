#include "elasticity/element_matrices.hpp"

#include <cmath>
#include <cstddef>

namespace mesoglass::elasticity {

namespace {

// Gradients of the eight shape functions at a point of the unit cube, over the edges.
Eigen::Matrix<double, 3, 8> shape_gradients(const std::array<double, 3>& edges, double x, double y, double z) {
  Eigen::Matrix<double, 3, 8> gradients;
  for (int node = 0; node < 8; ++node) {
    const bool high_x = (node & 1) != 0;
    const bool high_y = (node & 2) != 0;
    const bool high_z = (node & 4) != 0;
    const double nx = high_x ? x : 1.0 - x;
    const double ny = high_y ? y : 1.0 - y;
    const double nz = high_z ? z : 1.0 - z;
    gradients.col(node) << (high_x ? 1.0 : -1.0) * ny * nz / edges[0], (high_y ? 1.0 : -1.0) * nx * nz / edges[1],
        (high_z ? 1.0 : -1.0) * nx * ny / edges[2];
  }
  return gradients;
}

}  // namespace

ElementMatrices::ElementMatrices(const VoxelGrid& grid, Body body)
    : nodes_(grid.nz == 1 ? 4 : 8), freedoms_(dimensions_of(body)), volume_(grid.voxel_volume_nm3()) {
  stiffness_lambda_ = Matrix::Zero(unknowns(), unknowns());
  stiffness_mu_ = Matrix::Zero(unknowns(), unknowns());
  mean_strain_ = StrainMatrix::Zero(tensor_components, unknowns());
  const double point = 0.5 / std::sqrt(3.0);
  const double weight = volume_ / 8.0;
  for (const double z : {0.5 - point, 0.5 + point}) {
    for (const double y : {0.5 - point, 0.5 + point}) {
      for (const double x : {0.5 - point, 0.5 + point}) {
        const auto all = shape_gradients(grid.voxel_size_nm, x, y, z);
        // Node n of a flat element is both hexahedron nodes n and n + 4: their shape functions add up.
        Eigen::Matrix<double, 3, Eigen::Dynamic, 0, 3, 8> g = all.leftCols(nodes_);
        if (nodes_ == 4) g += all.rightCols(4);
        for (int a = 0; a < nodes_; ++a) {
          for (int b = 0; b < nodes_; ++b) {
            const double dot = g.col(a).dot(g.col(b));
            for (int i = 0; i < freedoms_; ++i) {
              for (int j = 0; j < freedoms_; ++j) {
                const int row = a * freedoms_ + i;
                const int column = b * freedoms_ + j;
                stiffness_lambda_(row, column) += weight * g(i, a) * g(j, b);
                stiffness_mu_(row, column) += weight * (g(j, a) * g(i, b) + (i == j ? dot : 0.0));
              }
            }
          }
          for (int component = 0; component < tensor_components; ++component) {
            const auto& axes = component_axes[static_cast<std::size_t>(component)];
            for (const auto& [moving, along] : {std::array<int, 2>{axes[0], axes[1]}, {axes[1], axes[0]}}) {
              if (moving < freedoms_) mean_strain_(component, a * freedoms_ + moving) += 0.5 * g(along, a) / 8.0;
            }
          }
        }
      }
    }
  }
}

ElementMatrices::Vector ElementMatrices::force_of_stress(const Tensor& stress) const noexcept {
  Vector force = Vector::Zero(unknowns());
  for (int component = 0; component < tensor_components; ++component) {
    const double count = component >= yz ? 2.0 : 1.0;
    force += volume_ * count * stress[static_cast<std::size_t>(component)] * mean_strain_.row(component).transpose();
  }
  return force;
}

}  // namespace mesoglass::elasticity
