// What mg-catalog does, callable by tests and by the ensemble.
#pragma once

#include "catalog/glass_recipe.hpp"
#include "core/option_table.hpp"
#include "core/program.hpp"

namespace mesoglass::catalog {

// Declares the options that describe a glass and its grid (not the output): the table of mg-catalog's configuration
// files, such as inputs/paper/x0.cfg.
void add_catalog_options(OptionTable& table);
// Those of them that name a file to read.
inline constexpr const char* catalog_file_options[] = {"from", "weak-from", "strong-from", "map", "size-file"};

// A glass asked for.
struct CatalogRequest {
  VoxelGrid grid;
  GlassRecipe recipe;
  std::uint64_t seed = 1;
  std::filesystem::path map;  // a file that says which voxel is what; empty = domains are packed
  std::string calibration;    // where the calibration of --from comes from, in words; "" without --from
};

// From options of add_catalog_options(). Reads the file of --from, if given. Throws InputError on every rank.
// Collective.
[[nodiscard]] CatalogRequest catalog_request(const Communicator& communicator, const Options& options);

// The catalog asked for: packed, or made of a map. Throws InputError on every rank. Collective.
[[nodiscard]] Catalog make_catalog(const Communicator& communicator, const CatalogRequest& request, std::uint64_t seed);

// Bytes a rank while building and holding the catalog, and of catalog.h5 at most.
struct CatalogCost {
  double domains = 0.0;
  double memory_per_rank_bytes = 0.0;
  double output_bytes = 0.0;
};
[[nodiscard]] CatalogCost estimate_cost(const CatalogRequest& request, int ranks);

[[nodiscard]] ProgramInformation catalog_program_information();
// mg-catalog's own options: the glass and the output.
[[nodiscard]] OptionTable catalog_program_options();
// The body of mg-catalog. Collective.
void run_catalog_program(Run& run);

}  // namespace mesoglass::catalog
