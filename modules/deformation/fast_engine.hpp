// The engine for large samples: the same process as the direct method, at a cost an event that hardly grows with the
// number of voxels. docs/theory-deformation.md argues that it is exact.
#pragma once

#include <array>
#include <cstdint>
#include <unordered_map>
#include <vector>

#include "deformation/engine.hpp"
#include "deformation/far_field.hpp"
#include "deformation/mode_cache.hpp"
#include "deformation/rate_bound.hpp"
#include "deformation/rate_sum.hpp"
#include "deformation/voxel_modes.hpp"
#include "elasticity/periodic_solver.hpp"
#include "elasticity/stress_kernel.hpp"

namespace mesoglass::deformation {

// Voxels whose modes the engine keeps at hand on a rank with `own_voxels`; the others' are drawn anew when needed.
[[nodiscard]] std::size_t mode_cache_places(std::size_t own_voxels) noexcept;

// The bricks of far_field.hpp that the engine takes for a sample: edges of the smallest and how near (voxels) an
// event's stress is added at once.
struct BrickChoice {
  std::array<std::int64_t, 3> edge;
  std::int64_t nearest_gap;
};
[[nodiscard]] BrickChoice brick_choice(const VoxelGrid& grid) noexcept;

// The stress at which a voxel's bound was found is kept in 16 bits a component, as a multiple of this, which reaches
// half the shear modulus: beyond the stresses that voxels bear, since their barriers vanish before. The radius gives up
// what rounding or a stress beyond takes, so that bounds hold in any case.
[[nodiscard]] double bound_stress_unit_gpa(const elasticity::IsotropicModuli& moduli) noexcept;

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
  struct Evaluation {
    double rate = 0.0;            // 1/s, at the known stress
    double uncertainty_kt = 0.0;  // no mode's true rate differs from it by more than this many kT
  };
  // What the owner of a candidate tells the others.
  struct Outcome {
    Transformation event;
    StrainComponents stress_fluctuation{};  // of the event's voxel
    WholeNumber bound_sum = 0;              // of the owner, after it looked
    bool accepted = false;
    bool bound_broken = false;  // never, unless there is a mistake
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
  [[nodiscard]] std::size_t padded(std::size_t own_voxel) const noexcept;
  // The voxel's modes at its present softening, from the cache or drawn anew; valid until the next call.
  [[nodiscard]] const double* modes_of(std::size_t own_voxel);
  // The voxel's block of modes (rate_kernel.hpp) at these softenings.
  void fill_block(const VoxelModes& modes, double permanent_softening, double temporary_softening,
                  double* block) const noexcept;

  // Replaces what the brick knows of far events by what they do to this voxel.
  void make_exact(std::size_t own_voxel, const LocalField& field);
  [[nodiscard]] StrainComponents exact_fluctuation(std::size_t own_voxel);
  // Finds the voxel's bound, from its exact stress where the known one is too uncertain.
  Evaluation evaluate(std::size_t own_voxel, const LocalField& field);
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
  void lower_least_bound();
  [[nodiscard]] Outcome look_at_candidate(WholeNumber position, RandomStream& choice);
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
