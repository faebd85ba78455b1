#include "core/hdf5_internal.hpp"

#include <fcntl.h>
#include <unistd.h>

#include <cerrno>
#include <cstring>

namespace mesoglass {

using namespace hdf5_detail;

namespace {

// HDF5 1.10 fails on independent calls of about 2 GiB; half of that is as fast.
constexpr std::uint64_t largest_call_bytes = std::uint64_t{1} << 30;
std::uint64_t call_limit_bytes = largest_call_bytes;

enum OpenMode { mode_create, mode_read, mode_update };
enum TransferMode { write_together, read_together, read_alone };

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

}  // namespace

void hdf5_detail::limit_calls_to(std::uint64_t bytes) {
  call_limit_bytes = bytes == 0 ? largest_call_bytes : bytes;
}

Hdf5File::Hdf5File(std::unique_ptr<State> state) : state_(std::move(state)) {}
Hdf5File::~Hdf5File() = default;
Hdf5File::Hdf5File(Hdf5File&&) noexcept = default;
Hdf5File& Hdf5File::operator=(Hdf5File&&) noexcept = default;

const std::filesystem::path& Hdf5File::path() const noexcept {
  return state_->path;
}
const Communicator& Hdf5File::communicator() const noexcept {
  return *state_->communicator;
}

Hdf5File Hdf5File::start(const Communicator& communicator, const std::filesystem::path& path, int mode) {
  if (mode != mode_create) {
    // Judged by one rank with the serial driver first: a damaged file must not strand ranks inside a collective open.
    on_root(communicator, [&] {
      std::error_code error;
      if (!std::filesystem::exists(path, error)) throw input_error("{} is not there: check the path", path.string());
      if (!std::filesystem::is_regular_file(path, error)) throw input_error("{} is not a regular file", path.string());
      const Handle probe(H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT), H5Fclose);
      if (!probe.valid()) {
        throw input_error(
            "{} cannot be opened as HDF5 ({}): the file is damaged, truncated, not readable or of another kind",
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
  on_root(*state_->communicator, [&] {
    // Gives back what was set aside and not needed.
    if (state_->reserved_bytes > 0)
      std::filesystem::resize_file(state_->path, std::filesystem::file_size(state_->path));
  });
}

bool Hdf5File::exists(const std::string& object) const {
  return state_->kind(object) != H5O_TYPE_UNKNOWN;
}
bool Hdf5File::is_group(const std::string& object) const {
  return state_->kind(object) == H5O_TYPE_GROUP;
}
bool Hdf5File::is_dataset(const std::string& object) const {
  return state_->kind(object) == H5O_TYPE_DATASET;
}

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
      case H5T_FLOAT:
        element.kind = ElementType::Kind::real;
        break;
      case H5T_STRING:
        element.kind = ElementType::Kind::text;
        break;
      default:
        break;
    }
    return element;
  });
}

bool hdf5_write_failed() noexcept {
  return write_failed;
}

// A rank that meets a full disk inside a collective write leaves the others waiting in MPI-IO for ever. So the room is
// set aside before, where the file system can do that, without a change of the file's size.
void Hdf5File::reserve_room(std::uint64_t bytes) {
  on_root(*state_->communicator, [&] {
    constexpr std::uint64_t metadata_bytes = 16384;
    if (state_->reserved_bytes == 0)
      state_->reserved_bytes = std::filesystem::file_size(state_->path) + 16 * metadata_bytes;
    state_->reserved_bytes += bytes + metadata_bytes;
    const int descriptor = ::open(state_->path.c_str(), O_WRONLY | O_CLOEXEC);
    if (descriptor < 0) return;
    const int result = ::fallocate(descriptor, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(state_->reserved_bytes));
    const int reason = errno;
    ::close(descriptor);
    if (result != 0 && (reason == ENOSPC || reason == EDQUOT || reason == EFBIG)) {
      throw failure("{}: there is no room for {} MB ({}): free some space or choose another folder",
                    state_->path.string(), state_->reserved_bytes / 1000000 + 1, std::strerror(reason));
    }
  });
}

void Hdf5File::make_dataset(const std::string& dataset, const Shape& shape, hid_t type, const std::string& unit,
                            const std::string& description, const Storage& storage) {
  reserve_room(product(shape) * H5Tget_size(type));
  const Handle link(H5Pcreate(H5P_LINK_CREATE), H5Pclose);
  H5Pset_create_intermediate_group(link.get(), 1);
  const Handle creation(H5Pcreate(H5P_DATASET_CREATE), H5Pclose);
  // No times inside: equal results are equal files.
  H5Pset_obj_track_times(creation.get(), 0);
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
  const Handle space =
      shape.empty()
          ? dataspace(shape)
          : Handle(H5Screate_simple(static_cast<int>(extent.size()), extent.data(), largest.data()), H5Sclose);
  bool created = false;
  {
    const Handle made(
        H5Dcreate2(state_->file, dataset.c_str(), type, space.get(), link.get(), creation.get(), H5P_DEFAULT),
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
  if (product(count) > 0) cut(offset, count, 0, std::max<std::uint64_t>(1, call_limit_bytes / element_bytes), pieces);
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
  const auto extent = shape(dataset);
  if (extent.empty()) throw std::logic_error("append to a scalar: " + dataset);
  const Shape row_shape(extent.begin() + 1, extent.end());
  const std::uint64_t own_rows = value_count / product(row_shape);
  const auto counts = state_->communicator->all_gather(own_rows);
  reserve_room(std::accumulate(counts.begin(), counts.end(), std::uint64_t{0}) * product(row_shape) * element_bytes);
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
  for (std::size_t i = 0; i < texts.size(); ++i)
    std::copy(texts[i].begin(), texts[i].end(), letters.begin() + static_cast<std::ptrdiff_t>(i * length));
  make_dataset(dataset, {texts.size()}, type.get(), "1", description, {});
  transfer(dataset, {0}, {communicator().is_root() ? texts.size() : 0}, letters.data(), type.get(), length,
           write_together);
}

void Hdf5File::write_text(const std::string& dataset, const std::string& text, const std::string& description) {
  write_texts(dataset, {text}, description);
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
  transfer(dataset, Shape(shape.size(), 0), count, const_cast<T*>(values.data()), native_type<T>(), sizeof(T),
           write_together);
}

template <typename T>
void Hdf5File::create_dataset(const std::string& dataset, const Shape& shape, const std::string& unit,
                              const std::string& description, const Storage& storage) {
  make_dataset(dataset, shape, native_type<T>(), unit, description, storage);
}

template <typename T>
void Hdf5File::write_part(const std::string& dataset, const Shape& offset, const Shape& count,
                          std::span<const T> values) {
  if (values.size() < product(count)) throw std::logic_error("too few values for a part of " + dataset);
  transfer(dataset, offset, count, const_cast<T*>(values.data()), native_type<T>(), sizeof(T), write_together);
}

template <typename T>
void Hdf5File::read_part(const std::string& dataset, const Shape& offset, const Shape& count,
                         std::span<T> values) const {
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
