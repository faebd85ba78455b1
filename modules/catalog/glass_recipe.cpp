#include "catalog/glass_recipe.hpp"

#include <algorithm>
#include <cmath>
#include <set>

#include "core/error.hpp"
#include "core/option_table.hpp"
#include "core/random_stream.hpp"
#include "core/units.hpp"

namespace mesoglass::catalog {

namespace {

// The kind of one voxel where kinds are mixed by voxel: in proportion to the volume fractions.
std::uint8_t random_kind(std::uint64_t seed, std::int64_t voxel, const GlassRecipe& recipe, double total) {
  RandomStream random(seed, RandomPurpose::catalog_types, static_cast<std::uint64_t>(voxel), 1);
  double left = total * random.uniform();
  for (std::size_t kind = 0; kind + 1 < recipe.mro.size(); ++kind) {
    left -= recipe.mro[kind].volume_fraction;
    if (left < 0.0) return static_cast<std::uint8_t>(kind + 1);
  }
  return static_cast<std::uint8_t>(recipe.mro.size());
}

double total_fraction(const GlassRecipe& recipe) {
  double total = 0.0;
  for (const auto& population : recipe.mro) total += population.volume_fraction;
  return total;
}

}  // namespace

MroPopulation mro_population(const ParameterSet& set, const std::string& name, const OrderedZone& zone, double fraction,
                             const DomainSizes& sizes) {
  MroPopulation result;
  result.type = set.matrix;
  result.type.name = name;
  result.type.modes = zone.modes;
  result.type.amplitude = zone.amplitude;
  result.type.softening = zone.softening;
  result.type.barrier_law = set.mro_barrier_law;
  result.type.barrier_mean_ev = set.mro_barrier_mean_ev;
  result.type.barrier_spread = set.mro_barrier_spread;
  result.volume_fraction = fraction;
  result.sizes = sizes;
  return result;
}

std::array<float, 4> random_rotation(std::uint64_t seed, std::size_t row, int dimensions, bool tension_biased) {
  RandomStream random(seed, RandomPurpose::catalog_types, row, 0);
  if (dimensions == 2) {
    const double half_range = tension_biased ? 0.5 * units::pi : units::pi;
    const double half_angle = 0.5 * random.uniform(-half_range, half_range);
    return {static_cast<float>(std::cos(half_angle)), 0, 0, static_cast<float>(std::sin(half_angle))};
  }
  const double u = random.uniform();
  const double first = 2.0 * units::pi * random.uniform();
  const double second = 2.0 * units::pi * random.uniform();
  return {static_cast<float>(std::sqrt(u) * std::cos(second)), static_cast<float>(std::sqrt(1.0 - u) * std::sin(first)),
          static_cast<float>(std::sqrt(1.0 - u) * std::cos(first)),
          static_cast<float>(std::sqrt(u) * std::sin(second))};
}

Catalog empty_catalog(const Communicator& communicator, const VoxelGrid& grid, const GlassRecipe& recipe,
                      std::uint64_t seed) {
  grid.validate();
  validate_recipe(recipe, grid.dimensions());
  Catalog catalog;
  catalog.grid = grid;
  catalog.types.push_back(recipe.matrix);
  for (const auto& population : recipe.mro) catalog.types.push_back(population.type);
  catalog.rules = recipe.rules;
  catalog.seed = seed;
  catalog.glass = recipe.name;
  const Range own = grid.voxels_of(communicator.rank(), communicator.size());
  catalog.voxel_type.assign(static_cast<std::size_t>(own.size()), 0);
  catalog.voxel_domain.assign(static_cast<std::size_t>(own.size()), -1);
  return catalog;
}

std::vector<DomainDraw> draw_all_domains(const VoxelGrid& grid, const GlassRecipe& recipe, std::uint64_t seed) {
  const auto voxels = static_cast<double>(grid.voxel_count());
  std::vector<DomainDraw> draws;
  if (recipe.mixing == Mixing::by_voxel && !recipe.mro.empty()) {
    draws = draw_domains(grid, recipe.mro.front().sizes, total_fraction(recipe) * voxels, seed, 0);
  } else {
    double missing = 0.0;  // what a population is short of (or has too much) is made up by the next
    for (std::size_t kind = 0; kind < recipe.mro.size(); ++kind) {
      missing += recipe.mro[kind].volume_fraction * voxels;
      const auto own = draw_domains(grid, recipe.mro[kind].sizes, missing, seed, static_cast<std::uint8_t>(kind));
      for (const auto& draw : own) missing -= draw.voxels;
      draws.insert(draws.end(), own.begin(), own.end());
    }
  }
  // Large domains first: small ones still find room between them.
  std::stable_sort(draws.begin(), draws.end(),
                   [](const DomainDraw& a, const DomainDraw& b) { return a.voxels > b.voxels; });
  return draws;
}

ParameterSet parameter_set(const std::string& name) {
  ParameterSet set;
  set.name = name;
  set.matrix.name = "matrix";
  set.matrix.modes = 20;
  set.mro_barrier_law = BarrierLaw::uniform;
  set.mro_barrier_spread = 0.2;
  if (name == "2d") {
    set.voxel_size_nm = {0.7, 0.7, 1.0};
    set.matrix.young_modulus_gpa = 69.46;
    set.matrix.poisson_ratio = 0.365;
    set.matrix.gamma0 = 0.14;
    set.matrix.barrier_law = BarrierLaw::normal;
    set.matrix.barrier_mean_ev = 2.0;
    set.matrix.barrier_spread = 0.25;
    set.mro_barrier_mean_ev = 2.0;
  } else if (name == "mg3d") {
    set.voxel_size_nm = {2.5, 2.5, 2.5};
    set.matrix.young_modulus_gpa = 88.6;
    set.matrix.poisson_ratio = 0.371;
    set.matrix.gamma0 = 0.0275;
    set.matrix.barrier_law = BarrierLaw::uniform;
    set.matrix.barrier_mean_ev = 3.45;
    set.matrix.barrier_spread = 0.2;
    set.mro_barrier_mean_ev = 3.45;
  } else {
    throw input_error("there is no parameter set '{}': use 2d or mg3d", name);
  }
  return set;
}

std::vector<std::string> built_in_glasses() {
  return {"x0", "x05", "x1", "matrix", "six-fold"};
}

GlassRecipe built_in_glass(const std::string& name, const ParameterSet& set, double fraction,
                           const DomainSizes& sizes) {
  GlassRecipe recipe;
  recipe.name = name;
  recipe.matrix = set.matrix;
  const auto weak = [&](double own) { return mro_population(set, "weakly ordered MRO", weakly_ordered, own, sizes); };
  const auto strong = [&](double own) {
    return mro_population(set, "strongly ordered MRO", strongly_ordered, own, sizes);
  };
  if (name == "x0")
    recipe.mro = {weak(fraction)};
  else if (name == "x1")
    recipe.mro = {strong(fraction)};
  else if (name == "x05")
    recipe.mro = {weak(0.5 * fraction), strong(0.5 * fraction)};
  else if (name == "six-fold")
    recipe.mro = {mro_population(set, "six-fold MRO", {6, 0.5, 0.1}, fraction, sizes)};
  else if (name != "matrix") {
    const auto nearest = nearest_name(name, built_in_glasses());
    throw input_error(
        "there is no built-in glass '{}'{}: use x0, x05, x1, matrix or six-fold, or describe your own with "
        "--type",
        name, nearest.empty() ? "" : fmt::format(" (perhaps '{}' is meant)", nearest));
  }
  return recipe;
}

void validate_recipe(const GlassRecipe& recipe, int dimensions) {
  validate_type(recipe.matrix, true);
  validate_rules(recipe.rules, dimensions);
  if (recipe.mro.size() > 254) {
    throw input_error("{} kinds of MRO are too many: at most 254 are possible", recipe.mro.size());
  }
  std::set<std::string> names = {recipe.matrix.name};
  for (const auto& population : recipe.mro) {
    validate_type(population.type, false);
    if (population.type.name.empty() || !names.insert(population.type.name).second) {
      throw input_error("the zone type name '{}' is empty or given twice: give every type a name of its own",
                        population.type.name);
    }
    if (!(population.volume_fraction >= 0.0 && population.volume_fraction <= largest_mro_fraction)) {
      throw input_error("zone type '{}' has a volume fraction of {} (impossible): it must be from 0 to {}",
                        population.type.name, population.volume_fraction, largest_mro_fraction);
    }
    const auto& own = population.sizes;
    const auto& first = recipe.mro.front().sizes;
    if (recipe.mixing == Mixing::by_voxel && own != first) {
      throw input_error(
          "zone type '{}' has a domain size of its own, but kinds mixed by voxel share their domains: give "
          "all types one size, or mix by domain",
          population.type.name);
    }
  }
  if (total_fraction(recipe) > largest_mro_fraction * (1.0 + 1e-12)) {
    throw input_error(
        "the MRO takes {:.4g} of the volume in all (more than {}): non-overlapping domains cannot be placed "
        "reliably beyond; lower the fractions",
        total_fraction(recipe), largest_mro_fraction);
  }
}

Catalog build_catalog(const Communicator& communicator, const VoxelGrid& grid, const GlassRecipe& recipe,
                      std::uint64_t seed) {
  Catalog catalog = empty_catalog(communicator, grid, recipe, seed);
  const Range own = grid.voxels_of(communicator.rank(), communicator.size());
  const auto draws = draw_all_domains(grid, recipe, seed);
  const double total = total_fraction(recipe);
  const bool by_voxel = recipe.mixing == Mixing::by_voxel && recipe.mro.size() > 1;
  catalog.domains.reserve(draws.size());
  pack_domains(grid, draws, seed,
               [&](std::size_t row, const std::array<double, 3>& centre, std::span<const std::int64_t> voxels) {
                 const auto kind = static_cast<std::uint8_t>(draws[row].population + 1);
                 for (const std::int64_t voxel : voxels) {
                   if (!own.contains(voxel)) continue;
                   const auto at = static_cast<std::size_t>(voxel - own.begin);
                   catalog.voxel_domain[at] = static_cast<std::int32_t>(row);
                   catalog.voxel_type[at] = by_voxel ? random_kind(seed, voxel, recipe, total) : kind;
                 }
                 Domain domain;
                 domain.type = by_voxel ? std::uint8_t{0} : kind;
                 domain.voxels = draws[row].voxels;
                 for (std::size_t axis = 0; axis < 3; ++axis) domain.centre_nm[axis] = static_cast<float>(centre[axis]);
                 domain.diameter_nm = draws[row].diameter_nm;
                 domain.rotation = random_rotation(seed, row, grid.dimensions(), recipe.rules.tension_biased);
                 catalog.domains.push_back(domain);
               });
  return catalog;
}

}  // namespace mesoglass::catalog
