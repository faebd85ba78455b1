#include "deformation/deformation_run.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>

#include "core/progress.hpp"
#include "core/units.hpp"
#include "deformation/checkpoint.hpp"
#include "deformation/connected_free_volume.hpp"
#include "deformation/engine.hpp"
#include "deformation/event_spool.hpp"
#include "deformation/heterogeneous_medium.hpp"
#include "deformation/history.hpp"
#include "deformation/loading.hpp"
#include "deformation/observables.hpp"
#include "deformation/run_output.hpp"
#include "deformation/snapshot.hpp"
#include "deformation/start_up_check.hpp"

namespace mesoglass::deformation {

namespace {

// The largest norm that a mode is taken to have when the loading step is bounded: three times the characteristic
// strain.
double rate_sensitivity_per_gpa(const DeformationParameters& parameters, const catalog::Catalog& glass) {
  double largest = 0.0;
  for (const auto& type : glass.types) largest = std::max(largest, 3.0 * type.amplitude * type.gamma0);
  return 0.5 * glass.grid.voxel_volume_nm3() * units::ev_per_gpa_nm3 * largest /
         (units::boltzmann_ev_per_k * parameters.kinetics.temperature_k);
}

// Whether a transformation undoes most of the one before.
bool reverses(const StrainComponents& before, const StrainComponents& now) {
  constexpr double opposite = -0.9;  // cosine of the angle between them
  double product = 0.0;
  double squares[2] = {0.0, 0.0};
  for (std::size_t c = 0; c < before.size(); ++c) {
    product += before[c] * now[c];
    squares[0] += before[c] * before[c];
    squares[1] += now[c] * now[c];
  }
  return product < opposite * std::sqrt(squares[0] * squares[1]);
}

bool file_exists(const Communicator& communicator, const std::filesystem::path& path) {
  std::error_code error;
  return communicator.broadcast(communicator.is_root() && std::filesystem::exists(path, error));
}

// One run under way.
class Runner {
 public:
  Runner(const Communicator& communicator, const DeformationParameters& parameters, const catalog::Catalog& glass,
         const DeformationFiles& files, const DeformationHooks& hooks)
      : communicator_(communicator),
        parameters_(parameters),
        glass_(glass),
        files_(files),
        hooks_(hooks),
        moduli_(matrix_moduli(parameters, glass)),
        program_(parameters.loading, parameters.observables, moduli_, rate_sensitivity_per_gpa(parameters, glass)),
        engine_(make_engine(communicator, parameters, glass)),
        basis_(engine_->state().components == (glass.grid.dimensions() == 2 ? 2 : 5) ? elasticity::BasisKind::deviatoric
                                                                                     : elasticity::BasisKind::full,
               glass.grid.dimensions()),
        identity_(run_identity(communicator, fingerprint(parameters), glass)),
        volume_ev_per_gpa_(glass.grid.voxel_volume_nm3() * units::ev_per_gpa_nm3),
        checkpoint_path_(sidecar_path(files.output, ".checkpoint.h5")),
        spool_path_(sidecar_path(files.output, ".events.spool")),
        avalanche_path_(sidecar_path(files.output, ".avalanches.spool")) {}

  DeformationOutcome run(const Provenance& provenance) {
    start();
    std::optional<Progress> progress;
    if (hooks_.log != nullptr) progress.emplace(*hooks_.log, "deforming", duration_s(), "s of the test");
    for (std::int64_t step = 0; end_.empty(); ++step) {
      poll(step);
      advance();
      if (progress) progress->update(progress_.time_s);
    }
    if (parameters_.observables.snapshot_at_end) take_snapshot();
    return finish(provenance);
  }

 private:
  [[nodiscard]] const LoadingSegment& segment() const {
    return program_.segments()[static_cast<std::size_t>(progress_.segment)];
  }

  void start() {
    const bool checkpoint_there = file_exists(communicator_, checkpoint_path_);
    if (checkpoint_there && !files_.resume && files_.if_exists == IfExists::refuse) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{} is the checkpoint of an unfinished run: give --resume to continue it, or --overwrite to "
                      "start anew",
                      checkpoint_path_.string()),
          true);
    }
    output_.emplace(communicator_, files_.output, files_.if_exists);
    if (checkpoint_there && files_.resume) {
      VoxelState state = engine_->state();
      read_checkpoint(communicator_, checkpoint_path_, identity_, glass_.grid, progress_, state);
      engine_->restore(std::move(state));
      spool_.emplace(communicator_, spool_path_, progress_.events);
      avalanche_spool_.emplace(communicator_, avalanche_path_, progress_.avalanches);
      draws_ = {parameters_.seed, progress_.draws};
      update_means();
      if (hooks_.log != nullptr) {
        hooks_.log->information("resumed {} at strain {:.5f} after {} events", files_.output.string(),
                                program_.strain(means_), progress_.events);
      }
      end_if_last_row_says_so();
    } else {
      remove_checkpoint();
      spool_.emplace(communicator_, spool_path_, 0);
      avalanche_spool_.emplace(communicator_, avalanche_path_, 0);
      draws_ = {parameters_.seed, 0};
      elasticity::Means unloaded;
      means_ = unloaded;
      load_to(0.0);
      settle();
      record();
      progress_.records = 1;
    }
  }

  void poll(std::int64_t step) {
    if (!hooks_.checkpoint_request) return;
    requested_ = std::max(requested_, hooks_.checkpoint_request(step));
    if (requested_ == CheckpointRequest::none || !engine_->resumable()) return;
    const CheckpointRequest request = std::exchange(requested_, CheckpointRequest::none);
    checkpoint();
    if (request == CheckpointRequest::write_and_stop) {
      const Error stop = stopped_at_checkpoint(checkpoint_path_);
      throw Error(stop.exit_code(), stop.what(), true);
    }
    if (hooks_.log != nullptr) hooks_.log->information("checkpoint at strain {:.5f}", program_.strain(means_));
  }

  void checkpoint() {
    progress_.draws = draws_.count;
    spool_->flush();
    avalanche_spool_->flush();
    write_checkpoint(communicator_, checkpoint_path_, identity_, glass_.grid, progress_, engine_->state());
  }

  void remove_checkpoint() {
    on_root(communicator_, [&] {
      std::error_code error;
      std::filesystem::remove(checkpoint_path_, error);
    });
  }

  // One event, or one loading step without any.
  void advance() {
    const LoadingSegment& current = segment();
    const double next_record = next_record_time();
    const double until = std::min(next_record, progress_.time_in_segment_s + current.step_time_s);
    const ThermalStep step = engine_->next_event(until - progress_.time_in_segment_s, draws_);
    progress_.time_s += step.elapsed_s;
    const double reached = step.event ? std::min(progress_.time_in_segment_s + step.elapsed_s, until) : until;
    load_to(reached);
    if (step.event) transform(std::span(&*step.event, 1), -1);
    settle();
    if (!step.event && reached == next_record) finish_record();
  }

  [[nodiscard]] double next_record_time() const {
    const LoadingSegment& current = segment();
    const double time = static_cast<double>(progress_.records) * current.record_time_s;
    // The last row of a segment stands at its end; a row almost there would be the same row twice.
    return time > current.duration_s * (1.0 - 1e-9) ? current.duration_s : time;
  }

  void finish_record() {
    record();
    ++progress_.records;
    if (progress_.time_in_segment_s == segment().duration_s) {
      if (progress_.segment + 1 == static_cast<std::int64_t>(program_.segments().size())) {
        end_ = parameters_.loading.kind == LoadingKind::creep || parameters_.loading.kind == LoadingKind::relaxation
                   ? "time"
                   : "strain";
      } else {
        ++progress_.segment;
        progress_.time_in_segment_s = 0.0;
        progress_.records = 1;
      }
    }
    end_if_last_row_says_so();
    const auto& strains = parameters_.observables.snapshot_strains;
    const auto next = static_cast<std::size_t>(progress_.snapshots);
    // Rounding of a strain must not miss a snapshot asked for exactly there.
    if (next < strains.size() && std::fabs(progress_.history.back().strain) >= strains[next] - 1e-12) take_snapshot();
  }

  void end_if_last_row_says_so() {
    if (progress_.history.empty()) return;
    const HistoryRow& row = progress_.history.back();
    const auto& observables = parameters_.observables;
    double peak = 0.0;
    for (const HistoryRow& earlier : progress_.history) peak = std::max(peak, std::fabs(earlier.axial_stress_gpa));
    if (observables.stop_stress_drop > 0.0 && peak > 0.0 &&
        std::fabs(row.axial_stress_gpa) <= (1.0 - observables.stop_stress_drop) * peak) {
      end_ = "stress drop";
    }
    if (observables.stop_at_percolation && row.percolates_x + row.percolates_y + row.percolates_z > 0.0) {
      end_ = "percolation";
    }
    if (std::fabs(row.strain) >= program_.strain_limit()) end_ = "strain";
  }

  void update_means() {
    const elasticity::MeanConditions conditions = segment().conditions(progress_.time_in_segment_s);
    if (const HeterogeneousMedium* medium = engine_->medium()) {
      means_ = medium->means(conditions, progress_.mean_plastic);
    } else {
      means_ = elasticity::homogeneous_means(
          moduli_, conditions,
          basis_.to_tensor(std::span(progress_.mean_plastic).first(static_cast<std::size_t>(basis_.count()))));
    }
    StrainComponents components{};
    basis_.from_tensor(means_.stress, std::span(components).first(static_cast<std::size_t>(basis_.count())));
    engine_->set_mean_stress(std::span(components).first(static_cast<std::size_t>(basis_.count())));
    engine_->set_mean_stress_tensor(means_.stress);
  }

  // Mean stress and strain change along a straight line between two states, so that the trapezoidal rule is exact.
  void add_external_work(const elasticity::Means& before) {
    elasticity::Tensor stress{};
    elasticity::Tensor strain{};
    for (std::size_t c = 0; c < stress.size(); ++c) {
      stress[c] = 0.5 * (before.stress[c] + means_.stress[c]);
      strain[c] = means_.strain[c] - before.strain[c];
    }
    progress_.external_work_ev +=
        static_cast<double>(glass_.grid.voxel_count()) * volume_ev_per_gpa_ * elasticity::double_dot(stress, strain);
  }

  void load_to(double time_in_segment_s) {
    const elasticity::Means before = means_;
    progress_.time_in_segment_s = time_in_segment_s;
    update_means();
    add_external_work(before);
  }

  void transform(std::span<const Transformation> transformations, std::int64_t avalanche) {
    const double strain = program_.strain(means_);
    StrainComponents total{};
    for (const Transformation& flip : transformations) {
      for (std::size_t c = 0; c < total.size(); ++c) total[c] += flip.strain[c];
      EventRecord record;
      record.time_s = progress_.time_s;
      record.strain = strain;
      record.voxel = flip.voxel;
      record.mode = flip.mode;
      record.generation = flip.generation;
      record.barrier_ev = flip.barrier_ev;
      record.strain_increment =
          basis_.to_tensor(std::span(flip.strain).first(static_cast<std::size_t>(basis_.count())));
      record.avalanche = avalanche;
      spool_->append(record);
    }
    progress_.events += static_cast<std::int64_t>(transformations.size());
    check_turnover();
    const double fluctuation_work = engine_->transform(transformations);
    const double voxels = static_cast<double>(glass_.grid.voxel_count());
    elasticity::Tensor increment = basis_.to_tensor(std::span(total).first(static_cast<std::size_t>(basis_.count())));
    if (const HeterogeneousMedium* medium = engine_->medium()) {
      const elasticity::Tensor effective = medium->effective_strain(transformations);
      for (std::size_t c = 0; c < effective.size(); ++c) {
        progress_.mean_plastic[c] += effective[c];
        increment[c] = voxels * effective[c];
      }
    } else {
      for (std::size_t c = 0; c < total.size(); ++c) progress_.mean_plastic[c] += total[c] / voxels;
    }
    const elasticity::Means before = means_;
    update_means();
    add_external_work(before);
    elasticity::Tensor mean_stress{};
    for (std::size_t c = 0; c < mean_stress.size(); ++c) mean_stress[c] = 0.5 * (before.stress[c] + means_.stress[c]);
    progress_.dissipated_work_ev +=
        fluctuation_work + volume_ev_per_gpa_ * elasticity::double_dot(mean_stress, increment);
    free_volume_current_ = false;
  }

  [[nodiscard]] Error run_away(const std::string& what, const char* option) const {
    return {
        ExitCode::failure,
        fmt::format("the sample has run away: {} (chi = {:.2f}; transformations feed on elastic energy that nobody put "
                    "in): use --energy-guard or a lower temperature, or raise {}",
                    what, judge_energy_pumping(parameters_, glass_).chi, option),
        true};
  }

  void check_turnover() const {
    const double since_row =
        static_cast<double>(progress_.events) - (progress_.history.empty() ? 0.0 : progress_.history.back().events);
    if (since_row > parameters_.largest_turnover * static_cast<double>(glass_.grid.voxel_count())) {
      throw run_away(fmt::format("{:.0f} transformations of {} voxels since the last history row, at strain {:.5f}",
                                 since_row, glass_.grid.voxel_count(), program_.strain(means_)),
                     "--largest-turnover");
    }
  }

  // The athermal avalanche, if one is due: all unstable voxels transform together, until there is none.
  void settle() {
    AvalancheRecord row;
    row.strain = program_.strain(means_);
    std::unordered_map<std::int64_t, StrainComponents> last;  // strain of each voxel of this avalanche
    for (auto unstable = engine_->unstable(); !unstable.empty(); unstable = engine_->unstable()) {
      row.size += static_cast<std::int64_t>(unstable.size());
      ++row.sweeps;
      for (const Transformation& flip : unstable) {
        const auto [entry, is_new] = last.try_emplace(flip.voxel, flip.strain);
        if (is_new) continue;
        if (reverses(entry->second, flip.strain)) ++row.reversals;
        entry->second = flip.strain;
      }
      row.voxels = static_cast<std::int64_t>(last.size());
      if (row.sweeps > parameters_.largest_sweeps) {
        throw run_away(
            fmt::format("an avalanche at strain {:.5f} has not ended after {} sweeps and {} transformations of {} "
                        "voxels, {:.0f} % of which undid the last of their voxel",
                        row.strain, parameters_.largest_sweeps, row.size, row.voxels,
                        100.0 * static_cast<double>(row.reversals) / static_cast<double>(row.size)),
            "--largest-sweeps");
      }
      transform(unstable, progress_.avalanches);
    }
    if (row.size == 0) return;
    ++progress_.avalanches;
    avalanche_spool_->append(row);
  }

  void update_free_volume() {
    if (free_volume_current_) return;
    const auto own = free_volume_voxels(engine_->state(), glass_.grid.dimensions(), parameters_.observables,
                                        parameters_.kinetics.softening_cap);
    clusters_ = find_clusters(communicator_, glass_.grid, own);
    free_volume_current_ = true;
  }

  void record() {
    update_free_volume();
    HistoryRow row;
    row.strain = program_.strain(means_);
    row.true_strain = program_.true_strain(means_);
    row.stress_gpa = means_.stress;
    if (parameters_.loading.body == elasticity::Body::plane_strain && engine_->medium() != nullptr) {
      row.stress_gpa[elasticity::zz] = std::numeric_limits<double>::quiet_NaN();  // differs by type, like nu
    } else if (parameters_.loading.body == elasticity::Body::plane_strain) {
      row.stress_gpa[elasticity::zz] =
          glass_.types.front().poisson_ratio * (means_.stress[elasticity::xx] + means_.stress[elasticity::yy]);
    }
    row.axial_stress_gpa = program_.axial_stress(means_);
    row.time_s = progress_.time_s;
    row.temperature_k = parameters_.kinetics.temperature_k + engine_->mean_temperature_rise_k();
    row.events = static_cast<double>(progress_.events);
    row.avalanches = static_cast<double>(progress_.avalanches);
    row.largest_cfv_voxels = static_cast<double>(clusters_.largest_voxels);
    row.largest_cfv_nm3 = row.largest_cfv_voxels * glass_.grid.voxel_volume_nm3();
    row.cfv_clusters = static_cast<double>(clusters_.count);
    row.cfv_mean_voxels = clusters_.mean_voxels;
    row.percolates_x = clusters_.percolates[0] ? 1.0 : 0.0;
    row.percolates_y = clusters_.percolates[1] ? 1.0 : 0.0;
    row.percolates_z = clusters_.percolates[2] ? 1.0 : 0.0;
    elasticity::Tensor elastic = elasticity::elastic_strain_of(moduli_, means_.stress);
    if (engine_->medium() != nullptr) {
      for (std::size_t c = 0; c < elastic.size(); ++c) elastic[c] = means_.strain[c] - progress_.mean_plastic[c];
    }
    row.elastic_energy_ev = 0.5 * static_cast<double>(glass_.grid.voxel_count()) * volume_ev_per_gpa_ *
                                elasticity::double_dot(means_.stress, elastic) +
                            engine_->fluctuation_energy_ev();
    row.external_work_ev = progress_.external_work_ev;
    row.dissipated_work_ev = progress_.dissipated_work_ev;
    row.participation_ratio = participation_ratio(communicator_, glass_.grid, engine_->state());
    progress_.history.push_back(row);
  }

  void take_snapshot() {
    update_free_volume();
    const VoxelState& state = engine_->state();
    write_snapshot(communicator_, snapshot_path(files_.output, progress_.snapshots), glass_, parameters_.loading.body,
                   segment().conditions(progress_.time_in_segment_s), state, clusters_,
                   {program_.strain(means_), program_.true_strain(means_), progress_.time_s});
    ++progress_.snapshots;
  }

  // A dissipated work below zero is energy from nowhere (judge_energy_pumping tells of it in advance).
  void warn_of_pumping() const {
    constexpr double much = 0.05;  // of the external work
    double least = 0.0;
    double work = 0.0;
    for (const HistoryRow& row : progress_.history) {
      least = std::min(least, row.dissipated_work_ev);
      work = std::max(work, std::fabs(row.external_work_ev));
    }
    if (hooks_.log == nullptr || least >= -much * work) return;
    hooks_.log->warning(
        "transformations took up to {:.3g} eV of elastic energy from nowhere, {:.0f} % of the external work (chi = "
        "{:.2f}): compare with a run with --energy-guard, or see Energy pumping in docs/theory-deformation.md",
        -least, -100.0 * least / work, judge_energy_pumping(parameters_, glass_).chi);
  }

  [[nodiscard]] double duration_s() const {
    double duration = 0.0;
    for (const LoadingSegment& part : program_.segments()) duration += part.duration_s;
    return duration;
  }

  DeformationOutcome finish(const Provenance& provenance) {
    const HistoryFindings findings = findings_of(progress_.history);
    const HistoryRow& last = progress_.history.back();
    DeformationOutcome outcome;
    outcome.peak_stress_gpa = findings.peak_stress_gpa;
    outcome.peak_strain = findings.peak_strain;
    outcome.flow_stress_gpa = findings.flow_stress_gpa;
    outcome.percolation_strain = findings.percolation_strain;
    outcome.largest_cfv_nm3 = last.largest_cfv_nm3;
    outcome.elastic_energy_ev = last.elastic_energy_ev;
    outcome.external_work_ev = last.external_work_ev;
    outcome.dissipated_work_ev = last.dissipated_work_ev;
    outcome.final_strain = last.strain;
    outcome.final_time_s = last.time_s;
    outcome.events = progress_.events;
    outcome.avalanches = progress_.avalanches;
    outcome.history_rows = static_cast<std::int64_t>(progress_.history.size());
    outcome.percolates_x = last.percolates_x > 0.0;
    outcome.percolates_y = last.percolates_y > 0.0;
    outcome.percolates_z = last.percolates_z > 0.0;
    outcome.end = end_;
    warn_of_pumping();
    {
      auto file = Hdf5File::create(communicator_, output_->temporary_path());
      write_output_head(file, communicator_, glass_, parameters_.seed, outcome, provenance);
      write_history(file, progress_.history);
      avalanche_spool_->write_avalanches(file);
      spool_->write_events(file);
      for (std::int64_t number = 0; number < progress_.snapshots; ++number) {
        copy_snapshot(communicator_, snapshot_path(files_.output, number), glass_.grid, number, file);
      }
      file.close();
    }
    output_->commit();
    spool_->remove();
    avalanche_spool_->remove();
    remove_checkpoint();
    if (!parameters_.observables.paraview) {
      on_root(communicator_, [&] {
        std::error_code error;
        for (std::int64_t number = 0; number < progress_.snapshots; ++number) {
          std::filesystem::remove(snapshot_path(files_.output, number), error);
        }
      });
    }
    return outcome;
  }

  const Communicator& communicator_;
  const DeformationParameters& parameters_;
  const catalog::Catalog& glass_;
  const DeformationFiles& files_;
  const DeformationHooks& hooks_;
  elasticity::IsotropicModuli moduli_;
  LoadingProgram program_;
  std::unique_ptr<Engine> engine_;
  elasticity::TensorBasis basis_;
  std::string identity_;
  double volume_ev_per_gpa_;  // of a voxel
  std::filesystem::path checkpoint_path_;
  std::filesystem::path spool_path_;
  std::filesystem::path avalanche_path_;

  std::optional<AtomicOutput> output_;
  std::optional<EventSpool> spool_;
  std::optional<AvalancheSpool> avalanche_spool_;
  RandomDraws draws_;
  CheckpointRequest requested_ = CheckpointRequest::none;  // until the engine can be resumed
  RunProgress progress_;
  elasticity::Means means_;
  FreeVolumeClusters clusters_;
  bool free_volume_current_ = false;
  std::string end_;
};

}  // namespace

DeformationOutcome run_deformation(const Communicator& communicator, const DeformationParameters& parameters,
                                   const catalog::Catalog& glass, const DeformationFiles& files,
                                   const Provenance& provenance, const DeformationHooks& hooks) {
  const auto warnings = collectively(communicator, [&] { return check_parameters(parameters, glass); });
  if (hooks.log != nullptr) {
    for (const auto& warning : warnings) hooks.log->warning("{}", warning);
  }
  Runner runner(communicator, parameters, glass, files, hooks);
  return runner.run(provenance);
}

}  // namespace mesoglass::deformation
