// The nodes and elements of a voxel body on PETSc's DMDA, and the way there from slabs of voxels.
#pragma once

#include <algorithm>
#include <array>
#include <cstddef>
#include <cstdint>
#include <span>
#include <vector>

#include "core/communicator.hpp"
#include "core/petsc_handles.hpp"
#include "core/voxel_grid.hpp"

// The error names the call as it is written here.
#define MESOGLASS_PETSC(call) check_petsc((call), #call)

namespace mesoglass::elasticity {

// For functions that PETSc, which is C, calls: nothing may be thrown through it.
template <typename Work>
PetscErrorCode guarded_petsc_callback(Work&& work) noexcept {
  try {
    work();
  } catch (...) {
    return PETSC_ERR_LIB;
  }
  return 0;
}

template <typename Context>
Context* shell_context(Mat matrix) {
  void* context = nullptr;
  check_petsc(MatShellGetContext(matrix, static_cast<void*>(&context)), "MatShellGetContext");
  return static_cast<Context*>(context);
}

// The specimen's faces. periodic: a cell of an endless body. gripped_x/y/z: the two faces across that axis are held by
// grips, which move apart along the axis and keep their shape; all other faces are free surfaces. (In a flat grid, z
// stays as the body says.) Then only the mean strain or mean stress along the axis can be prescribed.
enum class Faces { periodic, gripped_x, gripped_y, gripped_z };

// One node a voxel (its low corner), and on a finite body one more along each axis. An element belongs to the rank of
// its low corner. `coarsening`: an element is a cube of so many voxels a side, for the coarse levels of multigrid.
class FiniteElementMesh {
 public:
  // `grid` is that of the voxels; its sizes must divide by `coarsening`. The communicator must outlive the mesh.
  // Collective.
  FiniteElementMesh(const Communicator& communicator, const VoxelGrid& grid, int freedoms, Faces faces);
  // The next coarser one; its elements are twice as long. Collective.
  [[nodiscard]] FiniteElementMesh coarsened() const;

  [[nodiscard]] DM dm() const noexcept { return dm_.get(); }
  [[nodiscard]] int freedoms() const noexcept { return freedoms_; }
  [[nodiscard]] int axes() const noexcept { return grid_.nz == 1 ? 2 : 3; }
  [[nodiscard]] int corners_of_element() const noexcept { return grid_.nz == 1 ? 4 : 8; }
  [[nodiscard]] bool is_gripped() const noexcept { return faces_ != Faces::periodic; }
  [[nodiscard]] int grip_axis() const noexcept { return static_cast<int>(faces_) - 1; }
  [[nodiscard]] const std::array<PetscInt, 3>& elements() const noexcept { return elements_; }
  [[nodiscard]] PetscInt unknowns() const noexcept { return freedoms_ * nodes_[0] * nodes_[1] * nodes_[2]; }
  [[nodiscard]] PetscInt own_nodes() const noexcept { return count_[0] * count_[1] * count_[2]; }
  [[nodiscard]] PetscInt local_nodes() const noexcept { return ghost_count_[0] * ghost_count_[1] * ghost_count_[2]; }
  // Whether every axis divides by two and leaves at least two elements, and one a rank.
  [[nodiscard]] bool can_be_coarsened() const;
  // Node held by the grips.
  [[nodiscard]] bool is_held(const std::array<PetscInt, 3>& node) const noexcept;

  // visit(own node's number, its coordinates) in PETSc's order.
  template <typename Visit>
  void for_each_own_node(Visit&& visit) const {
    PetscInt own = 0;
    for (PetscInt z = first_[2]; z < first_[2] + count_[2]; ++z) {
      for (PetscInt y = first_[1]; y < first_[1] + count_[1]; ++y) {
        for (PetscInt x = first_[0]; x < first_[0] + count_[0]; ++x, ++own) {
          visit(own, std::array<PetscInt, 3>{x, y, z});
        }
      }
    }
  }
  // visit(own number of the first element's low corner, its number among the ghosted nodes, count) for this rank's rows
  // of elements along x.
  template <typename Visit>
  void for_each_own_row(Visit&& visit) const {
    const auto own_count = [&](std::size_t axis) {
      return std::min(first_[axis] + count_[axis], elements_[axis]) - first_[axis];
    };
    for (PetscInt z = 0; z < own_count(2); ++z) {
      for (PetscInt y = 0; y < own_count(1); ++y) {
        const PetscInt own = (z * count_[1] + y) * count_[0];
        visit(own, local_node({first_[0], first_[1] + y, first_[2] + z}), own_count(0));
      }
    }
  }
  // visit(own number of the element's low corner, the ghosted numbers of its 4 or 8 nodes).
  template <typename Visit>
  void for_each_own_element(Visit&& visit) const {
    std::array<PetscInt, 8> local{};
    for_each_own_row([&](PetscInt own, PetscInt low, PetscInt count) {
      for (PetscInt x = 0; x < count; ++x) {
        for (int node = 0; node < corners_of_element(); ++node) {
          local[static_cast<std::size_t>(node)] = low + x + corner_offset(node);
        }
        visit(own + x, std::span<const PetscInt>(local.data(), static_cast<std::size_t>(corners_of_element())));
      }
    });
  }
  // How far behind an element's low corner its node `node` (ix + 2 iy + 4 iz) lies among the ghosted nodes.
  [[nodiscard]] PetscInt corner_offset(int node) const noexcept {
    return (((node >> 2) & 1) * ghost_count_[1] + ((node >> 1) & 1)) * ghost_count_[0] + (node & 1);
  }
  // visit(ghosted number, coordinates) for this rank's nodes and ghosts that the grips hold.
  template <typename Visit>
  void for_each_held_local_node(Visit&& visit) const {
    if (!is_gripped()) return;
    for (PetscInt z = ghost_first_[2]; z < ghost_first_[2] + ghost_count_[2]; ++z) {
      for (PetscInt y = ghost_first_[1]; y < ghost_first_[1] + ghost_count_[1]; ++y) {
        for (PetscInt x = ghost_first_[0]; x < ghost_first_[0] + ghost_count_[0]; ++x) {
          if (is_held({x, y, z})) visit(local_node({x, y, z}));
        }
      }
    }
  }

  // Between `values` numbers a voxel in a slab vector (this rank's voxels in order) and, in a vector distributed as the
  // nodes are, the element each voxel lies in: block (element, voxel within it) of so many numbers, voxels within an
  // element x fastest. Collective.
  struct Exchange {
    PetscVector slabs, elements;
    PetscScatter scatter;
    void to_elements();
    void to_slabs();
  };
  [[nodiscard]] Exchange create_exchange(int values) const;

 private:
  FiniteElementMesh(const FiniteElementMesh& fine, int coarsening);
  void read_corners();
  [[nodiscard]] PetscInt local_node(const std::array<PetscInt, 3>& node) const noexcept {
    return ((node[2] - ghost_first_[2]) * ghost_count_[1] + node[1] - ghost_first_[1]) * ghost_count_[0] + node[0] -
           ghost_first_[0];
  }
  // PETSc's number of a node of the body.
  [[nodiscard]] PetscInt global_node(const std::array<PetscInt, 3>& node) const noexcept;

  const Communicator& communicator_;
  VoxelGrid grid_;
  int freedoms_;
  Faces faces_;
  PetscInt coarsening_ = 1;
  std::array<PetscInt, 3> elements_{1, 1, 1}, nodes_{1, 1, 1};
  PetscMesh dm_;
  std::array<PetscInt, 3> first_{}, count_{}, ghost_first_{}, ghost_count_{};
  std::array<std::vector<PetscInt>, 3> starts_;  // first node of each rank's box along each axis, and the end
};

}  // namespace mesoglass::elasticity
