// catalog.h5 (docs/formats.md), written and read.
#include <algorithm>
#include <cmath>

#include "catalog/realised_statistics.hpp"
#include "catalog/shear_modes.hpp"
#include "catalog/stz_catalog.hpp"
#include "core/error.hpp"

namespace mesoglass::catalog {

namespace {

constexpr const char* format_name = "mesoglass catalog";
constexpr int format_major = 1;
constexpr int format_minor = 1;
// Compressing whole slabs keeps each rank's part aligned with its chunks.
constexpr int deflate_level = 1;

struct Part {
  Shape offset;
  Shape count;
};

// This rank's hyperslab of a (nz, ny, nx) array.
Part own_part(const VoxelGrid& grid, const Communicator& communicator) {
  const Range slabs = grid.slabs_of(communicator.rank(), communicator.size());
  const auto begin = static_cast<std::uint64_t>(slabs.begin);
  const auto size = static_cast<std::uint64_t>(slabs.size());
  const auto nx = static_cast<std::uint64_t>(grid.nx);
  const auto ny = static_cast<std::uint64_t>(grid.ny);
  if (grid.dimensions() == 3) return {{begin, 0, 0}, {size, ny, nx}};
  return {{0, begin, 0}, {1, size, nx}};
}

Shape full_shape(const VoxelGrid& grid) {
  return {static_cast<std::uint64_t>(grid.nz), static_cast<std::uint64_t>(grid.ny),
          static_cast<std::uint64_t>(grid.nx)};
}

template <typename Row, typename T>
std::vector<T> column(const std::vector<Row>& rows, T Row::*member) {
  std::vector<T> values;
  values.reserve(rows.size());
  for (const auto& row : rows) values.push_back(row.*member);
  return values;
}

void write_types(Hdf5File& file, const std::vector<ShearZoneType>& types) {
  std::vector<std::string> names;
  std::vector<std::string> laws;
  for (const auto& type : types) {
    names.push_back(type.name);
    laws.emplace_back(type.barrier_law == BarrierLaw::normal ? "normal" : "uniform");
  }
  using T = ShearZoneType;
  file.write_texts("/types/name", names, "kind of zone; row 0 is the glassy matrix");
  file.write("/types/modes", column(types, &T::modes), "1", "number of shear modes of a voxel");
  file.write("/types/amplitude", column(types, &T::amplitude), "1", "strain amplitude A, in gamma0");
  file.write("/types/softening", column(types, &T::softening), "1", "factor s on the softening in Q0 exp(-d s g)");
  file.write_texts("/types/barrier_law", laws,
                   "normal: spread is a standard deviation in eV; uniform: mean (1 - spread + 2 spread U)");
  file.write("/types/barrier_mean_ev", column(types, &T::barrier_mean_ev), "eV", "mean activation barrier");
  file.write("/types/barrier_spread", column(types, &T::barrier_spread), "eV or 1", "spread, see barrier_law");
  file.write("/types/young_modulus_gpa", column(types, &T::young_modulus_gpa), "GPa", "Young's modulus");
  file.write("/types/poisson_ratio", column(types, &T::poisson_ratio), "1", "Poisson's ratio");
  file.write("/types/gamma0", column(types, &T::gamma0), "1", "characteristic shear strain");
  for (const auto& measured : measured_columns) {
    file.write(std::string("/types/") + measured.name, column(types, measured.member), measured.unit,
               measured.description);
  }
}

void write_domains(Hdf5File& file, const std::vector<Domain>& domains) {
  std::vector<float> x;
  std::vector<float> y;
  std::vector<float> z;
  std::vector<float> rotation;
  for (const auto& domain : domains) {
    x.push_back(domain.centre_nm[0]);
    y.push_back(domain.centre_nm[1]);
    z.push_back(domain.centre_nm[2]);
    rotation.insert(rotation.end(), domain.rotation.begin(), domain.rotation.end());
  }
  file.write("/domains/type", column(domains, &Domain::type), "1",
             "row of /types; 0 where each voxel of the domain has a type of its own");
  file.write("/domains/x_nm", x, "nm", "centre");
  file.write("/domains/y_nm", y, "nm", "centre");
  file.write("/domains/z_nm", z, "nm", "centre");
  file.write("/domains/diameter_nm", column(domains, &Domain::diameter_nm), "nm", "diameter as drawn");
  file.write("/domains/voxels", column(domains, &Domain::voxels), "1", "number of voxels");
  file.write("/domains/rotation", {domains.size(), 4}, std::span<const float>(rotation), "1",
             "orientation, unit quaternion w, x, y, z; in 2-D about z by a_0");
}

void write_realised(Hdf5File& file, const Communicator& communicator, const Catalog& catalog) {
  const auto realised = realised_statistics(communicator, catalog);
  file.write("/realised/volume_fraction", realised.volume_fraction, "1", "fraction of the voxels, one row a type");
  file.write("/realised/diameter_histogram", realised.diameter_histogram, "1",
             "domains by equivalent diameter (from their number of voxels)");
  file.write("/realised/diameter_edges_nm", realised.diameter_edges_nm, "nm", "edges of the histogram's bins");
  for (const auto& along : realised.correlations) {
    const auto name = fmt::format("/realised/correlation_{}/", along.axis);
    file.write(name + "distance_nm", along.distance_nm, "nm", fmt::format("distance along {}", along.axis));
    file.write(name + "two_point", along.two_point, "1", "probability that two voxels at that distance are both MRO");
    file.write(name + "same_domain", along.same_domain, "1",
               "probability that two voxels at that distance belong to one domain");
  }
}

template <typename T>
std::vector<T> read_column(const Hdf5File& file, const std::string& name, std::size_t rows) {
  auto values = file.read<T>(name);
  if (values.size() != rows) {
    throw input_error(
        "{}: {} has {} rows where {} are expected (a damaged or foreign file): make the catalog again with "
        "mg-catalog",
        file.path().string(), name, values.size(), rows);
  }
  return values;
}

std::vector<ShearZoneType> read_types(const Hdf5File& file) {
  const auto names = file.read_texts("/types/name");
  const std::size_t rows = names.size();
  if (rows == 0 || rows > 255) {
    throw input_error("{}: /types/name has {} rows (1 to 255 are possible): make the catalog again with mg-catalog",
                      file.path().string(), rows);
  }
  const auto laws = file.read_texts("/types/barrier_law");
  if (laws.size() != rows) {
    throw input_error(
        "{}: /types/barrier_law has {} rows where {} are expected (a damaged file): make the catalog again "
        "with mg-catalog",
        file.path().string(), laws.size(), rows);
  }
  const auto modes = read_column<std::int32_t>(file, "/types/modes", rows);
  std::vector<ShearZoneType> types(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    types[row].name = names[row];
    types[row].modes = modes[row];
    if (laws[row] != "normal" && laws[row] != "uniform") {
      throw input_error("{}: /types/barrier_law is '{}' in row {}: it must be normal or uniform", file.path().string(),
                        laws[row], row);
    }
    types[row].barrier_law = laws[row] == "normal" ? BarrierLaw::normal : BarrierLaw::uniform;
  }
  const auto fill = [&](const char* name, double ShearZoneType::*member) {
    const auto values = read_column<double>(file, std::string("/types/") + name, rows);
    for (std::size_t row = 0; row < rows; ++row) types[row].*member = values[row];
  };
  fill("amplitude", &ShearZoneType::amplitude);
  fill("softening", &ShearZoneType::softening);
  fill("barrier_mean_ev", &ShearZoneType::barrier_mean_ev);
  fill("barrier_spread", &ShearZoneType::barrier_spread);
  fill("young_modulus_gpa", &ShearZoneType::young_modulus_gpa);
  fill("poisson_ratio", &ShearZoneType::poisson_ratio);
  fill("gamma0", &ShearZoneType::gamma0);
  for (std::size_t i = 0; i < std::size(measured_columns); ++i) {
    const std::string name = std::string("/types/") + measured_columns[i].name;
    if (i < measured_columns_of_1_0 || file.exists(name)) fill(measured_columns[i].name, measured_columns[i].member);
  }
  for (std::size_t row = 0; row < rows; ++row) {
    try {
      validate_type(types[row], row == 0);
    } catch (const Error& error) {
      throw with_context("while reading " + file.path().string(), error);
    }
  }
  return types;
}

std::vector<Domain> read_domains(const Hdf5File& file, std::size_t type_count) {
  const std::size_t rows = file.shape("/domains/type").at(0);
  const auto type = read_column<std::uint8_t>(file, "/domains/type", rows);
  const auto x = read_column<float>(file, "/domains/x_nm", rows);
  const auto y = read_column<float>(file, "/domains/y_nm", rows);
  const auto z = read_column<float>(file, "/domains/z_nm", rows);
  const auto diameter = read_column<float>(file, "/domains/diameter_nm", rows);
  const auto voxels = read_column<std::int32_t>(file, "/domains/voxels", rows);
  const auto rotation = read_column<float>(file, "/domains/rotation", 4 * rows);
  std::vector<Domain> domains(rows);
  for (std::size_t row = 0; row < rows; ++row) {
    auto& domain = domains[row];
    domain = {type[row], voxels[row], {x[row], y[row], z[row]}, diameter[row], {}};
    double length = 0.0;
    for (std::size_t i = 0; i < 4; ++i) {
      domain.rotation[i] = rotation[4 * row + i];
      length += static_cast<double>(domain.rotation[i]) * static_cast<double>(domain.rotation[i]);
    }
    if (type[row] >= type_count || !(std::fabs(length - 1.0) < 1e-4)) {
      throw input_error(
          "{}: domain {} has type {} and a rotation of length {:.3g} (types go to {}, a rotation is a unit "
          "quaternion): the file is damaged, make the catalog again with mg-catalog",
          file.path().string(), row, type[row], std::sqrt(length), type_count - 1);
    }
  }
  return domains;
}

Catalog read_header(const Communicator& communicator, const Hdf5File& file) {
  file.check_format(format_name, format_major);
  // Values are the same on all ranks, but checks that throw must do so together.
  Catalog catalog;
  const auto integer = [&](const char* name) { return file.attribute_integer("/grid", name); };
  catalog.grid.nx = integer("nx");
  catalog.grid.ny = integer("ny");
  catalog.grid.nz = integer("nz");
  const auto sizes = file.attribute_reals("/grid", "voxel_size_nm");
  catalog.types = read_types(file);
  catalog.rules.jitter = file.attribute_real("/rules", "jitter");
  catalog.rules.dilatation = file.attribute_real("/rules", "dilatation");
  catalog.rules.parallel_modes = file.attribute_integer("/rules", "parallel_modes") != 0;
  catalog.rules.compounding_softening = file.attribute_integer("/rules", "compounding_softening") != 0;
  catalog.rules.tension_biased = file.attribute_integer("/rules", "tension_biased") != 0;
  catalog.seed = static_cast<std::uint64_t>(file.attribute_integer("/", "seed"));
  catalog.glass = file.attribute_text("/", "glass");
  collectively(communicator, [&] {
    if (sizes.size() != 3) {
      throw input_error(
          "{}: /grid/voxel_size_nm has {} values where 3 are expected: make the catalog again with "
          "mg-catalog",
          file.path().string(), sizes.size());
    }
    std::copy(sizes.begin(), sizes.end(), catalog.grid.voxel_size_nm.begin());
    try {
      catalog.grid.validate();
      validate_rules(catalog.rules, catalog.grid.dimensions());
    } catch (const Error& error) {
      throw with_context("while reading " + file.path().string(), error);
    }
  });
  return catalog;
}

}  // namespace

Catalog read_catalog_header(const Communicator& communicator, const std::filesystem::path& path) {
  const auto file = Hdf5File::open(communicator, path);
  return read_header(communicator, file);
}

Catalog read_catalog(const Communicator& communicator, const std::filesystem::path& path) {
  const auto file = Hdf5File::open(communicator, path);
  Catalog catalog = read_header(communicator, file);
  catalog.domains = read_domains(file, catalog.types.size());
  const auto expected = full_shape(catalog.grid);
  for (const char* name : {"/voxels/type", "/voxels/domain"}) {
    const auto shape = file.shape(name);
    if (shape != expected) {
      throw input_error(
          "{}: {} does not have the shape (nz, ny, nx) = ({}, {}, {}) that /grid tells: the file is "
          "damaged, make the catalog again with mg-catalog",
          path.string(), name, expected[0], expected[1], expected[2]);
    }
  }
  const Part part = own_part(catalog.grid, communicator);
  const auto own = static_cast<std::size_t>(catalog.grid.voxels_of(communicator.rank(), communicator.size()).size());
  catalog.voxel_type.resize(own);
  catalog.voxel_domain.resize(own);
  file.read_part<std::uint8_t>("/voxels/type", part.offset, part.count, catalog.voxel_type);
  file.read_part<std::int32_t>("/voxels/domain", part.offset, part.count, catalog.voxel_domain);
  collectively(communicator, [&] {
    const auto first = catalog.grid.voxels_of(communicator.rank(), communicator.size()).begin;
    for (std::size_t i = 0; i < own; ++i) {
      const std::uint8_t type = catalog.voxel_type[i];
      const std::int32_t domain = catalog.voxel_domain[i];
      const bool in_matrix = type == 0 && domain == -1;
      const bool in_domain = type > 0 && type < catalog.types.size() && domain >= 0 &&
                             static_cast<std::size_t>(domain) < catalog.domains.size() &&
                             (catalog.domains[static_cast<std::size_t>(domain)].type == 0 ||
                              catalog.domains[static_cast<std::size_t>(domain)].type == type);
      if (!in_matrix && !in_domain) {
        throw input_error(
            "{}: voxel {} has type {} and domain {}, which do not belong together: the file is damaged, "
            "make the catalog again with mg-catalog",
            path.string(), first + static_cast<std::int64_t>(i), type, domain);
      }
    }
  });
  return catalog;
}

void write_catalog(const Communicator& communicator, const std::filesystem::path& path, const Catalog& catalog,
                   const Provenance& provenance) {
  auto file = Hdf5File::create(communicator, path);
  file.write_format(format_name, format_major, format_minor);
  file.set_attribute("/", "seed", static_cast<std::int64_t>(catalog.seed));
  file.set_attribute("/", "glass", catalog.glass);
  file.create_group("/grid");
  file.set_attribute("/grid", "nx", catalog.grid.nx);
  file.set_attribute("/grid", "ny", catalog.grid.ny);
  file.set_attribute("/grid", "nz", catalog.grid.nz);
  file.set_attribute("/grid", "voxel_size_nm", std::span<const double>(catalog.grid.voxel_size_nm));
  file.create_group("/rules");
  file.set_attribute("/rules", "jitter", catalog.rules.jitter);
  file.set_attribute("/rules", "dilatation", catalog.rules.dilatation);
  file.set_attribute("/rules", "parallel_modes", std::int64_t{catalog.rules.parallel_modes});
  file.set_attribute("/rules", "compounding_softening", std::int64_t{catalog.rules.compounding_softening});
  file.set_attribute("/rules", "tension_biased", std::int64_t{catalog.rules.tension_biased});
  write_types(file, catalog.types);
  write_domains(file, catalog.domains);
  write_realised(file, communicator, catalog);
  const Shape shape = full_shape(catalog.grid);
  const Part part = own_part(catalog.grid, communicator);
  const Storage storage = {catalog.grid.dimensions() == 3 ? Shape{1, shape[1], shape[2]} : Shape{1, 1, shape[2]},
                           deflate_level, false};
  file.create_dataset<std::uint8_t>("/voxels/type", shape, "1", "row of /types; 0 = glassy matrix", storage);
  file.write_part<std::uint8_t>("/voxels/type", part.offset, part.count, catalog.voxel_type);
  file.create_dataset<std::int32_t>("/voxels/domain", shape, "1", "row of /domains; -1 = matrix", storage);
  file.write_part<std::int32_t>("/voxels/domain", part.offset, part.count, catalog.voxel_domain);
  provenance.write(file);
  file.close();
}

}  // namespace mesoglass::catalog
