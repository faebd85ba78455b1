#include "core/hdf5_file.hpp"

#include <algorithm>
#include <cstring>
#include <functional>
#include <numeric>
#include <utility>

namespace mesoglass {

namespace {

// HDF5 1.10 fails on independent calls of about 2 GiB; half of that is as fast.
constexpr std::uint64_t largest_call_bytes = std::uint64_t{1} << 30;

enum OpenMode { mode_create, mode_read, mode_update };
enum TransferMode { write_together, read_together, read_alone };

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
std::string last_hdf5_message() {
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

std::uint64_t product(const Shape& shape) {
  return std::accumulate(shape.begin(), shape.end(), std::uint64_t{1}, std::multiplies<>());
}

std::string shape_text(const Shape& shape) { return fmt::format("({})", fmt::join(shape, ", ")); }

template <typename T>
hid_t native_type() {
  if constexpr (std::is_same_v<T, double>) return H5T_NATIVE_DOUBLE;
  else if constexpr (std::is_same_v<T, float>) return H5T_NATIVE_FLOAT;
  else if constexpr (std::is_same_v<T, std::int8_t>) return H5T_NATIVE_INT8;
  else if constexpr (std::is_same_v<T, std::uint8_t>) return H5T_NATIVE_UINT8;
  else if constexpr (std::is_same_v<T, std::int16_t>) return H5T_NATIVE_INT16;
  else if constexpr (std::is_same_v<T, std::uint16_t>) return H5T_NATIVE_UINT16;
  else if constexpr (std::is_same_v<T, std::int32_t>) return H5T_NATIVE_INT32;
  else if constexpr (std::is_same_v<T, std::uint32_t>) return H5T_NATIVE_UINT32;
  else if constexpr (std::is_same_v<T, std::int64_t>) return H5T_NATIVE_INT64;
  else return H5T_NATIVE_UINT64;
}

Handle text_type() {
  Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), H5T_VARIABLE);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  return type;
}

Handle dataspace(const Shape& shape) {
  if (shape.empty()) return {H5Screate(H5S_SCALAR), H5Sclose};
  const std::vector<hsize_t> extent(shape.begin(), shape.end());
  return {H5Screate_simple(static_cast<int>(extent.size()), extent.data(), nullptr), H5Sclose};
}

Shape shape_of(hid_t space) {
  const int rank = H5Sget_simple_extent_ndims(space);
  std::vector<hsize_t> extent(static_cast<std::size_t>(std::max(rank, 0)));
  if (rank > 0) H5Sget_simple_extent_dims(space, extent.data(), nullptr);
  return {extent.begin(), extent.end()};
}

struct Piece {
  Shape offset;
  Shape count;
  std::uint64_t first_value;
};

// Cuts a hyperslab along its slowest axes into pieces that are contiguous in memory and of at most `most_values`.
void cut(const Shape& offset, const Shape& count, std::uint64_t first_value, std::uint64_t most_values,
         std::vector<Piece>& pieces) {
  const auto total = product(count);
  const auto axis = std::find_if(count.begin(), count.end(), [](std::uint64_t n) { return n > 1; });
  if (total <= most_values || axis == count.end()) {
    pieces.push_back({offset, count, first_value});
    return;
  }
  const auto a = static_cast<std::size_t>(axis - count.begin());
  const auto row = total / count[a];
  const auto step = std::max<std::uint64_t>(1, most_values / row);
  for (std::uint64_t first = 0; first < count[a]; first += step) {
    auto piece_offset = offset;
    auto piece_count = count;
    piece_offset[a] += first;
    piece_count[a] = std::min(step, count[a] - first);
    cut(piece_offset, piece_count, first_value + first * row, most_values, pieces);
  }
}

// Texts of a dataset or attribute, fixed or variable length; `read` fills a buffer of the given memory type.
std::vector<std::string> texts_from(hid_t file_type, std::size_t count, const std::function<herr_t(hid_t, void*)>& read) {
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

}  // namespace

struct Hdf5File::State {
  const Communicator* communicator = nullptr;
  std::filesystem::path path;
  hid_t file = -1;

  [[nodiscard]] bool parallel() const { return communicator->size() > 1; }

  ~State() {
    // Closing a parallel file is collective: while one rank unwinds alone it would wait for the others.
    if (file >= 0 && (!parallel() || std::uncaught_exceptions() == 0)) H5Fclose(file);
  }

  [[nodiscard]] Error damaged(const std::string& object, const std::string& why) const {
    return input_error("{}: {} cannot be read ({}): the file may be damaged or of another kind", path.string(), object, why);
  }

  // Every rank learns of a failure of any, so that the next collective call is entered by all or none.
  void agree(bool ok, const std::string& object, const std::string& what) const {
    const bool reading = what == "read";
    collectively(*communicator, [&] {
      if (ok) return;
      if (reading) throw damaged(object, last_hdf5_message());
      throw failure("{}: {} cannot be {} ({}): check the free space and quota", path.string(), object, what,
                    last_hdf5_message());
    });
  }

  [[nodiscard]] Handle open_dataset(const std::string& name) const {
    Handle dataset(H5Dopen2(file, name.c_str(), H5P_DEFAULT), H5Dclose);
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

Hdf5File::Hdf5File(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hdf5File::~Hdf5File() = default;
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;

const std::filesystem::path& Hdf5File::path() const noexcept { return state_->path; }
const Communicator& Hdf5File::communicator() const noexcept { return *state_->communicator; }

Hdf5File Hdf5File::start(const Communicator& communicator, const std::filesystem::path& path, int mode) {
  if (mode != mode_create) {
    // Judged by one rank with the serial driver first: a damaged file must not strand ranks inside a collective open.
    on_root(communicator, [&] {
      std::error_code error;
      if (!std::filesystem::exists(path, error)) throw input_error("{} is not there: check the path", path.string());
      if (!std::filesystem::is_regular_file(path, error)) throw input_error("{} is not a regular file", path.string());
      const Handle probe(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
      if (!probe.valid()) {
        throw input_error("{} cannot be opened as HDF5 ({}): the file is damaged, truncated, not readable or of another kind",
                          path.string(), last_hdf5_message());
      }
    });
  }
  auto state = std::make_unique<State>();
  state->communicator = &communicator;
  state->path = path;
  const Handle access(H5Pcreate(H5P_FILE_ACCESS), H5Pclose);
  if (state->parallel()) {
    H5Pset_fapl_mpio(access.get(), communicator.get(), MPI_INFO_NULL);
    H5Pset_coll_metadata_write(access.get(), 1);
  }
  state->file = mode == mode_create
                    ? H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, access.get())
                    : H5Fopen(path.c_str(), mode == mode_read ? H5F_ACC_RDONLY : H5F_ACC_RDWR, access.get());
  state->agree(state->file >= 0, "the file", mode == mode_create ? "created" : "opened");
  return Hdf5File(std::move(state));
}

Hdf5File Hdf5File::create(const Communicator& communicator, const std::filesystem::path& path) {
  return start(communicator, path, mode_create);
}
Hdf5File Hdf5File::open(const Communicator& communicator, const std::filesystem::path& path) {
  return start(communicator, path, mode_read);
}
Hdf5File Hdf5File::open_for_update(const Communicator& communicator, const std::filesystem::path& path) {
  return start(communicator, path, mode_update);
}

void Hdf5File::close() {
  if (state_->file < 0) return;
  const bool flushed = H5Fflush(state_->file, H5F_SCOPE_LOCAL) >= 0;
  const bool closed = H5Fclose(std::exchange(state_->file, -1)) >= 0;
  state_->agree(flushed && closed, "the file", "written to the end");
}

bool Hdf5File::exists(const std::string& object) const { return state_->kind(object) != H5O_TYPE_UNKNOWN; }
bool Hdf5File::is_group(const std::string& object) const { return state_->kind(object) == H5O_TYPE_GROUP; }
bool Hdf5File::is_dataset(const std::string& object) const { return state_->kind(object) == H5O_TYPE_DATASET; }

std::vector<std::string> Hdf5File::children(const std::string& group) const {
  return collectively(*state_->communicator, [&] {
    const Handle opened(H5Gopen2(state_->file, group.c_str(), H5P_DEFAULT), H5Gclose);
    if (!opened.valid()) throw input_error("{} has no group {}", state_->path.string(), group);
    std::vector<std::string> names;
    H5Literate(
        opened.get(), H5_INDEX_NAME, H5_ITER_INC, nullptr,
        [](hid_t, const char* name, const H5L_info_t*, void* target) -> herr_t {
          static_cast<std::vector<std::string>*>(target)->emplace_back(name);
          return 0;
        },
        &names);
    return names;
  });
}

Shape Hdf5File::shape(const std::string& dataset) const {
  return collectively(*state_->communicator, [&] {
    const auto opened = state_->open_dataset(dataset);
    const Handle space(H5Dget_space(opened.get()), H5Sclose);
    return shape_of(space.get());
  });
}

Shape Hdf5File::chunk(const std::string& dataset) const {
  return collectively(*state_->communicator, [&] {
    const auto opened = state_->open_dataset(dataset);
    const Handle creation(H5Dget_create_plist(opened.get()), H5Pclose);
    if (H5Pget_layout(creation.get()) != H5D_CHUNKED) return Shape{};
    std::vector<hsize_t> extent(H5S_MAX_RANK);
    const int rank = H5Pget_chunk(creation.get(), static_cast<int>(extent.size()), extent.data());
    return Shape(extent.begin(), extent.begin() + std::max(rank, 0));
  });
}

ElementType Hdf5File::element_type(const std::string& dataset) const {
  return collectively(*state_->communicator, [&] {
    const auto opened = state_->open_dataset(dataset);
    const Handle type(H5Dget_type(opened.get()), H5Tclose);
    ElementType element;
    element.bytes = static_cast<int>(H5Tget_size(type.get()));
    switch (H5Tget_class(type.get())) {
      case H5T_INTEGER:
        element.kind = H5Tget_sign(type.get()) == H5T_SGN_NONE ? ElementType::Kind::unsigned_integer
                                                               : ElementType::Kind::signed_integer;
        break;
      case H5T_FLOAT: element.kind = ElementType::Kind::real; break;
      case H5T_STRING: element.kind = ElementType::Kind::text; break;
      default: break;
    }
    return element;
  });
}

void Hdf5File::make_dataset(const std::string& dataset, const Shape& shape, hid_t type, const std::string& unit,
                            const std::string& description, const Storage& storage) {
  const Handle link(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(link.get(), 1);
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  std::vector<hsize_t> extent(shape.begin(), shape.end());
  auto largest = extent;
  if (!storage.chunk.empty()) {
    std::vector<hsize_t> chunk(storage.chunk.begin(), storage.chunk.end());
    // HDF5 refuses chunks larger than a fixed extent.
    for (std::size_t i = 0; i < chunk.size() && i < extent.size(); ++i) {
      if (!(storage.appendable && i == 0)) chunk[i] = std::max<hsize_t>(1, std::min(chunk[i], extent[i]));
    }
    H5Pset_chunk(creation.get(), static_cast<int>(chunk.size()), chunk.data());
    if (storage.deflate_level > 0) {
      H5Pset_shuffle(creation.get());
      H5Pset_deflate(creation.get(), static_cast<unsigned>(storage.deflate_level));
    }
  }
  if (storage.appendable) largest.at(0) = H5S_UNLIMITED;
  const Handle space = shape.empty()
                           ? dataspace(shape)
                           : Handle(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), largest.data()), H5Sclose);
  bool created = false;
  {
    const Handle made(H5Dcreate2(state_->file, dataset.c_str(), type, space.get(), link.get(), creation.get(), H5P_DEFAULT),
                      H5Dclose);
    created = made.valid();
  }
  state_->agree(created, dataset, "created");
  set_attribute(dataset, "units", unit);
  set_attribute(dataset, "description", description);
}

void Hdf5File::transfer(const std::string& dataset, const Shape& offset, const Shape& count, void* values,
                        hid_t memory_type, std::size_t element_bytes, int mode) const {
  const auto own_work = [&] {
    auto opened = state_->open_dataset(dataset);
    const Handle space(H5Dget_space(opened.get()), H5Sclose);
    const auto shape = shape_of(space.get());
    bool inside = shape.size() == offset.size() && shape.size() == count.size();
    for (std::size_t i = 0; inside && i < shape.size(); ++i) {
      inside = count[i] == 0 || (offset[i] <= shape[i] && count[i] <= shape[i] - offset[i]);
    }
    if (!inside) {
      throw input_error("{}: part {} + {} lies outside {} of shape {}: the file does not hold what is asked of it",
                        state_->path.string(), shape_text(offset), shape_text(count), dataset, shape_text(shape));
    }
    return opened;
  };
  const bool together = mode != read_alone;
  const Handle opened = together ? collectively(*state_->communicator, own_work) : own_work();
  std::vector<Piece> pieces;
  if (product(count) > 0) cut(offset, count, 0, std::max<std::uint64_t>(1, largest_call_bytes / element_bytes), pieces);
  const Handle property(H5Pcreate(H5P_DATASET_XFER), H5Pclose);
  if (state_->parallel()) H5Pset_dxpl_mpio(property.get(), together ? H5FD_MPIO_COLLECTIVE : H5FD_MPIO_INDEPENDENT);
  const std::uint64_t rounds = together ? state_->communicator->max<std::uint64_t>(pieces.size()) : pieces.size();
  const char* what = mode == write_together ? "written" : "read";
  for (std::uint64_t round = 0; round < rounds; ++round) {
    const bool has_piece = round < pieces.size();
    const Handle file_space(H5Dget_space(opened.get()), H5Sclose);
    Handle memory_space = has_piece ? dataspace(pieces[round].count) : dataspace({1});
    void* address = values;
    if (has_piece) {
      const auto& piece = pieces[round];
      address = static_cast<char*>(values) + piece.first_value * element_bytes;
      if (!piece.offset.empty()) {
        const std::vector<hsize_t> start(piece.offset.begin(), piece.offset.end());
        const std::vector<hsize_t> extent(piece.count.begin(), piece.count.end());
        H5Sselect_hyperslab(file_space.get(), H5S_SELECT_SET, start.data(), nullptr, extent.data(), nullptr);
      }
    } else {
      H5Sselect_none(file_space.get());
      H5Sselect_none(memory_space.get());
    }
    char nothing = 0;
    if (address == nullptr) address = &nothing;
    const herr_t status =
        mode == write_together
            ? H5Dwrite(opened.get(), memory_type, memory_space.get(), file_space.get(), property.get(), address)
            : H5Dread(opened.get(), memory_type, memory_space.get(), file_space.get(), property.get(), address);
    if (together) {
      state_->agree(status >= 0, dataset, what);
    } else if (status < 0) {
      throw state_->damaged(dataset, last_hdf5_message());
    }
  }
}

void Hdf5File::append(const std::string& dataset, const void* rows, std::size_t value_count, hid_t memory_type,
                      std::size_t element_bytes) {
  auto extent = shape(dataset);
  if (extent.empty()) throw std::logic_error("append to a scalar: " + dataset);
  const Shape row_shape(extent.begin() + 1, extent.end());
  const std::uint64_t own_rows = value_count / product(row_shape);
  const auto counts = state_->communicator->all_gather(own_rows);
  const auto rank = static_cast<std::ptrdiff_t>(state_->communicator->rank());
  Shape offset(extent.size(), 0);
  offset[0] = extent[0] + std::accumulate(counts.begin(), counts.begin() + rank, std::uint64_t{0});
  Shape count = extent;
  count[0] = own_rows;
  resize_rows(dataset, extent[0] + std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}));
  transfer(dataset, offset, count, const_cast<void*>(rows), memory_type, element_bytes, write_together);
}

void Hdf5File::resize_rows(const std::string& dataset, std::uint64_t rows) {
  const auto extent = shape(dataset);
  std::vector<hsize_t> wanted(extent.begin(), extent.end());
  wanted.at(0) = rows;
  const auto opened = collectively(*state_->communicator, [&] { return state_->open_dataset(dataset); });
  state_->agree(H5Dset_extent(opened.get(), wanted.data()) >= 0, dataset, "resized");
}

void Hdf5File::create_group(const std::string& group) {
  if (exists(group)) return;
  const Handle link(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(link.get(), 1);
  bool created = false;
  {
    const Handle made(H5Gcreate2(state_->file, group.c_str(), link.get(), H5P_DEFAULT, H5P_DEFAULT), H5Gclose);
    created = made.valid();
  }
  state_->agree(created, group, "created");
}

// ---- Texts ----

std::vector<std::string> Hdf5File::read_texts(const std::string& dataset) const {
  std::vector<std::string> texts;
  on_root(*state_->communicator, [&] {
    const auto opened = state_->open_dataset(dataset);
    const Handle type(H5Dget_type(opened.get()), H5Tclose);
    const Handle space(H5Dget_space(opened.get()), H5Sclose);
    if (H5Tget_class(type.get()) != H5T_STRING) throw state_->damaged(dataset, "it holds no text");
    const auto count = static_cast<std::size_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space.get())));
    texts = texts_from(type.get(), count, [&](hid_t memory_type, void* target) {
      return H5Dread(opened.get(), memory_type, H5S_ALL, H5S_ALL, H5P_DEFAULT, target);
    });
  });
  texts.resize(state_->communicator->broadcast(texts.size()));
  for (auto& text : texts) text = state_->communicator->broadcast_text(std::move(text));
  return texts;
}

std::string Hdf5File::read_text(const std::string& dataset) const {
  auto texts = read_texts(dataset);
  return texts.empty() ? std::string() : std::move(texts.front());
}

void Hdf5File::write_texts(const std::string& dataset, const std::vector<std::string>& texts,
                           const std::string& description) {
  // Fixed length: HDF5 cannot write variable-length data in parallel.
  std::size_t length = 1;
  for (const auto& text : texts) length = std::max(length, text.size());
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), length);
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  H5Tset_cset(type.get(), H5T_CSET_UTF8);
  std::vector<char> letters(length * texts.size() + 1, '\0');
  for (std::size_t i = 0; i < texts.size(); ++i) std::copy(texts[i].begin(), texts[i].end(), letters.begin() + static_cast<std::ptrdiff_t>(i * length));
  make_dataset(dataset, {texts.size()}, type.get(), "1", description, {});
  transfer(dataset, {0}, {communicator().is_root() ? texts.size() : 0}, letters.data(), type.get(), length, write_together);
}

void Hdf5File::write_text(const std::string& dataset, const std::string& text, const std::string& description) {
  write_texts(dataset, {text}, description);
}

// ---- Attributes ----

void Hdf5File::write_attribute(const std::string& object, const std::string& name, hid_t type, const Shape& shape,
                               const void* values) {
  bool written = false;
  {
    const Handle opened(H5Oopen(state_->file, object.c_str(), H5P_DEFAULT), H5Oclose);
    if (opened.valid()) {
      if (H5Aexists(opened.get(), name.c_str()) > 0) H5Adelete(opened.get(), name.c_str());
      const Handle space = dataspace(shape);
      const Handle attribute(H5Acreate2(opened.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
      written = attribute.valid() && H5Awrite(attribute.get(), type, values) >= 0;
    }
  }
  state_->agree(written, object + "@" + name, "written");
}

void Hdf5File::set_attribute(const std::string& object, const std::string& name, const std::string& value) {
  const auto type = text_type();
  const char* pointer = value.c_str();
  write_attribute(object, name, type.get(), {}, &pointer);
}
void Hdf5File::set_short_text_attribute(const std::string& object, const std::string& name, const std::string& value) {
  const Handle type(H5Tcopy(H5T_C_S1), H5Tclose);
  H5Tset_size(type.get(), value.size());
  H5Tset_strpad(type.get(), H5T_STR_NULLPAD);
  write_attribute(object, name, type.get(), {}, value.data());
}
void Hdf5File::set_attribute(const std::string& object, const std::string& name, double value) {
  write_attribute(object, name, H5T_NATIVE_DOUBLE, {}, &value);
}
void Hdf5File::set_attribute(const std::string& object, const std::string& name, std::int64_t value) {
  write_attribute(object, name, H5T_NATIVE_INT64, {}, &value);
}
void Hdf5File::set_attribute(const std::string& object, const std::string& name, std::span<const std::int64_t> values) {
  write_attribute(object, name, H5T_NATIVE_INT64, {values.size()}, values.data());
}
void Hdf5File::set_attribute(const std::string& object, const std::string& name, std::span<const double> values) {
  write_attribute(object, name, H5T_NATIVE_DOUBLE, {values.size()}, values.data());
}

bool Hdf5File::has_attribute(const std::string& object, const std::string& name) const {
  if (!exists(object)) return false;
  return H5Aexists_by_name(state_->file, object.c_str(), name.c_str(), H5P_DEFAULT) > 0;
}

namespace {

Handle open_attribute(hid_t file, const std::filesystem::path& path, const std::string& object, const std::string& name) {
  Handle attribute(H5Aopen_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute.valid()) {
    H5Eclear2(H5E_DEFAULT);
    throw input_error("{}: {} has no attribute '{}': the file may be damaged or of another kind", path.string(), object, name);
  }
  return attribute;
}

template <typename T>
T number_attribute(hid_t file, const std::filesystem::path& path, const std::string& object, const std::string& name) {
  const auto attribute = open_attribute(file, path, object, name);
  const Handle space(H5Aget_space(attribute.get()), H5Sclose);
  const Handle type(H5Aget_type(attribute.get()), H5Tclose);
  const auto kind = H5Tget_class(type.get());
  T value{};
  if ((kind != H5T_INTEGER && kind != H5T_FLOAT) || H5Sget_simple_extent_npoints(space.get()) != 1 ||
      H5Aread(attribute.get(), native_type<T>(), &value) < 0) {
    H5Eclear2(H5E_DEFAULT);
    throw input_error("{}: attribute '{}' of {} is not one number", path.string(), name, object);
  }
  return value;
}

}  // namespace

std::vector<std::string> Hdf5File::attribute_texts(const std::string& object, const std::string& name) const {
  return collectively(*state_->communicator, [&] {
    const auto attribute = open_attribute(state_->file, state_->path, object, name);
    const Handle type(H5Aget_type(attribute.get()), H5Tclose);
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    if (H5Tget_class(type.get()) != H5T_STRING) {
      throw input_error("{}: attribute '{}' of {} is not text", state_->path.string(), name, object);
    }
    const auto count = static_cast<std::size_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space.get())));
    return texts_from(type.get(), count,
                      [&](hid_t memory_type, void* target) { return H5Aread(attribute.get(), memory_type, target); });
  });
}

std::string Hdf5File::attribute_text(const std::string& object, const std::string& name) const {
  auto texts = attribute_texts(object, name);
  return texts.empty() ? std::string() : std::move(texts.front());
}

double Hdf5File::attribute_real(const std::string& object, const std::string& name) const {
  return collectively(*state_->communicator,
                      [&] { return number_attribute<double>(state_->file, state_->path, object, name); });
}

std::int64_t Hdf5File::attribute_integer(const std::string& object, const std::string& name) const {
  return collectively(*state_->communicator,
                      [&] { return number_attribute<std::int64_t>(state_->file, state_->path, object, name); });
}

std::vector<double> Hdf5File::attribute_reals(const std::string& object, const std::string& name) const {
  return collectively(*state_->communicator, [&] {
    const auto attribute = open_attribute(state_->file, state_->path, object, name);
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    const Handle type(H5Aget_type(attribute.get()), H5Tclose);
    const auto kind = H5Tget_class(type.get());
    std::vector<double> values(static_cast<std::size_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space.get()))));
    if ((kind != H5T_INTEGER && kind != H5T_FLOAT) || H5Aread(attribute.get(), H5T_NATIVE_DOUBLE, values.data()) < 0) {
      H5Eclear2(H5E_DEFAULT);
      throw input_error("{}: attribute '{}' of {} does not hold numbers", state_->path.string(), name, object);
    }
    return values;
  });
}

void Hdf5File::write_format(const std::string& format, int major_version, int minor_version) {
  set_attribute("/", "format", format);
  const std::int64_t version[] = {major_version, minor_version};
  set_attribute("/", "format_version", std::span<const std::int64_t>(version));
}

void Hdf5File::check_format(const std::string& format, int supported_major_version) const {
  const auto found = has_attribute("/", "format") ? attribute_text("/", "format") : "unknown";
  if (found != format) {
    throw Error(ExitCode::bad_input,
                fmt::format("{} is a '{}' file, wanted is '{}': give the right file", state_->path.string(), found, format),
                true);
  }
  collectively(*state_->communicator, [&] {
    const auto attribute = open_attribute(state_->file, state_->path, "/", "format_version");
    std::int64_t version[2] = {0, 0};
    const Handle space(H5Aget_space(attribute.get()), H5Sclose);
    if (H5Sget_simple_extent_npoints(space.get()) != 2 || H5Aread(attribute.get(), H5T_NATIVE_INT64, version) < 0) {
      throw state_->damaged("format_version", last_hdf5_message());
    }
    if (version[0] > supported_major_version) {
      throw input_error("{} has format version {}.{}, this program reads up to {}: update mesoglass", state_->path.string(),
                        version[0], version[1], supported_major_version);
    }
  });
}

// ---- Numbers ----

template <typename T>
std::vector<T> Hdf5File::read(const std::string& dataset) const {
  std::vector<T> values;
  on_root(*state_->communicator, [&] {
    const auto opened = state_->open_dataset(dataset);
    const Handle space(H5Dget_space(opened.get()), H5Sclose);
    const auto extent = shape_of(space.get());
    values.resize(product(extent));
    transfer(dataset, Shape(extent.size(), 0), extent, values.data(), native_type<T>(), sizeof(T), read_alone);
  });
  state_->communicator->broadcast_vector(values);
  return values;
}

template <typename T>
void Hdf5File::write(const std::string& dataset, const Shape& shape, std::span<const T> values, const std::string& unit,
                     const std::string& description, const Storage& storage) {
  if (communicator().is_root() && values.size() != product(shape)) {
    throw std::logic_error("values do not fill the shape of " + dataset);
  }
  make_dataset(dataset, shape, native_type<T>(), unit, description, storage);
  if (shape.empty()) {
    // A scalar has no hyperslab for a rank to leave out: every rank writes the root's value.
    T value = communicator().broadcast(values.empty() ? T{} : values.front());
    transfer(dataset, {}, {}, &value, native_type<T>(), sizeof(T), write_together);
    return;
  }
  Shape count = shape;
  if (!communicator().is_root()) count.at(0) = 0;
  transfer(dataset, Shape(shape.size(), 0), count, const_cast<T*>(values.data()), native_type<T>(), sizeof(T), write_together);
}

template <typename T>
void Hdf5File::create_dataset(const std::string& dataset, const Shape& shape, const std::string& unit,
                              const std::string& description, const Storage& storage) {
  make_dataset(dataset, shape, native_type<T>(), unit, description, storage);
}

template <typename T>
void Hdf5File::write_part(const std::string& dataset, const Shape& offset, const Shape& count, std::span<const T> values) {
  if (values.size() < product(count)) throw std::logic_error("too few values for a part of " + dataset);
  transfer(dataset, offset, count, const_cast<T*>(values.data()), native_type<T>(), sizeof(T), write_together);
}

template <typename T>
void Hdf5File::read_part(const std::string& dataset, const Shape& offset, const Shape& count, std::span<T> values) const {
  if (values.size() < product(count)) throw std::logic_error("too little room for a part of " + dataset);
  transfer(dataset, offset, count, values.data(), native_type<T>(), sizeof(T), read_together);
}

template <typename T>
void Hdf5File::read_part_alone(const std::string& dataset, const Shape& offset, const Shape& count,
                               std::span<T> values) const {
  if (values.size() < product(count)) throw std::logic_error("too little room for a part of " + dataset);
  transfer(dataset, offset, count, values.data(), native_type<T>(), sizeof(T), read_alone);
}

template <typename T>
void Hdf5File::append_rows(const std::string& dataset, std::span<const T> rows) {
  append(dataset, rows.data(), rows.size(), native_type<T>(), sizeof(T));
}

#define MESOGLASS_INSTANTIATE(T)                                                                                      \
  template std::vector<T> Hdf5File::read<T>(const std::string&) const;                                                \
  template void Hdf5File::write<T>(const std::string&, const Shape&, std::span<const T>, const std::string&,          \
                                   const std::string&, const Storage&);                                               \
  template void Hdf5File::create_dataset<T>(const std::string&, const Shape&, const std::string&, const std::string&, \
                                            const Storage&);                                                          \
  template void Hdf5File::write_part<T>(const std::string&, const Shape&, const Shape&, std::span<const T>);          \
  template void Hdf5File::read_part<T>(const std::string&, const Shape&, const Shape&, std::span<T>) const;           \
  template void Hdf5File::read_part_alone<T>(const std::string&, const Shape&, const Shape&, std::span<T>) const;     \
  template void Hdf5File::append_rows<T>(const std::string&, std::span<const T>);

MESOGLASS_INSTANTIATE(double)
MESOGLASS_INSTANTIATE(float)
MESOGLASS_INSTANTIATE(std::int8_t)
MESOGLASS_INSTANTIATE(std::uint8_t)
MESOGLASS_INSTANTIATE(std::int16_t)
MESOGLASS_INSTANTIATE(std::uint16_t)
MESOGLASS_INSTANTIATE(std::int32_t)
MESOGLASS_INSTANTIATE(std::uint32_t)
MESOGLASS_INSTANTIATE(std::int64_t)
MESOGLASS_INSTANTIATE(std::uint64_t)
#undef MESOGLASS_INSTANTIATE

}  // namespace mesoglass
