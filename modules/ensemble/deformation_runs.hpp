// The runs themselves: a catalog by seed, deformed by the deformation library.
#pragma once

#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "catalog/catalog_program.hpp"
#include "core/communicator.hpp"
#include "core/signals.hpp"
#include "deformation/deformation_run.hpp"
#include "ensemble/ensemble_design.hpp"

namespace mesoglass::ensemble {

// A group with its options judged: what its runs need, except the seed.
struct PreparedGroup {
  std::optional<catalog::CatalogRequest> request;  // unless the catalog is a file
  deformation::DeformationParameters parameters;
  double memory_per_rank_bytes = 0.0;  // of one run
  double output_bytes = 0.0;
};

// Reads and checks everything that the groups name (catalog files, measured MRO) and their parameters. Throws
// InputError that names the group. Collective.
[[nodiscard]] std::vector<PreparedGroup> prepare_groups(const Communicator& communicator, const EnsembleDesign& design,
                                                        int ranks_per_run);

// Computes one run into `output`, going on from its checkpoint where `resume` and there is one. Throws what
// run_deformation throws. Collective over `group`.
void execute_run(const Communicator& group, const EnsembleDesign& design, const std::vector<PreparedGroup>& prepared,
                 std::int64_t run, const std::filesystem::path& output, bool resume, const std::string& command_line,
                 const std::function<CheckpointRequest(std::int64_t)>& checkpoint_request);

}  // namespace mesoglass::ensemble
