#include "core/petsc_handles.hpp"

#include "support/mpi_test.hpp"

namespace mesoglass {
namespace {

TEST(Petsc, a_failing_call_becomes_an_error_with_its_reason) {
  PetscVector vector;
  check_petsc(VecCreate(PETSC_COMM_WORLD, vector.put()), "VecCreate");
  try {
    check_petsc(VecSetType(vector.get(), "granite"), "VecSetType");
    FAIL() << "PETSc took a nonsense type";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("VecSetType"), std::string::npos);
    EXPECT_NE(std::string(error.what()).find("granite"), std::string::npos) << error.what();
  }
}

TEST(Petsc, an_option_that_nobody_reads_is_named) {
  insert_petsc_options("-el_ksp_typo 3");
  try {
    check_unused_petsc_options();
    FAIL() << "the option went unnoticed";
  } catch (const Error& error) {
    EXPECT_NE(std::string(error.what()).find("-el_ksp_typo"), std::string::npos);
  }
  check_petsc(PetscOptionsClearValue(nullptr, "-el_ksp_typo"), "PetscOptionsClearValue");
  EXPECT_NO_THROW(check_unused_petsc_options());
}

TEST(Petsc, handles_move_and_destroy) {
  PetscVector first;
  check_petsc(VecCreateMPI(PETSC_COMM_WORLD, 3, PETSC_DETERMINE, first.put()), "VecCreateMPI");
  PetscVector second(std::move(first));
  PetscInt size = 0;
  check_petsc(VecGetSize(second.get(), &size), "VecGetSize");
  EXPECT_EQ(size, 3 * test::communicator().size());
  EXPECT_EQ(first.get(), nullptr);  // NOLINT(bugprone-use-after-move): the moved-from state is the point
}

}  // namespace
}  // namespace mesoglass
