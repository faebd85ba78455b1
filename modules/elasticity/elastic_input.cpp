#include <cmath>
#include <cstddef>

#include "core/hdf5_file.hpp"
#include "elasticity/elastic_program.hpp"

namespace mesoglass::elasticity {

namespace {

std::string shape_text(const Shape& shape) {
  std::string text;
  for (const auto extent : shape) text += (text.empty() ? "" : " x ") + std::to_string(extent);
  return text.empty() ? "a single value" : text;
}

// This rank's voxels of a dataset whose shape has been checked.
std::vector<double> read_own(const Hdf5File& file, const std::string& dataset, const VoxelGrid& grid,
                             std::uint64_t components) {
  const Communicator& communicator = file.communicator();
  const auto n = [](std::int64_t count) { return static_cast<std::uint64_t>(count); };
  Shape count = {n(grid.nz), n(grid.ny), n(grid.nx)};
  if (components > 1) count.push_back(components);
  Shape offset(count.size(), 0);
  const Range slabs = grid.slabs_of(communicator.rank(), communicator.size());
  const std::size_t axis = grid.dimensions() == 3 ? 0 : 1;
  offset[axis] = n(slabs.begin);
  count[axis] = n(slabs.size());
  std::vector<double> values(static_cast<std::size_t>(slabs.size() * grid.voxels_per_slab()) * components);
  file.read_part<double>(dataset, offset, count, values);
  return values;
}

}  // namespace

ElasticInput read_elastic_input(const Communicator& communicator, const std::filesystem::path& path,
                                double young_modulus_gpa, double poisson_ratio,
                                const std::vector<double>& voxel_size_nm) {
  const Hdf5File file = Hdf5File::open(communicator, path);
  const std::string eigenstrain = "/eigenstrain";
  const std::string young = "/young_modulus";
  const std::string poisson = "/poisson_ratio";
  ElasticInput input;
  Shape grid_shape;
  std::string source;
  for (const std::string& name : {eigenstrain, young, poisson}) {
    if (!file.is_dataset(name)) continue;
    Shape shape = file.shape(name);
    const Shape whole = shape;
    const bool is_tensor = name == eigenstrain;
    if (is_tensor && !shape.empty()) shape.pop_back();
    if (shape.size() != 3 || (is_tensor && whole.back() != tensor_components)) {
      throw input_error("{}: {} has the shape {}: it must be (nz, ny, nx{})", path.string(), name, shape_text(whole),
                        is_tensor ? ", 6) with components xx, yy, zz, yz, xz, xy" : ")");
    }
    if (file.element_type(name).kind == ElementType::Kind::text ||
        file.element_type(name).kind == ElementType::Kind::other) {
      throw input_error("{}: {} does not hold numbers", path.string(), name);
    }
    if (!grid_shape.empty() && shape != grid_shape) {
      throw input_error("{}: {} is on a grid of {} voxels and {} on {}: they must agree", path.string(), source,
                        shape_text(grid_shape), name, shape_text(shape));
    }
    grid_shape = shape;
    source = name;
  }
  if (grid_shape.empty()) {
    throw input_error(
        "{} has none of the datasets /eigenstrain, /young_modulus, /poisson_ratio: nothing says what to "
        "solve; see docs/elasticity.md",
        path.string());
  }
  const std::vector<double> size = !voxel_size_nm.empty() ? voxel_size_nm
                                   : file.is_group("/grid") && file.has_attribute("/grid", "voxel_size_nm")
                                       ? file.attribute_reals("/grid", "voxel_size_nm")
                                       : std::vector<double>{};
  if (size.size() != 3) {
    throw input_error(
        "{} does not say its voxel size (attribute voxel_size_nm [x, y, z] of /grid): give --voxel-size "
        "X,Y,Z in nm",
        path.string());
  }
  input.grid = {static_cast<std::int64_t>(grid_shape[2]),
                static_cast<std::int64_t>(grid_shape[1]),
                static_cast<std::int64_t>(grid_shape[0]),
                {size[0], size[1], size[2]}};
  input.grid.validate();

  for (const auto& [name, constant, option] : {std::tuple{young, young_modulus_gpa, "--young-modulus"},
                                               std::tuple{poisson, poisson_ratio, "--poisson-ratio"}}) {
    if (!file.is_dataset(name) && std::isnan(constant)) {
      throw input_error("{} has no dataset {}: add it, or give {} for a uniform one", path.string(), name, option);
    }
    if (file.is_dataset(name) && !std::isnan(constant)) {
      throw input_error("{} has the dataset {} and {} is given too: leave one of them out", path.string(), name,
                        option);
    }
  }
  const auto own = static_cast<std::size_t>(input.grid.voxels_of(communicator.rank(), communicator.size()).size());
  std::vector<double> strain(own * tensor_components, 0.0);
  if (file.is_dataset(eigenstrain)) strain = read_own(file, eigenstrain, input.grid, tensor_components);
  input.young_modulus_gpa =
      file.is_dataset(young) ? read_own(file, young, input.grid, 1) : std::vector<double>(own, young_modulus_gpa);
  input.poisson_ratio =
      file.is_dataset(poisson) ? read_own(file, poisson, input.grid, 1) : std::vector<double>(own, poisson_ratio);
  input.eigenstrain.resize(own);
  const std::int64_t first = input.grid.voxels_of(communicator.rank(), communicator.size()).begin;
  collectively(communicator, [&] {
    const auto refuse = [&](const std::string& name, std::size_t voxel, double value, const char* wanted) {
      const auto [x, y, z] = input.grid.coordinates(first + static_cast<std::int64_t>(voxel));
      throw input_error("{}: {} is {} at voxel x = {}, y = {}, z = {}: {}", path.string(), name, value, x, y, z,
                        wanted);
    };
    for (std::size_t voxel = 0; voxel < own; ++voxel) {
      for (std::size_t c = 0; c < tensor_components; ++c) {
        input.eigenstrain[voxel][c] = strain[voxel * tensor_components + c];
        if (!std::isfinite(input.eigenstrain[voxel][c])) {
          refuse(eigenstrain, voxel, input.eigenstrain[voxel][c], "it must be a finite number");
        }
      }
      const double modulus = input.young_modulus_gpa[voxel];
      if (!(std::isfinite(modulus) && modulus >= 0.0)) {
        refuse(young, voxel, modulus, "it must be positive and finite, or 0 for a void");
      }
      const double ratio = input.poisson_ratio[voxel];
      if (!(ratio > -1.0 && ratio < 0.5))
        refuse(poisson, voxel, ratio, "it must lie between -1 and 0.5, ends excluded");
    }
  });
  return input;
}

}  // namespace mesoglass::elasticity
