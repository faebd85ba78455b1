// An engine holds the voxels of a run and samples what happens to them next. All engines sample the same process: in a
// sample under constant mean stress, voxel v transforms by mode m with the rate nu exp(-Q / kT),
// Q = Q0 exp(-d s g(t)) - (V/2) sigma:e (softening.hpp; with the energy guard Q = max(Q, elastic energy change)).
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <vector>

#include "catalog/shear_modes.hpp"
#include "catalog/stz_catalog.hpp"
#include "core/communicator.hpp"
#include "core/random_stream.hpp"
#include "deformation/deformation_parameters.hpp"
#include "deformation/voxel_state.hpp"
#include "elasticity/tensor_basis.hpp"

namespace mesoglass::deformation {

class HeterogeneousMedium;

// The run's own random numbers: draw number n comes from a stream of its own, so that the count of draws is all that a
// checkpoint keeps.
struct RandomDraws {
  std::uint64_t seed = 0;
  std::uint64_t count = 0;  // of draws so far

  [[nodiscard]] RandomStream next(RandomPurpose purpose) const noexcept { return {seed, purpose, count}; }
};

// What happened within a time during which the mean stress was constant.
struct ThermalStep {
  double elapsed_s = 0.0;
  std::optional<Transformation> event;  // at the end of `elapsed_s`; none where the whole time passed
};

// Sums over all voxels, the same bits on any number of ranks.
struct PlasticMoments {
  double von_mises_sum = 0.0;
  double von_mises_square_sum = 0.0;
};

class Engine {
 public:
  virtual ~Engine() = default;
  Engine(const Engine&) = delete;
  Engine& operator=(const Engine&) = delete;

  // The mean stress as basis components (GPa). Not collective.
  virtual void set_mean_stress(std::span<const double> components) = 0;
  // The whole mean stress, for engines with a medium(), whose voxels feel all of it. Not collective.
  virtual void set_mean_stress_tensor(const elasticity::Tensor& mean_stress) { (void)mean_stress; }
  // The first thermal transformation within `horizon_s`, by the engine's exact sampling; ages temporary softening by
  // the time that passed, and changes nothing else. Every barrier must be at or above zero. Collective.
  [[nodiscard]] virtual ThermalStep next_event(double horizon_s, RandomDraws& draws) = 0;
  // The voxels whose lowest barrier is negative, each with the mode of that barrier, in voxel order. Collective.
  [[nodiscard]] virtual std::vector<Transformation> unstable() = 0;
  // Lets the voxels transform together: strain, stress fluctuation, softening, generation, new modes. Returns the work
  // done by the stress fluctuations, V sum of (f_before + f_after):e / 2, in eV. Collective; every rank passes the same
  // transformations, in voxel order.
  [[nodiscard]] virtual double transform(std::span<const Transformation> transformations) = 0;
  // Total rate (1/s) of all voxels now. Collective.
  [[nodiscard]] virtual double total_rate() = 0;
  // -V/2 sum of plastic strain : stress fluctuation, in eV. Collective.
  [[nodiscard]] virtual double fluctuation_energy_ev() = 0;

  // Brings the stress of all voxels up to date. Collective.
  virtual void synchronise() {}
  // The voxels' state; their stress only after synchronise().
  [[nodiscard]] virtual const VoxelState& state() = 0;
  // Whether restore(state()) would go on bit for bit now; if not, it will soon, after some more events. The same on all
  // ranks.
  [[nodiscard]] virtual bool resumable() const { return true; }
  // Goes on from a state of the same kind of engine, as if it had come there by itself. The direct engine also goes on
  // from a state of the fast one. Collective.
  virtual void restore(VoxelState state) = 0;
  // Where the zones differ in their elastic constants, how they share the load; none where all are alike.
  [[nodiscard]] virtual const HeterogeneousMedium* medium() const { return nullptr; }
  // Mean rise of the temperature by local heating, in K. Collective.
  [[nodiscard]] virtual double mean_temperature_rise_k() { return 0.0; }
  // Engine memory on this rank in bytes, as allocated.
  [[nodiscard]] virtual double memory_bytes() const = 0;

 protected:
  Engine() = default;
};

// Elastic constants of the glass's matrix in the body that the loading asks for. Throws InputError where there are no
// such constants. Not collective.
[[nodiscard]] elasticity::IsotropicModuli matrix_moduli(const DeformationParameters& parameters,
                                                        const catalog::Catalog& glass);

// Throws InputError where the catalog and the parameters cannot go together. Collective. Communicator and catalog must
// outlive the engine.
[[nodiscard]] std::unique_ptr<Engine> make_engine(const Communicator& communicator,
                                                  const DeformationParameters& parameters,
                                                  const catalog::Catalog& glass);

}  // namespace mesoglass::deformation
