#include "catalog/map_file.hpp"

#include <algorithm>
#include <array>

#include "catalog/realised_statistics.hpp"
#include "core/error.hpp"
#include "core/hdf5_file.hpp"

namespace mesoglass::catalog {

namespace {

constexpr const char* type_name = "/voxels/type";
constexpr const char* domain_name = "/voxels/domain";

// What ranks add up about the domains: whole numbers, so that the sums are the same on any number of ranks.
struct DomainSums {
  std::vector<std::int64_t> voxels;
  std::vector<std::int64_t> first;  // lowest voxel of the domain
  std::vector<std::int64_t> lowest_type;
  std::vector<std::int64_t> highest_type;
  std::array<std::vector<std::int64_t>, 3> offset;  // from the first voxel, across the periodic border
};

// Numbers the MRO voxels from 0, in voxel order. Collective.
void number_single_voxels(const Communicator& communicator, Catalog& catalog) {
  const auto own =
      std::count_if(catalog.voxel_type.begin(), catalog.voxel_type.end(), [](std::uint8_t type) { return type != 0; });
  const auto counts = communicator.all_gather(static_cast<std::int64_t>(own));
  std::int64_t next = 0;
  for (int rank = 0; rank < communicator.rank(); ++rank) next += counts[static_cast<std::size_t>(rank)];
  for (std::size_t i = 0; i < catalog.voxel_type.size(); ++i) {
    catalog.voxel_domain[i] = catalog.voxel_type[i] == 0 ? -1 : static_cast<std::int32_t>(next++);
  }
}

void check_voxels(const Catalog& catalog, std::int64_t first, const std::filesystem::path& path) {
  for (std::size_t i = 0; i < catalog.voxel_type.size(); ++i) {
    const auto type = catalog.voxel_type[i];
    const auto domain = catalog.voxel_domain[i];
    if (type >= catalog.types.size() || (type == 0) != (domain == -1) || domain < -1) {
      throw input_error(
          "{}: voxel {} has type {} and domain {}, which cannot be (types go to {}; the matrix has type 0 and domain "
          "-1): mend the map, or give as many kinds of MRO",
          path.string(), first + static_cast<std::int64_t>(i), type, domain, catalog.types.size() - 1);
    }
  }
}

DomainSums sum_domains(const Communicator& communicator, const Catalog& catalog, std::int64_t first,
                       const std::filesystem::path& path) {
  std::int32_t highest = -1;
  for (const auto domain : catalog.voxel_domain) highest = std::max(highest, domain);
  const auto count = static_cast<std::size_t>(communicator.max(highest) + 1);
  DomainSums sums;
  sums.voxels.assign(count, 0);
  sums.first.assign(count, catalog.grid.voxel_count());
  sums.lowest_type.assign(count, 255);
  sums.highest_type.assign(count, 0);
  for (std::size_t i = 0; i < catalog.voxel_domain.size(); ++i) {
    if (catalog.voxel_domain[i] < 0) continue;
    const auto row = static_cast<std::size_t>(catalog.voxel_domain[i]);
    ++sums.voxels[row];
    sums.first[row] = std::min(sums.first[row], first + static_cast<std::int64_t>(i));
    sums.lowest_type[row] = std::min<std::int64_t>(sums.lowest_type[row], catalog.voxel_type[i]);
    sums.highest_type[row] = std::max<std::int64_t>(sums.highest_type[row], catalog.voxel_type[i]);
  }
  communicator.sum_in_place(std::span<std::int64_t>(sums.voxels));
  communicator.min_in_place(std::span<std::int64_t>(sums.first));
  communicator.min_in_place(std::span<std::int64_t>(sums.lowest_type));
  communicator.max_in_place(std::span<std::int64_t>(sums.highest_type));
  // The same on all ranks, so that all throw.
  for (std::size_t row = 0; row < count; ++row) {
    if (sums.voxels[row] == 0) {
      throw Error(ExitCode::bad_input,
                  fmt::format("{}: domain {} has no voxel though there is a domain {}: number the domains without gaps",
                              path.string(), row, count - 1),
                  true);
    }
  }
  const std::array<std::int64_t, 3> edges = {catalog.grid.nx, catalog.grid.ny, catalog.grid.nz};
  for (auto& offset : sums.offset) offset.assign(count, 0);
  for (std::size_t i = 0; i < catalog.voxel_domain.size(); ++i) {
    if (catalog.voxel_domain[i] < 0) continue;
    const auto row = static_cast<std::size_t>(catalog.voxel_domain[i]);
    const auto here = catalog.grid.coordinates(first + static_cast<std::int64_t>(i));
    const auto from = catalog.grid.coordinates(sums.first[row]);
    for (std::size_t axis = 0; axis < 3; ++axis) {
      auto step = here[axis] - from[axis];
      if (2 * step > edges[axis]) step -= edges[axis];
      if (2 * step < -edges[axis]) step += edges[axis];
      sums.offset[axis][row] += step;
    }
  }
  for (auto& offset : sums.offset) communicator.sum_in_place(std::span<std::int64_t>(offset));
  return sums;
}

}  // namespace

Catalog catalog_of_map(const Communicator& communicator, const std::filesystem::path& path, const VoxelGrid& grid,
                       const GlassRecipe& recipe, std::uint64_t seed) {
  Catalog catalog = empty_catalog(communicator, grid, recipe, seed);
  const auto file = Hdf5File::open(communicator, path);
  const Range slabs = grid.slabs_of(communicator.rank(), communicator.size());
  const auto u = [](std::int64_t value) { return static_cast<std::uint64_t>(value); };
  const Shape whole = {u(grid.nz), u(grid.ny), u(grid.nx)};
  const bool flat = grid.dimensions() == 2;
  const Shape offset = flat ? Shape{0, u(slabs.begin), 0} : Shape{u(slabs.begin), 0, 0};
  const Shape count = flat ? Shape{1, u(slabs.size()), u(grid.nx)} : Shape{u(slabs.size()), u(grid.ny), u(grid.nx)};
  const bool has_domains = file.exists(domain_name);
  for (const char* name : {type_name, domain_name}) {
    if (name == domain_name && !has_domains) continue;
    const auto shape = file.shape(name);
    if (shape != whole) {
      throw Error(
          ExitCode::bad_input,
          fmt::format("{}: {} has the shape ({}), but the grid (nz, ny, nx) = ({}) is asked for: give --nx, --ny "
                      "and --nz of the map",
                      path.string(), name, fmt::join(shape, ", "), fmt::join(whole, ", ")),
          true);
    }
  }
  file.read_part<std::uint8_t>(type_name, offset, count, catalog.voxel_type);
  if (has_domains) {
    file.read_part<std::int32_t>(domain_name, offset, count, catalog.voxel_domain);
  } else {
    number_single_voxels(communicator, catalog);
  }
  const auto first = grid.voxels_of(communicator.rank(), communicator.size()).begin;
  collectively(communicator, [&] { check_voxels(catalog, first, path); });
  const auto sums = sum_domains(communicator, catalog, first, path);
  for (std::size_t row = 0; row < sums.voxels.size(); ++row) {
    Domain domain;
    domain.type = sums.lowest_type[row] == sums.highest_type[row] ? static_cast<std::uint8_t>(sums.lowest_type[row])
                                                                  : std::uint8_t{0};
    domain.voxels = static_cast<std::int32_t>(sums.voxels[row]);
    const auto from = grid.coordinates(sums.first[row]);
    const std::array<std::int64_t, 3> edges = {grid.nx, grid.ny, grid.nz};
    for (std::size_t axis = 0; axis < 3; ++axis) {
      const double mean = static_cast<double>(sums.offset[axis][row]) / static_cast<double>(sums.voxels[row]);
      const auto edge = static_cast<double>(edges[axis]);
      double at = static_cast<double>(from[axis]) + 0.5 + mean;
      if (at < 0.0) at += edge;
      if (at >= edge) at -= edge;
      domain.centre_nm[axis] = static_cast<float>(at * grid.voxel_size_nm[axis]);
    }
    domain.diameter_nm = static_cast<float>(equivalent_diameter_nm(grid, static_cast<double>(sums.voxels[row])));
    domain.rotation = random_rotation(seed, row, grid.dimensions(), recipe.rules.tension_biased);
    catalog.domains.push_back(domain);
  }
  return catalog;
}

}  // namespace mesoglass::catalog
