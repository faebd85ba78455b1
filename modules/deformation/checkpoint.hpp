// A run's whole state in one file, replaced whole at each checkpoint: what --resume goes on from, bit for bit, on any
// number of ranks.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>
#include <vector>

#include "catalog/shear_modes.hpp"
#include "catalog/stz_catalog.hpp"
#include "core/communicator.hpp"
#include "core/voxel_grid.hpp"
#include "deformation/history.hpp"
#include "deformation/voxel_state.hpp"

namespace mesoglass::deformation {

// How far a run is: the same on every rank.
struct RunProgress {
  std::uint64_t draws = 0;   // random draws so far
  std::int64_t segment = 0;  // of the loading program
  double time_in_segment_s = 0.0;
  std::int64_t records = 0;  // history rows of this segment that are done
  double time_s = 0.0;
  StrainComponents mean_plastic{};  // mean over the voxels, basis components; with unlike moduli E*, as a tensor
  double external_work_ev = 0.0;
  double dissipated_work_ev = 0.0;
  std::int64_t events = 0;
  std::int64_t avalanches = 0;
  std::int64_t snapshots = 0;
  std::vector<HistoryRow> history;
};

// Identifies what a run computes: parameters and catalog. Collective.
[[nodiscard]] std::string run_identity(const Communicator& communicator, const std::string& parameter_fingerprint,
                                       const catalog::Catalog& glass);

// Collective. Throws Failure where the file cannot be written.
void write_checkpoint(const Communicator& communicator, const std::filesystem::path& path, const std::string& identity,
                      const VoxelGrid& grid, const RunProgress& progress, const VoxelState& state);

// Fills `progress` and `state` (made for this rank's voxels). Throws InputError where the file is damaged or of another
// run. Collective.
void read_checkpoint(const Communicator& communicator, const std::filesystem::path& path, const std::string& identity,
                     const VoxelGrid& grid, RunProgress& progress, VoxelState& state);

}  // namespace mesoglass::deformation
