// An independent, slow and plain finite-element solution: element matrices by numerical quadrature of B^T C B, dense
// assembly, dense factorisation. What the fast solvers are checked against on small grids.
#pragma once

#include <Eigen/Dense>
#include <array>
#include <cmath>
#include <cstddef>
#include <vector>

#include "core/voxel_grid.hpp"

namespace mesoglass::elasticity::test {

// Voigt stiffness with engineering shear, order xx, yy, zz, yz, xz, xy, from lambda and mu.
inline Eigen::Matrix<double, 6, 6> voigt_stiffness(double lambda, double mu) {
  Eigen::Matrix<double, 6, 6> c = Eigen::Matrix<double, 6, 6>::Zero();
  c.topLeftCorner<3, 3>().setConstant(lambda);
  for (int i = 0; i < 3; ++i) c(i, i) += 2.0 * mu;
  for (int i = 3; i < 6; ++i) c(i, i) = mu;
  return c;
}

// Periodic cell, one voxel one trilinear hexahedron. With `flat`, the z displacement and all z components are left out
// (bilinear quadrilaterals; nz must be 1).
class DenseFiniteElements {
 public:
  using Matrix = Eigen::MatrixXd;
  using StrainMatrix = Eigen::Matrix<double, 6, 24>;

  DenseFiniteElements(const VoxelGrid& grid, bool flat) : grid_(grid), flat_(flat) {
    mean_ = StrainMatrix::Zero();
    const double point = 1.0 / std::sqrt(3.0);
    for (const double z : {-point, point}) {
      for (const double y : {-point, point}) {
        for (const double x : {-point, point}) {
          points_.push_back(strain_matrix(0.5 + 0.5 * x, 0.5 + 0.5 * y, 0.5 + 0.5 * z));
          mean_ += points_.back() / 8.0;
        }
      }
    }
  }

  struct Solution {
    std::vector<std::array<double, 6>> stress;  // element averages, tensor components
    std::vector<std::array<double, 6>> strain;
    std::vector<std::array<double, 3>> displacement;  // mean zero
  };

  // Element constants and eigenstrains (tensor components) under a prescribed mean strain.
  Solution solve(const std::vector<Eigen::Matrix<double, 6, 6>>& stiffness,
                 const std::vector<std::array<double, 6>>& eigenstrain,
                 const std::array<double, 6>& mean_strain) const {
    const auto voxels = static_cast<int>(grid_.voxel_count());
    const int unknowns = 3 * voxels;
    Matrix k = Matrix::Zero(unknowns, unknowns);
    Eigen::VectorXd f = Eigen::VectorXd::Zero(unknowns);
    const double weight = grid_.voxel_volume_nm3() / 8.0;
    const Eigen::Matrix<double, 6, 1> mean = engineering(mean_strain);
    for (int e = 0; e < voxels; ++e) {
      const auto freedoms = freedoms_of(e);
      const auto& c = stiffness[static_cast<std::size_t>(e)];
      const Eigen::Matrix<double, 6, 1> star = engineering(eigenstrain[static_cast<std::size_t>(e)]);
      for (const StrainMatrix& b : points_) {
        const Eigen::Matrix<double, 24, 24> ke = weight * b.transpose() * c * b;
        const Eigen::Matrix<double, 24, 1> fe = weight * b.transpose() * c * (star - mean);
        for (int i = 0; i < 24; ++i) {
          f(freedoms[static_cast<std::size_t>(i)]) += fe(i);
          for (int j = 0; j < 24; ++j) {
            k(freedoms[static_cast<std::size_t>(i)], freedoms[static_cast<std::size_t>(j)]) += ke(i, j);
          }
        }
      }
    }
    // Node 0 is held; in a flat body so is all motion along z.
    for (int freedom = 0; freedom < unknowns; ++freedom) {
      if (freedom >= 3 && !(flat_ && freedom % 3 == 2)) continue;
      k.row(freedom).setZero();
      k.col(freedom).setZero();
      k(freedom, freedom) = 1.0;
      f(freedom) = 0.0;
    }
    const Eigen::VectorXd u = k.ldlt().solve(f);
    Solution solution;
    for (int e = 0; e < voxels; ++e) {
      const auto freedoms = freedoms_of(e);
      Eigen::Matrix<double, 24, 1> ue;
      for (int i = 0; i < 24; ++i) ue(i) = u(freedoms[static_cast<std::size_t>(i)]);
      const Eigen::Matrix<double, 6, 1> strain = mean_ * ue + mean;
      const Eigen::Matrix<double, 6, 1> stress =
          stiffness[static_cast<std::size_t>(e)] * (strain - engineering(eigenstrain[static_cast<std::size_t>(e)]));
      std::array<double, 6> own_stress{};
      std::array<double, 6> own_strain{};
      for (int c = 0; c < 6; ++c) {
        own_stress[static_cast<std::size_t>(c)] = stress(c);
        own_strain[static_cast<std::size_t>(c)] = strain(c) * (c < 3 ? 1.0 : 0.5);
      }
      solution.stress.push_back(own_stress);
      solution.strain.push_back(own_strain);
    }
    Eigen::Vector3d centre = Eigen::Vector3d::Zero();
    for (int node = 0; node < voxels; ++node) centre += u.segment<3>(3 * node) / voxels;
    for (int node = 0; node < voxels; ++node) {
      solution.displacement.push_back(
          {u(3 * node) - centre(0), u(3 * node + 1) - centre(1), u(3 * node + 2) - centre(2)});
    }
    return solution;
  }

 private:
  static Eigen::Matrix<double, 6, 1> engineering(const std::array<double, 6>& tensor) {
    Eigen::Matrix<double, 6, 1> v;
    for (int c = 0; c < 6; ++c) v(c) = tensor[static_cast<std::size_t>(c)] * (c < 3 ? 1.0 : 2.0);
    return v;
  }

  StrainMatrix strain_matrix(double x, double y, double z) const {
    StrainMatrix b = StrainMatrix::Zero();
    const auto& h = grid_.voxel_size_nm;
    for (int node = 0; node < 8; ++node) {
      const bool hx = (node & 1) != 0;
      const bool hy = (node & 2) != 0;
      const bool hz = (node & 4) != 0;
      const double nx = hx ? x : 1.0 - x;
      const double ny = hy ? y : 1.0 - y;
      const double nz = hz ? z : 1.0 - z;
      const double dx = (hx ? 1.0 : -1.0) / h[0] * ny * nz;
      const double dy = (hy ? 1.0 : -1.0) / h[1] * nx * nz;
      const double dz = flat_ ? 0.0 : (hz ? 1.0 : -1.0) / h[2] * nx * ny;
      const int u = 3 * node;
      b(0, u) = dx;
      b(1, u + 1) = dy;
      b(2, u + 2) = dz;
      b(3, u + 1) = dz;
      b(3, u + 2) = dy;
      b(4, u) = dz;
      b(4, u + 2) = dx;
      b(5, u) = dy;
      b(5, u + 1) = dx;
    }
    return b;
  }

  std::array<int, 24> freedoms_of(int element) const {
    const auto [x, y, z] = grid_.coordinates(element);
    std::array<int, 24> freedoms{};
    for (int node = 0; node < 8; ++node) {
      const std::int64_t nx = (x + (node & 1)) % grid_.nx;
      const std::int64_t ny = (y + ((node >> 1) & 1)) % grid_.ny;
      const std::int64_t nz = (z + ((node >> 2) & 1)) % grid_.nz;
      for (int axis = 0; axis < 3; ++axis) {
        freedoms[static_cast<std::size_t>(3 * node + axis)] = static_cast<int>(3 * grid_.index(nx, ny, nz)) + axis;
      }
    }
    return freedoms;
  }

  VoxelGrid grid_;
  bool flat_;
  std::vector<StrainMatrix> points_;
  StrainMatrix mean_;
};

}  // namespace mesoglass::elasticity::test
