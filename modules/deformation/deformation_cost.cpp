#include <algorithm>
#include <cmath>

#include "core/units.hpp"
#include "deformation/deformation_run.hpp"
#include "deformation/fast_engine.hpp"
#include "deformation/rate_bound.hpp"

namespace mesoglass::deformation {

namespace {

// One core of an Intel Xeon, in the elastic-plastic regime; docs/deformation.md says how they were measured.
// The fast engine's time an event hardly grows with the sample: a constant, and a little a voxel.
struct EventTime {
  double seconds = 0.0;
  double seconds_a_voxel = 0.0;
};
EventTime event_time(EngineKind engine, bool planar) noexcept {
  if (engine == EngineKind::direct) return {0.0, planar ? 80e-9 : 140e-9};
  return planar ? EventTime{100e-6, 0.5e-9} : EventTime{350e-6, 2.7e-9};
}

}  // namespace

DeformationCost estimate_cost(const DeformationParameters& parameters, const catalog::Catalog& glass, int ranks) {
  const bool planar = glass.grid.dimensions() == 2;
  const double voxels = static_cast<double>(glass.grid.voxel_count());
  const double own = std::ceil(static_cast<double>(glass.grid.slab_count()) / ranks) *
                     static_cast<double>(glass.grid.voxels_per_slab());
  const int components = (planar ? 2 : 5) + (glass.rules.dilatation > 0.0 ? 1 : 0);
  int modes = 0;
  for (const auto& type : glass.types) modes = std::max(modes, static_cast<int>(type.modes));
  RateConstants constants;
  constants.components = components;
  constants.energy_guard = parameters.kinetics.energy_guard;

  DeformationCost cost;
  if (parameters.engine == EngineKind::direct) {
    // DirectEngine's arrays: a block of modes; plastic strain, stress, evaluated stress; reach, rate, lowest, bound,
    // softening and block address; generation and list of voxels; padded count; freshness and last mode; type and
    // domain.
    cost.memory_per_voxel_bytes = 8.0 * static_cast<double>(block_size(constants, padded_modes(modes))) +
                                  8.0 * 3.0 * components + 8.0 * 6.0 + 4.0 * 2.0 + 2.0 + 2.0 + 5.0;
  } else {
    // FastEngine's: plastic strain, stress; softening; the stress of the bound; generation, bound and radius; last
    // mode; type and domain; its share of the cache of modes and of the far fields.
    const auto places = static_cast<double>(mode_cache_places(static_cast<std::size_t>(own)));
    const auto row = padded_modes(modes);
    const auto block = static_cast<double>(block_size(constants, row));
    const auto [edge, nearest_gap] = brick_choice(glass.grid);
    const auto far_fields = static_cast<double>(
        FarField::bytes_needed(glass.grid, components, glass.grid.slabs_of(0, ranks), edge, nearest_gap));
    cost.memory_per_voxel_bytes = 8.0 * 2.0 * components + 8.0 + 2.0 * components + 4.0 * 3.0 + 1.0 + 5.0 +
                                  (places * (8.0 * block + 8.0) + far_fields) / own;
  }
  // Of the whole sample on every rank.
  const double octant =
      static_cast<double>((glass.grid.nx / 2 + 1) * (glass.grid.ny / 2 + 1) * (glass.grid.nz / 2 + 1));
  const double kernel = 8.0 * components * (components + 1) / 2.0 * octant;
  // What is transposed, and what is exchanged between ranks; spectra stand in the stress' own memory, but for their
  // last frequencies along x.
  const double solver = 8.0 * ((ranks > 1 ? 2.0 : 1.0) + 2.0 * components / static_cast<double>(glass.grid.nx)) * own;
  const double clusters = 42.0 * own;
  cost.memory_per_voxel_bytes += (kernel + solver) / own;
  cost.memory_per_rank_bytes = cost.memory_per_voxel_bytes * own + clusters;

  // Every voxel flips once where the plastic strain is about its mode's, so plastic flow of p makes about
  // 2 p N / gamma0 events; elastic strains reach some 3 %.
  const double plastic = std::max(0.0, parameters.loading.final_strain - 0.03);
  const double events = 2.0 * plastic * voxels / glass.types.front().gamma0;
  const auto& observables = parameters.observables;
  const double rows = parameters.loading.final_strain / observables.record_strain + observables.hold_records;
  const double snapshots =
      static_cast<double>(observables.snapshot_strains.size()) + (observables.snapshot_at_end ? 1.0 : 0.0);
  constexpr double event_bytes = 96.0;
  constexpr double row_bytes = 24.0 * 8.0;
  constexpr double snapshot_voxel_bytes = 4.0 * (6 + 1 + 6 + 1 + 1) + 2.0;
  cost.output_bytes = events * event_bytes + rows * row_bytes +
                      snapshots * voxels * snapshot_voxel_bytes * (observables.paraview ? 2.0 : 1.0);
  const EventTime time = event_time(parameters.engine, planar);
  cost.seconds_per_event = time.seconds + own * time.seconds_a_voxel;
  return cost;
}

}  // namespace mesoglass::deformation
