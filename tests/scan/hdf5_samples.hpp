// HDF5 trees made with the HDF5 library itself, so that a reader is never judged by this project's own writer alone.
#pragma once

#include <hdf5.h>

#include <filesystem>
#include <functional>
#include <string>
#include <vector>

namespace mesoglass::test {

// Makes a file on rank 0. Collective.
void make_file(const std::filesystem::path& path, const std::function<void(hid_t)>& fill);

void add_group(hid_t file, const std::string& name);

// Attributes. Text of a fixed length, texts of variable length in an array, a bool as h5py stores it.
void add_text(hid_t file, const std::string& object, const std::string& name, const std::string& value);
void add_texts(hid_t file, const std::string& object, const std::string& name, const std::vector<std::string>& values);
void add_number(hid_t file, const std::string& object, const std::string& name, double value, hid_t stored);
void add_flag(hid_t file, const std::string& object, const std::string& name, bool value);

struct Stored {
  hid_t type = H5T_IEEE_F32LE;
  std::vector<hsize_t> chunk = {};
  bool gzip = false;
};
void add_data(hid_t file, const std::string& name, const std::vector<hsize_t>& shape, const std::vector<float>& values,
              const Stored& stored = {});

}  // namespace mesoglass::test
