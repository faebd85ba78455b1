#include "elasticity/stiffness_matrix.hpp"

#include <petscdmda.h>

#include <Eigen/Dense>
#include <algorithm>
#include <cstddef>

namespace mesoglass::elasticity {

StiffnessMatrix::StiffnessMatrix(const FiniteElementMesh& mesh, const VoxelGrid& grid, Body body, Vec element_moduli)
    : mesh_(mesh), elements_(grid, body), rows_(grid, body) {
  const auto nodes = static_cast<std::size_t>(mesh.own_nodes());
  lambda_.resize(nodes);
  shear_.resize(nodes);
  const double* moduli = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(element_moduli, &moduli));
  for (std::size_t node = 0; node < nodes; ++node) {
    lambda_[node] = moduli[2 * node];
    shear_[node] = moduli[2 * node + 1];
  }
  MESOGLASS_PETSC(VecRestoreArrayRead(element_moduli, &moduli));
  mesh.for_each_held_local_node([&](PetscInt local) { held_local_.push_back(local); });
  const auto freedoms = static_cast<std::size_t>(mesh.freedoms());
  const std::vector<double> blocks = diagonal_blocks();
  mesh.for_each_own_node([&](PetscInt own, const std::array<PetscInt, 3>& node) {
    const bool held = mesh.is_held(node);
    for (std::size_t axis = 0; axis < freedoms; ++axis) {
      const std::size_t unknown = static_cast<std::size_t>(own) * freedoms + axis;
      if (held || blocks[unknown * freedoms + axis] == 0.0) fixed_.push_back(static_cast<PetscInt>(unknown));
    }
  });
  int any = fixed_.empty() ? 0 : 1;
  MPI_Comm comm = MPI_COMM_NULL;
  MESOGLASS_PETSC(PetscObjectGetComm(reinterpret_cast<PetscObject>(mesh.dm()), &comm));
  check_mpi(MPI_Allreduce(MPI_IN_PLACE, &any, 1, MPI_INT, MPI_MAX, comm), "MPI_Allreduce");
  any_fixed_ = any != 0;
}

std::vector<double> StiffnessMatrix::diagonal_blocks() const {
  const int freedoms = mesh_.freedoms();
  const auto block = static_cast<std::size_t>(freedoms * freedoms);
  PetscMesh block_mesh;
  MESOGLASS_PETSC(DMDACreateCompatibleDMDA(mesh_.dm(), static_cast<PetscInt>(block), block_mesh.put()));
  PetscVector local, global;
  MESOGLASS_PETSC(DMCreateLocalVector(block_mesh.get(), local.put()));
  MESOGLASS_PETSC(DMCreateGlobalVector(block_mesh.get(), global.put()));
  double* sums = nullptr;
  MESOGLASS_PETSC(VecGetArray(local.get(), &sums));
  mesh_.for_each_own_element([&](PetscInt own, std::span<const PetscInt> nodes) {
    const double lambda = lambda_[static_cast<std::size_t>(own)];
    const double shear = shear_[static_cast<std::size_t>(own)];
    for (std::size_t node = 0; node < nodes.size(); ++node) {
      double* to = sums + static_cast<std::size_t>(nodes[node]) * block;
      const int first = static_cast<int>(node) * freedoms;
      for (int i = 0; i < freedoms; ++i) {
        for (int j = 0; j < freedoms; ++j) {
          to[i * freedoms + j] += lambda * elements_.stiffness_lambda()(first + i, first + j) +
                                  shear * elements_.stiffness_mu()(first + i, first + j);
        }
      }
    }
  });
  MESOGLASS_PETSC(VecRestoreArray(local.get(), &sums));
  MESOGLASS_PETSC(DMLocalToGlobal(block_mesh.get(), local.get(), ADD_VALUES, global.get()));
  const double* values = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(global.get(), &values));
  std::vector<double> blocks(values, values + static_cast<std::size_t>(mesh_.own_nodes()) * block);
  MESOGLASS_PETSC(VecRestoreArrayRead(global.get(), &values));
  return blocks;
}

void StiffnessMatrix::multiply(Vec x, Vec y) {
  const int freedoms = mesh_.freedoms();
  Vec local_x = nullptr;
  Vec local_y = nullptr;
  MESOGLASS_PETSC(DMGetLocalVector(mesh_.dm(), &local_x));
  MESOGLASS_PETSC(DMGetLocalVector(mesh_.dm(), &local_y));
  MESOGLASS_PETSC(DMGlobalToLocal(mesh_.dm(), x, INSERT_VALUES, local_x));
  MESOGLASS_PETSC(VecSet(local_y, 0.0));
  double* displacement = nullptr;
  double* force = nullptr;
  MESOGLASS_PETSC(VecGetArray(local_x, &displacement));
  MESOGLASS_PETSC(VecGetArray(local_y, &force));
  for (const PetscInt node : held_local_) std::fill_n(displacement + node * freedoms, freedoms, 0.0);
  mesh_.for_each_own_row([&](PetscInt own, PetscInt low, PetscInt count) {
    std::array<const double*, 4> from{};
    std::array<double*, 4> to{};
    for (int row = 0; row < mesh_.corners_of_element() / 2; ++row) {
      const PetscInt node = low + mesh_.corner_offset(2 * row);
      from[static_cast<std::size_t>(row)] = displacement + node * freedoms;
      to[static_cast<std::size_t>(row)] = force + node * freedoms;
    }
    rows_.add_forces(from, to, lambda_.data() + own, shear_.data() + own, count,
                     static_cast<std::int64_t>(count) * freedoms);
  });
  MESOGLASS_PETSC(VecRestoreArray(local_y, &force));
  MESOGLASS_PETSC(VecRestoreArray(local_x, &displacement));
  MESOGLASS_PETSC(VecSet(y, 0.0));
  MESOGLASS_PETSC(DMLocalToGlobal(mesh_.dm(), local_y, ADD_VALUES, y));
  MESOGLASS_PETSC(DMRestoreLocalVector(mesh_.dm(), &local_y));
  MESOGLASS_PETSC(DMRestoreLocalVector(mesh_.dm(), &local_x));
  if (fixed_.empty()) return;
  const double* own_x = nullptr;
  double* own_y = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(x, &own_x));
  MESOGLASS_PETSC(VecGetArray(y, &own_y));
  for (const PetscInt unknown : fixed_) own_y[unknown] = own_x[unknown];
  MESOGLASS_PETSC(VecRestoreArray(y, &own_y));
  MESOGLASS_PETSC(VecRestoreArrayRead(x, &own_x));
}

void StiffnessMatrix::diagonal(Vec result) const {
  const auto freedoms = static_cast<std::size_t>(mesh_.freedoms());
  const std::vector<double> blocks = diagonal_blocks();
  double* values = nullptr;
  MESOGLASS_PETSC(VecGetArray(result, &values));
  for (std::size_t unknown = 0; unknown < blocks.size() / freedoms; ++unknown) {
    values[unknown] = blocks[unknown * freedoms + unknown % freedoms];
  }
  for (const PetscInt unknown : fixed_) values[unknown] = 1.0;
  MESOGLASS_PETSC(VecRestoreArray(result, &values));
}

void StiffnessMatrix::invert_blocks() {
  if (!inverse_blocks_.empty()) return;
  inverse_blocks_ = diagonal_blocks();
  const auto freedoms = static_cast<std::size_t>(mesh_.freedoms());
  for (const PetscInt unknown : fixed_) {
    const std::size_t own = static_cast<std::size_t>(unknown);
    const std::size_t block = own / freedoms * freedoms * freedoms;
    for (std::size_t other = 0; other < freedoms; ++other) {
      inverse_blocks_[block + own % freedoms * freedoms + other] = 0.0;
      inverse_blocks_[block + other * freedoms + own % freedoms] = 0.0;
    }
    inverse_blocks_[block + own % freedoms * (freedoms + 1)] = 1.0;
  }
  const auto invert = [&](auto size) {
    constexpr int n = decltype(size)::value;
    for (std::size_t block = 0; block < inverse_blocks_.size(); block += static_cast<std::size_t>(n * n)) {
      Eigen::Map<Eigen::Matrix<double, n, n>> matrix(inverse_blocks_.data() + block);
      matrix = matrix.inverse().eval();
    }
  };
  if (freedoms == 3) {
    invert(std::integral_constant<int, 3>{});
  } else {
    invert(std::integral_constant<int, 2>{});
  }
}

PetscErrorCode StiffnessMatrix::multiply_callback(Mat matrix, Vec x, Vec y) {
  return guarded_petsc_callback([&] { shell_context<StiffnessMatrix>(matrix)->multiply(x, y); });
}

PetscErrorCode StiffnessMatrix::diagonal_callback(Mat matrix, Vec diagonal) {
  return guarded_petsc_callback([&] { shell_context<StiffnessMatrix>(matrix)->diagonal(diagonal); });
}

PetscErrorCode StiffnessMatrix::inverse_blocks_callback(Mat matrix, const PetscScalar** values) {
  return guarded_petsc_callback([&] {
    StiffnessMatrix* owner = shell_context<StiffnessMatrix>(matrix);
    owner->invert_blocks();
    *values = owner->inverse_blocks_.data();
  });
}

Mat StiffnessMatrix::create_matrix_free() {
  const PetscInt own = mesh_.own_nodes() * mesh_.freedoms();
  MPI_Comm comm = MPI_COMM_NULL;
  MESOGLASS_PETSC(PetscObjectGetComm(reinterpret_cast<PetscObject>(mesh_.dm()), &comm));
  Mat matrix = nullptr;
  MESOGLASS_PETSC(MatCreate(comm, &matrix));
  MESOGLASS_PETSC(MatSetSizes(matrix, own, own, PETSC_DETERMINE, PETSC_DETERMINE));
  MESOGLASS_PETSC(MatSetBlockSize(matrix, mesh_.freedoms()));
  MESOGLASS_PETSC(MatSetType(matrix, MATSHELL));
  MESOGLASS_PETSC(MatShellSetContext(matrix, this));
  const auto operation = [&](MatOperation which, auto function) {
    MESOGLASS_PETSC(MatShellSetOperation(matrix, which, reinterpret_cast<void (*)(void)>(function)));
  };
  operation(MATOP_MULT, multiply_callback);
  operation(MATOP_MULT_TRANSPOSE, multiply_callback);
  operation(MATOP_GET_DIAGONAL, diagonal_callback);
  operation(MATOP_INVERT_BLOCK_DIAGONAL, inverse_blocks_callback);
  MESOGLASS_PETSC(MatSetUp(matrix));
  MESOGLASS_PETSC(MatSetOption(matrix, MAT_SYMMETRIC, PETSC_TRUE));
  MESOGLASS_PETSC(MatSetOption(matrix, MAT_SPD, PETSC_TRUE));
  return matrix;
}

Mat StiffnessMatrix::create_assembled() {
  Mat matrix = nullptr;
  MESOGLASS_PETSC(DMCreateMatrix(mesh_.dm(), &matrix));
  MESOGLASS_PETSC(MatSetOption(matrix, MAT_SYMMETRIC, PETSC_TRUE));
  MESOGLASS_PETSC(MatSetOption(matrix, MAT_SPD, PETSC_TRUE));
  const int n = elements_.unknowns();
  Eigen::Matrix<double, Eigen::Dynamic, Eigen::Dynamic, Eigen::RowMajor> element(n, n);
  mesh_.for_each_own_element([&](PetscInt own, std::span<const PetscInt> nodes) {
    element = lambda_[static_cast<std::size_t>(own)] * elements_.stiffness_lambda() +
              shear_[static_cast<std::size_t>(own)] * elements_.stiffness_mu();
    const auto count = static_cast<PetscInt>(nodes.size());
    MESOGLASS_PETSC(
        MatSetValuesBlockedLocal(matrix, count, nodes.data(), count, nodes.data(), element.data(), ADD_VALUES));
  });
  MESOGLASS_PETSC(MatAssemblyBegin(matrix, MAT_FINAL_ASSEMBLY));
  MESOGLASS_PETSC(MatAssemblyEnd(matrix, MAT_FINAL_ASSEMBLY));
  (void)fix_unknowns(mesh_, matrix);
  return matrix;
}

std::vector<PetscInt> fix_unknowns(const FiniteElementMesh& mesh, Mat matrix) {
  PetscVector diagonal;
  MESOGLASS_PETSC(MatCreateVecs(matrix, diagonal.put(), nullptr));
  MESOGLASS_PETSC(MatGetDiagonal(matrix, diagonal.get()));
  PetscInt first = 0;
  MESOGLASS_PETSC(VecGetOwnershipRange(diagonal.get(), &first, nullptr));
  const double* own = nullptr;
  MESOGLASS_PETSC(VecGetArrayRead(diagonal.get(), &own));
  std::vector<PetscInt> fixed;
  std::vector<PetscInt> rows;
  const PetscInt freedoms = mesh.freedoms();
  mesh.for_each_own_node([&](PetscInt node, const std::array<PetscInt, 3>& at) {
    const bool held = mesh.is_held(at);
    for (PetscInt unknown = node * freedoms; unknown < (node + 1) * freedoms; ++unknown) {
      if (!held && own[unknown] != 0.0) continue;
      fixed.push_back(unknown);
      rows.push_back(first + unknown);
    }
  });
  MESOGLASS_PETSC(VecRestoreArrayRead(diagonal.get(), &own));
  MESOGLASS_PETSC(MatZeroRowsColumns(matrix, static_cast<PetscInt>(rows.size()), rows.data(), 1.0, nullptr, nullptr));
  return fixed;
}

void set_null_spaces(const Communicator& communicator, const FiniteElementMesh& mesh, Mat matrix, bool any_fixed) {
  const PetscInt freedoms = mesh.freedoms();
  if (freedoms == mesh.axes()) {
    Vec coordinates = nullptr;
    MESOGLASS_PETSC(DMGetCoordinates(mesh.dm(), &coordinates));
    PetscNullSpace near;
    MESOGLASS_PETSC(MatNullSpaceCreateRigidBody(coordinates, near.put()));
    MESOGLASS_PETSC(MatSetNearNullSpace(matrix, near.get()));
  }
  if (any_fixed) return;
  std::vector<PetscVector> shifts(static_cast<std::size_t>(freedoms));
  std::vector<Vec> handles;
  for (PetscInt axis = 0; axis < freedoms; ++axis) {
    auto& shift = shifts[static_cast<std::size_t>(axis)];
    MESOGLASS_PETSC(DMCreateGlobalVector(mesh.dm(), shift.put()));
    MESOGLASS_PETSC(VecStrideSet(shift.get(), axis, 1.0));
    MESOGLASS_PETSC(VecNormalize(shift.get(), nullptr));
    handles.push_back(shift.get());
  }
  PetscNullSpace translations;
  MESOGLASS_PETSC(MatNullSpaceCreate(communicator.get(), PETSC_FALSE, freedoms, handles.data(), translations.put()));
  MESOGLASS_PETSC(MatSetNullSpace(matrix, translations.get()));
}

}  // namespace mesoglass::elasticity
