#include "deformation/engine.hpp"

#include "core/error.hpp"
#include "deformation/direct_engine.hpp"
#include "deformation/fast_engine.hpp"

namespace mesoglass::deformation {

std::unique_ptr<Engine> make_engine(const Communicator& communicator, const DeformationParameters& parameters,
                                    const catalog::Catalog& glass) {
  validate(parameters, glass.grid.dimensions());
  const catalog::ShearZoneType& matrix = glass.types.front();
  for (const auto& type : glass.types) {
    if (type.young_modulus_gpa != matrix.young_modulus_gpa || type.poisson_ratio != matrix.poisson_ratio) {
      throw input_error(
          "type {} has E = {} GPa, nu = {} and the matrix {} GPa, {} (the deformation engine takes a "
          "sample with uniform elastic constants): give all types the same in the catalog",
          type.name, type.young_modulus_gpa, type.poisson_ratio, matrix.young_modulus_gpa, matrix.poisson_ratio);
    }
  }
  if (parameters.engine == EngineKind::direct) return std::make_unique<DirectEngine>(communicator, parameters, glass);
  return std::make_unique<FastEngine>(communicator, parameters, glass);
}

}  // namespace mesoglass::deformation
