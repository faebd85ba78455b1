#include "catalog/catalog_program.hpp"

#include <algorithm>
#include <cmath>

#include "catalog/map_file.hpp"
#include "catalog/mro_rules.hpp"
#include "catalog/realised_statistics.hpp"
#include "catalog/type_entry.hpp"
#include "core/atomic_output.hpp"
#include "core/error.hpp"

namespace mesoglass::catalog {

namespace {

SizeLaw size_law(const Options& options) {
  const auto& name = options.text("size-law");
  return name == "measured" ? SizeLaw::measured : name == "log-normal" ? SizeLaw::log_normal : SizeLaw::normal;
}

// Of the glasses in words; of a measurement the sizes are measured too.
DomainSizes domain_sizes(const Options& options) {
  const auto law = size_law(options);
  if ((law == SizeLaw::measured) != options.has("size-file")) {
    throw input_error("--size-law measured and --size-file belong together: give both or neither");
  }
  if (law == SizeLaw::measured) {
    const auto& file = options.text("size-file");
    return measured_sizes(read_text_file(file), file, options.real("domain-minimum"));
  }
  DomainSizes sizes;
  sizes.mean_nm = options.real("domain-diameter");
  sizes.spread_nm = options.real("domain-spread");
  sizes.minimum_nm = options.real("domain-minimum");
  sizes.law = law;
  return sizes;
}

ParameterSet material(const Options& options) {
  auto set = parameter_set(options.text("parameter-set"));
  const auto replace = [&](const char* name, double& value) {
    if (options.has(name)) value = options.real(name);
  };
  replace("young-modulus", set.matrix.young_modulus_gpa);
  replace("poisson-ratio", set.matrix.poisson_ratio);
  replace("gamma0", set.matrix.gamma0);
  if (options.has("barrier-mean")) {
    // Normal spreads are absolute: they keep their ratio to the mean.
    if (set.matrix.barrier_law == BarrierLaw::normal) {
      set.matrix.barrier_spread *= options.real("barrier-mean") / set.matrix.barrier_mean_ev;
    }
    set.matrix.barrier_mean_ev = set.mro_barrier_mean_ev = options.real("barrier-mean");
  }
  if (options.has("barrier-spread")) {
    const double spread = options.real("barrier-spread");
    set.matrix.barrier_spread =
        set.matrix.barrier_law == BarrierLaw::normal ? spread * set.matrix.barrier_mean_ev : spread;
    set.mro_barrier_spread = spread;  // of a uniform law
  }
  if (options.has("matrix-modes")) set.matrix.modes = static_cast<std::int32_t>(options.integer("matrix-modes"));
  return set;
}

VoxelGrid requested_grid(const Options& options, const ParameterSet& set) {
  VoxelGrid grid;
  grid.nx = options.integer("nx");
  grid.ny = options.has("ny") ? options.integer("ny") : grid.nx;
  grid.nz = options.has("nz") ? options.integer("nz") : (set.name == "2d" ? 1 : grid.nx);
  grid.voxel_size_nm = set.voxel_size_nm;
  if (options.has("voxel-size")) {
    grid.voxel_size_nm[0] = grid.voxel_size_nm[1] = options.real("voxel-size");
    if (grid.nz > 1) grid.voxel_size_nm[2] = options.real("voxel-size");
  }
  if (grid.nx < 2 || grid.ny < 2) {
    throw input_error(
        "a grid of {} x {} x {} voxels is too small: nx and ny must be at least 2 (nz = 1 means two "
        "dimensions)",
        grid.nx, grid.ny, grid.nz);
  }
  grid.validate();
  return grid;
}

GlassRecipe recipe_from_entries(const Options& options, const ParameterSet& set) {
  GlassRecipe recipe;
  recipe.matrix = set.matrix;
  const auto& entries = options.list("type");
  MroPopulation defaults = built_in_glass("x0", set, 0.0, domain_sizes(options)).mro.front();
  defaults.volume_fraction = options.real("fraction") / static_cast<double>(entries.size());
  for (const auto& entry : entries) recipe.mro.push_back(parse_type_entry(entry, defaults));
  return recipe;
}

MeasurementRules measurement_rules(const Options& options) {
  MeasurementRules rules;
  rules.size_law = size_law(options);
  if (rules.size_law == SizeLaw::measured) {
    throw input_error("--size-law measured is for glasses in words: with --from the sizes are those of the file");
  }
  rules.size_factor = options.real("size-factor");
  rules.relative_spread = options.real("size-spread");
  rules.fraction_rule = options.text("fraction-rule") == "area" ? FractionRule::area : FractionRule::total;
  rules.fraction = options.real("fraction");
  rules.k_low = options.real("k-low");
  rules.k_high = options.real("k-high");
  for (const char* end : {"weak", "strong"}) {
    if (options.has(std::string("order-") + end) && options.has(std::string(end) + "-from")) {
      throw input_error("--order-{} and --{}-from are both given: keep one", end, end);
    }
  }
  return rules;
}

// One end of the calibration: a number given, a reference glass measured alike, or the phantoms' value. Collective.
double calibrated_order(const Communicator& communicator, const Options& options, const std::string& end,
                        const MeasurementRules& rules, double otherwise, std::string& words) {
  words += (words.empty() ? "" : ", ") + end + " ";
  if (options.has(end + "-from")) {
    const auto reference = read_measured_mro(communicator, options.text(end + "-from"));
    const double order =
        collectively(communicator, [&] { return reference_order(reference, rules.k_low, rules.k_high); });
    words += fmt::format("{:.4g} (of {})", order, options.text(end + "-from"));
    return order;
  }
  if (options.has("order-" + end)) {
    words += fmt::format("{:.4g} (given)", options.real("order-" + end));
    return options.real("order-" + end);
  }
  words += fmt::format("{:.4g} (of the shipped phantom)", otherwise);
  return otherwise;
}

ModeRules mode_rules(const Options& options) {
  ModeRules rules;
  rules.jitter = options.real("jitter");
  rules.dilatation = options.real("dilatation");
  rules.parallel_modes = options.flag("parallel-modes");
  rules.compounding_softening = options.flag("compounding-softening");
  rules.tension_biased = options.flag("tension-biased");
  return rules;
}

void summarise(Run& run, const Catalog& catalog, const RealisedStatistics& realised) {
  auto& summary = run.summary();
  summary.set("glass", catalog.glass, "", "name of the glass");
  summary.set("voxels", catalog.grid.voxel_count(), "1",
              fmt::format("{} x {} x {} voxels", catalog.grid.nx, catalog.grid.ny, catalog.grid.nz));
  summary.set("domains", static_cast<std::int64_t>(catalog.domains.size()), "1", "MRO domains");
  summary.set("mro_volume_fraction", 1.0 - realised.volume_fraction[0], "1", "volume fraction of all MRO");
  if (!catalog.domains.empty()) {
    summary.set("domain_diameter_mean", realised.mean_diameter_nm, "nm", "mean equivalent diameter of the domains");
    summary.set("domain_diameter_deviation", realised.diameter_deviation_nm, "nm", "their standard deviation");
    summary.set("correlation_length", realised.correlation_length_nm, "nm",
                "distance at which the two-point correlation of MRO has fallen half-way");
  }
  for (std::size_t row = 1; row < catalog.types.size(); ++row) {
    const auto& type = catalog.types[row];
    summary.set(fmt::format("volume_fraction_type_{}", row), realised.volume_fraction[row], "1",
                fmt::format("{}: {} modes, amplitude {:.3g}, softening {:.3g}", type.name, type.modes, type.amplitude,
                            type.softening));
  }
}

}  // namespace

void add_catalog_options(OptionTable& table) {
  table.group("Glass (one of the first three)");
  table.text("glass")
      .choices(built_in_glasses())
      .text(
          "A built-in glass: x0 (weakly ordered MRO: 12 modes, amplitude 0.5, softening 0.9), x1 (strongly ordered: 2 "
          "modes, "
          "0.8, 0.01), x05 (half each), matrix (none), six-fold (6 modes, 0.5, 0.1).");
  table.list("type").text(
      "A kind of MRO as 'NAME: modes=12, amplitude=0.5, softening=0.9'; more keys: fraction, diameter, spread, minimum "
      "(nm), barrier-law, barrier-mean (eV), barrier-spread, young-modulus (GPa), poisson-ratio, gamma0. Repeat it for "
      "a "
      "mixture; without 'fraction' the types share --fraction equally.");
  table.text("from").text("Make the kinds of MRO from this mro.h5 of mg-analyze by the rules below.");
  table.text("map").text(
      "Take types and domains of the voxels from this catalog.h5 or HDF5 file (/voxels/type, and /voxels/domain where "
      "it "
      "has them) instead of packing; the grid must be as large.");
  table.text("name").text(
      "Name of the glass in the result; by default the built-in glass's, or 'custom', or 'measured'.");
  table.real("fraction", 0.2).range(0.0, largest_mro_fraction).text("Volume fraction of all MRO together.");
  table.text("mixing", "domain")
      .choices({"domain", "voxel"})
      .text("How kinds share the domains: each domain is of one kind, or each voxel of a domain draws its own.");
  table.integer("seed", 1).range(0, 9e15).text("Random seed: fixes sizes, places and orientations of the domains.");

  table.group("Domains");
  table.real("domain-diameter", 2.8)
      .unit("nm")
      .range(0.0, 1000.0)
      .text("Mean diameter of the MRO domains; 0 makes every domain a single voxel.");
  table.real("domain-spread", 0.4).unit("nm").range(0.0, 1000.0).text("Standard deviation of the (normal) diameters.");
  table.real("domain-minimum", 1.0).unit("nm").range(0.0, 1000.0).text("Smaller diameters are drawn again.");

  table.text("size-law", "normal")
      .choices({"normal", "log-normal", "measured"})
      .text("Distribution of the diameters: normal or log-normal with this mean and spread, or that of --size-file.");
  table.text("size-file")
      .text(
          "Measured diameters, one number (nm) a line and, after a blank, its weight if not 1: with --size-law "
          "measured.");

  table.group("Grid and material");
  table.text("parameter-set", "mg3d")
      .choices({"2d", "mg3d"})
      .text(
          "Voxel size, moduli, gamma0 and barriers that work together: mg3d (2.5 nm voxels) or 2d (0.7 x 0.7 x 1.0 nm, "
          "one "
          "voxel thick).");
  table.integer("nx", 32).unit("voxels").range(2, 1 << 20).text("Grid size along x, the tensile axis.");
  table.integer("ny").unit("voxels").range(2, 1 << 20).text("Grid size along y; as nx by default.");
  table.integer("nz")
      .unit("voxels")
      .range(1, 1 << 20)
      .text("Grid size along z; 1 is two-dimensional. By default 1 (2d) or as nx.");
  table.real("voxel-size").unit("nm").range(0.01, 1000.0).text("Voxel edge (x and y in 2-D) instead of the set's.");
  table.real("young-modulus").unit("GPa").range(1e-3, 1e5).text("Young's modulus instead of the set's.");
  table.real("poisson-ratio").range(-0.999, 0.499).text("Poisson's ratio instead of the set's.");
  table.real("gamma0").range(1e-4, 1.0).text("Characteristic shear strain instead of the set's.");
  table.real("barrier-mean")
      .unit("eV")
      .range(1e-3, 100.0)
      .text("Mean activation barrier of all zones instead of the set's.");
  table.real("barrier-spread")
      .range(0.0, 0.25)
      .text(
          "Spread of all zones' barriers over their mean instead of the set's: half width of a uniform law (mg3d, all "
          "MRO), standard deviation of a normal one (matrix of 2d).");
  table.integer("matrix-modes").range(1, 64).text("Shear modes of a matrix voxel instead of 20.");

  table.group("Shear modes");
  table.real("jitter", 0.2)
      .range(0.0, 0.5)
      .text("Relative half width by which each MRO voxel's mode amplitudes and directions differ from its domain's.");
  table.real("dilatation", 0.0)
      .range(0.0, 1.0)
      .unit("gamma0")
      .text("Each mode also dilates by |N(0,1)| times this (volume strain); 0.15 is a usual value, 0 is none.");
  table.flag("parallel-modes")
      .text("2-D: angles a_0 + 4 pi j/m (pairs nearly parallel, not opposite), as a published code has it.");
  table.flag("compounding-softening").text("Mode j of an MRO voxel softens by s^(j+1), as a published code has it.");
  table.flag("tension-biased").text("2-D: orientations a_0 from [-pi/2, pi/2] only, as a published code has it.");

  table.group("Rules for --from (docs/catalog.md)");
  table.text("weak-from")
      .text(
          "mro.h5 of a glass that stands for the paper's x = 0 (12 modes, softening 0.9), measured and analysed alike: "
          "its mean "
          "degree of order, weighted by area fraction, is the weak end of the rules.");
  table.text("strong-from").text("The same for x = 1 (2 modes, softening 0.01): the strong end.");
  table.real("order-weak")
      .range(1e-300, 1e300)
      .text(
          "The weak end as a number, in the analysis's unit. Without any: 0.003, found for the shipped x = 0 phantom.");
  table.real("order-strong")
      .range(1e-300, 1e300)
      .text("The strong end as a number. Without any: 0.01, found for the shipped x = 1 phantom.");
  table.real("size-factor", 1.0).range(0.01, 100.0).text("Domain diameter over measured size.");
  table.real("size-spread", 0.15).range(0.0, 0.5).text("Standard deviation of the diameters over their mean.");
  table.text("fraction-rule", "total")
      .choices({"total", "area"})
      .text(
          "total: the types share --fraction in proportion to their area fractions; area: each has --fraction times "
          "its own.");
  table.real("k-low", 0.0)
      .unit("nm^-1")
      .range(0.0, 1000.0)
      .text("Leave out types with a peak below this scattering vector.");
  table.real("k-high", 1000.0).unit("nm^-1").range(0.0, 1000.0).text("Leave out types with a peak above it.");
}

CatalogRequest catalog_request(const Communicator& communicator, const Options& options) {
  CatalogRequest request;
  const auto set = collectively(communicator, [&] {
    const int sources =
        (options.has("glass") ? 1 : 0) + (options.list("type").empty() ? 0 : 1) + (options.has("from") ? 1 : 0);
    if (sources != 1) {
      throw input_error("{} of --glass, --type and --from are given: give exactly one of the three", sources);
    }
    auto chosen = material(options);
    request.grid = requested_grid(options, chosen);
    request.seed = static_cast<std::uint64_t>(options.integer("seed"));
    return chosen;
  });
  if (options.has("from")) {
    auto rules = collectively(communicator, [&] { return measurement_rules(options); });
    rules.calibration.weak =
        calibrated_order(communicator, options, "weak", rules, phantom_calibration.weak, request.calibration);
    rules.calibration.strong =
        calibrated_order(communicator, options, "strong", rules, phantom_calibration.strong, request.calibration);
    const auto measured = read_measured_mro(communicator, options.text("from"));
    request.recipe = collectively(communicator, [&] { return recipe_from_measurement(measured, rules, set); });
    request.recipe.name = "measured";
  } else {
    request.recipe = collectively(communicator, [&] {
      if (options.has("glass")) {
        return built_in_glass(options.text("glass"), set, options.real("fraction"), domain_sizes(options));
      }
      auto recipe = recipe_from_entries(options, set);
      recipe.name = "custom";
      return recipe;
    });
  }
  if (options.has("name")) request.recipe.name = options.text("name");
  request.recipe.mixing = options.text("mixing") == "voxel" ? Mixing::by_voxel : Mixing::by_domain;
  request.recipe.rules = mode_rules(options);
  if (options.has("map")) request.map = options.text("map");
  collectively(communicator, [&] { validate_recipe(request.recipe, request.grid.dimensions()); });
  return request;
}

Catalog make_catalog(const Communicator& communicator, const CatalogRequest& request, std::uint64_t seed) {
  if (!request.map.empty()) return catalog_of_map(communicator, request.map, request.grid, request.recipe, seed);
  return collectively(communicator, [&] { return build_catalog(communicator, request.grid, request.recipe, seed); });
}

CatalogCost estimate_cost(const CatalogRequest& request, int ranks) {
  CatalogCost cost;
  const auto voxels = static_cast<double>(request.grid.voxel_count());
  for (const auto& population : request.recipe.mro) {
    cost.domains += voxels * population.volume_fraction / domain_volume_voxels(request.grid, population.sizes.mean_nm);
  }
  constexpr double bytes_per_own_voxel = sizeof(std::uint8_t) + sizeof(std::int32_t);
  constexpr double file_bytes_per_domain = 41.0;
  // The draws live beside the domains, twice while they are sorted.
  cost.memory_per_rank_bytes = voxels * bytes_per_own_voxel / ranks + voxels / 8.0 +
                               cost.domains * static_cast<double>(sizeof(Domain) + 2 * sizeof(DomainDraw));
  cost.output_bytes = voxels * bytes_per_own_voxel + cost.domains * file_bytes_per_domain;
  return cost;
}

ProgramInformation catalog_program_information() {
  return {
      "mg-catalog",
      "the catalog of shear transformation zones of a glass, on voxels",
      "Builds a periodic voxel map of medium-range-order (MRO) domains in a glassy matrix, without overlap, and gives "
      "each kind of MRO its shear modes, activation barriers and softening. The kinds come from a built-in glass, "
      "from a parameter file, or from measured MRO by rules: more order means fewer shear modes and less softening. "
      "The result, catalog.h5, is what mg-deform deforms. The same seed gives the same catalog, bit for bit, on any "
      "number of ranks.",
      {"mg-catalog --glass x05 --nx 48 --seed 7 --output x05.catalog.h5",
       "mg-catalog --config inputs/paper/x0.cfg --output x0.catalog.h5",
       "mpirun -n 4 mg-catalog --from mro.h5 --weak-from x0/mro.h5 --strong-from x1/mro.h5 --output glass.catalog.h5"}};
}

OptionTable catalog_program_options() {
  OptionTable table;
  add_catalog_options(table);
  table.group("Output");
  table.text("output", "catalog.h5").text("The catalog to write.");
  return table;
}

void run_catalog_program(Run& run) {
  const auto& communicator = run.communicator();
  const std::filesystem::path output = run.options().text("output");
  if (!run.dry_run() && run.already_complete(output)) return;
  const auto request = catalog_request(communicator, run.options());
  const auto cost = estimate_cost(request, communicator.size());
  run.plan("glass '{}': {} x {} x {} voxels, {:.3g} x {:.3g} x {:.3g} nm", request.recipe.name, request.grid.nx,
           request.grid.ny, request.grid.nz, static_cast<double>(request.grid.nx) * request.grid.voxel_size_nm[0],
           static_cast<double>(request.grid.ny) * request.grid.voxel_size_nm[1],
           static_cast<double>(request.grid.nz) * request.grid.voxel_size_nm[2]);
  if (!request.calibration.empty()) run.plan("calibration of the degree of order: {}", request.calibration);
  if (request.calibration.find("phantom") != std::string::npos) {
    run.log().warning(
        "the degree of order is calibrated on this project's phantoms, which tells little about another measurement: "
        "give "
        "--weak-from and --strong-from, or --order-weak and --order-strong (docs/catalog.md)");
  }
  for (const auto& population : request.recipe.mro) {
    run.plan("{}: {:.4g} of the volume, domains {:.3g} +- {:.3g} nm, {} modes, amplitude {:.3g}, softening {:.3g}",
             population.type.name, population.volume_fraction, population.sizes.mean_nm, population.sizes.spread_nm,
             population.type.modes, population.type.amplitude, population.type.softening);
  }
  run.plan("about {:.3g} domains; {} a rank, {} on disk at most (before compression)", cost.domains,
           bytes_text(cost.memory_per_rank_bytes), bytes_text(cost.output_bytes));
  if (run.dry_run()) {
    // The sizes are judged when they are drawn, which is cheap beside packing them.
    if (request.map.empty()) {
      collectively(communicator, [&] { (void)draw_all_domains(request.grid, request.recipe, request.seed); });
    }
    return;
  }

  AtomicOutput atomic(communicator, output, run.if_exists());
  on_root(communicator, [&] {
    for (const char* option : catalog_file_options) {
      if (run.options().has(option)) run.provenance().add_input(run.options().text(option));
    }
  });
  run.provenance().set_seed(request.seed);
  const auto catalog = [&] {
    const auto timing = run.timers().time("packing domains");
    return make_catalog(communicator, request, request.seed);
  }();
  {
    const auto timing = run.timers().time("writing");
    write_catalog(communicator, atomic.temporary_path(), catalog, run.provenance());
  }
  atomic.commit();
  summarise(run, catalog, realised_statistics(communicator, catalog));
}

}  // namespace mesoglass::catalog
