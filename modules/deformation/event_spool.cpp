#include "deformation/event_spool.hpp"

#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <string>

#include "core/error.hpp"

namespace mesoglass::deformation {

RecordSpool::RecordSpool(const Communicator& communicator, std::filesystem::path path, std::size_t record_bytes,
                         std::int64_t kept)
    : communicator_(communicator), path_(std::move(path)), record_bytes_(record_bytes), size_(kept) {
  on_root(communicator_, [&] {
    const auto bytes = static_cast<std::uintmax_t>(kept) * record_bytes_;
    if (kept > 0) {
      std::error_code error;
      const auto present = std::filesystem::file_size(path_, error);
      if (error || present < bytes) {
        throw input_error(
            "the log {} does not hold the {} records that the checkpoint counts: start the run anew "
            "without --resume",
            path_.string(), kept);
      }
      std::filesystem::resize_file(path_, bytes, error);
      if (error) throw input_error("the log {} cannot be cut ({})", path_.string(), error.message());
    }
    file_.reset(std::fopen(path_.c_str(), kept > 0 ? "r+b" : "w+b"));
    if (!file_ || std::fseek(file_.get(), 0, SEEK_END) != 0) {
      throw input_error("the log {} cannot be written ({}): choose a folder you may write to", path_.string(),
                        std::strerror(errno));
    }
  });
}

void RecordSpool::append_bytes(const void* record) {
  ++size_;
  if (!communicator_.is_root()) return;
  if (std::fwrite(record, record_bytes_, 1, file_.get()) != 1) write_failed_ = true;
}

void RecordSpool::flush() {
  on_root(communicator_, [&] {
    if (std::fflush(file_.get()) != 0 || write_failed_ || (::fsync(::fileno(file_.get())) != 0 && errno != EINVAL)) {
      throw failure("the log {} cannot be written ({}): is the disk full?", path_.string(), std::strerror(errno));
    }
  });
}

void RecordSpool::read_block(std::uint64_t first, std::uint64_t count, void* records) {
  on_root(communicator_, [&] {
    if (std::fseek(file_.get(), static_cast<long>(first * record_bytes_), SEEK_SET) != 0 ||
        std::fread(records, record_bytes_, count, file_.get()) != count) {
      throw failure("the log {} cannot be read back ({})", path_.string(), std::strerror(errno));
    }
  });
}

template <typename Record, typename Write>
void RecordSpool::for_each_block(Write&& write) {
  constexpr std::uint64_t block = 65536;
  const auto rows = static_cast<std::uint64_t>(size_);
  std::vector<Record> records;
  for (std::uint64_t first = 0; first < rows; first += block) {
    const std::uint64_t count = communicator_.is_root() ? std::min(block, rows - first) : 0;
    records.resize(count);
    read_block(first, count, records.data());
    write(communicator_.is_root() ? first : 0, records);
  }
}

void RecordSpool::remove() {
  file_.reset();
  on_root(communicator_, [&] {
    std::error_code error;
    std::filesystem::remove(path_, error);
  });
}

void EventSpool::write_events(Hdf5File& file) {
  flush();
  const auto rows = static_cast<std::uint64_t>(size());
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
  for_each_block<EventRecord>([&](std::uint64_t first, const std::vector<EventRecord>& records) {
    const auto count = static_cast<std::uint64_t>(records.size());
    const auto column = [&](const char* name, auto value_of) {
      using Value = decltype(value_of(EventRecord{}));
      std::vector<Value> values(count);
      std::transform(records.begin(), records.end(), values.begin(), value_of);
      file.write_part<Value>(std::string("/events/") + name, {first}, {count}, values);
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
    file.write_part<double>("/events/strain_increment", {first, 0}, {count, 6}, increments);
  });
}

void AvalancheSpool::write_avalanches(Hdf5File& file) {
  flush();
  const Shape shape = {static_cast<std::uint64_t>(size())};
  file.create_group("/avalanches");
  file.create_dataset<double>("/avalanches/strain", shape, "1", "strain at which the avalanche ran");
  file.create_dataset<std::int64_t>("/avalanches/size", shape, "1", "number of transformations");
  file.create_dataset<std::int64_t>("/avalanches/sweeps", shape, "1", "number of sweeps");
  file.create_dataset<std::int64_t>("/avalanches/voxels", shape, "1", "different voxels that transformed");
  file.create_dataset<std::int64_t>("/avalanches/reversals", shape, "1",
                                    "transformations that undid their voxel's last one in the same avalanche");
  for_each_block<AvalancheRecord>([&](std::uint64_t first, const std::vector<AvalancheRecord>& records) {
    const auto column = [&](const char* name, auto value_of) {
      using Value = decltype(value_of(AvalancheRecord{}));
      std::vector<Value> values(records.size());
      std::transform(records.begin(), records.end(), values.begin(), value_of);
      file.write_part<Value>(std::string("/avalanches/") + name, {first}, {records.size()}, values);
    };
    column("strain", [](const AvalancheRecord& record) { return record.strain; });
    column("size", [](const AvalancheRecord& record) { return record.size; });
    column("sweeps", [](const AvalancheRecord& record) { return record.sweeps; });
    column("voxels", [](const AvalancheRecord& record) { return record.voxels; });
    column("reversals", [](const AvalancheRecord& record) { return record.reversals; });
  });
}

}  // namespace mesoglass::deformation
