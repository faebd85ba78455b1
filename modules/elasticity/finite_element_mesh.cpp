#include "elasticity/finite_element_mesh.hpp"

#include <petscdmda.h>

#include <algorithm>

namespace mesoglass::elasticity {

FiniteElementMesh::FiniteElementMesh(const Communicator& communicator, const VoxelGrid& grid, int freedoms, Faces faces)
    : communicator_(communicator), grid_(grid), freedoms_(freedoms), faces_(faces) {
  const std::array<std::int64_t, 3> voxels = {grid.nx, grid.ny, grid.nz};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    elements_[axis] = static_cast<PetscInt>(voxels[axis]);
    nodes_[axis] = elements_[axis] + (is_gripped() && static_cast<int>(axis) < axes() ? 1 : 0);
  }
  const DMBoundaryType boundary = is_gripped() ? DM_BOUNDARY_NONE : DM_BOUNDARY_PERIODIC;
  const MPI_Comm comm = communicator.get();
  if (axes() == 2) {
    MESOGLASS_PETSC(DMDACreate2d(comm, boundary, boundary, DMDA_STENCIL_BOX, nodes_[0], nodes_[1], PETSC_DECIDE,
                                 PETSC_DECIDE, freedoms, 1, nullptr, nullptr, dm_.put()));
  } else {
    MESOGLASS_PETSC(DMDACreate3d(comm, boundary, boundary, boundary, DMDA_STENCIL_BOX, nodes_[0], nodes_[1], nodes_[2],
                                 PETSC_DECIDE, PETSC_DECIDE, PETSC_DECIDE, freedoms, 1, nullptr, nullptr, nullptr,
                                 dm_.put()));
  }
  MESOGLASS_PETSC(DMSetUp(dm_.get()));
  read_corners();
}

FiniteElementMesh::FiniteElementMesh(const FiniteElementMesh& fine, int coarsening)
    : communicator_(fine.communicator_),
      grid_(fine.grid_),
      freedoms_(fine.freedoms_),
      faces_(fine.faces_),
      coarsening_(coarsening) {
  for (std::size_t axis = 0; axis < static_cast<std::size_t>(axes()); ++axis) {
    elements_[axis] = fine.elements_[axis] / 2;
    nodes_[axis] = elements_[axis] + (is_gripped() ? 1 : 0);
  }
  MESOGLASS_PETSC(DMCoarsen(fine.dm(), communicator_.get(), dm_.put()));
  read_corners();
}

FiniteElementMesh FiniteElementMesh::coarsened() const {
  return {*this, static_cast<int>(2 * coarsening_)};
}

void FiniteElementMesh::read_corners() {
  MESOGLASS_PETSC(DMSetMatType(dm_.get(), MATAIJ));
  const auto length = [&](std::size_t axis) {
    return static_cast<double>(elements_[axis] * coarsening_) * grid_.voxel_size_nm[axis];
  };
  MESOGLASS_PETSC(DMDASetUniformCoordinates(dm_.get(), 0.0, length(0), 0.0, length(1), 0.0, length(2)));
  MESOGLASS_PETSC(DMDAGetCorners(dm_.get(), &first_[0], &first_[1], &first_[2], &count_[0], &count_[1], &count_[2]));
  MESOGLASS_PETSC(DMDAGetGhostCorners(dm_.get(), &ghost_first_[0], &ghost_first_[1], &ghost_first_[2], &ghost_count_[0],
                                      &ghost_count_[1], &ghost_count_[2]));
  std::array<PetscInt, 3> ranks{1, 1, 1};
  MESOGLASS_PETSC(DMDAGetInfo(dm_.get(), nullptr, nullptr, nullptr, nullptr, &ranks[0], &ranks[1], &ranks[2], nullptr,
                              nullptr, nullptr, nullptr, nullptr, nullptr));
  std::array<const PetscInt*, 3> sizes{};
  MESOGLASS_PETSC(DMDAGetOwnershipRanges(dm_.get(), &sizes[0], &sizes[1], &sizes[2]));
  for (std::size_t axis = 0; axis < 3; ++axis) {
    auto& starts = starts_[axis];
    starts.assign(1, 0);
    for (PetscInt rank = 0; rank < ranks[axis]; ++rank) {
      starts.push_back(starts.back() + (sizes[axis] == nullptr ? 1 : sizes[axis][rank]));
    }
  }
}

bool FiniteElementMesh::can_be_coarsened() const {
  for (std::size_t axis = 0; axis < static_cast<std::size_t>(axes()); ++axis) {
    const auto ranks = static_cast<PetscInt>(starts_[axis].size()) - 1;
    if (elements_[axis] % 2 != 0 || elements_[axis] / 2 < std::max<PetscInt>(2, ranks)) return false;
  }
  return true;
}

bool FiniteElementMesh::is_held(const std::array<PetscInt, 3>& node) const noexcept {
  if (!is_gripped()) return false;
  const auto axis = static_cast<std::size_t>(grip_axis());
  return node[axis] == 0 || node[axis] == nodes_[axis] - 1;
}

PetscInt FiniteElementMesh::global_node(const std::array<PetscInt, 3>& node) const noexcept {
  // Ranks' boxes follow each other x fastest, and so do the nodes of a box.
  std::array<PetscInt, 3> start{};
  std::array<PetscInt, 3> size{};
  for (std::size_t axis = 0; axis < 3; ++axis) {
    const auto& starts = starts_[axis];
    const auto next = std::upper_bound(starts.begin(), starts.end(), node[axis]);
    start[axis] = *(next - 1);
    size[axis] = *next - start[axis];
  }
  const PetscInt before = start[2] * nodes_[0] * nodes_[1] + size[2] * (start[1] * nodes_[0] + size[1] * start[0]);
  return before + ((node[2] - start[2]) * size[1] + node[1] - start[1]) * size[0] + node[0] - start[0];
}

FiniteElementMesh::Exchange FiniteElementMesh::create_exchange(int values) const {
  const Range own = grid_.voxels_of(communicator_.rank(), communicator_.size());
  const PetscInt across = axes() == 3 ? coarsening_ : 1;  // layers of voxels in an element
  const PetscInt voxels_in_element = coarsening_ * coarsening_ * across;
  std::vector<PetscInt> blocks;
  blocks.reserve(static_cast<std::size_t>(own.size()));
  for (std::int64_t voxel = own.begin; voxel < own.end; ++voxel) {
    const auto at = grid_.coordinates(voxel);
    const auto x = static_cast<PetscInt>(at[0]);
    const auto y = static_cast<PetscInt>(at[1]);
    const auto z = static_cast<PetscInt>(at[2]);
    const PetscInt within = ((z % across) * coarsening_ + y % coarsening_) * coarsening_ + x % coarsening_;
    blocks.push_back(global_node({x / coarsening_, y / coarsening_, z / across}) * voxels_in_element + within);
  }
  Exchange exchange;
  MESOGLASS_PETSC(VecCreateMPI(communicator_.get(), static_cast<PetscInt>(own.size()) * values, PETSC_DETERMINE,
                               exchange.slabs.put()));
  MESOGLASS_PETSC(VecCreateMPI(communicator_.get(), own_nodes() * voxels_in_element * values, PETSC_DETERMINE,
                               exchange.elements.put()));
  PetscIndexSet targets;
  MESOGLASS_PETSC(ISCreateBlock(communicator_.get(), values, static_cast<PetscInt>(blocks.size()), blocks.data(),
                                PETSC_COPY_VALUES, targets.put()));
  MESOGLASS_PETSC(
      VecScatterCreate(exchange.slabs.get(), nullptr, exchange.elements.get(), targets.get(), exchange.scatter.put()));
  return exchange;
}

void FiniteElementMesh::Exchange::to_elements() {
  MESOGLASS_PETSC(VecScatterBegin(scatter.get(), slabs.get(), elements.get(), INSERT_VALUES, SCATTER_FORWARD));
  MESOGLASS_PETSC(VecScatterEnd(scatter.get(), slabs.get(), elements.get(), INSERT_VALUES, SCATTER_FORWARD));
}

void FiniteElementMesh::Exchange::to_slabs() {
  MESOGLASS_PETSC(VecScatterBegin(scatter.get(), elements.get(), slabs.get(), INSERT_VALUES, SCATTER_REVERSE));
  MESOGLASS_PETSC(VecScatterEnd(scatter.get(), elements.get(), slabs.get(), INSERT_VALUES, SCATTER_REVERSE));
}

}  // namespace mesoglass::elasticity
