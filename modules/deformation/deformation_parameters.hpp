// Everything that decides what a deformation run computes, apart from the catalog: loading, kinetics, observables.
#pragma once

#include <array>
#include <cstdint>
#include <string>
#include <vector>

#include "core/option_table.hpp"
#include "elasticity/isotropic_moduli.hpp"

namespace mesoglass::deformation {

// What is done to the sample.
enum class LoadingKind {
  tension,       // mean strain xx grows at the strain rate, the other mean stresses are zero
  compression,   // the same with the opposite sign
  simple_shear,  // mean shear 2 e_xy grows at the strain rate, the other mean strains are zero
  creep,         // mean stress xx is held, the other mean stresses are zero
  relaxation,    // tension to the final strain, then the strain is held
  cyclic,        // tension and compression between plus and minus the final strain
};

// How far a mode shares in its voxel's softening, by the angle between it and the voxel's last strain.
enum class DirectionalSoftening {
  squared,    // ((1 + cos) / 2)^2
  linear,     // (1 + cos) / 2
  isotropic,  // 1
};

// What "carries excess free volume" means for a voxel.
enum class FreeVolumeCriterion {
  generation,      // it has transformed at least `threshold` times
  softening,       // its permanent softening is at least `threshold` of the cap
  plastic_strain,  // its von Mises plastic strain is at least `threshold`
  dilatation,      // its plastic volume strain is at least `threshold`
};

// How the stochastic process is sampled; the process is the same.
enum class EngineKind {
  fast,    // looks only at voxels that matter
  direct,  // computes every rate after every event
};

struct KineticParameters {
  double temperature_k = 300.0;
  double attempt_rate_per_s = 1e13;
  bool rate_volume = false;  // multiplies the attempt rate by the voxel's volume in nm^3
  DirectionalSoftening directional = DirectionalSoftening::squared;
  double permanent_softening = 400.0;  // k_p: permanent softening a unit of e:e
  double temporary_softening = 100.0;  // k_t
  double softening_cap = 0.8;          // g_cap
  double recovery_barrier_ev = 0.37;   // temporary softening decays with tau = 1 / (nu0 exp(-this / kT))
  bool energy_guard = false;           // Q = max(Q, elastic energy change)
  bool allow_pumping = false;          // run even where endless avalanches are expected
};

struct LoadingParameters {
  LoadingKind kind = LoadingKind::tension;
  double strain_rate_per_s = 1e-4;
  double final_strain = 0.06;
  double creep_stress_gpa = 1.0;
  double hold_time_s = 1000.0;  // creep and relaxation
  int cycles = 1;
  double step_strain = 1e-4;                        // largest loading step
  double largest_rate_change = 0.5;                 // a loading step changes no rate by more than this factor minus one
  elasticity::Body body = elasticity::Body::solid;  // solid in 3-D, one of the others in 2-D
};

struct ObservableParameters {
  double record_strain = 2e-4;           // history rows stand this far apart in strain
  int hold_records = 200;                // history rows in a hold (creep, relaxation)
  std::vector<double> snapshot_strains;  // fields are kept when the strain first reaches these
  bool snapshot_at_end = true;
  bool paraview = true;  // keep NAME.NNN.vtkhdf
  FreeVolumeCriterion criterion = FreeVolumeCriterion::generation;
  double criterion_threshold = 1.0;
  double stop_stress_drop = 0.0;  // end when the stress has fallen by this fraction of the peak; 0 = never
  bool stop_at_percolation = false;
};

// Rise of the temperature where voxels transform, and its conduction (heat_field.hpp).
struct HeatParameters {
  bool enabled = false;
  double density_kg_per_m3 = 6125.0;  // Zr-based glass
  double specific_heat_j_per_kg_k = 420.0;
  double diffusivity_m2_per_s = 3e-6;
  double exchange_time_s = 0.33;  // of the sample with its surroundings: (1 mm)^2 / diffusivity
};

struct DeformationParameters {
  std::uint64_t seed = 1;
  EngineKind engine = EngineKind::fast;
  KineticParameters kinetics;
  HeatParameters heat;
  LoadingParameters loading;
  ObservableParameters observables;
  std::int64_t largest_sweeps = 2000;  // an avalanche with more sweeps ends the run
  double largest_turnover = 100.0;     // so do more transformations a voxel between two history rows
};

// Declares the options from which deformation_parameters() builds the parameters (no file names). The defaults of the
// softening constants and of the rate volume depend on the catalog's dimensions, so they are unset in the table.
void add_deformation_options(OptionTable& table);

// The parameters for a grid of `dimensions` 2 or 3. Throws InputError that names option, value and remedy. Not
// collective.
[[nodiscard]] DeformationParameters deformation_parameters(const Options& options, int dimensions);

// Throws InputError where values contradict each other or cannot work. For parameters set by a program.
void validate(const DeformationParameters& parameters, int dimensions);

// All values as one line of text: two runs with equal text, catalog and seed are the same run. Kept in checkpoints.
[[nodiscard]] std::string fingerprint(const DeformationParameters& parameters);

}  // namespace mesoglass::deformation
