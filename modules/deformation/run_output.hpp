// The parts of deform.h5 that say what the run was and how it ended.
#pragma once

#include <cstdint>
#include <filesystem>
#include <string>

#include "catalog/stz_catalog.hpp"
#include "core/hdf5_file.hpp"
#include "core/provenance.hpp"
#include "deformation/deformation_run.hpp"

namespace mesoglass::deformation {

// NAME + suffix beside the output, NAME being its name without extension.
[[nodiscard]] std::filesystem::path sidecar_path(const std::filesystem::path& output, const std::string& suffix);

// Format, provenance, /grid, /voxels/type and /outcome. Collective.
void write_output_head(Hdf5File& file, const Communicator& communicator, const catalog::Catalog& glass,
                       std::uint64_t seed, const DeformationOutcome& outcome, const Provenance& provenance);

}  // namespace mesoglass::deformation
