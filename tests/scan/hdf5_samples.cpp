#include "hdf5_samples.hpp"

#include "support/mpi_test.hpp"

namespace mesoglass::test {

void make_file(const std::filesystem::path& path, const std::function<void(hid_t)>& fill) {
  on_root(communicator(), [&] {
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    fill(file);
    H5Fclose(file);
  });
}

void add_group(hid_t file, const std::string& name) {
  const hid_t link = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(link, 1);
  H5Gclose(H5Gcreate2(file, name.c_str(), link, H5P_DEFAULT, H5P_DEFAULT));
  H5Pclose(link);
}

void add_text(hid_t file, const std::string& object, const std::string& name, const std::string& value) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, value.size());
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t opened = H5Oopen(file, object.c_str(), H5P_DEFAULT);
  const hid_t attribute = H5Acreate2(opened, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, value.data());
  H5Aclose(attribute);
  H5Oclose(opened);
  H5Sclose(space);
  H5Tclose(type);
}

void add_texts(hid_t file, const std::string& object, const std::string& name, const std::vector<std::string>& values) {
  const hid_t type = H5Tcopy(H5T_C_S1);
  H5Tset_size(type, H5T_VARIABLE);
  std::vector<const char*> pointers;
  for (const std::string& value : values) pointers.push_back(value.c_str());
  const hsize_t count = values.size();
  const hid_t space = H5Screate_simple(1, &count, nullptr);
  const hid_t opened = H5Oopen(file, object.c_str(), H5P_DEFAULT);
  const hid_t attribute = H5Acreate2(opened, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, pointers.data());
  H5Aclose(attribute);
  H5Oclose(opened);
  H5Sclose(space);
  H5Tclose(type);
}

void add_number(hid_t file, const std::string& object, const std::string& name, double value, hid_t stored) {
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t opened = H5Oopen(file, object.c_str(), H5P_DEFAULT);
  const hid_t attribute = H5Acreate2(opened, name.c_str(), stored, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, H5T_NATIVE_DOUBLE, &value);
  H5Aclose(attribute);
  H5Oclose(opened);
  H5Sclose(space);
}

void add_flag(hid_t file, const std::string& object, const std::string& name, bool value) {
  const hid_t type = H5Tenum_create(H5T_NATIVE_INT8);
  const std::int8_t no = 0;
  const std::int8_t yes = 1;
  H5Tenum_insert(type, "FALSE", &no);
  H5Tenum_insert(type, "TRUE", &yes);
  const hid_t space = H5Screate(H5S_SCALAR);
  const hid_t opened = H5Oopen(file, object.c_str(), H5P_DEFAULT);
  const hid_t attribute = H5Acreate2(opened, name.c_str(), type, space, H5P_DEFAULT, H5P_DEFAULT);
  H5Awrite(attribute, type, value ? &yes : &no);
  H5Aclose(attribute);
  H5Oclose(opened);
  H5Sclose(space);
  H5Tclose(type);
}

void add_data(hid_t file, const std::string& name, const std::vector<hsize_t>& shape, const std::vector<float>& values,
              const Stored& stored) {
  const hid_t link = H5Pcreate(H5P_LINK_CREATE);
  H5Pset_create_intermediate_group(link, 1);
  const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
  if (!stored.chunk.empty()) H5Pset_chunk(creation, static_cast<int>(stored.chunk.size()), stored.chunk.data());
  if (stored.gzip) H5Pset_deflate(creation, 4);
  const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
  const hid_t dataset = H5Dcreate2(file, name.c_str(), stored.type, space, link, creation, H5P_DEFAULT);
  H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
  H5Dclose(dataset);
  H5Sclose(space);
  H5Pclose(creation);
  H5Pclose(link);
}

}  // namespace mesoglass::test
