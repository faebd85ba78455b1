#include "deformation/checkpoint.hpp"

#include <algorithm>
#include <cmath>
#include <span>

#include "core/atomic_output.hpp"
#include "core/error.hpp"
#include "core/hdf5_file.hpp"

namespace mesoglass::deformation {

namespace {

constexpr int checkpoint_version = 3;
constexpr std::size_t history_columns = sizeof(HistoryRow) / sizeof(double);

std::uint64_t fnv1a(std::uint64_t hash, std::span<const std::byte> bytes) noexcept {
  for (const std::byte byte : bytes) hash = (hash ^ static_cast<std::uint64_t>(byte)) * 0x100000001b3ULL;
  return hash;
}
constexpr std::uint64_t fnv1a_start = 0xcbf29ce484222325ULL;

template <typename Row>
std::span<const double> numbers(const std::vector<Row>& rows) {
  return {reinterpret_cast<const double*>(rows.data()), rows.size() * sizeof(Row) / sizeof(double)};
}
template <typename Row>
std::vector<Row> rows_from(const std::vector<double>& values) {
  std::vector<Row> rows(values.size() * sizeof(double) / sizeof(Row));
  std::copy_n(values.begin(), rows.size() * sizeof(Row) / sizeof(double), reinterpret_cast<double*>(rows.data()));
  return rows;
}

Error damaged(const std::filesystem::path& path, const char* why) {
  return input_error("checkpoint {} is damaged ({}): start anew with --overwrite", path.string(), why);
}

Shape own_offset(const VoxelState& state) {
  return {static_cast<std::uint64_t>(state.own.begin)};
}
Shape own_count(const VoxelState& state) {
  return {state.count()};
}

// A tensor array's components one after the other, each a row of voxels.
void write_components(Hdf5File& file, const std::string& name, const VoxelGrid& grid, const VoxelState& state,
                      const std::vector<double>& values, const std::string& unit) {
  const auto components = static_cast<std::uint64_t>(state.components);
  file.create_dataset<double>(name, {components, static_cast<std::uint64_t>(grid.voxel_count())}, unit,
                              "basis components, voxels");
  file.write_part<double>(name, {0, static_cast<std::uint64_t>(state.own.begin)}, {components, state.count()}, values);
}
void read_components(const Hdf5File& file, const std::string& name, const VoxelState& state,
                     std::vector<double>& values) {
  const auto components = static_cast<std::uint64_t>(state.components);
  file.read_part<double>(name, {0, static_cast<std::uint64_t>(state.own.begin)}, {components, state.count()}, values);
}

}  // namespace

std::string run_identity(const Communicator& communicator, const std::string& parameter_fingerprint,
                         const catalog::Catalog& glass) {
  // A hash a slab, and then a hash of those: the same on any number of ranks.
  const auto slab_voxels = static_cast<std::size_t>(glass.grid.voxels_per_slab());
  std::vector<std::uint64_t> slabs;
  for (std::size_t first = 0; first + slab_voxels <= glass.voxel_type.size(); first += slab_voxels) {
    auto hash = fnv1a(fnv1a_start, std::as_bytes(std::span(glass.voxel_type).subspan(first, slab_voxels)));
    slabs.push_back(fnv1a(hash, std::as_bytes(std::span(glass.voxel_domain).subspan(first, slab_voxels))));
  }
  const auto all = communicator.all_gather(std::span<const std::uint64_t>(slabs));
  auto hash = fnv1a(fnv1a_start, std::as_bytes(std::span(all)));
  for (const auto& domain : glass.domains) hash = fnv1a(hash, std::as_bytes(std::span(domain.rotation)));
  std::string types;
  for (const auto& type : glass.types) {
    types += fmt::format("[{} {} {:a} {:a} {} {:a} {:a} {:a} {:a} {:a}]", type.name, type.modes, type.amplitude,
                         type.softening, static_cast<int>(type.barrier_law), type.barrier_mean_ev, type.barrier_spread,
                         type.young_modulus_gpa, type.poisson_ratio, type.gamma0);
  }
  const auto& rules = glass.rules;
  return fmt::format("{} grid={}x{}x{} voxel={:a},{:a},{:a} map={:016x} types={} rules={:a},{:a},{},{},{}",
                     parameter_fingerprint, glass.grid.nx, glass.grid.ny, glass.grid.nz, glass.grid.voxel_size_nm[0],
                     glass.grid.voxel_size_nm[1], glass.grid.voxel_size_nm[2], hash, types, rules.jitter,
                     rules.dilatation, rules.parallel_modes, rules.compounding_softening, rules.tension_biased);
}

void write_checkpoint(const Communicator& communicator, const std::filesystem::path& path, const std::string& identity,
                      const VoxelGrid& grid, const RunProgress& progress, const VoxelState& state) {
  AtomicOutput output(communicator, path, IfExists::overwrite);
  {
    auto file = Hdf5File::create(communicator, output.temporary_path());
    file.write_format("mesoglass deformation checkpoint", checkpoint_version, 0);
    file.write_text("/identity", identity, "parameters and catalog of the run");
    const std::vector<std::int64_t> counts = {static_cast<std::int64_t>(progress.draws),
                                              progress.segment,
                                              progress.records,
                                              progress.events,
                                              progress.avalanches,
                                              progress.snapshots};
    std::vector<double> reals = {progress.time_in_segment_s, progress.time_s, progress.external_work_ev,
                                 progress.dissipated_work_ev};
    reals.insert(reals.end(), progress.mean_plastic.begin(), progress.mean_plastic.end());
    file.write("/progress/counts", counts, "1", "draws, segment, records, events, avalanches, snapshots");
    file.write("/progress/reals", reals, "1",
               "time in segment, time (s), external, dissipated work (eV), mean plastic");
    file.write<double>("/history", {progress.history.size(), history_columns}, numbers(progress.history), "1",
                       "history rows");

    const Shape voxels = {static_cast<std::uint64_t>(grid.voxel_count())};
    file.create_dataset<std::uint32_t>("/voxels/generation", voxels, "1", "transformations");
    file.write_part<std::uint32_t>("/voxels/generation", own_offset(state), own_count(state), state.generation);
    file.create_dataset<double>("/voxels/permanent_softening", voxels, "1", "g_perm");
    file.write_part<double>("/voxels/permanent_softening", own_offset(state), own_count(state),
                            state.permanent_softening);
    file.create_dataset<std::uint8_t>("/voxels/last_mode", voxels, "1", "mode of the last transformation");
    file.write_part<std::uint8_t>("/voxels/last_mode", own_offset(state), own_count(state), state.last_mode);
    write_components(file, "/voxels/plastic_strain", grid, state, state.plastic_strain, "1");
    write_components(file, "/voxels/stress_fluctuation", grid, state, state.stress_fluctuation, "GPa");
    if (communicator.any(!state.temperature_rise.empty())) {
      file.create_dataset<double>("/voxels/temperature_rise", voxels, "K", "rise by local heating");
      file.write_part<double>("/voxels/temperature_rise", own_offset(state), own_count(state), state.temperature_rise);
    }

    // Not every rank has voxels, and all take part in the writing.
    if (communicator.any(!state.bound_rate.empty())) {
      const auto width = static_cast<std::uint64_t>(state.components);
      file.create_dataset<float>("/bounds/rate", voxels, "1/s", "bound of each voxel's rate");
      file.write_part<float>("/bounds/rate", own_offset(state), own_count(state), state.bound_rate);
      file.create_dataset<float>("/bounds/radius", voxels, "GPa", "how far its stress may move");
      file.write_part<float>("/bounds/radius", own_offset(state), own_count(state), state.bound_radius);
      file.create_dataset<std::int16_t>("/bounds/stress", {width, voxels.front()}, "1",
                                        "the stress it was found at, in 32767ths of half the shear modulus");
      file.write_part<std::int16_t>("/bounds/stress", {0, static_cast<std::uint64_t>(state.own.begin)},
                                    {width, state.count()}, state.bound_stress);
    }

    auto live = communicator.all_gather(std::span<const LiveSoftening>(state.live));
    std::sort(live.begin(), live.end(),
              [](const LiveSoftening& a, const LiveSoftening& b) { return a.voxel < b.voxel; });
    std::vector<std::int64_t> live_voxels;
    std::vector<double> live_values;
    for (const auto& entry : live) {
      live_voxels.push_back(entry.voxel);
      live_values.insert(live_values.end(), {entry.at_event, entry.age_s});
    }
    file.write("/live/voxel", live_voxels, "1", "voxels with temporary softening");
    file.write<double>("/live/values", {live.size(), 2}, live_values, "1", "softening at the event, age (s)");
    file.close();
  }
  output.commit();
}

void read_checkpoint(const Communicator& communicator, const std::filesystem::path& path, const std::string& identity,
                     const VoxelGrid& grid, RunProgress& progress, VoxelState& state) {
  auto file = Hdf5File::open(communicator, path);
  file.check_format("mesoglass deformation checkpoint", checkpoint_version);
  if (file.read_text("/identity") != identity) {
    throw input_error(
        "checkpoint {} belongs to another run (its parameters, seed or catalog differ from those given): "
        "repeat the command that started it, or start anew with --overwrite",
        path.string());
  }
  const auto counts = file.read<std::int64_t>("/progress/counts");
  const auto reals = file.read<double>("/progress/reals");
  const auto history = file.read<double>("/history");
  const auto live_voxels = file.read<std::int64_t>("/live/voxel");
  const auto live_values = file.read<double>("/live/values");
  const Shape voxels = {static_cast<std::uint64_t>(grid.voxel_count())};
  const Shape components = {static_cast<std::uint64_t>(state.components), voxels.front()};
  if (counts.size() != 6 || reals.size() != 4 + most_strain_components || history.size() % history_columns != 0 ||
      live_values.size() != 2 * live_voxels.size() || file.shape("/voxels/generation") != voxels ||
      file.shape("/voxels/permanent_softening") != voxels || file.shape("/voxels/last_mode") != voxels ||
      file.shape("/voxels/plastic_strain") != components || file.shape("/voxels/stress_fluctuation") != components) {
    throw damaged(path, "its tables do not fit together");
  }
  progress.draws = static_cast<std::uint64_t>(counts[0]);
  progress.segment = counts[1];
  progress.records = counts[2];
  progress.events = counts[3];
  progress.avalanches = counts[4];
  progress.snapshots = counts[5];
  progress.time_in_segment_s = reals[0];
  progress.time_s = reals[1];
  progress.external_work_ev = reals[2];
  progress.dissipated_work_ev = reals[3];
  std::copy_n(reals.begin() + 4, most_strain_components, progress.mean_plastic.begin());
  progress.history = rows_from<HistoryRow>(history);

  file.read_part<std::uint32_t>("/voxels/generation", own_offset(state), own_count(state), state.generation);
  file.read_part<double>("/voxels/permanent_softening", own_offset(state), own_count(state), state.permanent_softening);
  file.read_part<std::uint8_t>("/voxels/last_mode", own_offset(state), own_count(state), state.last_mode);
  read_components(file, "/voxels/plastic_strain", state, state.plastic_strain);
  read_components(file, "/voxels/stress_fluctuation", state, state.stress_fluctuation);
  if (file.exists("/voxels/temperature_rise")) {
    state.temperature_rise.resize(state.count());
    file.read_part<double>("/voxels/temperature_rise", own_offset(state), own_count(state), state.temperature_rise);
  }
  if (communicator.any(!state.bound_rate.empty())) {
    const auto width = static_cast<std::uint64_t>(state.components);
    if (file.shape("/bounds/rate") != voxels || file.shape("/bounds/radius") != voxels ||
        file.shape("/bounds/stress") != Shape{width, voxels.front()}) {
      throw damaged(path, "its tables do not fit together");
    }
    file.read_part<float>("/bounds/rate", own_offset(state), own_count(state), state.bound_rate);
    file.read_part<float>("/bounds/radius", own_offset(state), own_count(state), state.bound_radius);
    file.read_part<std::int16_t>("/bounds/stress", {0, static_cast<std::uint64_t>(state.own.begin)},
                                 {width, state.count()}, state.bound_stress);
  }
  state.live.clear();
  for (std::size_t entry = 0; entry < live_voxels.size(); ++entry) {
    if (!state.own.contains(live_voxels[entry])) continue;
    state.live.push_back({live_voxels[entry], live_values[2 * entry], live_values[2 * entry + 1]});
  }
  collectively(communicator, [&] {
    const auto check = [&](const auto& values) {
      if (!std::all_of(values.begin(), values.end(), [](auto value) { return std::isfinite(value); })) {
        throw damaged(path, "it holds values that are no numbers");
      }
    };
    check(state.permanent_softening);
    if (std::any_of(state.last_mode.begin(), state.last_mode.end(),
                    [](int mode) { return mode >= catalog::most_modes; })) {
      throw damaged(path, "it names modes that no voxel has");
    }
    check(state.plastic_strain);
    check(state.stress_fluctuation);
    check(state.bound_rate);
    check(state.bound_radius);
  });
}

}  // namespace mesoglass::deformation
