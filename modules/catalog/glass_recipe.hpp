// From a glass in words (kinds of MRO, how much, how large) to a catalog on voxels.
#pragma once

#include <string>
#include <vector>

#include "catalog/domain_packing.hpp"
#include "catalog/stz_catalog.hpp"

namespace mesoglass::catalog {

inline constexpr double largest_mro_fraction = 0.4;

// Material constants and voxel edges that were checked to behave well together (stress peak, drop, shear band).
struct ParameterSet {
  std::string name;
  std::array<double, 3> voxel_size_nm;
  ShearZoneType matrix;  // also the moduli, gamma0 of every type
  BarrierLaw mro_barrier_law;
  double mro_barrier_mean_ev;
  double mro_barrier_spread;
};

// "2d": voxel 0.7 x 0.7 x 1.0 nm, E = 69.46 GPa, nu = 0.365, gamma0 = 0.14, matrix barriers N(2.0, 0.25) eV, MRO
// barriers 2.0 (0.8 + 0.4 U) eV. "mg3d": voxel 2.5 nm, E = 88.6 GPa, nu = 0.371, gamma0 = 0.0275, all barriers 3.45
// (0.8 + 0.4 U) eV. Throws InputError for another name.
[[nodiscard]] ParameterSet parameter_set(const std::string& name);

// One kind of MRO in a glass.
struct MroPopulation {
  ShearZoneType type;
  double volume_fraction = 0.2;
  DomainSizes sizes;
};

// What distinguishes one kind of MRO from another: modes, amplitude A, softening factor s.
struct OrderedZone {
  int modes = 0;
  double amplitude = 0.0;
  double softening = 0.0;
};
// The paper's two cases, x = 0 and x = 1: the calibration points of the rules for measured order (mro_rules.hpp).
inline constexpr OrderedZone weakly_ordered = {12, 0.5, 0.9};
inline constexpr OrderedZone strongly_ordered = {2, 0.8, 0.01};

// A kind of MRO in the material of `set`. Pure.
[[nodiscard]] MroPopulation mro_population(const ParameterSet& set, const std::string& name, const OrderedZone& zone,
                                           double fraction, const DomainSizes& sizes);

// How kinds of MRO share the domains: each domain is of one kind, or each voxel of a domain draws its own kind.
enum class Mixing { by_domain, by_voxel };

struct GlassRecipe {
  std::string name;
  ShearZoneType matrix;
  std::vector<MroPopulation> mro;
  Mixing mixing = Mixing::by_domain;
  ModeRules rules;
};

// The cases of the paper "Zr MRO and ductility" and of the six-fold study before it:
//   matrix    no MRO
//   x0        weakly ordered MRO: 12 modes, A = 0.5, s = 0.9                     (Zr45Cu50Al5)
//   x1        strongly ordered MRO: 2 modes, A = 0.8, s = 0.01                   (Zr55Co25Al20)
//   x05       both, half of the MRO volume each                                  (Zr50Cu25Co12.5Al12.5)
//   six-fold  6 modes, A = 0.5, s = 0.1
// with `fraction` of the volume as MRO in all and domains of the given sizes. Throws InputError for another name.
[[nodiscard]] std::vector<std::string> built_in_glasses();
[[nodiscard]] GlassRecipe built_in_glass(const std::string& name, const ParameterSet& set, double fraction,
                                         const DomainSizes& sizes);

// Throws InputError that says which part of the recipe is impossible (types, fractions above 0.4 in all, names given
// twice, kinds mixed by voxel with different sizes).
void validate_recipe(const GlassRecipe& recipe, int dimensions);

// The domains of all populations, largest first: their voxels sum to the recipe's MRO fraction within half a mean
// domain (of the last population). Throws InputError where sizes do not fit the grid. Pure.
[[nodiscard]] std::vector<DomainDraw> draw_all_domains(const VoxelGrid& grid, const GlassRecipe& recipe,
                                                       std::uint64_t seed);

// The orientation of domain `row`: uniform over all rotations (Shoemake, Graphics Gems III (1992) 124); in 2-D about z
// by an angle uniform on a turn, or on [-pi/2, pi/2]. Pure.
[[nodiscard]] std::array<float, 4> random_rotation(std::uint64_t seed, std::size_t row, int dimensions,
                                                   bool tension_biased);

// Types, rules and this rank's voxels, all matrix. Throws InputError. No communication.
[[nodiscard]] Catalog empty_catalog(const Communicator& communicator, const VoxelGrid& grid, const GlassRecipe& recipe,
                                    std::uint64_t seed);

// Builds the voxel map: draws and packs the domains, turns each at random. A pure function of (grid, recipe, seed): the
// same catalog on any number of ranks; every rank does all of the packing (one bit a voxel) and keeps its own voxels.
// Throws InputError on every rank. No communication; call it on all ranks.
[[nodiscard]] Catalog build_catalog(const Communicator& communicator, const VoxelGrid& grid, const GlassRecipe& recipe,
                                    std::uint64_t seed);

}  // namespace mesoglass::catalog
