#include "deformation/fast_engine.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/units.hpp"
#include "deformation/softening.hpp"
#include "deformation/stress_slack.hpp"
#include "deformation/transformation.hpp"

namespace mesoglass::deformation {

namespace {

// A bound is only taken from a stress with a deviation if its radius is this many times wider.
constexpr double radius_a_deviation = 2.0;

constexpr std::size_t most_brick_rows = 16, most_brick_voxels = 128;

float rounded_up(double value) noexcept {
  const auto rounded = static_cast<float>(value);
  return static_cast<double>(rounded) < value ? std::nextafter(rounded, std::numeric_limits<float>::infinity())
                                              : rounded;
}

}  // namespace

FastEngine::FastEngine(const Communicator& communicator, const DeformationParameters& parameters,
                       const catalog::Catalog& glass)
    : communicator_(communicator),
      glass_(glass),
      kinetics_(parameters.kinetics),
      recovery_time_s_(deformation::recovery_time_s(parameters.kinetics)),
      least_bound_(least_bound_per_s(parameters, glass)),
      least_bound_now_(least_bound_),
      bound_stress_unit_(bound_stress_unit_gpa(matrix_moduli(parameters, glass))),
      kernel_(glass.grid, matrix_moduli(parameters, glass), basis_kind(glass), elasticity::KernelMean::zero_stress),
      modes_(glass, parameters.kinetics, parameters.seed, kernel_),
      solver_(communicator, glass.grid, matrix_moduli(parameters, glass), kernel_.basis()),
      state_(glass.grid.voxels_of(communicator.rank(), communicator.size()), kernel_.count()),
      rates_(glass.grid.voxel_count(), largest_bound_per_s(parameters, glass)),
      far_(kernel_, glass.grid.slabs_of(communicator.rank(), communicator.size()), brick_choice(glass.grid).edge,
           brick_choice(glass.grid).nearest_gap),
      log_limit_(log_limit(glass.grid)),
      cache_(1, 1) {
  constants_.half_work = 0.5 * glass.grid.voxel_volume_nm3() * units::ev_per_gpa_nm3;
  constants_.inverse_kt = 1.0 / (units::boltzmann_ev_per_k * kinetics_.temperature_k);
  constants_.attempt_rate =
      kinetics_.attempt_rate_per_s * (kinetics_.rate_volume ? glass.grid.voxel_volume_nm3() : 1.0);
  constants_.components = kernel_.count();
  constants_.energy_guard = kinetics_.energy_guard;
  const std::size_t row = padded_modes(modes_.catalog_modes().largest_mode_count());
  const std::size_t block = block_size(constants_, row);
  cache_ = ModeCache(mode_cache_places(state_.count()), block);
  scratch_.resize(block);
  state_.bound_rate.assign(state_.count(), 0.0F);
  // No bound holds yet, so that the first look evaluates everybody.
  state_.bound_radius.assign(state_.count(), -1.0F);
  state_.bound_stress.assign(state_.count() * static_cast<std::size_t>(state_.components), 0);
  rates_.assign(state_.bound_rate);
}

const VoxelState& FastEngine::state() {
  for (std::size_t entry = 0; entry < state_.live.size(); ++entry) state_.live[entry].age_s = live_age_s(entry);
  return state_;
}

double FastEngine::temporary_softening(std::size_t entry) const noexcept {
  return state_.live[entry].at_event * std::exp(-live_age_s(entry) / recovery_time_s_);
}

FastEngine::KnownStress FastEngine::known_stress(std::size_t own_voxel, const LocalField& field) const noexcept {
  const auto found = corrections_.find(own_voxel);
  return known_stress(own_voxel, field, found == corrections_.end() ? nullptr : &found->second);
}

FastEngine::KnownStress FastEngine::known_stress(std::size_t own_voxel, const LocalField& field,
                                                 const Correction* correction) const noexcept {
  const VoxelPlace place = place_of(own_voxel);
  KnownStress known;
  known.deviation = field.deviation;
  for (std::size_t c = 0; c < static_cast<std::size_t>(state_.components); ++c) {
    known.stress[c] =
        state_.stress_fluctuation[state_.at(static_cast<int>(c), own_voxel)] + mean_stress_[c] + field.at(place, c);
  }
  if (correction != nullptr) {
    for (std::size_t c = 0; c < known.stress.size(); ++c) known.stress[c] += correction->stress[c];
    known.deviation -= correction->deviation;
  }
  return known;
}

std::size_t FastEngine::padded(std::size_t own_voxel) const noexcept {
  return padded_modes(modes_.count(own_voxel));
}

void FastEngine::fill_block(const VoxelModes& modes, double permanent_softening, double temporary_softening,
                            double* block) const noexcept {
  const std::size_t row = padded_modes(static_cast<int>(modes.count));
  if (modes.count < row) {
    std::fill_n(block, block_size(constants_, row), 0.0);
    std::fill_n(block, row, padding_barrier_ev);
  }
  for (std::size_t mode = 0; mode < modes.count; ++mode) {
    const auto strain = modes.strain_of(mode);
    block[mode] = modes.softened_ev(mode, permanent_softening);
    if (temporary_softening > 0.0) block[mode] *= std::exp(-modes.share[mode] * temporary_softening);
    for (std::size_t c = 0; c < modes.components; ++c) block[(c + 1) * row + mode] = strain[c];
    if (constants_.energy_guard) block[(modes.components + 1) * row + mode] = modes.self_energy_ev[mode];
  }
}

const double* FastEngine::modes_of(std::size_t own_voxel) {
  bool filled = false;
  double* cached = cache_.find(own_voxel, state_.generation[own_voxel], filled);
  const auto live = live_at_.find(own_voxel);
  if (filled && live == live_at_.end()) return cached;
  VoxelModes modes;
  modes_.describe(own_voxel, state_.own.begin + static_cast<std::int64_t>(own_voxel), state_.generation[own_voxel],
                  state_.last_mode[own_voxel], modes);
  fill_block(modes, state_.permanent_softening[own_voxel], 0.0, cached);
  if (live == live_at_.end()) return cached;
  fill_block(modes, state_.permanent_softening[own_voxel], temporary_softening(live->second), scratch_.data());
  return scratch_.data();
}

FastEngine::Correction FastEngine::exact_correction(std::size_t own_voxel, const LocalField& field) const noexcept {
  const VoxelPlace place = place_of(own_voxel);
  const auto components = static_cast<std::size_t>(state_.components);
  const auto brick = far_.tree().extent(0, far_.tree().leaf_of(place));
  Correction correction;
  for (const LoggedEvent& event : log_) {
    if (far_.is_near(event.place, brick)) continue;
    kernel_.superpose_at(place[0] - event.place[0], place[1] - event.place[1], place[2] - event.place[2],
                         std::span(event.strain).first(components), correction.stress.data());
  }
  for (std::size_t c = 0; c < components; ++c) correction.stress[c] -= field.at(place, c);
  correction.deviation = field.deviation;
  return correction;
}

StrainComponents FastEngine::exact_fluctuation(std::size_t own_voxel) {
  const LocalField field = field_at(own_voxel);
  if (known_stress(own_voxel, field).deviation > 0.0) corrections_[own_voxel] = exact_correction(own_voxel, field);
  StrainComponents stress = known_stress(own_voxel, field).stress;
  for (std::size_t c = 0; c < stress.size(); ++c) stress[c] -= mean_stress_[c];
  return stress;
}

void FastEngine::find_bound(Assessment& assessment) {
  assessment.found = bound_rate_of_voxel(constants_, modes_of(assessment.voxel), padded(assessment.voxel),
                                         assessment.known.stress.data(), bound_margin, least_bound_now_);
}

void FastEngine::make_exact(Assessment& assessment, const LocalField& field) {
  assessment.exact = exact_correction(assessment.voxel, field);
  assessment.known = known_stress(assessment.voxel, field, &*assessment.exact);
  find_bound(assessment);
}

FastEngine::Assessment FastEngine::assess(std::size_t own_voxel, const LocalField& field) {
  Assessment assessment;
  assessment.voxel = own_voxel;
  assessment.known = known_stress(own_voxel, field);
  find_bound(assessment);
  const double deviation = assessment.known.deviation;
  if (deviation > 0.0 && !(assessment.found.radius_gpa > radius_a_deviation * deviation)) make_exact(assessment, field);
  return assessment;
}

void FastEngine::keep(const Assessment& assessment, const LocalField& field) {
  const std::size_t voxel = assessment.voxel;
  const KnownStress& known = assessment.known;
  if (assessment.exact) corrections_[voxel] = *assessment.exact;
  constexpr double largest = std::numeric_limits<std::int16_t>::max();
  for (std::size_t c = 0; c < static_cast<std::size_t>(state_.components); ++c) {
    state_.bound_stress[state_.at(static_cast<int>(c), voxel)] =
        static_cast<std::int16_t>(std::lrint(std::clamp(known.stress[c] / bound_stress_unit_, -largest, largest)));
  }
  const float before = std::exchange(state_.bound_rate[voxel], rounded_up(assessment.found.bound_rate));
  rates_.changed(voxel, before);
  if (assessment.found.radius_gpa < 0.0) {
    state_.bound_radius[voxel] = -1.0F;
    unstable_.push_back(static_cast<std::uint32_t>(voxel));
    return;
  }
  // The radius gives up more than its own rounding and that of the stress it belongs to.
  const double rounding = distance_from_bound_stress(voxel, known.stress);
  const double radius = std::min(std::max(0.0, assessment.found.radius_gpa * (1.0 - 1e-6) - 1e-6 - rounding), 1e30);
  state_.bound_radius[voxel] = static_cast<float>(radius);
  far_.limit_slack(far_.tree().leaf_of(place_of(voxel)), field, radius - rounding - known.deviation);
}

void FastEngine::look_through(std::size_t brick) {
  const LocalField field = far_.local(brick);
  if (far_.rests(brick, field)) return;
  const auto voxels = far_.tree().own_extent(brick);
  const StressRows arrays{state_.stress_fluctuation.data(),
                          state_.bound_stress.data(),
                          bound_stress_unit_,
                          state_.bound_radius.data(),
                          state_.count(),
                          state_.components};
  std::array<StressRow, most_brick_rows> rows;
  std::size_t row_count = 0;
  for (std::int64_t z = voxels[2].begin; z < voxels[2].end; ++z) {
    for (std::int64_t y = voxels[1].begin; y < voxels[1].end; ++y) {
      const VoxelPlace first = {voxels[0].begin, y, z};
      StressRow& row = rows[row_count++];
      row.begin = local(glass_.grid.index(first[0], y, z));
      for (std::size_t c = 0; c < row.offset.size(); ++c) row.offset[c] = mean_stress_[c] + field.at(first, c);
    }
  }
  const auto length = static_cast<std::size_t>(voxels[0].size());
  std::array<double, most_brick_voxels> left;
  double least =
      slack_of_rows(arrays, std::span(rows).first(row_count), length, field.gradient[0], left.data()) - field.deviation;
  if (least >= 0.0) return far_.set_slack(brick, field, least);
  least = std::numeric_limits<double>::infinity();
  for (std::size_t index = 0; index < row_count * length; ++index) {
    double slack = left[index] - field.deviation;
    if (slack < 0.0) {
      const std::size_t voxel = rows[index / length].begin + index % length;
      // With what is exactly known of this voxel, its slack may be larger.
      if (corrections_.contains(voxel) && state_.bound_radius[voxel] >= 0.0F) slack = slack_of(voxel, field);
      if (slack < 0.0) {
        evaluate(voxel, field);
        // An unstable voxel is on the list of those to be evaluated next time.
        if (state_.bound_radius[voxel] < 0.0F) continue;
        slack = slack_of(voxel, field);
      }
    }
    least = std::min(least, slack);
  }
  far_.set_slack(brick, field, least);
}

double FastEngine::slack_of(std::size_t own_voxel, const LocalField& field) const noexcept {
  const KnownStress known = known_stress(own_voxel, field);
  return static_cast<double>(state_.bound_radius[own_voxel]) - known.deviation -
         distance_from_bound_stress(own_voxel, known.stress);
}

double FastEngine::distance_from_bound_stress(std::size_t own_voxel, const StrainComponents& stress) const noexcept {
  double square = 0.0;
  for (std::size_t c = 0; c < static_cast<std::size_t>(state_.components); ++c) {
    const double bound = bound_stress_unit_ * state_.bound_stress[state_.at(static_cast<int>(c), own_voxel)];
    square += (stress[c] - bound) * (stress[c] - bound);
  }
  return std::sqrt(square);
}

void FastEngine::settle() {
  if (settled_) return;
  unevaluated_.insert(unevaluated_.end(), unstable_.begin(), unstable_.end());
  unstable_.clear();
  std::sort(unevaluated_.begin(), unevaluated_.end());
  unevaluated_.erase(std::unique(unevaluated_.begin(), unevaluated_.end()), unevaluated_.end());
  for (const std::size_t voxel : unevaluated_) evaluate(voxel, field_at(voxel));
  unevaluated_.clear();
  due_.clear();
  far_.tree().find_due(due_);
  for (const std::size_t brick : due_) look_through(brick);
  std::sort(unstable_.begin(), unstable_.end());
  unstable_.erase(std::unique(unstable_.begin(), unstable_.end()), unstable_.end());

  gather_totals();
  settled_ = true;
}

void FastEngine::gather_totals() {
  bound_sums_.clear();
  bound_sum_ = 0;
  unstable_anywhere_ = 0;
  for (const Totals& totals : communicator_.all_gather(Totals{rates_.total(), unstable_.size()})) {
    bound_sums_.push_back(totals.bound_sum);
    bound_sum_ += totals.bound_sum;
    unstable_anywhere_ += totals.unstable;
  }
}

void FastEngine::set_mean_stress(std::span<const double> components) {
  StrainComponents change{};
  for (std::size_t c = 0; c < components.size(); ++c) {
    change[c] = components[c] - mean_stress_[c];
    mean_stress_[c] = components[c];
  }
  if (change == StrainComponents{}) return;
  far_.add_uniform(std::span(change).first(components.size()));
  settled_ = false;
}

void FastEngine::age_live(double elapsed_s) {
  const double lifetime = recovery_times_until_forgotten * recovery_time_s_;
  for (double& age : live_ages_) age += elapsed_s;
  std::size_t forgotten = 0;
  while (forgotten < live_ages_.size() && live_ages_[forgotten] > lifetime) ++forgotten;
  if (forgotten == 0) return;
  // Every rank knows the ages of all, so that all know when somebody's voxel has to be looked at.
  settled_ = false;
  first_live_birth_ += forgotten;
  live_ages_.erase(live_ages_.begin(), live_ages_.begin() + static_cast<std::ptrdiff_t>(forgotten));
  for (std::size_t entry = 0; entry < state_.live.size();) {
    if (live_births_[entry] >= first_live_birth_) {
      ++entry;
      continue;
    }
    unevaluated_.push_back(static_cast<std::uint32_t>(local(state_.live[entry].voxel)));
    forget_live(entry);
  }
}

void FastEngine::forget_live(std::size_t entry) {
  live_at_.erase(local(state_.live[entry].voxel));
  if (entry + 1 < state_.live.size()) {
    state_.live[entry] = state_.live.back();
    live_births_[entry] = live_births_.back();
    live_at_[local(state_.live[entry].voxel)] = entry;
  }
  state_.live.pop_back();
  live_births_.pop_back();
}

std::vector<Transformation> FastEngine::unstable() {
  settle();
  if (unstable_anywhere_ == 0) return {};
  std::vector<Transformation> own;
  std::array<double, catalog::most_modes + mode_group> barriers;
  for (const std::size_t voxel : unstable_) {
    const StrainComponents stress = known_stress(voxel, field_at(voxel)).stress;
    const double* block = modes_of(voxel);
    barriers_of_voxel(constants_, block, padded(voxel), stress.data(), barriers.data());
    const auto lowest = std::min_element(barriers.begin(), barriers.begin() + modes_.count(voxel));
    own.push_back(transformation_of(state_, voxel, static_cast<std::size_t>(lowest - barriers.begin()), *lowest, block,
                                    padded(voxel)));
  }
  return communicator_.all_gather(std::span<const Transformation>(own));
}

void FastEngine::change_own_voxel(const Transformation& flip) {
  const std::size_t voxel = local(flip.voxel);
  const double square = change_voxel(state_, kinetics_, flip);
  if (const auto old = live_at_.find(voxel); old != live_at_.end()) forget_live(old->second);
  if (kinetics_.temporary_softening > 0.0) {
    live_at_[voxel] = state_.live.size();
    state_.live.push_back({flip.voxel, kinetics_.temporary_softening * square, 0.0});
    live_births_.push_back(first_live_birth_ + live_ages_.size());  // whose age transform() adds
  }
  unevaluated_.push_back(static_cast<std::uint32_t>(voxel));
}

void FastEngine::add_stress(const Transformation& flip) {
  const auto components = static_cast<std::size_t>(state_.components);
  const std::span<const double> strain(flip.strain.data(), components);
  const VoxelPlace source = glass_.grid.coordinates(flip.voxel);
  const elasticity::StressKernel::Source kernel_source(kernel_, flip.voxel, strain);
  far_.add_transformation(source, strain);
  far_.for_each_near_run([&](std::int64_t x, std::int64_t count, std::int64_t y, std::int64_t z) {
    kernel_.superpose_row(kernel_source, x, count, y, z,
                          state_.stress_fluctuation.data() + local(glass_.grid.index(x, y, z)), state_.count());
  });
  log_.push_back({source, flip.strain});
}

double FastEngine::work_of(const Transformation& flip) {
  const StrainComponents stress = exact_fluctuation(local(flip.voxel));
  double work = 0.0;
  for (std::size_t c = 0; c < stress.size(); ++c) work += stress[c] * flip.strain[c];
  return work;
}

double FastEngine::transform(std::span<const Transformation> transformations) {
  // One term a transformation, which its voxel's owner knows and the others add zero to. The work of the event that was
  // just chosen is known to all.
  const bool known = transformations.size() == 1 && transformations.front().voxel == known_voxel_;
  known_voxel_ = -1;
  std::vector<double> work(transformations.size(), 0.0);
  if (known) {
    const Transformation& flip = transformations.front();
    for (std::size_t c = 0; c < static_cast<std::size_t>(state_.components); ++c) {
      work[0] += 2.0 * known_fluctuation_[c] * flip.strain[c];
    }
    work[0] += kernel_.self_response(std::span(flip.strain).first(static_cast<std::size_t>(state_.components)));
  }
  for (std::size_t index = 0; index < transformations.size(); ++index) {
    const Transformation& flip = transformations[index];
    if (!owns(flip.voxel)) continue;
    if (!known) work[index] = work_of(flip);
    change_own_voxel(flip);
  }
  if (kinetics_.temporary_softening > 0.0) live_ages_.push_back(0.0);
  settled_ = false;

  const bool whole_field = log_.size() + transformations.size() >= log_limit_;
  if (whole_field) {
    solve_whole_field();
  } else {
    for (const Transformation& flip : transformations) add_stress(flip);
  }
  if (!known) {
    for (std::size_t index = 0; index < transformations.size(); ++index) {
      const Transformation& flip = transformations[index];
      if (!owns(flip.voxel)) continue;
      work[index] += work_of(flip);
    }
    communicator_.sum_in_place(std::span<double>(work));
  }
  double total = 0.0;
  for (const double term : work) total += term;
  if (!whole_field) energy_ev_ -= constants_.half_work * total;
  return constants_.half_work * total;
}

void FastEngine::solve_whole_field() {
  elasticity::PeriodicSolver::Results results;
  results.stress = state_.stress_fluctuation;
  solver_.solve(state_.plastic_strain, elasticity::MeanConditions::zero_stress(), results);
  log_.clear();
  corrections_.clear();
  far_.reset();
  energy_ev_ = deformation::fluctuation_energy_ev(communicator_, glass_.grid, state_, constants_.half_work);
  settled_ = false;
}

void FastEngine::synchronise() {
  if (!log_.empty()) solve_whole_field();
}

double FastEngine::total_rate() {
  synchronise();
  const auto slab_voxels = static_cast<std::size_t>(glass_.grid.voxels_per_slab());
  std::vector<double> own_slabs;
  for (std::size_t slab = 0; slab < state_.count(); slab += slab_voxels) {
    double sum = 0.0;
    for (std::size_t voxel = slab; voxel < slab + slab_voxels; ++voxel) {
      const StrainComponents stress = known_stress(voxel, LocalField{}).stress;
      sum += bound_rate_of_voxel(constants_, modes_of(voxel), padded(voxel), stress.data(), bound_margin, least_bound_)
                 .rate;
    }
    own_slabs.push_back(sum);
  }
  return fixed_order_sum(communicator_, own_slabs);
}

void FastEngine::restore(VoxelState state) {
  const bool bounded = state.bound_rate.size() == state.count() && state.bound_radius.size() == state.count() &&
                       state.bound_stress.size() == state.stress_fluctuation.size();
  if (communicator_.any(!bounded)) {
    throw Error(ExitCode::bad_input,
                "a state without bounds of its voxels' rates (the direct engine's): go on with --engine direct", true);
  }
  state_ = std::move(state);
  const auto live = communicator_.all_gather(std::span<const LiveSoftening>(state_.live));
  live_ages_.clear();
  for (const LiveSoftening& entry : live) live_ages_.push_back(entry.age_s);
  std::sort(live_ages_.begin(), live_ages_.end(), std::greater<>());
  live_ages_.erase(std::unique(live_ages_.begin(), live_ages_.end()), live_ages_.end());
  first_live_birth_ = 0;
  live_births_.clear();
  live_at_.clear();
  for (std::size_t entry = 0; entry < state_.live.size(); ++entry) {
    live_at_[local(state_.live[entry].voxel)] = entry;
    const auto age = std::lower_bound(live_ages_.begin(), live_ages_.end(), state_.live[entry].age_s, std::greater<>());
    live_births_.push_back(static_cast<std::size_t>(age - live_ages_.begin()));
  }
  log_.clear();
  unevaluated_.clear();
  unstable_.clear();
  corrections_.clear();
  far_.reset();
  energy_ev_ = deformation::fluctuation_energy_ev(communicator_, glass_.grid, state_, constants_.half_work);
  known_voxel_ = -1;
  rates_.assign(state_.bound_rate);
  settled_ = false;
}

double FastEngine::memory_bytes() const {
  const auto bytes = [](const auto& values) { return static_cast<double>(values.capacity() * sizeof(values[0])); };
  return deformation::memory_bytes(state_) + bytes(log_) +
         static_cast<double>(rates_.memory_bytes() + far_.memory_bytes() + cache_.memory_bytes() +
                             solver_.memory_bytes() + kernel_.memory_bytes());
}

}  // namespace mesoglass::deformation
