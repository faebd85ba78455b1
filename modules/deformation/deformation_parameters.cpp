#include "deformation/deformation_parameters.hpp"

#include <fmt/ranges.h>

#include <algorithm>
#include <cmath>
#include <map>

#include "core/error.hpp"

namespace mesoglass::deformation {

namespace {

const std::map<std::string, LoadingKind> loading_names = {
    {"tension", LoadingKind::tension}, {"compression", LoadingKind::compression}, {"shear", LoadingKind::simple_shear},
    {"creep", LoadingKind::creep},     {"relaxation", LoadingKind::relaxation},   {"cyclic", LoadingKind::cyclic}};
const std::map<std::string, DirectionalSoftening> directional_names = {{"squared", DirectionalSoftening::squared},
                                                                       {"linear", DirectionalSoftening::linear},
                                                                       {"isotropic", DirectionalSoftening::isotropic}};
const std::map<std::string, FreeVolumeCriterion> criterion_names = {
    {"generation", FreeVolumeCriterion::generation},
    {"softening", FreeVolumeCriterion::softening},
    {"plastic-strain", FreeVolumeCriterion::plastic_strain},
    {"dilatation", FreeVolumeCriterion::dilatation}};
const std::map<std::string, EngineKind> engine_names = {{"fast", EngineKind::fast}, {"direct", EngineKind::direct}};

template <typename T>
std::vector<std::string> names_of(const std::map<std::string, T>& names) {
  std::vector<std::string> result;
  for (const auto& [name, value] : names) result.push_back(name);
  return result;
}

// Constants that fit voxels of the published two-dimensional and of the default three-dimensional set.
struct DimensionDefaults {
  double permanent_softening;
  double temporary_softening;
  double softening_cap;
  bool rate_volume;
};
DimensionDefaults defaults_for(int dimensions) {
  if (dimensions == 2) return {13.0, 39.0, -std::log(0.6), false};
  return {400.0, 100.0, 0.8, true};
}

std::vector<double> strain_list(const Options& options, const std::string& name) {
  std::vector<double> result;
  for (const auto& text : options.list(name)) {
    double value = 0.0;
    std::size_t used = 0;
    try {
      value = std::stod(text, &used);
    } catch (const std::exception&) {
      used = 0;
    }
    if (used != text.size() || !(value >= 0.0 && value <= 10.0)) {
      throw input_error(
          "--{} {} is impossible (a strain from 0 to 10 is wanted): give the strain, and the option once "
          "for each snapshot",
          name, text);
    }
    result.push_back(value);
  }
  std::sort(result.begin(), result.end());
  result.erase(std::unique(result.begin(), result.end()), result.end());
  return result;
}

}  // namespace

void add_deformation_options(OptionTable& table) {
  table.group("Random numbers");
  table.integer("seed", 1).range(0, 9.0e15).text(
      "Seed of barriers, shear modes and waiting times. The same seed, catalog and parameters give the same run bit "
      "for "
      "bit on any number of ranks.");

  table.group("Loading");
  table.text("loading", "tension")
      .choices(names_of(loading_names))
      .text(
          "tension, compression: the mean strain xx follows the strain rate, the other mean stresses are zero. shear: "
          "the "
          "mean shear 2 e_xy follows it, the other mean strains are zero. creep: --creep-stress is held. relaxation: "
          "tension to --final-strain, which is then held for --hold-time. cyclic: --cycles times to plus and minus "
          "--final-strain.");
  table.real("strain-rate", 1e-4)
      .unit("1/s")
      .range(1e-12, 1e9)
      .text("Engineering strain rate of the driven component.");
  table.real("final-strain", 0.06)
      .range(1e-6, 1.0)
      .text(
          "Strain at which the run ends (tension, compression, shear, creep), is held (relaxation) or turns (cyclic).");
  table.real("creep-stress", 1.0).unit("GPa").range(-100.0, 100.0).text("Mean stress xx held in creep.");
  table.real("hold-time", 1000.0).unit("s").range(1e-12, 1e15).text("Duration of a hold in creep and relaxation.");
  table.integer("cycles", 1).range(1, 100000).text("Number of cycles of cyclic loading.");
  table.real("loading-step", 1e-4)
      .range(1e-9, 0.1)
      .text("Largest strain step within which rates are taken as constant; shortened where --rate-change asks for it.");
  table.real("rate-change", 0.5)
      .range(0.001, 10.0)
      .text(
          "A loading step changes the rate of no mode by more than the factor 1 + this (elastic bound with three times "
          "the "
          "characteristic strain).");
  table.text("plane", "plane-strain")
      .choices({"plane-strain", "plane-stress", "legacy-2d"})
      .text(
          "Third direction of a two-dimensional catalog: plane strain, plane stress, or the isotropic two-dimensional "
          "body "
          "(mu = E / (2 + 4 nu)) of earlier two-dimensional studies. No effect in three dimensions.");

  table.group("Kinetics");
  table.real("temperature", 300.0).unit("K").range(1.0, 5000.0).text("Temperature.");
  table.real("attempt-rate", 1e13).unit("1/s").range(1.0, 1e20).text("Attempt rate nu0 of a mode.");
  table.text("rate-volume")
      .choices({"no", "yes"})
      .text("Multiply the attempt rate by the voxel's volume in nm^3. Without it: yes in 3-D, no in 2-D.");
  table.text("directional-softening", "squared")
      .choices(names_of(directional_names))
      .text(
          "Share of a mode in its voxel's softening by the angle to the voxel's last strain: ((1 + cos)/2)^2, (1 + "
          "cos)/2, "
          "or 1.");
  table.real("permanent-softening", 400.0)
      .range(0.0, 1e4)
      .text(
          "k_p: a transformation of strain e adds k_p e:e to the exponent of permanent softening. Without it: 400 in "
          "3-D, 13 "
          "in 2-D.");
  table.real("temporary-softening", 100.0)
      .range(0.0, 1e4)
      .text("k_t: the same for softening that decays after the transformation. Without it: 100 in 3-D, 39 in 2-D.");
  table.real("softening-cap", 0.8)
      .range(0.0, 20.0)
      .text("Largest exponent g_cap of permanent softening. Without it: 0.8 in 3-D, -ln 0.6 in 2-D.");
  table.real("recovery-barrier", 0.37)
      .unit("eV")
      .range(0.0, 10.0)
      .text("Temporary softening decays with the time 1 / (attempt rate * exp(-this / kT)): 1.6e-7 s at 300 K.");
  table.flag("energy-guard")
      .text(
          "No transformation may have a barrier below the elastic energy that it costs: Q = max(Q, dE). Raises the "
          "strength; stops energy pumping with parameter sets that the start-up check warns about.");
  table.flag("allow-pumping").text("Run even where the start-up check expects endless avalanches.");
  table.flag("local-heating")
      .text(
          "Transformations heat their voxels by their work, the heat spreads by conduction, and rates follow the local "
          "temperature. Needs --engine direct.");
  table.real("density", 6125.0).unit("kg/m^3").range(1.0, 1e5).text("Density, for local heating.");
  table.real("specific-heat", 420.0).unit("J/(kg K)").range(1.0, 1e5).text("Specific heat, for local heating.");
  table.real("diffusivity", 3e-6).unit("m^2/s").range(1e-12, 1.0).text("Thermal diffusivity, for local heating.");
  table.real("heat-exchange-time", 0.33)
      .unit("s")
      .range(1e-12, 1e15)
      .text(
          "Time in which the whole sample exchanges its heat with the surroundings, for local heating: a thickness of "
          "1 mm squared over the diffusivity. Very long: an insulated sample.");
  table.text("engine", "fast")
      .choices(names_of(engine_names))
      .text(
          "How the process is sampled; both sample the same one. fast: looks only at voxels that matter. direct: "
          "computes every rate after every event, for checking on small samples.");
  table.integer("largest-sweeps", 2000)
      .range(1, 1e9)
      .text("An avalanche that has not ended after so many sweeps ends the run with an error that says why.");
  table.real("largest-turnover", 100.0)
      .range(0.01, 1e9)
      .text(
          "A run in which more transformations than this a voxel happen between two history rows has run away on its "
          "own "
          "elastic energy and ends with an error that says so.");

  table.group("Observables");
  table.real("record-strain", 2e-4).range(1e-8, 0.1).text("Distance of history rows in strain.");
  table.integer("hold-records", 200).range(1, 1000000).text("History rows in a hold (creep, relaxation).");
  table.list("snapshot-strain")
      .text("Keep all fields when the strain first reaches this; may be repeated. The end of the run is always kept.");
  table.text("paraview", "yes")
      .choices({"no", "yes"})
      .text("Leave each snapshot as NAME.NNN.vtkhdf for ParaView, too.");
  table.text("free-volume", "generation")
      .choices(names_of(criterion_names))
      .text(
          "Voxels that carry excess free volume: transformed at least --free-volume-threshold times, permanent "
          "softening at "
          "least that fraction of the cap, von Mises plastic strain at least that, or plastic volume strain at least "
          "that.");
  table.real("free-volume-threshold", 1.0).range(1e-9, 1e6).text("See --free-volume.");
  table.real("stop-stress-drop", 0.0)
      .range(0.0, 1.0)
      .text("End the run when the stress has fallen by this fraction of its peak; 0 = never.");
  table.flag("stop-at-percolation").text("End the run when the largest connected free volume percolates.");
}

DeformationParameters deformation_parameters(const Options& options, int dimensions) {
  const DimensionDefaults defaults = defaults_for(dimensions);
  const auto real_or = [&](const char* name, double value) { return options.given(name) ? options.real(name) : value; };
  DeformationParameters result;
  result.seed = static_cast<std::uint64_t>(options.integer("seed"));
  result.engine = engine_names.at(options.text("engine"));
  result.largest_sweeps = options.integer("largest-sweeps");
  result.largest_turnover = options.real("largest-turnover");

  auto& kinetics = result.kinetics;
  kinetics.temperature_k = options.real("temperature");
  kinetics.attempt_rate_per_s = options.real("attempt-rate");
  kinetics.rate_volume = options.has("rate-volume") ? options.text("rate-volume") == "yes" : defaults.rate_volume;
  kinetics.directional = directional_names.at(options.text("directional-softening"));
  kinetics.permanent_softening = real_or("permanent-softening", defaults.permanent_softening);
  kinetics.temporary_softening = real_or("temporary-softening", defaults.temporary_softening);
  kinetics.softening_cap = real_or("softening-cap", defaults.softening_cap);
  kinetics.recovery_barrier_ev = options.real("recovery-barrier");
  kinetics.energy_guard = options.flag("energy-guard");
  kinetics.allow_pumping = options.flag("allow-pumping");

  auto& heat = result.heat;
  heat.enabled = options.flag("local-heating");
  heat.density_kg_per_m3 = options.real("density");
  heat.specific_heat_j_per_kg_k = options.real("specific-heat");
  heat.diffusivity_m2_per_s = options.real("diffusivity");
  heat.exchange_time_s = options.real("heat-exchange-time");

  auto& loading = result.loading;
  loading.kind = loading_names.at(options.text("loading"));
  loading.strain_rate_per_s = options.real("strain-rate");
  loading.final_strain = options.real("final-strain");
  loading.creep_stress_gpa = options.real("creep-stress");
  loading.hold_time_s = options.real("hold-time");
  loading.cycles = static_cast<int>(options.integer("cycles"));
  loading.step_strain = options.real("loading-step");
  loading.largest_rate_change = options.real("rate-change");
  if (dimensions == 3 && options.given("plane")) {
    throw input_error("--plane is for two-dimensional catalogs, and this one has three dimensions: leave it out");
  }
  loading.body = dimensions == 3 ? elasticity::Body::solid : elasticity::body_from_name(options.text("plane"));

  auto& observables = result.observables;
  observables.record_strain = options.real("record-strain");
  observables.hold_records = static_cast<int>(options.integer("hold-records"));
  observables.snapshot_strains = strain_list(options, "snapshot-strain");
  observables.paraview = options.text("paraview") == "yes";
  observables.criterion = criterion_names.at(options.text("free-volume"));
  observables.criterion_threshold = options.real("free-volume-threshold");
  observables.stop_stress_drop = options.real("stop-stress-drop");
  observables.stop_at_percolation = options.flag("stop-at-percolation");
  validate(result, dimensions);
  return result;
}

void validate(const DeformationParameters& parameters, int dimensions) {
  const auto& loading = parameters.loading;
  const auto& kinetics = parameters.kinetics;
  const auto& observables = parameters.observables;
  const auto positive = [](double value, const char* name) {
    if (!(std::isfinite(value) && value > 0.0)) {
      throw input_error("{} = {} is impossible: give a finite, positive value", name, value);
    }
  };
  positive(kinetics.temperature_k, "temperature");
  positive(kinetics.attempt_rate_per_s, "attempt rate");
  positive(loading.strain_rate_per_s, "strain rate");
  positive(loading.final_strain, "final strain");
  positive(loading.hold_time_s, "hold time");
  positive(loading.step_strain, "loading step");
  positive(loading.largest_rate_change, "rate change");
  positive(observables.record_strain, "record strain");
  positive(parameters.heat.density_kg_per_m3, "density");
  positive(parameters.heat.specific_heat_j_per_kg_k, "specific heat");
  positive(parameters.heat.diffusivity_m2_per_s, "diffusivity");
  positive(parameters.heat.exchange_time_s, "heat exchange time");
  positive(observables.criterion_threshold, "free volume threshold");
  if (observables.record_strain > loading.final_strain) {
    throw input_error(
        "--record-strain {} is larger than --final-strain {} (the history would have no rows): record "
        "more often",
        observables.record_strain, loading.final_strain);
  }
  if (loading.final_strain / observables.record_strain > 1e7) {
    throw input_error("--record-strain {} asks for {:.3g} history rows: record less often", observables.record_strain,
                      loading.final_strain / observables.record_strain);
  }
  if (loading.kind == LoadingKind::creep && loading.creep_stress_gpa == 0.0) {
    throw input_error("--creep-stress 0 with --loading creep (nothing would drive the sample): give a stress in GPa");
  }
  if (dimensions != elasticity::dimensions_of(loading.body)) {
    throw input_error("a {} body does not suit a catalog of {} dimensions: take solid in 3-D, a plane body in 2-D",
                      elasticity::body_name(loading.body), dimensions);
  }
  if (observables.criterion == FreeVolumeCriterion::softening && observables.criterion_threshold > 1.0) {
    throw input_error(
        "--free-volume-threshold {} with --free-volume softening (a fraction of the cap never exceeds 1): "
        "give 0 to 1",
        observables.criterion_threshold);
  }
  for (const double strain : observables.snapshot_strains) {
    if (strain > loading.final_strain) {
      throw input_error("--snapshot-strain {} lies beyond --final-strain {}: choose a strain that is reached", strain,
                        loading.final_strain);
    }
  }
}

std::string fingerprint(const DeformationParameters& parameters) {
  const auto& k = parameters.kinetics;
  const auto& l = parameters.loading;
  const auto& o = parameters.observables;
  return fmt::format(
      "seed={} engine={} T={:a} nu0={:a} volume={} directional={} kp={:a} kt={:a} cap={:a} recovery={:a} guard={} "
      "loading={} rate={:a} final={:a} stress={:a} hold={:a} cycles={} step={:a} change={:a} plane={} record={:a} "
      "hold_records={} snapshots=[{:a}] end_snapshot={} paraview={} criterion={} threshold={:a} drop={:a} "
      "percolation={} "
      "sweeps={} turnover={:a} heat={},{:a},{:a},{:a},{:a}",
      parameters.seed, static_cast<int>(parameters.engine), k.temperature_k, k.attempt_rate_per_s, k.rate_volume,
      static_cast<int>(k.directional), k.permanent_softening, k.temporary_softening, k.softening_cap,
      k.recovery_barrier_ev, k.energy_guard, static_cast<int>(l.kind), l.strain_rate_per_s, l.final_strain,
      l.creep_stress_gpa, l.hold_time_s, l.cycles, l.step_strain, l.largest_rate_change, elasticity::body_name(l.body),
      o.record_strain, o.hold_records, fmt::join(o.snapshot_strains, ","), o.snapshot_at_end, o.paraview,
      static_cast<int>(o.criterion), o.criterion_threshold, o.stop_stress_drop, o.stop_at_percolation,
      parameters.largest_sweeps, parameters.largest_turnover, parameters.heat.enabled,
      parameters.heat.density_kg_per_m3, parameters.heat.specific_heat_j_per_kg_k, parameters.heat.diffusivity_m2_per_s,
      parameters.heat.exchange_time_s);
}

}  // namespace mesoglass::deformation
