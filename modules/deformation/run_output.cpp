#include "deformation/run_output.hpp"

#include <array>
#include <cmath>
#include <vector>

#include "deformation/engine.hpp"
#include "deformation/rate_kernel.hpp"

namespace mesoglass::deformation {

namespace {
constexpr const char* format_name = "mesoglass deform";
constexpr int format_major = 1;
}  // namespace

std::filesystem::path sidecar_path(const std::filesystem::path& output, const std::string& suffix) {
  auto path = output;
  path.replace_extension();
  path += suffix;
  return path;
}

void write_output_head(Hdf5File& file, const Communicator& communicator, const catalog::Catalog& glass,
                       std::uint64_t seed, const DeformationOutcome& outcome, const Provenance& provenance) {
  file.write_format(format_name, format_major, 0);
  Provenance with_seed = provenance;
  with_seed.set_seed(seed);
  with_seed.write(file);

  const VoxelGrid& grid = glass.grid;
  file.create_group("/grid");
  file.set_attribute("/grid", "nx", grid.nx);
  file.set_attribute("/grid", "ny", grid.ny);
  file.set_attribute("/grid", "nz", grid.nz);
  file.set_attribute("/grid", "voxel_size_nm", std::span<const double>(grid.voxel_size_nm));

  const auto n = [](std::int64_t count) { return static_cast<std::uint64_t>(count); };
  const Shape shape = {n(grid.nz), n(grid.ny), n(grid.nx)};
  const Range slabs = grid.slabs_of(communicator.rank(), communicator.size());
  const std::size_t axis = grid.dimensions() == 3 ? 0 : 1;
  Shape offset = {0, 0, 0};
  Shape count = shape;
  offset[axis] = n(slabs.begin);
  count[axis] = n(slabs.size());
  file.create_dataset<std::uint8_t>("/voxels/type", shape, "1", "row of the catalog's types; 0 = glassy matrix");
  file.write_part<std::uint8_t>("/voxels/type", offset, count, glass.voxel_type);

  const std::string group = "/outcome";
  file.create_group(group);
  file.set_attribute(group, "glass", glass.glass);
  file.set_attribute(group, "seed", static_cast<std::int64_t>(seed));
  file.set_attribute(group, "end", outcome.end);
  file.set_attribute(group, "peak_stress_gpa", outcome.peak_stress_gpa);
  file.set_attribute(group, "peak_strain", outcome.peak_strain);
  file.set_attribute(group, "flow_stress_gpa", outcome.flow_stress_gpa);
  file.set_attribute(group, "percolation_strain", outcome.percolation_strain);
  file.set_attribute(group, "largest_cfv_nm3", outcome.largest_cfv_nm3);
  file.set_attribute(group, "elastic_energy_ev", outcome.elastic_energy_ev);
  file.set_attribute(group, "external_work_ev", outcome.external_work_ev);
  file.set_attribute(group, "dissipated_work_ev", outcome.dissipated_work_ev);
  file.set_attribute(group, "final_strain", outcome.final_strain);
  file.set_attribute(group, "final_time_s", outcome.final_time_s);
  file.set_attribute(group, "events", outcome.events);
  file.set_attribute(group, "avalanches", outcome.avalanches);
  file.set_attribute(group, "history_rows", outcome.history_rows);
  file.set_attribute(group, "percolates_x", static_cast<std::int64_t>(outcome.percolates_x));
  file.set_attribute(group, "percolates_y", static_cast<std::int64_t>(outcome.percolates_y));
  file.set_attribute(group, "percolates_z", static_cast<std::int64_t>(outcome.percolates_z));
}

DeformationOutcome read_outcome(const Communicator& communicator, const std::filesystem::path& output) {
  const auto file = Hdf5File::open(communicator, output);
  file.check_format(format_name, format_major);
  const std::string group = "/outcome";
  DeformationOutcome outcome;
  outcome.end = file.attribute_text(group, "end");
  outcome.peak_stress_gpa = file.attribute_real(group, "peak_stress_gpa");
  outcome.peak_strain = file.attribute_real(group, "peak_strain");
  outcome.flow_stress_gpa = file.attribute_real(group, "flow_stress_gpa");
  outcome.percolation_strain = file.attribute_real(group, "percolation_strain");
  outcome.largest_cfv_nm3 = file.attribute_real(group, "largest_cfv_nm3");
  outcome.elastic_energy_ev = file.attribute_real(group, "elastic_energy_ev");
  outcome.external_work_ev = file.attribute_real(group, "external_work_ev");
  outcome.dissipated_work_ev = file.attribute_real(group, "dissipated_work_ev");
  outcome.final_strain = file.attribute_real(group, "final_strain");
  outcome.final_time_s = file.attribute_real(group, "final_time_s");
  outcome.events = file.attribute_integer(group, "events");
  outcome.avalanches = file.attribute_integer(group, "avalanches");
  outcome.history_rows = file.attribute_integer(group, "history_rows");
  outcome.percolates_x = file.attribute_integer(group, "percolates_x") != 0;
  outcome.percolates_y = file.attribute_integer(group, "percolates_y") != 0;
  outcome.percolates_z = file.attribute_integer(group, "percolates_z") != 0;
  return outcome;
}

}  // namespace mesoglass::deformation
