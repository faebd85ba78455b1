// What the parts of Hdf5File share: owners of HDF5 identifiers and the open file. Not installed: private to the core.
#pragma once

#include <algorithm>
#include <functional>
#include <numeric>
#include <utility>

#include "core/hdf5_file.hpp"

namespace mesoglass {

namespace hdf5_detail {

// Cuts reads and writes into calls of at most so many bytes a rank; 0 = the usual 1 GiB. For tests, which cannot afford
// parts of more than that. The same on every rank.
void limit_calls_to(std::uint64_t bytes);

// Owner of any HDF5 identifier.
class Handle {
 public:
  Handle(hid_t id, herr_t (*close)(hid_t)) noexcept : id_(id), close_(close) {}
  ~Handle() {
    if (id_ >= 0) close_(id_);
  }
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;
  Handle(Handle&& other) noexcept : id_(std::exchange(other.id_, -1)), close_(other.close_) {}
  Handle& operator=(Handle&&) = delete;
  [[nodiscard]] hid_t get() const noexcept { return id_; }
  [[nodiscard]] bool valid() const noexcept { return id_ >= 0; }

 private:
  hid_t id_;
  herr_t (*close_)(hid_t);
};

// The innermost reason of HDF5's error stack.
inline std::string last_hdf5_message() {
  std::string message;
  H5Ewalk2(
      H5E_DEFAULT, H5E_WALK_UPWARD,
      [](unsigned, const H5E_error2_t* entry, void* target) -> herr_t {
        auto& text = *static_cast<std::string*>(target);
        if (text.empty() && entry->desc != nullptr) text = entry->desc;
        return 0;
      },
      &message);
  H5Eclear2(H5E_DEFAULT);
  return message.empty() ? "no reason given" : message;
}

inline std::uint64_t product(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>());
}

inline std::string shape_text(const Shape& shape) {
  return fmt::format("({})", fmt::join(shape, ", "));
}

template <typename T>
hid_t native_type() {
  if constexpr (std::is_same_v<T, double>)
    return H5T_NATIVE_DOUBLE;
  else if constexpr (std::is_same_v<T, float>)
    return H5T_NATIVE_FLOAT;
  else if constexpr (std::is_same_v<T, std::int8_t>)
    return H5T_NATIVE_INT8;
  else if constexpr (std::is_same_v<T, std::uint8_t>)
    return H5T_NATIVE_UINT8;
  else if constexpr (std::is_same_v<T, std::int16_t>)
    return H5T_NATIVE_INT16;
  else if constexpr (std::is_same_v<T, std::uint16_t>)
    return H5T_NATIVE_UINT16;
  else if constexpr (std::is_same_v<T, std::int32_t>)
    return H5T_NATIVE_INT32;
  else if constexpr (std::is_same_v<T, std::uint32_t>)
    return H5T_NATIVE_UINT32;
  else if constexpr (std::is_same_v<T, std::int64_t>)
    return H5T_NATIVE_INT64;
  else
    return H5T_NATIVE_UINT64;
}

inline Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

inline Handle dataspace(const Shape& shape) {
  if (shape.empty()) return {H5Screate(H5S_SCALAR), H5Sclose};
  const std::vector<hsize_t> extent(shape.begin(), shape.end());
  return {H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), H5Sclose};
}

inline Shape shape_of(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  std::vector<hsize_t> extent(static_cast<std::size_t>(std::max(rank, 0)));
  if (rank > 0) H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  return {extent.begin(), extent.end()};
}

// Texts of a dataset or attribute, fixed or variable length; `read` fills a buffer of the given memory type.
inline std::vector<std::string> texts_from(hid_t file_type, std::size_t count,
                                           const std::function<herr_t(hid_t, void*)>& read) {
  std::vector<std::string> texts;
  if (H5Tis_variable_str(file_type) > 0) {
    // The memory type keeps the file's character set: HDF5 refuses to convert between them.
    Handle type(H5Tcopy(file_type), H5Tclose);
    std::vector<char*> pointers(count, nullptr);
    if (read(type.get(), pointers.data()) < 0) throw input_error("its text cannot be read ({})", last_hdf5_message());
    for (char* pointer : pointers) {
      texts.emplace_back(pointer != nullptr ? pointer : "");
      if (pointer != nullptr) H5free_memory(pointer);
    }
    return texts;
  }
  const std::size_t length = H5Tget_size(file_type);
  std::vector<char> letters(length * count + 1, '\0');
  if (read(file_type, letters.data()) < 0) throw input_error("its text cannot be read ({})", last_hdf5_message());
  for (std::size_t i = 0; i < count; ++i) {
    std::string text(letters.data() + i * length, length);
    text.resize(std::min(text.find('\0'), text.size()));
    texts.push_back(text);
  }
  return texts;
}

inline bool write_failed = false;

}  // namespace hdf5_detail

struct Hdf5File::State {
  const Communicator* communicator = nullptr;
  std::filesystem::path path;
  hid_t file = -1;
  std::uint64_t reserved_bytes = 0;  // disk space set aside from the file's beginning

  [[nodiscard]] bool parallel() const { return communicator->size() > 1; }

  ~State() {
    // Closing a parallel file is collective: while one rank unwinds alone it would wait for the others. After a failed
    // write HDF5 would try the write again, and crash or hang.
    if (file >= 0 && !hdf5_detail::write_failed && (!parallel() || std::uncaught_exceptions() == 0)) H5Fclose(file);
  }

  [[nodiscard]] Error damaged(const std::string& object, const std::string& why) const {
    return input_error("{}: {} cannot be read ({}): the file may be damaged or of another kind", path.string(), object,
                       why);
  }

  // Every rank learns of a failure of any, so that the next collective call is entered by all or none.
  void agree(bool ok, const std::string& object, const std::string& what) const {
    const bool reading = what == "read" || what == "opened";
    try {
      collectively(*communicator, [&] {
        if (ok) return;
        if (reading) throw damaged(object, hdf5_detail::last_hdf5_message());
        throw failure("{}: {} cannot be {} ({}): check the free space and quota", path.string(), object, what,
                      hdf5_detail::last_hdf5_message());
      });
    } catch (...) {
      if (!reading) hdf5_detail::write_failed = true;
      throw;
    }
  }

  [[nodiscard]] hdf5_detail::Handle open_dataset(const std::string& name) const {
    hdf5_detail::Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
    if (!dataset.valid()) {
      H5Eclear2(H5E_DEFAULT);
      throw input_error("{} has no dataset {}: it may be damaged, or a file of another kind", path.string(), name);
    }
    return dataset;
  }

  [[nodiscard]] bool link_exists(const std::string& object) const {
    if (object.empty() || object == "/") return true;
    for (std::size_t end = object.find('/', 1);; end = object.find('/', end + 1)) {
      const auto part = object.substr(0, end);
      if (H5Lexists(file, part.c_str(), H5P_DEFAULT) <= 0) return false;
      if (end == std::string::npos) break;
    }
    return H5Oexists_by_name(file, object.c_str(), H5P_DEFAULT) > 0;
  }

  [[nodiscard]] H5O_type_t kind(const std::string& object) const {
    if (!link_exists(object)) {
      H5Eclear2(H5E_DEFAULT);
      return H5O_TYPE_UNKNOWN;
    }
    H5O_info_t info;
    if (H5Oget_info_by_name2(file, object.c_str(), &info, H5O_INFO_BASIC, H5P_DEFAULT) < 0) return H5O_TYPE_UNKNOWN;
    return info.type;
  }
};

}  // namespace mesoglass
