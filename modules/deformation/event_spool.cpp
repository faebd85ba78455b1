#include "deformation/event_spool.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.hpp"

namespace mesoglass::deformation {

EventSpool::EventSpool(const Communicator& communicator, std::filesystem::path path, std::int64_t kept)
    : communicator_(communicator), path_(std::move(path)), size_(kept) {
  on_root(communicator_, [&] {
    const auto bytes = static_cast<std::uintmax_t>(kept) * sizeof(EventRecord);
    if (kept > 0) {
      std::error_code error;
      const auto present = std::filesystem::file_size(path_, error);
      if (error || present < bytes) {
        throw input_error(
            "the event log {} does not hold the {} events that the checkpoint counts: start the run anew "
            "without --resume",
            path_.string(), kept);
      }
      std::filesystem::resize_file(path_, bytes, error);
      if (error) throw input_error("the event log {} cannot be cut ({})", path_.string(), error.message());
    }
    file_.reset(std::fopen(path_.c_str(), kept > 0 ? "r+b" : "w+b"));
    if (!file_ || std::fseek(file_.get(), 0, SEEK_END) != 0) {
      throw input_error("the event log {} cannot be written ({}): choose a folder you may write to", path_.string(),
                        std::strerror(errno));
    }
  });
}

void EventSpool::append(const EventRecord& record) {
  ++size_;
  if (!communicator_.is_root()) return;
  if (std::fwrite(&record, sizeof record, 1, file_.get()) != 1) write_failed_ = true;
}

void EventSpool::flush() {
  on_root(communicator_, [&] {
    if (std::fflush(file_.get()) != 0 || write_failed_ || (::fsync(::fileno(file_.get())) != 0 && errno != EINVAL)) {
      throw failure("the event log {} cannot be written ({}): is the disk full?", path_.string(), std::strerror(errno));
    }
  });
}

void EventSpool::write_events(Hdf5File& file) {
  flush();
  const auto rows = static_cast<std::uint64_t>(size_);
  const Shape shape = {rows};
  file.create_group("/events");
  file.create_dataset<double>("/events/time", shape, "s", "time");
  file.create_dataset<double>("/events/strain", shape, "1", "strain along the loading");
  file.create_dataset<std::int64_t>("/events/voxel", shape, "1", "index of the voxel, x fastest");
  file.create_dataset<std::int32_t>("/events/mode", shape, "1", "mode of the voxel's catalog");
  file.create_dataset<std::uint32_t>("/events/generation", shape, "1", "earlier transformations of the voxel");
  file.create_dataset<double>("/events/barrier", shape, "eV", "activation barrier at the event");
  file.create_dataset<double>("/events/strain_increment", {rows, 6}, "1", "strain xx, yy, zz, yz, xz, xy of the event");
  file.create_dataset<std::int64_t>("/events/avalanche", shape, "1", "row of /avalanches, or -1 for a thermal event");
  constexpr std::uint64_t block = 65536;
  std::vector<EventRecord> records;
  for (std::uint64_t first = 0; first < rows; first += block) {
    const std::uint64_t count = communicator_.is_root() ? std::min(block, rows - first) : 0;
    records.resize(count);
    on_root(communicator_, [&] {
      if (std::fseek(file_.get(), static_cast<long>(first * sizeof(EventRecord)), SEEK_SET) != 0 ||
          std::fread(records.data(), sizeof(EventRecord), count, file_.get()) != count) {
        throw failure("the event log {} cannot be read back ({})", path_.string(), std::strerror(errno));
      }
    });
    const auto column = [&](const char* name, auto value_of) {
      using Value = decltype(value_of(EventRecord{}));
      std::vector<Value> values(count);
      std::transform(records.begin(), records.end(), values.begin(), value_of);
      file.write_part<Value>(std::string("/events/") + name, {count == 0 ? 0 : first}, {count}, values);
    };
    column("time", [](const EventRecord& record) { return record.time_s; });
    column("strain", [](const EventRecord& record) { return record.strain; });
    column("voxel", [](const EventRecord& record) { return record.voxel; });
    column("mode", [](const EventRecord& record) { return record.mode; });
    column("generation", [](const EventRecord& record) { return record.generation; });
    column("barrier", [](const EventRecord& record) { return record.barrier_ev; });
    column("avalanche", [](const EventRecord& record) { return record.avalanche; });
    std::vector<double> increments;
    for (const EventRecord& record : records) {
      increments.insert(increments.end(), record.strain_increment.begin(), record.strain_increment.end());
    }
    file.write_part<double>("/events/strain_increment", {count == 0 ? 0 : first, 0}, {count, 6}, increments);
  }
}

void EventSpool::remove() {
  file_.reset();
  on_root(communicator_, [&] {
    std::error_code error;
    std::filesystem::remove(path_, error);
  });
}

}  // namespace mesoglass::deformation
