// Parallel HDF5 behind one small wrapper. Paths inside a file are absolute ("/a/b"); missing groups are made. Errors
// name the file and the object, and reach every rank.
#pragma once

#include <hdf5.h>

#include <cstdint>
#include <filesystem>
#include <memory>
#include <span>
#include <string>
#include <vector>

#include "core/communicator.hpp"

namespace mesoglass {

using Shape = std::vector<std::uint64_t>;  // slowest axis first

// How a dataset is stored.
struct Storage {
  Shape chunk = {};         // empty = contiguous
  int deflate_level = 0;    // 0 to 9; needs a chunk
  bool appendable = false;  // first axis may grow; needs a chunk
};

// True once a write has failed on some rank (disk full): HDF5 can then crash or hang while it closes the file, so the
// program must end without closing it. run_program does.
[[nodiscard]] bool hdf5_write_failed() noexcept;

// What a number in a file is.
struct ElementType {
  enum class Kind { signed_integer, unsigned_integer, real, text, other } kind = Kind::other;
  int bytes = 0;
};

class Hdf5File {
 public:
  // All three are collective over `communicator`, whose lifetime must cover the file's. A communicator of one rank
  // uses the serial driver. Creating replaces an existing file: pass an AtomicOutput's temporary path.
  [[nodiscard]] static Hdf5File create(const Communicator& communicator, const std::filesystem::path& path);
  [[nodiscard]] static Hdf5File open(const Communicator& communicator, const std::filesystem::path& path);
  [[nodiscard]] static Hdf5File open_for_update(const Communicator& communicator, const std::filesystem::path& path);

  // Flushes and closes; throws where the destructor must stay silent. Collective.
  void close();
  ~Hdf5File();
  Hdf5File(Hdf5File&&) noexcept;
  Hdf5File& operator=(Hdf5File&&) noexcept;

  [[nodiscard]] const std::filesystem::path& path() const noexcept;
  [[nodiscard]] const Communicator& communicator() const noexcept;

  // ---- Reading the tree: collective, no data moved ----
  [[nodiscard]] bool exists(const std::string& object) const;
  [[nodiscard]] bool is_group(const std::string& object) const;
  [[nodiscard]] bool is_dataset(const std::string& object) const;
  [[nodiscard]] std::vector<std::string> children(const std::string& group) const;  // in name order
  [[nodiscard]] Shape shape(const std::string& dataset) const;
  [[nodiscard]] ElementType element_type(const std::string& dataset) const;
  [[nodiscard]] Shape chunk(const std::string& dataset) const;  // empty where contiguous

  // ---- Whole datasets, the same on every rank; collective ----
  // Values convert from the stored type; refused where the number of values differs from `shape`'s product.
  template <typename T>
  [[nodiscard]] std::vector<T> read(const std::string& dataset) const;
  [[nodiscard]] std::string read_text(const std::string& dataset) const;
  [[nodiscard]] std::vector<std::string> read_texts(const std::string& dataset) const;
  // Rank 0's values are written.
  template <typename T>
  void write(const std::string& dataset, const Shape& shape, std::span<const T> values, const std::string& unit,
             const std::string& description, const Storage& storage = {});
  template <typename T>
  void write(const std::string& dataset, const std::vector<T>& values, const std::string& unit,
             const std::string& description) {
    write(dataset, {values.size()}, std::span<const T>(values), unit, description);
  }
  template <typename T>
  void write_scalar(const std::string& dataset, T value, const std::string& unit, const std::string& description) {
    write(dataset, {}, std::span<const T>(&value, 1), unit, description);
  }
  void write_text(const std::string& dataset, const std::string& text, const std::string& description);
  void write_texts(const std::string& dataset, const std::vector<std::string>& texts, const std::string& description);

  // ---- Each rank its own part; collective (every rank calls, with an empty part where it has none) ----
  template <typename T>
  void create_dataset(const std::string& dataset, const Shape& shape, const std::string& unit,
                      const std::string& description, const Storage& storage = {});
  // The hyperslab [offset, offset + count); values.size() is count's product. Cut into calls of at most 1 GiB a rank.
  template <typename T>
  void write_part(const std::string& dataset, const Shape& offset, const Shape& count, std::span<const T> values);
  template <typename T>
  void read_part(const std::string& dataset, const Shape& offset, const Shape& count, std::span<T> values) const;
  // As read_part, but only this rank calls: for work that ranks do at different times.
  template <typename T>
  void read_part_alone(const std::string& dataset, const Shape& offset, const Shape& count, std::span<T> values) const;
  // Grows the first axis by the rows of all ranks (rank order) and writes them. `row_shape` is the shape of one row.
  template <typename T>
  void append_rows(const std::string& dataset, std::span<const T> rows);
  // Cuts or grows the first axis.
  void resize_rows(const std::string& dataset, std::uint64_t rows);

  void create_group(const std::string& group);

  // ---- Attributes; collective, the same values on every rank ----
  [[nodiscard]] bool has_attribute(const std::string& object, const std::string& name) const;
  [[nodiscard]] std::string attribute_text(const std::string& object, const std::string& name) const;
  [[nodiscard]] double attribute_real(const std::string& object, const std::string& name) const;
  [[nodiscard]] std::int64_t attribute_integer(const std::string& object, const std::string& name) const;
  // All numbers of an array attribute.
  [[nodiscard]] std::vector<double> attribute_reals(const std::string& object, const std::string& name) const;
  // The first value of a text array attribute, or all of them (NeXus "axes").
  [[nodiscard]] std::vector<std::string> attribute_texts(const std::string& object, const std::string& name) const;
  void set_attribute(const std::string& object, const std::string& name, const std::string& value);
  void set_attribute(const std::string& object, const std::string& name, const char* value) {
    set_attribute(object, name, std::string(value));
  }
  // Fixed-length ASCII, which VTKHDF's "Type" must be; elsewhere set_attribute.
  void set_short_text_attribute(const std::string& object, const std::string& name, const std::string& value);
  void set_attribute(const std::string& object, const std::string& name, double value);
  void set_attribute(const std::string& object, const std::string& name, std::int64_t value);
  void set_attribute(const std::string& object, const std::string& name, std::span<const std::int64_t> values);
  void set_attribute(const std::string& object, const std::string& name, std::span<const double> values);

  // Our own formats: writes "format" and "format_version" on the root; the reader refuses another format, or a newer
  // major version, with a clear message.
  void write_format(const std::string& format, int major_version, int minor_version);
  void check_format(const std::string& format, int supported_major_version) const;

 private:
  struct State;
  explicit Hdf5File(std::unique_ptr<State> state);
  [[nodiscard]] static Hdf5File start(const Communicator& communicator, const std::filesystem::path& path, int mode);
  void transfer(const std::string& dataset, const Shape& offset, const Shape& count, void* values, hid_t memory_type,
                std::size_t element_bytes, int mode) const;
  void make_dataset(const std::string& dataset, const Shape& shape, hid_t type, const std::string& unit,
                    const std::string& description, const Storage& storage);
  void reserve_room(std::uint64_t bytes);
  void append(const std::string& dataset, const void* rows, std::size_t value_count, hid_t memory_type,
              std::size_t element_bytes);
  void write_attribute(const std::string& object, const std::string& name, hid_t type, const Shape& shape,
                       const void* values);
  std::unique_ptr<State> state_;
};

}  // namespace mesoglass
