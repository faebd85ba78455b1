// How the fast engine draws what happens next: candidates by the voxels' bounds, accepted by their true rates.
#include <algorithm>
#include <cmath>

#include "core/error.hpp"
#include "deformation/fast_engine.hpp"
#include "deformation/transformation.hpp"

namespace mesoglass::deformation {

namespace {

// Candidates that are drawn and assessed together, so that ranks meet once for all of them. Some eight are drawn an
// event, and those that follow an accepted one are not used.
constexpr std::int64_t candidates_at_once = 8;

// Where next to nothing happens for long (a sample without load, an endless hold), least bounds make candidates in
// vain: after so many more of them than voxels, the least bound is lowered by this factor until the next event.
constexpr std::int64_t patience = 1000;
constexpr double lower_by = 1e-6;
constexpr double smallest_bound = 1e-36;  // 1/s, in single precision's range

}  // namespace

void FastEngine::lower_least_bound() {
  least_bound_now_ = std::max(least_bound_now_ * lower_by, smallest_bound);
  std::fill(state_.bound_radius.begin(), state_.bound_radius.end(), -1.0F);
  far_.make_all_due();
  settled_ = false;
}

FastEngine::Candidates FastEngine::draw_candidates(double horizon_s, RandomDraws& draws) const {
  const double total_bound = rates_.rate_of(bound_sum_);
  // While temporary softening decays, the first candidate changes the rates that the next one is to be judged by.
  const std::int64_t wanted = live_ages_.empty() ? candidates_at_once : 1;
  Candidates candidates;
  double time_s = 0.0;
  while (std::ssize(candidates.within) < wanted) {
    time_s += draws.next(RandomPurpose::waiting_time).exponential() / total_bound;
    RandomStream choice = draws.next(RandomPurpose::event_choice);
    ++draws.count;
    if (!(time_s < horizon_s)) {
      candidates.horizon_reached = true;
      break;
    }
    const double share = choice.uniform() * static_cast<double>(bound_sum_);
    WholeNumber position = std::min(static_cast<WholeNumber>(share), bound_sum_ - 1);
    int owner = 0;
    while (position >= bound_sums_[static_cast<std::size_t>(owner)]) {
      position -= bound_sums_[static_cast<std::size_t>(owner)];
      ++owner;
    }
    Candidate candidate{time_s, owner, 0, 0.0, choice};
    if (owner == communicator_.rank()) {
      candidate.voxel = rates_.find(position);
      candidate.bound = rates_.rate_of_item(candidate.voxel);
    }
    candidates.within.push_back(candidate);
  }
  return candidates;
}

FastEngine::Verdict FastEngine::judge(Candidate& candidate) {
  const LocalField field = field_at(candidate.voxel);
  const double threshold = candidate.choice.uniform() * candidate.bound;
  Verdict verdict{assess(candidate.voxel, field), false, false};
  const auto uncertainty_kt = [&] { return verdict.assessment.found.steepest_kt * verdict.assessment.known.deviation; };
  if (uncertainty_kt() > 0.0 && threshold < verdict.assessment.found.rate * std::exp(uncertainty_kt())) {
    make_exact(verdict.assessment, field);
  }
  const double rate = verdict.assessment.found.rate;
  verdict.bound_broken = rate * std::exp(-uncertainty_kt()) > candidate.bound * (1.0 + 1e-12);
  verdict.accepted = uncertainty_kt() == 0.0 && threshold < rate;
  return verdict;
}

FastEngine::Chosen FastEngine::choose_mode(const Assessment& assessment, RandomStream& choice) {
  const StrainComponents& stress = assessment.known.stress;
  const double* block = modes_of(assessment.voxel);
  const std::size_t row = padded(assessment.voxel);
  std::array<double, catalog::most_modes + mode_group> barriers;
  barriers_of_voxel(constants_, block, row, stress.data(), barriers.data());
  double rest = choice.uniform() * assessment.found.rate;
  std::size_t mode = 0;
  for (std::size_t m = 0; m < static_cast<std::size_t>(modes_.count(assessment.voxel)); ++m) {
    const double mode_rate = constants_.attempt_rate * rate_exponential(-barriers[m] * constants_.inverse_kt);
    if (!(mode_rate > 0.0)) continue;
    mode = m;
    if (rest < mode_rate) break;
    rest -= mode_rate;
  }
  Chosen chosen;
  chosen.event = transformation_of(state_, assessment.voxel, mode, barriers[mode], block, row);
  for (std::size_t c = 0; c < stress.size(); ++c) chosen.stress_fluctuation[c] = stress[c] - mean_stress_[c];
  return chosen;
}

std::optional<std::size_t> FastEngine::first_accepted(std::vector<Candidate>& candidates, Chosen& chosen) {
  // Until all ranks know which candidate is the first, nothing is changed, so that what is changed does not depend on
  // how voxels are shared.
  struct OwnFirst {
    std::uint32_t accepted = 0;  // its place among the candidates, or their number
    std::uint32_t bound_broken = 0;
  };
  OwnFirst own{static_cast<std::uint32_t>(candidates.size()), 0};
  std::vector<std::pair<std::size_t, Assessment>> assessments;
  for (std::size_t i = 0; i < candidates.size() && own.accepted == candidates.size(); ++i) {
    if (candidates[i].owner != communicator_.rank()) continue;
    Verdict verdict = judge(candidates[i]);
    if (verdict.bound_broken) own.bound_broken = 1;
    if (verdict.accepted) own.accepted = static_cast<std::uint32_t>(i);
    assessments.emplace_back(i, std::move(verdict.assessment));
  }
  std::size_t first = candidates.size();
  for (const OwnFirst& found : communicator_.all_gather(own)) {
    if (found.bound_broken != 0) {
      throw Error(ExitCode::failure,
                  "a voxel's rate exceeded its bound (an error of the fast engine): please report it with the input, "
                  "and use --engine direct",
                  true);
    }
    first = std::min<std::size_t>(first, found.accepted);
  }
  for (const auto& [place, assessment] : assessments) {
    if (place <= first) keep(assessment, field_at(assessment.voxel));
  }
  if (first == candidates.size()) return std::nullopt;
  Candidate& winner = candidates[first];
  if (winner.owner == communicator_.rank()) chosen = choose_mode(assessments.back().second, winner.choice);
  chosen = communicator_.broadcast(chosen, winner.owner);
  return first;
}

ThermalStep FastEngine::next_event(double horizon_s, RandomDraws& draws) {
  double elapsed = 0.0;
  least_bound_now_ = least_bound_;
  std::int64_t rejected_in_vain = 0;
  for (;;) {
    if (rejected_in_vain > glass_.grid.voxel_count() + patience) {
      rejected_in_vain = 0;
      lower_least_bound();
    }
    settle();
    Candidates candidates = draw_candidates(horizon_s - elapsed, draws);
    if (!candidates.within.empty()) {
      // Where softening decays, this is the only one; else there is nothing to age.
      age_live(candidates.within.front().after_s);
      Chosen chosen;
      if (const auto first = first_accepted(candidates.within, chosen)) {
        known_voxel_ = chosen.event.voxel;
        known_fluctuation_ = chosen.stress_fluctuation;
        return {elapsed + candidates.within[*first].after_s, chosen.event};
      }
    }
    if (candidates.horizon_reached) {
      // Softening that still decays had no candidate within the horizon.
      age_live(horizon_s - elapsed);
      return {horizon_s, std::nullopt};
    }
    elapsed += candidates.within.back().after_s;
    rejected_in_vain += std::ssize(candidates.within);
    if (settled_) gather_totals();
  }
}

}  // namespace mesoglass::deformation
