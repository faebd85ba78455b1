#include "elasticity/slab_elements.hpp"

#include <algorithm>
#include <cstddef>

namespace mesoglass::elasticity {

namespace {

using FixedTensor = Eigen::Matrix<double, tensor_components, 1>;

}  // namespace

SlabElements::SlabElements(const Communicator& communicator, const VoxelGrid& grid, Body body,
                           std::span<const double> lambda_gpa, std::span<const double> shear_gpa)
    : communicator_(communicator),
      grid_(grid),
      body_(body),
      matrices_(grid, body),
      element_rows_(grid, body),
      lambda_(lambda_gpa.begin(), lambda_gpa.end()),
      shear_(shear_gpa.begin(), shear_gpa.end()),
      slabs_(grid.slabs_of(communicator.rank(), communicator.size())) {
  const std::int64_t count = grid.slab_count();
  if (slabs_.size() > 0) {
    next_ = owner_of(slabs_.end % count, count, communicator.size());
    previous_ = owner_of((slabs_.begin + count - 1) % count, count, communicator.size());
  }
  const auto plane = static_cast<std::size_t>(grid.voxels_per_slab() * matrices_.freedoms());
  upper_displacement_.resize(plane);
  below_.resize(plane);
  above_.resize(plane);
}

void SlabElements::fetch_upper_slab(std::span<const double> displacement) {
  if (slabs_.size() == 0) return;
  const auto plane = static_cast<int>(upper_displacement_.size());
  if (next_ == communicator_.rank()) {
    std::copy_n(displacement.begin(), plane, upper_displacement_.begin());
    return;
  }
  check_mpi(MPI_Sendrecv(displacement.data(), plane, MPI_DOUBLE, previous_, 0, upper_displacement_.data(), plane,
                         MPI_DOUBLE, next_, 0, communicator_.get(), MPI_STATUS_IGNORE),
            "MPI_Sendrecv");
}

void SlabElements::return_upper_forces(std::span<double> force) {
  // above_ holds what the topmost own elements add to the slab above.
  if (slabs_.size() == 0) return;
  const auto plane = static_cast<int>(above_.size());
  if (next_ != communicator_.rank()) {
    check_mpi(MPI_Sendrecv(above_.data(), plane, MPI_DOUBLE, next_, 1, below_.data(), plane, MPI_DOUBLE, previous_, 1,
                           communicator_.get(), MPI_STATUS_IGNORE),
              "MPI_Sendrecv");
  } else {
    below_ = above_;
  }
  for (std::size_t i = 0; i < below_.size(); ++i) force[i] += below_[i];
}

// Calls element(own slab, own voxel, in-slab offsets of its nodes, unknowns) in voxel order.
template <typename Element>
void SlabElements::for_each_element(std::span<const double> displacement, Element&& element) {
  const int freedoms = matrices_.freedoms();
  const int half = matrices_.nodes() / 2;
  const std::int64_t nx = grid_.nx;
  const std::int64_t rows = grid_.voxels_per_slab() / nx;
  const auto plane = static_cast<std::size_t>(grid_.voxels_per_slab() * freedoms);
  ElementMatrices::Vector unknowns(matrices_.unknowns());
  std::size_t voxel = 0;
  for (std::int64_t slab = 0; slab < slabs_.size(); ++slab) {
    const double* low = displacement.data() + static_cast<std::size_t>(slab) * plane;
    const double* high = slab + 1 < slabs_.size() ? low + plane : upper_displacement_.data();
    for (std::int64_t y = 0; y < rows; ++y) {
      const std::int64_t next_y = y + 1 == rows ? 0 : y + 1;
      for (std::int64_t x = 0; x < nx; ++x, ++voxel) {
        const std::int64_t next_x = x + 1 == nx ? 0 : x + 1;
        const std::array<std::int64_t, 4> at = {freedoms * (y * nx + x), freedoms * (y * nx + next_x),
                                                freedoms * (next_y * nx + x), freedoms * (next_y * nx + next_x)};
        for (int node = 0; node < half; ++node) {
          for (int axis = 0; axis < freedoms; ++axis) {
            const std::int64_t from = at[static_cast<std::size_t>(node)] + axis;
            unknowns[node * freedoms + axis] = low[from];
            unknowns[(node + half) * freedoms + axis] = high[from];
          }
        }
        element(slab, voxel, at, unknowns);
      }
    }
  }
}

// Adds the forces of one slab of elements to its low nodes and, if they are this rank's, to its high ones.
void SlabElements::finish_slab(std::int64_t slab, std::span<double> force) const {
  const std::size_t plane = below_.size();
  double* low = force.data() + static_cast<std::size_t>(slab) * plane;
  for (std::size_t i = 0; i < plane; ++i) low[i] += below_[i];
  if (slab + 1 == slabs_.size()) return;
  for (std::size_t i = 0; i < plane; ++i) low[plane + i] += above_[i];
}

// Fills `force` with what every element adds to its nodes: element(own voxel, unknowns) returns its forces. The sum at
// a node is (elements of its own slab) + (elements of the slab below), each in voxel order: the same bits on any ranks.
template <typename Element>
void SlabElements::gather_forces(std::span<const double> displacement, std::span<double> force, Element&& element) {
  std::fill(force.begin(), force.end(), 0.0);
  const int freedoms = matrices_.freedoms();
  const int half = matrices_.nodes() / 2;
  std::int64_t current = -1;
  for_each_element(displacement, [&](std::int64_t slab, std::size_t voxel, const auto& at, const auto& unknowns) {
    if (slab != current) {
      if (current >= 0) finish_slab(current, force);
      std::fill(below_.begin(), below_.end(), 0.0);
      std::fill(above_.begin(), above_.end(), 0.0);
      current = slab;
    }
    const auto added = element(voxel, unknowns);
    for (int node = 0; node < half; ++node) {
      for (int axis = 0; axis < freedoms; ++axis) {
        const auto to = static_cast<std::size_t>(at[static_cast<std::size_t>(node)] + axis);
        below_[to] += added[node * freedoms + axis];
        above_[to] += added[(node + half) * freedoms + axis];
      }
    }
  });
  if (current >= 0) finish_slab(current, force);
  return_upper_forces(force);
}

void SlabElements::apply(std::span<const double> displacement, const Tensor& uniform, std::span<double> force) {
  fetch_upper_slab(displacement);
  std::fill(force.begin(), force.end(), 0.0);
  const int freedoms = matrices_.freedoms();
  const bool solid = grid_.dimensions() == 3;
  const auto plane = static_cast<std::int64_t>(below_.size());
  const std::int64_t row = grid_.nx * freedoms;
  const std::int64_t rows = plane / row;
  for (std::int64_t slab = 0; slab < slabs_.size(); ++slab) {
    const double* low = displacement.data() + slab * plane;
    const double* high = slab + 1 < slabs_.size() ? low + plane : upper_displacement_.data();
    std::fill(below_.begin(), below_.end(), 0.0);
    std::fill(above_.begin(), above_.end(), 0.0);
    for (std::int64_t y = 0; y < rows; ++y) {
      // Slabs are layers of voxels, or in a flat grid single rows.
      const std::int64_t here = y * row;
      const std::int64_t next = (y + 1 == rows ? 0 : y + 1) * row;
      const std::size_t voxel = static_cast<std::size_t>((slab * rows + y) * grid_.nx);
      if (solid) {
        element_rows_.add_forces({low + here, low + next, high + here, high + next},
                                 {&below_[static_cast<std::size_t>(here)], &below_[static_cast<std::size_t>(next)],
                                  &above_[static_cast<std::size_t>(here)], &above_[static_cast<std::size_t>(next)]},
                                 &lambda_[voxel], &shear_[voxel], grid_.nx, 0, uniform);
      } else {
        element_rows_.add_forces({low, high}, {below_.data(), above_.data()}, &lambda_[voxel], &shear_[voxel], grid_.nx,
                                 0, uniform);
      }
    }
    finish_slab(slab, force);
  }
  return_upper_forces(force);
}

void SlabElements::assemble(std::span<const Tensor> stress, std::span<double> force) {
  // The displacements are not looked at; `force` stands in for them.
  gather_forces(force, force, [&](std::size_t voxel, const auto&) { return matrices_.force_of_stress(stress[voxel]); });
}

void SlabElements::strain(std::span<const double> displacement, std::span<Tensor> strain) {
  fetch_upper_slab(displacement);
  for_each_element(displacement, [&](std::int64_t, std::size_t voxel, const auto&, const auto& unknowns) {
    const FixedTensor value = matrices_.mean_strain() * unknowns;
    for (std::size_t c = 0; c < tensor_components; ++c) strain[voxel][c] = value[static_cast<int>(c)];
  });
}

double SlabElements::dot(std::span<const double> a, std::span<const double> b) const {
  const auto plane = below_.size();
  std::vector<double> sums(static_cast<std::size_t>(slabs_.size()));
  for (std::size_t slab = 0; slab < sums.size(); ++slab) {
    for (std::size_t i = slab * plane; i < (slab + 1) * plane; ++i) sums[slab] += a[i] * b[i];
  }
  return fixed_order_sum(communicator_, sums);
}

Tensor SlabElements::sum(std::span<const Tensor> values) const {
  const auto plane = static_cast<std::size_t>(grid_.voxels_per_slab());
  Tensor total{};
  std::vector<double> sums(static_cast<std::size_t>(slabs_.size()));
  for (std::size_t c = 0; c < tensor_components; ++c) {
    std::fill(sums.begin(), sums.end(), 0.0);
    for (std::size_t slab = 0; slab < sums.size(); ++slab) {
      for (std::size_t i = slab * plane; i < (slab + 1) * plane; ++i) sums[slab] += values[i][c];
    }
    total[c] = fixed_order_sum(communicator_, sums);
  }
  return total;
}

}  // namespace mesoglass::elasticity
