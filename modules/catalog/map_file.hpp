// A voxel map from a file, instead of packed domains: a catalog.h5, or any HDF5 file with /voxels/type.
#pragma once

#include <filesystem>

#include "catalog/glass_recipe.hpp"

namespace mesoglass::catalog {

// The catalog of the recipe's types on the map of `path`: /voxels/type (nz, ny, nx), rows of the types (0 = matrix),
// and /voxels/domain of the same shape where it is there (-1 = matrix, else 0 to n - 1, no gap); without it every MRO
// voxel is a domain of its own. Domains that hold several types are mixed by voxel. Orientations are drawn from `seed`;
// sizes and centres are the map's. The same on any number of ranks. Throws InputError where shapes, types and domains
// do not belong together. Collective.
[[nodiscard]] Catalog catalog_of_map(const Communicator& communicator, const std::filesystem::path& path,
                                     const VoxelGrid& grid, const GlassRecipe& recipe, std::uint64_t seed);

}  // namespace mesoglass::catalog
