// The attributes of Hdf5File, and the format marks that are made of them.
#include "core/hdf5_internal.hpp"

namespace mesoglass {

using namespace hdf5_detail;

void Hdf5File::write_attribute(const std::string& object, const std::string& name, hid_t type, const Shape& shape,
                               const void* values) {
  bool written = false;
  {
    const Handle opened(H5Oopen(state_->file, object.c_str(), H5P_DEFAULT), H5Oclose);
    if (opened.valid()) {
      if (H5Aexists(opened.get(), name.c_str()) > 0) H5Adelete(opened.get(), name.c_str());
      const Handle space = dataspace(shape);
      const Handle attribute(H5Acreate2(opened.get(), name.c_str(), type, space.get(), H5P_DEFAULT, H5P_DEFAULT),
                             H5Aclose);
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

Handle open_attribute(hid_t file, const std::filesystem::path& path, const std::string& object,
                      const std::string& name) {
  Handle attribute(H5Aopen_by_name(file, object.c_str(), name.c_str(), H5P_DEFAULT, H5P_DEFAULT), H5Aclose);
  if (!attribute.valid()) {
    H5Eclear2(H5E_DEFAULT);
    throw input_error("{}: {} has no attribute '{}': the file may be damaged or of another kind", path.string(), object,
                      name);
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
    std::vector<double> values(
        static_cast<std::size_t>(std::max<hssize_t>(0, H5Sget_simple_extent_npoints(space.get()))));
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
    throw Error(
        ExitCode::bad_input,
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
      throw input_error("{} has format version {}.{}, this program reads up to {}: update mesoglass",
                        state_->path.string(), version[0], version[1], supported_major_version);
    }
  });
}

}  // namespace mesoglass
