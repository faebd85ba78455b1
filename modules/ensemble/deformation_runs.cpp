#include "ensemble/deformation_runs.hpp"

#include "core/error.hpp"
#include "ensemble/run_files.hpp"

namespace mesoglass::ensemble {

std::vector<PreparedGroup> prepare_groups(const Communicator& communicator, const EnsembleDesign& design,
                                          int ranks_per_run) {
  std::vector<PreparedGroup> prepared;
  for (const auto& group : design.groups) {
    try {
      PreparedGroup result;
      catalog::Catalog glass;
      double catalog_memory = 0.0;
      if (group.catalog_file) {
        glass = catalog::read_catalog_header(communicator, *group.catalog_file);
      } else {
        result.request = catalog::catalog_request(communicator, *group.catalog_options);
        glass.grid = result.request->grid;
        glass.types = {result.request->recipe.matrix};
        for (const auto& population : result.request->recipe.mro) glass.types.push_back(population.type);
        glass.rules = result.request->recipe.rules;
        catalog_memory = catalog::estimate_cost(*result.request, ranks_per_run).memory_per_rank_bytes;
      }
      collectively(communicator, [&] {
        result.parameters = deformation::deformation_parameters(group.deformation_options, glass.grid.dimensions());
        const auto cost = deformation::estimate_cost(result.parameters, glass, ranks_per_run);
        result.memory_per_rank_bytes = catalog_memory + cost.memory_per_rank_bytes;
        result.output_bytes = cost.output_bytes;
      });
      prepared.push_back(std::move(result));
    } catch (const Error& error) {
      throw with_context(fmt::format("group '{}'", group.name), error);
    }
  }
  return prepared;
}

void execute_run(const Communicator& group, const EnsembleDesign& design, const std::vector<PreparedGroup>& prepared,
                 std::int64_t run, const std::filesystem::path& output, bool resume, const std::string& command_line,
                 const std::function<CheckpointRequest(std::int64_t)>& checkpoint_request) {
  const auto row = static_cast<std::size_t>(run) % design.groups.size();
  const auto seed = static_cast<std::uint64_t>(design.seed_of(run));
  Provenance provenance("mg-ensemble", command_line, run_configuration(design, run), group.size());
  provenance.set_seed(seed);
  const auto& request = prepared[row].request;
  auto glass = [&] {
    if (!request) return catalog::read_catalog(group, *design.groups[row].catalog_file);
    const auto catalog_seed = design.own_catalogs ? seed : static_cast<std::uint64_t>(design.catalog_seed);
    return catalog::make_catalog(group, *request, catalog_seed);
  }();
  if (!request) on_root(group, [&] { provenance.add_input(*design.groups[row].catalog_file); });
  auto parameters = prepared[row].parameters;
  parameters.seed = seed;
  deformation::DeformationFiles files;
  files.output = output;
  files.if_exists = IfExists::overwrite;  // the caller has decided that this run is wanted
  files.resume = resume;
  deformation::DeformationHooks hooks;
  hooks.checkpoint_request = checkpoint_request;
  (void)deformation::run_deformation(group, parameters, glass, files, provenance, hooks);
}

}  // namespace mesoglass::ensemble
