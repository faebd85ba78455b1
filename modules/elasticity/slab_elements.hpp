// The heterogeneous stiffness applied to nodal displacements that are cut into slabs, without a matrix.
#pragma once

#include <cstdint>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/distribution.hpp"
#include "core/voxel_grid.hpp"
#include "elasticity/element_matrices.hpp"
#include "elasticity/element_rows.hpp"
#include "elasticity/mean_conditions.hpp"

namespace mesoglass::elasticity {

// Periodic cell. Node (x, y, z) is the low corner of voxel (x, y, z), so nodes are distributed as voxels are. Nodal
// fields are node by node, `freedoms` values each. Sums run in an order that the grid alone fixes: the same bits on any
// number of ranks.
class SlabElements {
 public:
  // Moduli (GPa) of this rank's voxels; zero for a void. The communicator must outlive this. Not collective.
  SlabElements(const Communicator& communicator, const VoxelGrid& grid, Body body, std::span<const double> lambda_gpa,
               std::span<const double> shear_gpa);

  [[nodiscard]] const ElementMatrices& matrices() const noexcept { return matrices_; }
  [[nodiscard]] std::size_t own_voxel_count() const noexcept { return lambda_.size(); }
  [[nodiscard]] std::size_t own_unknowns() const noexcept {
    return lambda_.size() * static_cast<std::size_t>(matrices_.freedoms());
  }
  [[nodiscard]] IsotropicModuli moduli(std::size_t own_voxel) const noexcept {
    return {lambda_[own_voxel], shear_[own_voxel], dimensions_of(body_)};
  }

  // force = K displacement + the forces of a strain `uniform` added to every element. Collective.
  void apply(std::span<const double> displacement, const Tensor& uniform, std::span<double> force);
  // force = assembled forces of the element stresses `stress` (own voxels). Collective.
  void assemble(std::span<const Tensor> stress, std::span<double> force);
  // Mean strain of each own element. Collective.
  void strain(std::span<const double> displacement, std::span<Tensor> strain);

  // Sum of a[i] * b[i] over all nodes; sum of a tensor over all voxels. Collective.
  [[nodiscard]] double dot(std::span<const double> a, std::span<const double> b) const;
  [[nodiscard]] Tensor sum(std::span<const Tensor> values) const;

 private:
  template <typename Element>
  void for_each_element(std::span<const double> displacement, Element&& element);
  template <typename Element>
  void gather_forces(std::span<const double> displacement, std::span<double> force, Element&& element);
  void fetch_upper_slab(std::span<const double> displacement);
  void finish_slab(std::int64_t slab, std::span<double> force) const;
  void return_upper_forces(std::span<double> force);

  const Communicator& communicator_;
  VoxelGrid grid_;
  Body body_;
  ElementMatrices matrices_;
  ElementRows element_rows_;
  std::vector<double> lambda_;
  std::vector<double> shear_;
  Range slabs_;
  int next_ = MPI_PROC_NULL;      // owner of the slab above this rank's last
  int previous_ = MPI_PROC_NULL;  // owner of the slab below this rank's first
  std::vector<double> upper_displacement_;
  std::vector<double> below_, above_;  // forces of one slab of elements on its low and high nodes
};

}  // namespace mesoglass::elasticity
