// MPI, PETSc and HDF5 started and stopped together.
#pragma once

namespace mesoglass {

// One object in main(). Starts MPI and PETSc (no option files, no environment options: PETSc options come only through
// --petsc), makes MPI and PETSc errors return instead of abort, and silences HDF5's own error printing.
class Environment {
 public:
  Environment(int& argc, char**& argv);
  ~Environment();
  Environment(const Environment&) = delete;
  Environment& operator=(const Environment&) = delete;
};

}  // namespace mesoglass
