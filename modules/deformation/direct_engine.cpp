#include "deformation/direct_engine.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <utility>

#include "core/error.hpp"
#include "core/units.hpp"
#include "deformation/softening.hpp"
#include "deformation/transformation.hpp"

namespace mesoglass::deformation {

namespace {

constexpr double infinity = std::numeric_limits<double>::infinity();

// From so many voxels that transform together, a Fourier transform of the whole field is cheaper than adding each one's
// kernel: a superposition costs 2 to 7 ns a voxel, a solve some 200 ns (2-D) to 600 ns (3-D).
constexpr std::size_t transforms_pay_from = 64;

// Bounds are rounded by less than this (eV); voxels within it are evaluated rather than judged by their bound.
constexpr double bound_rounding_ev = 1e-9;

}  // namespace

DirectEngine::DirectEngine(const Communicator& communicator, const DeformationParameters& parameters,
                           const catalog::Catalog& glass)
    : communicator_(communicator),
      glass_(glass),
      kinetics_(parameters.kinetics),
      recovery_time_s_(deformation::recovery_time_s(parameters.kinetics)),
      kernel_(glass.grid, matrix_moduli(parameters, glass), basis_kind(glass), elasticity::KernelMean::zero_stress),
      modes_(glass, parameters.kinetics, parameters.seed, kernel_),
      moduli_(matrix_moduli(parameters, glass)),
      state_(glass.grid.voxels_of(communicator.rank(), communicator.size()), kernel_.count()) {
  const double kt = units::boltzmann_ev_per_k * kinetics_.temperature_k;
  constants_.half_work = 0.5 * glass.grid.voxel_volume_nm3() * units::ev_per_gpa_nm3;
  constants_.inverse_kt = 1.0 / kt;
  constants_.attempt_rate =
      kinetics_.attempt_rate_per_s * (kinetics_.rate_volume ? glass.grid.voxel_volume_nm3() : 1.0);
  constants_.components = kernel_.count();
  constants_.energy_guard = kinetics_.energy_guard;
  margin_ev_ =
      kt *
      (40.0 + std::log(static_cast<double>(glass.grid.voxel_count()) * modes_.catalog_modes().largest_mode_count()));

  const std::size_t count = state_.count();
  block_begin_.resize(count + 1);
  padded_.resize(count);
  std::size_t begin = 0;
  for (std::size_t voxel = 0; voxel < count; ++voxel) {
    padded_[voxel] = static_cast<std::uint16_t>(padded_modes(modes_.count(voxel)));
    block_begin_[voxel] = begin;
    begin += block_size(constants_, padded_[voxel]);
  }
  block_begin_[count] = begin;
  blocks_.resize(begin);
  reach_.resize(count);
  rate_.assign(count, 0.0);
  lowest_.assign(count, -infinity);
  evaluated_stress_.assign(count * static_cast<std::size_t>(state_.components), 0.0);
  bound_.assign(count, -infinity);
  fresh_.assign(count, 0);
  for (std::size_t voxel = 0; voxel < count; ++voxel) fill_block(voxel);

  if (!has_uniform_moduli(glass)) {
    if (kinetics_.energy_guard) {
      throw input_error(
          "--energy-guard with types of unlike elastic constants (the energy of a transformation is then no property "
          "of "
          "its voxel alone): leave one of them out");
    }
    medium_ = std::make_unique<HeterogeneousMedium>(communicator, glass, parameters.loading.body, kernel_.basis());
    loaded_stress_.assign(state_.stress_fluctuation.size(), 0.0);
  }
  heat_parameters_ = parameters.heat;
  hottest_k_ = coldest_k_ = kinetics_.temperature_k;
  if (heat_parameters_.enabled) {
    heat_ = std::make_unique<HeatField>(communicator, glass.grid, heat_parameters_);
    state_.temperature_rise.assign(count, 0.0);
  }
}

RateBatch DirectEngine::batch() const noexcept {
  return {blocks_.data(),          block_begin_.data(), padded_.data(),
          driving_stress().data(), state_.count(),      mean_stress_.data()};
}

DirectEngine::LiveModes DirectEngine::fill_block(std::size_t voxel) {
  const auto components = static_cast<std::size_t>(state_.components);
  const std::size_t padded = padded_[voxel];
  VoxelModes modes;
  modes_.describe(voxel, state_.own.begin + static_cast<std::int64_t>(voxel), state_.generation[voxel],
                  state_.last_mode[voxel], modes);

  double* block = blocks_.data() + block_begin_[voxel];
  std::fill_n(block, block_size(constants_, padded), 0.0);
  std::fill_n(block, padded, padding_barrier_ev);
  double reach_square = 0.0;
  for (std::size_t mode = 0; mode < modes.count; ++mode) {
    double square = 0.0;
    for (std::size_t c = 0; c < components; ++c) {
      const double strain = modes.strain_of(mode)[c];
      block[(c + 1) * padded + mode] = strain;
      square += strain * strain;
    }
    reach_square = std::max(reach_square, square);
    if (constants_.energy_guard) block[(components + 1) * padded + mode] = modes.self_energy_ev[mode];
  }
  reach_[voxel] = std::sqrt(reach_square);
  LiveModes live{{modes.barrier_ev.begin(), modes.barrier_ev.begin() + static_cast<std::ptrdiff_t>(modes.count)},
                 {modes.share.begin(), modes.share.begin() + static_cast<std::ptrdiff_t>(modes.count)}};
  soften_block(voxel, live, state_.permanent_softening[voxel]);
  return live;
}

void DirectEngine::soften_block(std::size_t voxel, const LiveModes& modes, double softening) {
  double* block = blocks_.data() + block_begin_[voxel];
  for (std::size_t mode = 0; mode < modes.barrier_ev.size(); ++mode) {
    block[mode] = modes.barrier_ev[mode] * std::exp(-modes.share[mode] * softening);
  }
  lowest_[voxel] = -infinity;
  bound_[voxel] = -infinity;
  fresh_[voxel] = 0;
  sums_current_ = false;
}

void DirectEngine::apply_live_softening(std::size_t entry) {
  const LiveSoftening& live = state_.live[entry];
  const std::size_t voxel = local(live.voxel);
  soften_block(voxel, live_modes_[entry],
               state_.permanent_softening[voxel] + live.at_event * std::exp(-live.age_s / recovery_time_s_));
}

void DirectEngine::age_live(double elapsed_s) {
  std::size_t kept = 0;
  for (std::size_t entry = 0; entry < state_.live.size(); ++entry) {
    LiveSoftening& live = state_.live[entry];
    live.age_s += elapsed_s;
    if (live.age_s > recovery_times_until_forgotten * recovery_time_s_) {
      const std::size_t voxel = local(live.voxel);
      soften_block(voxel, live_modes_[entry], state_.permanent_softening[voxel]);
      continue;
    }
    apply_live_softening(entry);
    if (kept != entry) {
      state_.live[kept] = live;
      live_modes_[kept] = std::move(live_modes_[entry]);
    }
    ++kept;
  }
  state_.live.resize(kept);
  live_modes_.resize(kept);
  // Another rank's voxels may have aged: the sums are everyone's.
  sums_current_ = false;
}

void DirectEngine::mark_stress_changed() {
  std::fill(fresh_.begin(), fresh_.end(), std::uint8_t{0});
  bounds_current_ = false;
  sums_current_ = false;
}

void DirectEngine::set_mean_stress(std::span<const double> components) {
  bool changed = false;
  for (std::size_t c = 0; c < components.size(); ++c) {
    changed = changed || mean_stress_[c] != components[c];
    mean_stress_[c] = components[c];
  }
  if (changed) mark_stress_changed();
}

void DirectEngine::set_mean_stress_tensor(const elasticity::Tensor& mean_stress) {
  mean_stress_tensor_ = mean_stress;
  if (!medium_) return;
  medium_->add_load(mean_stress_tensor_, state_.stress_fluctuation, loaded_stress_);
  mark_stress_changed();
}

double DirectEngine::inverse_kt(std::size_t voxel) const noexcept {
  if (!heat_) return constants_.inverse_kt;
  return 1.0 / (units::boltzmann_ev_per_k * (kinetics_.temperature_k + state_.temperature_rise[voxel]));
}

double DirectEngine::cut_above(double lowest_ev) const noexcept {
  const double level = std::max(lowest_ev, 0.0);
  if (!heat_) return level + margin_ev_;
  // The voxel of the lowest barrier may be the coldest, and one that is left out the hottest.
  return level * hottest_k_ / coldest_k_ + margin_ev_ * hottest_k_ / kinetics_.temperature_k;
}

double DirectEngine::mean_temperature_rise_k() {
  return heat_ ? heat_->mean(state_.temperature_rise) : 0.0;
}

void DirectEngine::pass_heat(double elapsed_s) {
  heat_->pass(elapsed_s, state_.temperature_rise);
  note_temperatures();
}

void DirectEngine::note_temperatures() {
  double highest = 0.0;
  double lowest = 0.0;
  for (const double rise : state_.temperature_rise) {
    highest = std::max(highest, rise);
    lowest = std::min(lowest, rise);
  }
  hottest_k_ = kinetics_.temperature_k + communicator_.max(highest);
  coldest_k_ = kinetics_.temperature_k + communicator_.min(lowest);
  mark_stress_changed();
}

void DirectEngine::heat_by(std::span<const Transformation> transformations, std::span<const double> work_gpa) {
  // A voxel that does work on its surroundings cools, but never to a temperature that makes no sense.
  constexpr double lowest_part = 0.5;
  for (std::size_t index = 0; index < transformations.size(); ++index) {
    if (!owns(transformations[index].voxel)) continue;
    double& rise = state_.temperature_rise[local(transformations[index].voxel)];
    rise = std::max(rise + heating_k_per_gpa(heat_parameters_) * work_gpa[index],
                    (lowest_part - 1.0) * kinetics_.temperature_k);
  }
}

void DirectEngine::evaluate_up_to(double cut_ev) {
  to_evaluate_.clear();
  for (std::size_t voxel = 0; voxel < state_.count(); ++voxel) {
    if (fresh_[voxel] == 0 && bound_[voxel] <= cut_ev + bound_rounding_ev) {
      to_evaluate_.push_back(static_cast<std::uint32_t>(voxel));
    }
  }
  evaluate_voxels(constants_, batch(), to_evaluate_, rate_.data(), lowest_.data(), evaluated_stress_.data());
  if (heat_) {
    StrainComponents stress{};
    std::array<double, catalog::most_modes + mode_group> barriers;
    for (const std::size_t voxel : to_evaluate_) {
      for (int c = 0; c < state_.components; ++c) {
        stress[static_cast<std::size_t>(c)] =
            evaluated_stress_[voxel * static_cast<std::size_t>(state_.components) + static_cast<std::size_t>(c)];
      }
      barriers_of_voxel(constants_, blocks_.data() + block_begin_[voxel], padded_[voxel], stress.data(),
                        barriers.data());
      rate_[voxel] = 0.0;
      for (std::size_t mode = 0; mode < padded_[voxel]; ++mode) {
        rate_[voxel] += constants_.attempt_rate * rate_exponential(-barriers[mode] * inverse_kt(voxel));
      }
    }
  }
  for (const std::size_t voxel : to_evaluate_) {
    fresh_[voxel] = 1;
    bound_[voxel] = lowest_[voxel];
  }
}

void DirectEngine::refresh() {
  if (sums_current_) return;
  if (!bounds_current_) {
    bound_voxels(constants_, batch(), state_.count(), lowest_.data(), reach_.data(), evaluated_stress_.data(),
                 bound_.data());
    bounds_current_ = true;
  }
  // A little above the last cut, so that one round usually does.
  constexpr double spare_kt = 5.0;
  double cut = cut_above(lowest_of_all_ev_) + spare_kt / constants_.inverse_kt;
  for (;;) {
    evaluate_up_to(cut);
    double lowest = infinity;
    double lowest_bound = infinity;
    for (std::size_t voxel = 0; voxel < state_.count(); ++voxel) {
      lowest_bound = std::min(lowest_bound, bound_[voxel]);
      if (fresh_[voxel] != 0) lowest = std::min(lowest, lowest_[voxel]);
    }
    std::array<double, 2> least = {lowest, lowest_bound};
    communicator_.min_in_place(std::span<double>(least));
    lowest_of_all_ev_ = least[0];
    cut_ev_ = cut_above(lowest_of_all_ev_);
    if (cut_ev_ <= cut) break;
    cut = std::isinf(lowest_of_all_ev_) ? cut_above(least[1]) + spare_kt / constants_.inverse_kt : cut_ev_;
  }

  const auto row_voxels = static_cast<std::size_t>(glass_.grid.nx);
  const auto slab_voxels = static_cast<std::size_t>(glass_.grid.voxels_per_slab());
  // Every slab has one owner, and the others add zeros: exact, in whatever order the ranks are added up.
  slab_rates_.assign(static_cast<std::size_t>(glass_.grid.slab_count()), 0.0);
  auto own_slab = static_cast<std::size_t>(glass_.grid.slabs_of(communicator_.rank(), communicator_.size()).begin);
  for (std::size_t slab = 0; slab < state_.count(); slab += slab_voxels) {
    double slab_rate = 0.0;
    for (std::size_t row = slab; row < slab + slab_voxels; row += row_voxels) {
      double row_rate = 0.0;
      for (std::size_t voxel = row; voxel < row + row_voxels; ++voxel) {
        if (fresh_[voxel] != 0 && lowest_[voxel] <= cut_ev_) row_rate += rate_[voxel];
      }
      slab_rate += row_rate;
    }
    slab_rates_[own_slab++] = slab_rate;
  }
  communicator_.sum_in_place(std::span<double>(slab_rates_));
  total_rate_ = 0.0;
  for (const double rate : slab_rates_) total_rate_ += rate;
  sums_current_ = true;
}

double DirectEngine::total_rate() {
  refresh();
  return total_rate_;
}

DirectEngine::Candidate DirectEngine::candidate_in_own_voxel(std::int64_t slab, double rest, double elapsed_s) {
  const auto slab_voxels = static_cast<std::size_t>(glass_.grid.voxels_per_slab());
  const std::size_t begin = local(slab * static_cast<std::int64_t>(slab_voxels));
  std::size_t chosen = begin;
  for (std::size_t voxel = begin; voxel < begin + slab_voxels; ++voxel) {
    if (fresh_[voxel] == 0 || lowest_[voxel] > cut_ev_ || rate_[voxel] == 0.0) continue;
    chosen = voxel;
    if (rest < rate_[voxel]) break;
    rest -= rate_[voxel];
  }

  StrainComponents stress{};
  for (int c = 0; c < state_.components; ++c) {
    stress[static_cast<std::size_t>(c)] =
        driving_stress()[state_.at(c, chosen)] + mean_stress_[static_cast<std::size_t>(c)];
  }
  const double* block = blocks_.data() + block_begin_[chosen];
  const std::size_t padded = padded_[chosen];
  std::array<double, catalog::most_modes + mode_group> barriers;
  barriers_of_voxel(constants_, block, padded, stress.data(), barriers.data());
  const auto rate_of = [&](double barrier) {
    return constants_.attempt_rate * rate_exponential(-barrier * inverse_kt(chosen));
  };
  const int modes = modes_.count(chosen);
  std::size_t mode = 0;
  for (std::size_t m = 0; m < static_cast<std::size_t>(modes); ++m) {
    const double rate = rate_of(barriers[m]);
    if (!(rate > 0.0)) continue;
    mode = m;
    if (rest < rate) break;
    rest -= rate;
  }

  Candidate candidate;
  candidate.bound_rate = rate_of(barriers[mode]);
  candidate.true_rate = candidate.bound_rate;
  candidate.event.voxel = state_.own.begin + static_cast<std::int64_t>(chosen);
  candidate.event.mode = static_cast<std::int32_t>(mode);
  candidate.event.generation = state_.generation[chosen];
  candidate.event.barrier_ev = barriers[mode];
  for (int c = 0; c < state_.components; ++c) {
    candidate.event.strain[static_cast<std::size_t>(c)] = block[static_cast<std::size_t>(c + 1) * padded + mode];
  }
  const auto live = std::find_if(state_.live.begin(), state_.live.end(),
                                 [&](const LiveSoftening& entry) { return entry.voxel == candidate.event.voxel; });
  if (live == state_.live.end()) return candidate;
  // The softening has decayed a little by the time of the candidate.
  const auto entry = static_cast<std::size_t>(live - state_.live.begin());
  const double age = live->age_s + elapsed_s;
  const double temporary = age > recovery_times_until_forgotten * recovery_time_s_
                               ? 0.0
                               : live->at_event * std::exp(-age / recovery_time_s_);
  const double softened = live_modes_[entry].barrier_ev[mode] *
                          std::exp(-live_modes_[entry].share[mode] * (state_.permanent_softening[chosen] + temporary));
  double work = 0.0;
  for (int c = 0; c < state_.components; ++c) {
    work += stress[static_cast<std::size_t>(c)] * candidate.event.strain[static_cast<std::size_t>(c)];
  }
  double barrier = softened - constants_.half_work * work;
  if (constants_.energy_guard) {
    const double own_energy = block[static_cast<std::size_t>(state_.components + 1) * padded + mode];
    barrier = std::max(barrier, own_energy - 2.0 * constants_.half_work * work);
  }
  candidate.event.barrier_ev = barrier;
  candidate.true_rate = std::min(candidate.bound_rate, rate_of(barrier));
  return candidate;
}

ThermalStep DirectEngine::next_event(double horizon_s, RandomDraws& draws) {
  if (!heat_) return next_isothermal_event(horizon_s, draws);
  // Temperatures are held over pieces of time in which differences change by a quarter, and rates within a piece are
  // constant; waiting times have no memory, so that cutting them into pieces changes nothing else.
  constexpr double smallest_rise_k = 0.05;
  double elapsed = 0.0;
  for (;;) {
    const double piece = heat_->time_scale_s(state_.temperature_rise, smallest_rise_k);
    const bool last = !(elapsed + piece < horizon_s);
    ThermalStep step = next_isothermal_event(last ? horizon_s - elapsed : piece, draws);
    pass_heat(step.elapsed_s);
    elapsed += step.elapsed_s;
    if (step.event || last) {
      step.elapsed_s = last && !step.event ? horizon_s : elapsed;
      return step;
    }
  }
}

ThermalStep DirectEngine::next_isothermal_event(double horizon_s, RandomDraws& draws) {
  double elapsed = 0.0;
  for (;;) {
    refresh();
    const double waiting_time = draws.next(RandomPurpose::waiting_time).exponential() / total_rate_;
    RandomStream choice = draws.next(RandomPurpose::event_choice);
    ++draws.count;
    if (!(elapsed + waiting_time < horizon_s)) {
      age_live(horizon_s - elapsed);
      return {horizon_s, std::nullopt};
    }
    double rest = choice.uniform() * total_rate_;
    std::size_t slab = 0;
    for (std::size_t s = 0; s < slab_rates_.size(); ++s) {
      if (!(slab_rates_[s] > 0.0)) continue;
      slab = s;
      if (rest < slab_rates_[s]) break;
      rest -= slab_rates_[s];
    }
    const int owner = owner_of(static_cast<std::int64_t>(slab), glass_.grid.slab_count(), communicator_.size());
    Candidate candidate;
    if (communicator_.rank() == owner) {
      candidate = candidate_in_own_voxel(static_cast<std::int64_t>(slab), rest, waiting_time);
    }
    candidate = communicator_.broadcast(candidate, owner);
    age_live(waiting_time);
    elapsed += waiting_time;
    if (candidate.true_rate == candidate.bound_rate || choice.uniform() * candidate.bound_rate < candidate.true_rate) {
      return {elapsed, candidate.event};
    }
  }
}

std::vector<Transformation> DirectEngine::unstable() {
  refresh();
  if (lowest_of_all_ev_ >= 0.0) return {};
  std::vector<Transformation> own;
  std::array<double, catalog::most_modes + mode_group> barriers;
  for (std::size_t voxel = 0; voxel < state_.count(); ++voxel) {
    if (fresh_[voxel] == 0 || lowest_[voxel] >= 0.0) continue;
    StrainComponents stress{};
    for (int c = 0; c < state_.components; ++c) {
      stress[static_cast<std::size_t>(c)] =
          driving_stress()[state_.at(c, voxel)] + mean_stress_[static_cast<std::size_t>(c)];
    }
    const double* block = blocks_.data() + block_begin_[voxel];
    const std::size_t padded = padded_[voxel];
    barriers_of_voxel(constants_, block, padded, stress.data(), barriers.data());
    const auto mode = static_cast<std::size_t>(
        std::min_element(barriers.begin(), barriers.begin() + modes_.count(voxel)) - barriers.begin());
    own.push_back(transformation_of(state_, voxel, mode, barriers[mode], block, padded));
  }
  return communicator_.all_gather(std::span<const Transformation>(own));
}

void DirectEngine::add_stress(std::span<const Transformation> transformations) {
  if (medium_) {
    medium_->superpose(transformations, state_.stress_fluctuation);
    medium_->add_load(mean_stress_tensor_, state_.stress_fluctuation, loaded_stress_);
    return;
  }
  if (transformations.size() >= transforms_pay_from) {
    if (!solver_) {
      solver_ = std::make_unique<elasticity::PeriodicSolver>(communicator_, glass_.grid, moduli_, kernel_.basis());
    }
    elasticity::PeriodicSolver::Results results;
    results.stress = state_.stress_fluctuation;
    solver_->solve(state_.plastic_strain, elasticity::MeanConditions::zero_stress(), results);
    return;
  }
  const Range slabs = glass_.grid.slabs_of(communicator_.rank(), communicator_.size());
  for (const Transformation& flip : transformations) {
    kernel_.superpose(flip.voxel, std::span(flip.strain).first(static_cast<std::size_t>(state_.components)), slabs,
                      state_.stress_fluctuation);
  }
}

double DirectEngine::transform(std::span<const Transformation> transformations) {
  // All of the local stress's work is heat: half with the stress before, half with that after.
  std::vector<double> heating(heat_ ? transformations.size() : 0, 0.0);
  const auto add_heating = [&](std::size_t index) {
    if (!heat_) return;
    const std::size_t voxel = local(transformations[index].voxel);
    for (int c = 0; c < state_.components; ++c) {
      heating[index] += 0.5 * transformations[index].strain[static_cast<std::size_t>(c)] *
                        (driving_stress()[state_.at(c, voxel)] + mean_stress_[static_cast<std::size_t>(c)]);
    }
  };
  // One term a transformation, which its voxel's owner knows and the others add zero to.
  std::vector<double> work(transformations.size(), 0.0);
  for (std::size_t index = 0; index < transformations.size(); ++index) {
    const Transformation* flip = &transformations[index];
    if (!owns(flip->voxel)) continue;
    work[index] = fluctuation_work_gpa(state_, *flip);
    add_heating(index);
    const std::size_t voxel = local(flip->voxel);
    const double square = change_voxel(state_, kinetics_, *flip);
    LiveModes modes = fill_block(voxel);
    const auto old = std::find_if(state_.live.begin(), state_.live.end(),
                                  [&](const LiveSoftening& entry) { return entry.voxel == flip->voxel; });
    if (old != state_.live.end()) {
      live_modes_.erase(live_modes_.begin() + (old - state_.live.begin()));
      state_.live.erase(old);
    }
    if (kinetics_.temporary_softening > 0.0) {
      state_.live.push_back({flip->voxel, kinetics_.temporary_softening * square, 0.0});
      live_modes_.push_back(std::move(modes));
      apply_live_softening(state_.live.size() - 1);
    }
  }
  add_stress(transformations);
  for (std::size_t index = 0; index < transformations.size(); ++index) {
    if (!owns(transformations[index].voxel)) continue;
    work[index] += fluctuation_work_gpa(state_, transformations[index]);
    add_heating(index);
  }
  if (heat_) {
    heat_by(transformations, heating);
    note_temperatures();
  }
  mark_stress_changed();
  communicator_.sum_in_place(std::span<double>(work));
  double total = 0.0;
  for (const double term : work) total += term;
  return constants_.half_work * total;
}

double DirectEngine::fluctuation_energy_ev() {
  return deformation::fluctuation_energy_ev(communicator_, glass_.grid, state_, constants_.half_work);
}

void DirectEngine::restore(VoxelState state) {
  state_ = std::move(state);
  live_modes_.clear();
  for (std::size_t voxel = 0; voxel < state_.count(); ++voxel) fill_block(voxel);
  for (std::size_t entry = 0; entry < state_.live.size(); ++entry) {
    live_modes_.push_back(fill_block(local(state_.live[entry].voxel)));
    apply_live_softening(entry);
  }
  if (medium_) medium_->add_load(mean_stress_tensor_, state_.stress_fluctuation, loaded_stress_);
  if (heat_) note_temperatures();
  mark_stress_changed();
}

double DirectEngine::memory_bytes() const {
  const auto bytes = [](const auto& values) { return static_cast<double>(values.capacity() * sizeof(values[0])); };
  return bytes(block_begin_) + bytes(padded_) + bytes(blocks_) + bytes(reach_) + bytes(rate_) + bytes(lowest_) +
         bytes(evaluated_stress_) + bytes(bound_) + bytes(fresh_) + bytes(to_evaluate_) +
         deformation::memory_bytes(state_) + static_cast<double>(kernel_.memory_bytes());
}

}  // namespace mesoglass::deformation
