// ensemble.h5: what the runs of an ensemble say together.
#pragma once

#include <filesystem>
#include <limits>
#include <string>
#include <vector>

#include "core/communicator.hpp"
#include "core/provenance.hpp"
#include "ensemble/ensemble_design.hpp"
#include "ensemble/run_files.hpp"

namespace mesoglass::ensemble {

inline constexpr double no_number = std::numeric_limits<double>::quiet_NaN();

// One run's headline numbers; NaN where it is not complete or did not get there.
struct RunRow {
  RunStatus status = RunStatus::missing;
  std::string reason;  // of a failure, or of a file that cannot be read
  double peak_stress_gpa = no_number;
  double peak_strain = no_number;
  double flow_stress_gpa = no_number;
  double percolation_strain = no_number;
  double elastic_energy_ev = no_number;
  double dissipated_work_ev = no_number;
  double wall_time_s = no_number;
};

// The three quantities that groups are compared by.
struct QuantityStatistics {
  double mean = no_number;
  double standard_deviation = no_number;
  double standard_error = no_number;
  double interval_low = no_number;
  double interval_high = no_number;
  double effect_size = no_number;    // Hedges' g against the reference group; NaN for that group itself
  double p_value = no_number;        // permutation test against the reference group
  double required_runs = no_number;  // runs a group for the wanted power at this effect size
  std::int64_t values = 0;           // runs that have the quantity
};
inline constexpr const char* quantity_names[] = {"peak_stress_gpa", "percolation_strain", "flow_stress_gpa"};
inline constexpr std::size_t quantity_count = 3;

struct GroupRow {
  std::int64_t complete_runs = 0;
  QuantityStatistics quantities[quantity_count];
};

// Everything in ensemble.h5. Curves are (run, strain) and (group, strain), row major, NaN beyond a run's end.
struct Collection {
  std::vector<RunRow> runs;
  std::vector<GroupRow> groups;
  std::vector<double> strain;
  std::vector<double> stress;
  std::vector<double> largest_cfv;
  std::vector<double> stress_mean;
  std::vector<double> stress_standard_error;
  std::vector<double> largest_cfv_mean;
  std::vector<double> largest_cfv_standard_error;
};

// y(strain) of a run on the grid by linear interpolation; NaN outside the run's strains. `run_strain` must not fall:
// after its first fall (a cycle turns back) the rest of the run is left out. Pure.
[[nodiscard]] std::vector<double> on_common_strain(const std::vector<double>& run_strain,
                                                   const std::vector<double>& run_values,
                                                   const std::vector<double>& grid);

// Statistics of the groups from rows of all runs (numbered as in the design). Pure.
[[nodiscard]] std::vector<GroupRow> group_statistics(const EnsembleDesign& design, const std::vector<RunRow>& runs);

// Reads every run (shared among the ranks) and computes the statistics. A run that is missing, failed, cannot be read
// or was made by another design is a row that says so. The same on any number of ranks. Collective.
[[nodiscard]] Collection collect_runs(const Communicator& communicator, const EnsembleDesign& design,
                                      const std::filesystem::path& runs_folder);

// Writes ensemble.h5 (docs/formats.md) to `path` (an AtomicOutput's temporary path). Collective.
void write_collection(const Communicator& communicator, const std::filesystem::path& path, const EnsembleDesign& design,
                      const std::filesystem::path& runs_folder, const Collection& collection,
                      const Provenance& provenance);

}  // namespace mesoglass::ensemble
