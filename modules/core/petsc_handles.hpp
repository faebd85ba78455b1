// Owners of PETSc objects, and PETSc's return codes as exceptions.
#pragma once

#include <petscdm.h>
#include <petscksp.h>

#include <string>
#include <utility>

#include "core/error.hpp"

namespace mesoglass {

// PETSc remembers its message for check_petsc instead of printing a trace. Called by Environment.
void install_petsc_error_handler();

// Throws Failure that names the call and carries PETSc's own message.
void check_petsc(PetscErrorCode return_code, const char* call);

// Move-only owner of a PETSc object; Destroy is PETSc's own destroy function.
template <typename Object, PetscErrorCode (*Destroy)(Object*)>
class PetscHandle {
 public:
  PetscHandle() = default;
  explicit PetscHandle(Object object) noexcept : object_(object) {}
  ~PetscHandle() { reset(); }
  PetscHandle(const PetscHandle&) = delete;
  PetscHandle& operator=(const PetscHandle&) = delete;
  PetscHandle(PetscHandle&& other) noexcept : object_(std::exchange(other.object_, nullptr)) {}
  PetscHandle& operator=(PetscHandle&& other) noexcept {
    if (this != &other) {
      reset();
      object_ = std::exchange(other.object_, nullptr);
    }
    return *this;
  }
  [[nodiscard]] Object get() const noexcept { return object_; }
  // For PETSc's creating functions, which take an address.
  [[nodiscard]] Object* put() noexcept {
    reset();
    return &object_;
  }

 private:
  void reset() noexcept {
    if (object_ != nullptr) (void)Destroy(&object_);
    object_ = nullptr;
  }
  Object object_ = nullptr;
};

using PetscVector = PetscHandle<Vec, VecDestroy>;
using PetscMatrix = PetscHandle<Mat, MatDestroy>;
using PetscSolver = PetscHandle<KSP, KSPDestroy>;
using PetscMesh = PetscHandle<DM, DMDestroy>;
using PetscIndexSet = PetscHandle<IS, ISDestroy>;
using PetscScatter = PetscHandle<VecScatter, VecScatterDestroy>;
using PetscNullSpace = PetscHandle<MatNullSpace, MatNullSpaceDestroy>;

// Puts "--petsc" text into PETSc's database; throws InputError where it does not parse.
void insert_petsc_options(const std::string& text);
// Throws InputError naming the options that no solver asked for, so that a typo surfaces. Call after the solves.
void check_unused_petsc_options();

}  // namespace mesoglass
