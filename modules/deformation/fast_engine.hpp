// The engine for large samples: the same process as the direct method, at a cost an event that hardly grows with the
// number of voxels. docs/theory-deformation.md argues that it is exact.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <unordered_map>
#include <vector>

#include "deformation/engine.hpp"
#include "deformation/far_field.hpp"
#include "deformation/fast_engine_choices.hpp"
#include "deformation/mode_cache.hpp"
#include "deformation/rate_bound.hpp"
#include "deformation/rate_sum.hpp"
#include "deformation/voxel_modes.hpp"
#include "elasticity/periodic_solver.hpp"
#include "elasticity/stress_kernel.hpp"

namespace mesoglass::deformation {

// Thinning (Lewis and Shedler 1979) with a bound on every voxel's rate. A candidate voxel is drawn from the bounds, its
// true rate is computed from its exact stress, and it is accepted with the ratio of the two. A bound holds while the
// voxel's stress stays within a radius of the stress it was found at (rate_bound.hpp), and voxels that are nowhere near
// activation share a least bound, with radii so wide that they are hardly ever looked at.
//
// Where the stress is: an event changes the stress of the voxels near it at once, through the kernel. What it does to
// all others is followed brick by brick (far_field.hpp), so that their stress is known up to a small deviation, which
// radii allow for. Where that does not do, which is at candidates that are likely to be accepted and where a barrier
// may have vanished, the events since the last Fourier transform are added through the kernel, one by one. After so
// many events, a transform brings all voxels up to date.
//
// What is decided never depends on how voxels are shared among ranks: bounds belong to voxels and are summed without
// rounding (rate_sum.hpp), far fields belong to bricks that are the same for everyone.
class FastEngine final : public Engine {
 public:
  // Collective. Throws InputError where the catalog and the parameters cannot go together.
  FastEngine(const Communicator& communicator, const DeformationParameters& parameters, const catalog::Catalog& glass);

  void set_mean_stress(std::span<const double> components) override;
  [[nodiscard]] ThermalStep next_event(double horizon_s, RandomDraws& draws) override;
  [[nodiscard]] std::vector<Transformation> unstable() override;
  [[nodiscard]] double transform(std::span<const Transformation> transformations) override;
  [[nodiscard]] double total_rate() override;
  [[nodiscard]] double fluctuation_energy_ev() override { return energy_ev_; }
  [[nodiscard]] const VoxelState& state() override;
  void synchronise() override;
  [[nodiscard]] bool resumable() const override { return log_.empty() && settled_; }
  void restore(VoxelState state) override;
  [[nodiscard]] double memory_bytes() const override;

 private:
  struct LoggedEvent {
    VoxelPlace place;
    StrainComponents strain;
  };
  // The exact stress of a voxel that far fields were not good enough for.
  struct Correction {
    StrainComponents stress{};  // exact less that of the brick's linear field
    double deviation = 0.0;     // of the brick at that time
  };
  struct KnownStress {
    StrainComponents stress{};  // GPa, with the mean stress
    double deviation = 0.0;     // bound on its error, GPa
  };
  // What a look at a voxel finds, at its known or exact stress. Nothing is changed before keep().
  struct Assessment {
    std::size_t voxel = 0;
    KnownStress known;
    RateBound found;
    std::optional<Correction> exact;  // where the known stress was too uncertain
  };
  // A voxel that was drawn by its bound.
  struct Candidate {
    double after_s = 0.0;  // since the candidates were drawn
    int owner = 0;
    std::size_t voxel = 0;  // this and the bound (1/s) are known to the owner
    double bound = 0.0;
    RandomStream choice;
  };
  struct Candidates {
    std::vector<Candidate> within;  // the horizon, in order of time
    bool horizon_reached = false;   // the next one is beyond it
  };
  struct Verdict {
    Assessment assessment;
    bool accepted = false;
    bool bound_broken = false;  // never, unless there is a mistake
  };
  struct Chosen {
    Transformation event;
    StrainComponents stress_fluctuation{};  // of the event's voxel
  };
  struct Totals {
    WholeNumber bound_sum = 0;
    std::uint64_t unstable = 0;
  };

  [[nodiscard]] std::size_t local(std::int64_t voxel) const noexcept {
    return static_cast<std::size_t>(voxel - state_.own.begin);
  }
  [[nodiscard]] bool owns(std::int64_t voxel) const noexcept { return state_.own.contains(voxel); }
  [[nodiscard]] VoxelPlace place_of(std::size_t own_voxel) const noexcept {
    return glass_.grid.coordinates(state_.own.begin + static_cast<std::int64_t>(own_voxel));
  }
  [[nodiscard]] double live_age_s(std::size_t entry) const noexcept {
    return live_ages_[live_births_[entry] - first_live_birth_];
  }
  [[nodiscard]] double temporary_softening(std::size_t entry) const noexcept;
  // Distance (GPa) of a stress from the one that the voxel's bound was found at.
  [[nodiscard]] double distance_from_bound_stress(std::size_t own_voxel, const StrainComponents& stress) const noexcept;
  [[nodiscard]] KnownStress known_stress(std::size_t own_voxel, const LocalField& field) const noexcept;
  [[nodiscard]] KnownStress known_stress(std::size_t own_voxel, const LocalField& field,
                                         const Correction* correction) const noexcept;
  [[nodiscard]] std::size_t padded(std::size_t own_voxel) const noexcept;
  // The voxel's modes at its present softening, from the cache or drawn anew; valid until the next call.
  [[nodiscard]] const double* modes_of(std::size_t own_voxel);
  // The voxel's block of modes (rate_kernel.hpp) at these softenings.
  void fill_block(const VoxelModes& modes, double permanent_softening, double temporary_softening,
                  double* block) const noexcept;

  // What replaces the brick's far field by what far events do to this voxel, through the kernel.
  [[nodiscard]] Correction exact_correction(std::size_t own_voxel, const LocalField& field) const noexcept;
  [[nodiscard]] StrainComponents exact_fluctuation(std::size_t own_voxel);
  // The voxel's bound at its known stress, or its exact one where the known one is too uncertain for a bound.
  [[nodiscard]] Assessment assess(std::size_t own_voxel, const LocalField& field);
  void make_exact(Assessment& assessment, const LocalField& field);
  void find_bound(Assessment& assessment);
  // The bound that was found is the voxel's bound from now on.
  void keep(const Assessment& assessment, const LocalField& field);
  void evaluate(std::size_t own_voxel, const LocalField& field) { keep(assess(own_voxel, field), field); }
  // Stress fluctuation : e at the flip's voxel, GPa.
  [[nodiscard]] double work_of(const Transformation& flip);
  // How much farther the known stress of a voxel may move before its bound has to be found anew, GPa.
  [[nodiscard]] double slack_of(std::size_t own_voxel, const LocalField& field) const noexcept;
  [[nodiscard]] LocalField field_at(std::size_t own_voxel) const noexcept {
    return far_.local(far_.tree().leaf_of(place_of(own_voxel)));
  }
  void look_through(std::size_t brick);
  // Evaluates every voxel whose bound may not hold any more. Collective.
  void settle();
  // Sums over all ranks. Collective.
  void gather_totals();
  void lower_least_bound();
  // The next ones by the bounds as they are.
  [[nodiscard]] Candidates draw_candidates(double horizon_s, RandomDraws& draws) const;
  [[nodiscard]] Verdict judge(Candidate& candidate);
  [[nodiscard]] Chosen choose_mode(const Assessment& assessment, RandomStream& choice);
  // The place of the first accepted candidate, which becomes `chosen`. Collective.
  [[nodiscard]] std::optional<std::size_t> first_accepted(std::vector<Candidate>& candidates, Chosen& chosen);
  void age_live(double elapsed_s);
  void forget_live(std::size_t entry);
  void change_own_voxel(const Transformation& flip);
  void add_stress(const Transformation& flip);
  void solve_whole_field();

  const Communicator& communicator_;
  const catalog::Catalog& glass_;
  KineticParameters kinetics_;
  RateConstants constants_;
  double recovery_time_s_ = 0.0;
  double least_bound_ = 0.0;      // 1/s
  double least_bound_now_ = 0.0;  // 1/s, lower where nothing happens for long
  double bound_stress_unit_;      // GPa
  elasticity::StressKernel kernel_;
  VoxelModeSource modes_;
  elasticity::PeriodicSolver solver_;
  VoxelState state_;
  std::unordered_map<std::size_t, std::size_t> live_at_;  // own voxel to its entry in state_.live
  // Ages (s) of all ranks' voxels with temporary softening, those that transformed together once, the oldest first; the
  // numbers of own voxels' ages, counted since the start, beside state_.live; and the number of the oldest. The ages in
  // state_.live are brought up to date when it is asked for.
  std::vector<double> live_ages_;
  std::vector<std::size_t> live_births_;
  std::size_t first_live_birth_ = 0;
  StrainComponents mean_stress_{};
  double energy_ev_ = 0.0;

  RateSum rates_;                           // of the bounds
  std::vector<std::uint32_t> unevaluated_;  // own voxels whose modes or softening changed
  std::vector<std::uint32_t> unstable_;     // own voxels with a negative barrier at their present stress
  FarField far_;
  std::unordered_map<std::size_t, Correction> corrections_;  // of own voxels, since the last transform
  std::vector<std::uint32_t> due_;
  std::vector<LoggedEvent> log_;  // since the last transform
  std::size_t log_limit_;
  ModeCache cache_;
  std::vector<double> scratch_;  // the modes of a voxel with temporary softening

  bool settled_ = false;
  std::vector<WholeNumber> bound_sums_;  // of every rank
  WholeNumber bound_sum_ = 0;            // of all ranks
  std::uint64_t unstable_anywhere_ = 0;
  // The event that next_event returned last, with its voxel's stress fluctuation.
  std::int64_t known_voxel_ = -1;
  StrainComponents known_fluctuation_{};
};

}  // namespace mesoglass::deformation
