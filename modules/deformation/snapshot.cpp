#include "deformation/snapshot.hpp"

#include <fmt/format.h>

#include <array>
#include <string>

#include "core/atomic_output.hpp"
#include "core/voxel_fields_file.hpp"
#include "deformation/heterogeneous_medium.hpp"
#include "deformation/observables.hpp"
#include "elasticity/periodic_solver.hpp"

namespace mesoglass::deformation {

namespace {

struct SnapshotField {
  const char* name;
  int components;
  enum class Type { real, integer, mask } type;
  const char* unit;
  const char* description;
};
constexpr std::array<SnapshotField, 7> snapshot_fields = {{
    {"plastic_strain", 6, SnapshotField::Type::real, "1", "plastic strain xx, yy, zz, yz, xz, xy (tensor shear)"},
    {"von_mises_strain", 1, SnapshotField::Type::real, "1", "von Mises plastic strain sqrt(2/3 e':e')"},
    {"stress", 6, SnapshotField::Type::real, "GPa", "stress xx, yy, zz, yz, xz, xy, mean of each voxel"},
    {"softening", 1, SnapshotField::Type::real, "1", "exponent of permanent softening g_perm"},
    {"generation", 1, SnapshotField::Type::integer, "1", "number of transformations"},
    {"type", 1, SnapshotField::Type::mask, "1", "row of the catalog's types; 0 = glassy matrix"},
    {"largest_cfv", 1, SnapshotField::Type::mask, "1", "1 in the largest connected free volume"},
}};

constexpr const char* moment_group = "/moment";
constexpr const char* cluster_sizes = "/cluster_voxels";
constexpr const char* cluster_sizes_description = "sizes of clusters of the connected free volume";
constexpr const char* cluster_counts = "/cluster_count";
constexpr const char* cluster_counts_description = "number of clusters of each size";

struct Part {
  Shape shape;
  Shape offset;
  Shape count;
  std::size_t own_values = 0;
};

Part part_of(const Communicator& communicator, const VoxelGrid& grid, int components) {
  const auto n = [](std::int64_t count) { return static_cast<std::uint64_t>(count); };
  Part part;
  part.shape = {n(grid.nz), n(grid.ny), n(grid.nx)};
  if (components > 1) part.shape.push_back(n(components));
  part.offset.assign(part.shape.size(), 0);
  part.count = part.shape;
  const Range slabs = grid.slabs_of(communicator.rank(), communicator.size());
  const std::size_t axis = grid.dimensions() == 3 ? 0 : 1;
  part.offset[axis] = n(slabs.begin);
  part.count[axis] = n(slabs.size());
  part.own_values =
      static_cast<std::size_t>(slabs.size() * grid.voxels_per_slab()) * static_cast<std::size_t>(components);
  return part;
}

template <typename T>
void copy_field(const Communicator& communicator, const Hdf5File& from, const VoxelGrid& grid,
                const SnapshotField& field, const std::string& group, Hdf5File& output) {
  const Part part = part_of(communicator, grid, field.components);
  std::vector<T> values(part.own_values);
  from.read_part<T>(VoxelFieldsFile::dataset_path(field.name), part.offset, part.count, values);
  const std::string name = group + "/" + field.name;
  output.create_dataset<T>(name, part.shape, field.unit, field.description);
  output.write_part<T>(name, part.offset, part.count, values);
}

}  // namespace

std::filesystem::path snapshot_path(const std::filesystem::path& output, std::int64_t number) {
  auto path = output;
  path.replace_extension(fmt::format(".{:03}.vtkhdf", number));
  return path;
}

void write_snapshot(const Communicator& communicator, const std::filesystem::path& path, const catalog::Catalog& glass,
                    elasticity::Body body, const elasticity::MeanConditions& conditions, const VoxelState& state,
                    const FreeVolumeClusters& clusters, const SnapshotMoment& moment) {
  const int dimensions = glass.grid.dimensions();
  const auto& matrix = glass.types.front();
  const elasticity::TensorBasis deviatoric(
      state.components == (dimensions == 2 ? 2 : 5) ? elasticity::BasisKind::deviatoric : elasticity::BasisKind::full,
      dimensions);
  const elasticity::TensorBasis components(elasticity::BasisKind::components, dimensions);
  const std::size_t count = state.count();
  const auto rows = static_cast<std::size_t>(components.count());

  std::vector<double> eigenstrain(rows * count);
  std::vector<float> plastic(6 * count);
  std::vector<float> von_mises(count);
  std::vector<double> row(static_cast<std::size_t>(state.components));
  std::array<double, elasticity::tensor_components> in_components{};
  for (std::size_t voxel = 0; voxel < count; ++voxel) {
    for (int c = 0; c < state.components; ++c)
      row[static_cast<std::size_t>(c)] = state.plastic_strain[state.at(c, voxel)];
    const elasticity::Tensor tensor = deviatoric.to_tensor(row);
    for (std::size_t c = 0; c < 6; ++c) plastic[6 * voxel + c] = static_cast<float>(tensor[c]);
    components.from_tensor(tensor, std::span(in_components).first(rows));
    for (std::size_t c = 0; c < rows; ++c) eigenstrain[c * count + voxel] = in_components[c];
    von_mises[voxel] = static_cast<float>(von_mises_strain(state, dimensions, voxel));
  }
  const auto moduli = elasticity::isotropic_moduli(matrix.young_modulus_gpa, matrix.poisson_ratio, body);
  std::vector<float> stress(6 * count);
  const auto keep_stress = [&](std::size_t voxel, elasticity::Tensor tensor) {
    if (body == elasticity::Body::plane_strain) {
      tensor[elasticity::zz] =
          glass.types[glass.voxel_type[voxel]].poisson_ratio * (tensor[elasticity::xx] + tensor[elasticity::yy]);
    }
    for (std::size_t c = 0; c < 6; ++c) stress[6 * voxel + c] = static_cast<float>(tensor[c]);
  };
  if (has_uniform_moduli(glass)) {
    std::vector<double> stress_rows(rows * count);
    elasticity::PeriodicSolver solver(communicator, glass.grid, moduli, components);
    elasticity::PeriodicSolver::Results results;
    results.stress = stress_rows;
    solver.solve(eigenstrain, conditions, results);
    for (std::size_t voxel = 0; voxel < count; ++voxel) {
      for (std::size_t c = 0; c < rows; ++c) in_components[c] = stress_rows[c * count + voxel];
      keep_stress(voxel, components.to_tensor(std::span(in_components).first(rows)));
    }
  } else {
    std::vector<elasticity::Tensor> tensors(count);
    for (std::size_t voxel = 0; voxel < count; ++voxel) {
      for (std::size_t c = 0; c < rows; ++c) in_components[c] = eigenstrain[c * count + voxel];
      tensors[voxel] = components.to_tensor(std::span(in_components).first(rows));
    }
    elasticity::ElasticFields fields;
    auto solver = heterogeneous_solver(communicator, glass, body);
    (void)solver.solve(tensors, conditions, elasticity::SolverSettings{}, fields);
    for (std::size_t voxel = 0; voxel < count; ++voxel) keep_stress(voxel, fields.stress[voxel]);
  }

  AtomicOutput output(communicator, path, IfExists::overwrite);
  {
    VoxelFieldsFile file(communicator, output.temporary_path(), glass.grid);
    const auto write = [&](std::size_t index, auto values) {
      const SnapshotField& field = snapshot_fields[index];
      using Value = typename std::decay_t<decltype(values)>::value_type;
      file.write<Value>(field.name, values, field.components, field.unit, field.description);
    };
    write(0, plastic);
    write(1, von_mises);
    write(2, stress);
    write(3, std::vector<float>(state.permanent_softening.begin(), state.permanent_softening.end()));
    write(4, std::vector<std::int32_t>(state.generation.begin(), state.generation.end()));
    write(5, glass.voxel_type);
    write(6, clusters.largest);
    file.file().create_group(moment_group);
    file.file().set_attribute(moment_group, "strain", moment.strain);
    file.file().set_attribute(moment_group, "true_strain", moment.true_strain);
    file.file().set_attribute(moment_group, "time_s", moment.time_s);
    std::vector<std::int64_t> sizes;
    std::vector<std::int64_t> numbers;
    for (const auto& [size, number] : clusters.distribution) {
      sizes.push_back(size);
      numbers.push_back(number);
    }
    file.file().write(std::string(moment_group) + cluster_sizes, sizes, "1", cluster_sizes_description);
    file.file().write(std::string(moment_group) + cluster_counts, numbers, "1", cluster_counts_description);
    file.close();
  }
  output.commit();
}

void copy_snapshot(const Communicator& communicator, const std::filesystem::path& path, const VoxelGrid& grid,
                   std::int64_t number, Hdf5File& output) {
  const auto from = Hdf5File::open(communicator, path);
  const std::string group = fmt::format("/snapshots/{:03}", number);
  output.create_group(group);
  for (const char* name : {"strain", "true_strain", "time_s"}) {
    output.set_attribute(group, name, from.attribute_real(moment_group, name));
  }
  output.write(group + cluster_sizes, from.read<std::int64_t>(std::string(moment_group) + cluster_sizes), "1",
               cluster_sizes_description);
  output.write(group + cluster_counts, from.read<std::int64_t>(std::string(moment_group) + cluster_counts), "1",
               cluster_counts_description);
  for (const SnapshotField& field : snapshot_fields) {
    switch (field.type) {
      case SnapshotField::Type::real:
        copy_field<float>(communicator, from, grid, field, group, output);
        break;
      case SnapshotField::Type::integer:
        copy_field<std::int32_t>(communicator, from, grid, field, group, output);
        break;
      case SnapshotField::Type::mask:
        copy_field<std::uint8_t>(communicator, from, grid, field, group, output);
        break;
    }
  }
}

}  // namespace mesoglass::deformation
