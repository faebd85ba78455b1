// The plain direct method: after every event, every rate.
#pragma once

#include <memory>
#include <vector>

#include "deformation/engine.hpp"
#include "deformation/heat_field.hpp"
#include "deformation/heterogeneous_medium.hpp"
#include "deformation/rate_kernel.hpp"
#include "deformation/voxel_modes.hpp"
#include "elasticity/periodic_solver.hpp"
#include "elasticity/stress_kernel.hpp"

namespace mesoglass::deformation {

// Each rank holds its voxels' modes and softened barriers, and adds each event's stress through the real-space kernel
// (by a Fourier transform where many voxels transform together).
//
// What is left out of the sum of rates: voxels whose lowest barrier exceeds the lowest of all by more than
// kT (40 + ln(number of all modes)). All of them together hold less than exp(-40) = 4e-18 of the total rate, which
// double precision does not resolve. Which they are is mostly known without evaluating them, from the barrier and the
// stress at their last evaluation; the sum does not depend on which way it became known, so that it is the same bits
// on any number of ranks and after a restart.
//
// Temporary softening decays while time passes, so rates are not constant between events. They only fall, so the rates
// at the start of a waiting time bound those later: a candidate event is drawn from the bounds and accepted with the
// ratio of its true rate at its time to its bound (thinning, Lewis and Shedler 1979), which is exact.
class DirectEngine final : public Engine {
 public:
  // Not collective. Throws InputError where the catalog and the parameters cannot go together.
  DirectEngine(const Communicator& communicator, const DeformationParameters& parameters,
               const catalog::Catalog& glass);

  void set_mean_stress(std::span<const double> components) override;
  [[nodiscard]] ThermalStep next_event(double horizon_s, RandomDraws& draws) override;
  [[nodiscard]] std::vector<Transformation> unstable() override;
  [[nodiscard]] double transform(std::span<const Transformation> transformations) override;
  [[nodiscard]] double total_rate() override;
  [[nodiscard]] double fluctuation_energy_ev() override;
  [[nodiscard]] const VoxelState& state() override { return state_; }
  void restore(VoxelState state) override;
  [[nodiscard]] double memory_bytes() const override;
  void set_mean_stress_tensor(const elasticity::Tensor& mean_stress) override;
  [[nodiscard]] const HeterogeneousMedium* medium() const override { return medium_.get(); }
  [[nodiscard]] double mean_temperature_rise_k() override;

 private:
  // What the modes of a voxel with live temporary softening need when its softening decays.
  struct LiveModes {
    std::vector<double> barrier_ev;  // Q0
    std::vector<double> share;       // d_m s_m
  };
  struct Candidate {
    Transformation event;
    double bound_rate = 0.0;
    double true_rate = 0.0;
  };

  [[nodiscard]] std::size_t local(std::int64_t voxel) const noexcept {
    return static_cast<std::size_t>(voxel - state_.own.begin);
  }
  [[nodiscard]] bool owns(std::int64_t voxel) const noexcept { return state_.own.contains(voxel); }
  [[nodiscard]] RateBatch batch() const noexcept;
  // The stress fluctuation that drives the voxels: with unlike moduli the load's share is in it.
  [[nodiscard]] const std::vector<double>& driving_stress() const noexcept {
    return medium_ ? loaded_stress_ : state_.stress_fluctuation;
  }
  [[nodiscard]] double inverse_kt(std::size_t voxel) const noexcept;
  // As next_event(), with the temperatures held.
  [[nodiscard]] ThermalStep next_isothermal_event(double horizon_s, RandomDraws& draws);
  void pass_heat(double elapsed_s);
  void note_temperatures();
  void heat_by(std::span<const Transformation> transformations, std::span<const double> work_gpa);
  [[nodiscard]] double cut_above(double lowest_ev) const noexcept;
  // Regenerates the modes of an own voxel from the catalog and its softening without temporary part; returns what
  // temporary softening would need.
  LiveModes fill_block(std::size_t voxel);
  void soften_block(std::size_t voxel, const LiveModes& modes, double softening);
  void age_live(double elapsed_s);
  void apply_live_softening(std::size_t entry);
  void mark_stress_changed();
  // Evaluates what must be, and sums up; does nothing where all is up to date. Collective.
  void refresh();
  void evaluate_up_to(double cut_ev);
  [[nodiscard]] Candidate candidate_in_own_voxel(std::int64_t slab, double rest, double elapsed_s);
  void add_stress(std::span<const Transformation> transformations);

  const Communicator& communicator_;
  const catalog::Catalog& glass_;
  KineticParameters kinetics_;
  RateConstants constants_;
  double recovery_time_s_ = 0.0;
  double margin_ev_ = 0.0;  // voxels whose lowest barrier is this far above the lowest of all are left out
  elasticity::StressKernel kernel_;
  VoxelModeSource modes_;
  elasticity::IsotropicModuli moduli_;
  std::unique_ptr<elasticity::PeriodicSolver> solver_;  // made at the first large avalanche
  std::unique_ptr<HeterogeneousMedium> medium_;         // where types have moduli of their own
  elasticity::Tensor mean_stress_tensor_{};
  std::vector<double> loaded_stress_;
  HeatParameters heat_parameters_;
  std::unique_ptr<HeatField> heat_;  // with local heating
  double hottest_k_ = 0.0;           // of all voxels
  double coldest_k_ = 0.0;

  VoxelState state_;
  std::vector<LiveModes> live_modes_;  // beside state_.live
  StrainComponents mean_stress_{};

  std::vector<std::size_t> block_begin_;
  std::vector<std::uint16_t> padded_;
  std::vector<double> blocks_;
  std::vector<double> reach_;             // largest norm of a mode of the voxel
  std::vector<double> rate_;              // at the last evaluation
  std::vector<double> lowest_;            // barrier at the last evaluation; -infinity where the modes changed since
  std::vector<double> evaluated_stress_;  // voxel by voxel
  std::vector<double> bound_;             // lower bound of the lowest barrier now
  std::vector<std::uint8_t> fresh_;       // rate and lowest are of the present stress and softening
  std::vector<std::uint32_t> to_evaluate_;

  bool bounds_current_ = false;
  bool sums_current_ = false;
  double lowest_of_all_ev_ = 0.0;
  double cut_ev_ = 0.0;
  std::vector<double> slab_rates_;  // of all ranks
  double total_rate_ = 0.0;
};

}  // namespace mesoglass::deformation
