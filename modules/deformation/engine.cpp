#include "deformation/engine.hpp"

#include "core/error.hpp"
#include "deformation/direct_engine.hpp"
#include "deformation/fast_engine.hpp"
#include "deformation/heterogeneous_medium.hpp"

namespace mesoglass::deformation {

elasticity::IsotropicModuli matrix_moduli(const DeformationParameters& parameters, const catalog::Catalog& glass) {
  const auto& matrix = glass.types.front();
  return elasticity::isotropic_moduli(matrix.young_modulus_gpa, matrix.poisson_ratio, parameters.loading.body);
}

std::unique_ptr<Engine> make_engine(const Communicator& communicator, const DeformationParameters& parameters,
                                    const catalog::Catalog& glass) {
  validate(parameters, glass.grid.dimensions());
  if (parameters.engine == EngineKind::direct) return std::make_unique<DirectEngine>(communicator, parameters, glass);
  if (!has_uniform_moduli(glass)) {
    throw input_error(
        "the types of this glass differ in their elastic constants, and --engine fast takes a sample with uniform ones "
        "(its far fields are those of one kernel): use --engine direct");
  }
  if (parameters.heat.enabled) {
    throw input_error(
        "--local-heating with --engine fast (its bounds of rates know one temperature): use --engine direct");
  }
  return std::make_unique<FastEngine>(communicator, parameters, glass);
}

}  // namespace mesoglass::deformation
