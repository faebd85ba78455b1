// All fields of the sample at one strain. They go to NAME.NNN.vtkhdf at once, so that a run keeps none in memory, and
// from there into the output when it is written whole.
#pragma once

#include <filesystem>
#include <vector>

#include "catalog/stz_catalog.hpp"
#include "core/communicator.hpp"
#include "core/hdf5_file.hpp"
#include "deformation/connected_free_volume.hpp"
#include "deformation/deformation_parameters.hpp"
#include "deformation/voxel_state.hpp"
#include "elasticity/mean_conditions.hpp"

namespace mesoglass::deformation {

struct SnapshotMoment {
  double strain = 0.0;
  double true_strain = 0.0;
  double time_s = 0.0;
};

// NAME.NNN.vtkhdf beside the output.
[[nodiscard]] std::filesystem::path snapshot_path(const std::filesystem::path& output, std::int64_t number);

// Writes the fields; the full stress tensor comes from one elastic solve under the present mean conditions.
// `clusters` are those of the connected free volume now. Collective.
void write_snapshot(const Communicator& communicator, const std::filesystem::path& path, const catalog::Catalog& glass,
                    elasticity::Body body, const elasticity::MeanConditions& conditions, const VoxelState& state,
                    const FreeVolumeClusters& clusters, const SnapshotMoment& moment);

// Copies a snapshot into /snapshots/NNN of an output. Throws InputError where it is missing or damaged. Collective.
void copy_snapshot(const Communicator& communicator, const std::filesystem::path& path, const VoxelGrid& grid,
                   std::int64_t number, Hdf5File& output);

}  // namespace mesoglass::deformation
