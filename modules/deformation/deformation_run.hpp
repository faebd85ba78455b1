// One deformation run, from a catalog to deform.h5: what mg-deform's main() and the ensemble both call.
#pragma once

#include <cstdint>
#include <filesystem>
#include <functional>
#include <string>

#include "catalog/stz_catalog.hpp"
#include "core/atomic_output.hpp"
#include "core/communicator.hpp"
#include "core/logging.hpp"
#include "core/phase_timers.hpp"
#include "core/provenance.hpp"
#include "core/signals.hpp"
#include "deformation/deformation_parameters.hpp"

namespace mesoglass::deformation {

// Where results go. Beside `output` (deform.h5) a run keeps NAME.checkpoint.h5 and NAME.events.spool until it is
// complete, and leaves NAME.NNN.vtkhdf for each snapshot where asked to; NAME is the output's name without extension.
struct DeformationFiles {
  std::filesystem::path output;
  IfExists if_exists = IfExists::refuse;
  bool resume = false;  // go on from the checkpoint where there is one; start anew where there is none
};

// What a caller may listen to and decide; each may be empty.
struct DeformationHooks {
  const Log* log = nullptr;  // messages and progress
  PhaseTimers* timers = nullptr;
  // Called at each step, on all ranks together, with a step number that is the same on every rank.
  std::function<CheckpointRequest(std::int64_t step)> checkpoint_request;
};

// Headline numbers; NaN where the run did not get there.
struct DeformationOutcome {
  double peak_stress_gpa = 0.0;
  double peak_strain = 0.0;
  double flow_stress_gpa = 0.0;
  double percolation_strain = 0.0;  // true strain of the steepest slope of the largest connected free volume
  double largest_cfv_nm3 = 0.0;
  double elastic_energy_ev = 0.0;
  double external_work_ev = 0.0;
  double dissipated_work_ev = 0.0;
  double final_strain = 0.0;
  double final_time_s = 0.0;
  std::int64_t events = 0;  // transformations, thermal and athermal
  std::int64_t avalanches = 0;
  std::int64_t history_rows = 0;
  bool percolates_x = false;
  bool percolates_y = false;
  bool percolates_z = false;
  std::string end;  // "strain", "time", "stress drop", "percolation"
};

// Runs to the end and writes files.output whole. The same history and event log, bit for bit, on any number of ranks,
// and whether or not the run was stopped and resumed in between.
// Throws InputError (parameters that cannot work, output exists, a checkpoint of another run), Failure (avalanche
// without end, disk full), and the error of exit code 75 once a checkpoint is written because
// hooks.checkpoint_request said write_and_stop. Collective.
DeformationOutcome run_deformation(const Communicator& communicator, const DeformationParameters& parameters,
                                   const catalog::Catalog& glass, const DeformationFiles& files,
                                   const Provenance& provenance, const DeformationHooks& hooks = {});

// True where files.output is complete; its outcome without running. Collective.
[[nodiscard]] DeformationOutcome read_outcome(const Communicator& communicator, const std::filesystem::path& output);

// What a run needs, for --dry-run and schedulers.
struct DeformationCost {
  double memory_per_rank_bytes = 0.0;
  double memory_per_voxel_bytes = 0.0;  // of a rank's own voxels: the engine with its tables and Fourier buffers
  double output_bytes = 0.0;            // history, snapshots and the events expected
  double seconds_per_event = 0.0;       // one core, measured scaling
};
[[nodiscard]] DeformationCost estimate_cost(const DeformationParameters& parameters, const catalog::Catalog& glass,
                                            int ranks);

}  // namespace mesoglass::deformation
