#include <hdf5.h>

#include <algorithm>
#include <array>
#include <cmath>

#include "header_parsers.hpp"

namespace mesoglass::test {

namespace {

// Reads the program byte by byte; past its end everything is 0.
class Program {
 public:
  explicit Program(HeaderBytes bytes) : bytes_(bytes) {}
  [[nodiscard]] bool ended() const { return next_ >= bytes_.size(); }
  unsigned next() { return ended() ? 0U : bytes_[next_++]; }
  template <std::size_t count>
  const char* word(const std::array<const char*, count>& words) {
    return words[next() % count];
  }

 private:
  HeaderBytes bytes_;
  std::size_t next_ = 0;
};

constexpr std::array object_names = {
    "data",         "datacube",      "datacube_root", "Experiments",   "fpd_expt",    "fpd_data",
    "dim0",         "dim1",          "dim2",          "dim3",          "dim4",        "dim5",
    "entry",        "metadata",      "axis-0",        "axis-1",        "axis-2",      "axis-3",
    "calibration",  "gain",          "voltage_v",     "TEM",           "name",        "metadatabundle",
    "Q_pixel_size", "Q_pixel_units", "R_pixel_size",  "R_pixel_units", "beam_energy", "Acquisition_instrument",
    "scan",         "unit"};
constexpr std::array attribute_names = {
    "emd_group_type", "fpd_version",    "file_format",   "NX_class", "default", "signal",
    "axes",           "units",          "name",          "scale",    "size",    "navigate",
    "python_class",   "interpretation", "version_major", "offset",   "unit",    "data"};
constexpr std::array texts = {"file",     "root",     "array",    "HyperSpy", "NXentry",
                              "NXdata",   "datacube", "DataCube", "scanX",    "scanY",
                              "detX",     "detY",     "colour",   "A^-1",     "nm",
                              "[n_m^-1]", "mrad",     "pixels",   "data",     "entry",
                              "True",     "",         "../..",    "/",        "metadatabundle/calibration"};
constexpr std::array<double, 8> numbers = {0.0, 1.0, -1.0, 2.5, 1e300, 300e3, NAN, INFINITY};

void add_text(hid_t object, const char* name, const char* text, bool variable) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, variable ? H5T_VARIABLE : std::max<std::size_t>(1, std::char_traits<char>::length(text)));
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t attribute = H5Acreate2(object, name, type, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute >= 0) {
    H5Awrite(attribute, type, variable ? static_cast<const void*>(&text) : static_cast<const void*>(text));
    H5Aclose(attribute);
  }
  H5Sclose(space);
  H5Tclose(type);
}

void add_numbers(hid_t object, const char* name, double value, hsize_t count) {
  const hid_t space = count == 1 ? H5Screate(H5S_SCALAR) : H5Screate_simple(1, &count, nullptr);
  const hid_t attribute = H5Acreate2(object, name, H5T_NATIVE_DOUBLE, space, H5P_DEFAULT, H5P_DEFAULT);
  if (attribute >= 0) {
    const std::vector<double> values(count, value);
    H5Awrite(attribute, H5T_NATIVE_DOUBLE, values.data());
    H5Aclose(attribute);
  }
  H5Sclose(space);
}

// A dataset of up to six axes, most of them small; without values, so that even absurd extents take no room.
hid_t add_dataset(hid_t group, const char* name, Program& program) {
  const std::array<hid_t, 6> types = {H5T_NATIVE_FLOAT, H5T_STD_U16BE,     H5T_NATIVE_INT64,
                                      H5T_NATIVE_UINT8, H5T_NATIVE_DOUBLE, H5T_C_S1};
  const hid_t type = types[program.next() % types.size()];
  const auto axes = static_cast<int>(program.next() % 7);
  std::array<hsize_t, 6> extents{};
  std::array<hsize_t, 6> chunk{};
  constexpr unsigned absurd_from = 250;
  bool absurd = false;
  for (int axis = 0; axis < axes; ++axis) {
    const unsigned byte = program.next();
    absurd = absurd || byte >= absurd_from;
    extents[static_cast<std::size_t>(axis)] = byte >= absurd_from ? hsize_t{1} << (byte - absurd_from + 20) : byte % 9;
    chunk[static_cast<std::size_t>(axis)] = 1 + program.next() % 2;
  }
  const hid_t space = axes == 0 ? H5Screate(H5S_SCALAR) : H5Screate_simple(axes, extents.data(), nullptr);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  if (axes > 0 && (absurd || program.next() % 2 == 1)) {
    H5Pset_chunk(creation, axes, chunk.data());
    if (program.next() % 2 == 1) H5Pset_deflate(creation, 1);
  }
  const hid_t dataset = space < 0 ? -1 : H5Dcreate2(group, name, type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
  H5Pclose(creation);
  if (space >= 0) H5Sclose(space);
  return dataset;
}

}  // namespace

void write_hdf5_tree(HeaderBytes bytes, const std::filesystem::path& path) {
  H5Eset_auto2(H5E_DEFAULT, nullptr, nullptr);
  Program program(bytes);
  const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
  std::vector<hid_t> groups = {H5Gopen2(file, "/", H5P_DEFAULT)};
  hid_t latest = -1;  // dataset, for attributes
  constexpr std::size_t deepest = 8;
  while (!program.ended()) {
    const hid_t here = groups.back();
    const unsigned step = program.next();
    const hid_t object = latest >= 0 && (step & 0x80U) != 0 ? latest : here;
    switch (step % 7) {
      case 0:
        if (groups.size() < deepest) {
          const char* name = program.word(object_names);
          hid_t group = H5Gcreate2(here, name, H5P_DEFAULT, H5P_DEFAULT, H5P_DEFAULT);
          if (group < 0) group = H5Gopen2(here, name, H5P_DEFAULT);
          if (group >= 0) groups.push_back(group);
        }
        break;
      case 1:
        if (groups.size() > 1) {
          H5Gclose(groups.back());
          groups.pop_back();
        }
        break;
      case 2: {
        const char* name = program.word(attribute_names);
        add_text(object, name, program.word(texts), (step & 0x40U) != 0);
        break;
      }
      case 3: {
        const char* name = program.word(attribute_names);
        const double value = numbers[program.next() % numbers.size()];
        add_numbers(object, name, value, (step & 0x40U) != 0 ? 3 : 1);
        break;
      }
      case 4:
        H5Lcreate_soft(program.word(texts), here, program.word(object_names), H5P_DEFAULT, H5P_DEFAULT);
        break;
      default: {
        const char* name = program.word(object_names);
        const hid_t dataset = add_dataset(here, name, program);
        if (dataset >= 0) {
          if (latest >= 0) H5Dclose(latest);
          latest = dataset;
        }
        break;
      }
    }
  }
  if (latest >= 0) H5Dclose(latest);
  for (const hid_t group : groups) H5Gclose(group);
  H5Fclose(file);
}

}  // namespace mesoglass::test
