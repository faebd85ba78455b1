// The logs of a running simulation: flat files of records beside the output, so that a log takes no memory and a run
// that is killed loses nothing that a checkpoint has counted.
#pragma once

#include <array>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <memory>
#include <vector>

#include "core/communicator.hpp"
#include "core/hdf5_file.hpp"

namespace mesoglass::deformation {

struct EventRecord {
  double time_s = 0.0;
  double strain = 0.0;
  std::int64_t voxel = 0;
  std::int32_t mode = 0;
  std::uint32_t generation = 0;  // of the voxel before the event
  double barrier_ev = 0.0;
  std::array<double, 6> strain_increment{};
  std::int64_t avalanche = -1;  // row of /avalanches, or -1 = thermal
};
static_assert(sizeof(EventRecord) == 96, "records are written as they are");

// One athermal avalanche. A voxel that transforms again in it, and with a strain that undoes most of its last (cosine
// below -0.9), reverses itself: chains of such reversals are a sign of energy pumping, not of flow.
struct AvalancheRecord {
  double strain = 0.0;
  std::int64_t size = 0;  // transformations
  std::int64_t sweeps = 0;
  std::int64_t voxels = 0;  // different ones
  std::int64_t reversals = 0;
};
static_assert(sizeof(AvalancheRecord) == 40, "records are written as they are");

// A file of records of one kind.
class RecordSpool {
 public:
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  // All records reach the disk. Collective. Throws Failure.
  void flush();
  // Closes and deletes the spool. Collective.
  void remove();

 protected:
  // Starts an empty spool, or goes on behind the first `kept` records of the one that is there (what follows them is
  // cut off). Throws InputError where the file cannot be written or has fewer records. Collective; rank 0 has the file.
  RecordSpool(const Communicator& communicator, std::filesystem::path path, std::size_t record_bytes,
              std::int64_t kept);
  ~RecordSpool() = default;
  void append_bytes(const void* record);
  // Calls write(first row, records) for one block of records after another, with none on ranks other than 0.
  // Collective.
  template <typename Record, typename Write>
  void for_each_block(Write&& write);
  const Communicator& communicator_;

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  void read_block(std::uint64_t first, std::uint64_t count, void* records);
  std::filesystem::path path_;
  std::size_t record_bytes_;
  std::unique_ptr<std::FILE, Close> file_;  // rank 0 only
  std::int64_t size_ = 0;
  bool write_failed_ = false;
};

class EventSpool : public RecordSpool {
 public:
  EventSpool(const Communicator& communicator, std::filesystem::path path, std::int64_t kept)
      : RecordSpool(communicator, std::move(path), sizeof(EventRecord), kept) {}
  // Rank 0's records count. Not collective; write errors surface in flush().
  void append(const EventRecord& record) { append_bytes(&record); }
  // Copies all records into /events of an output. Collective.
  void write_events(Hdf5File& file);
};

class AvalancheSpool : public RecordSpool {
 public:
  AvalancheSpool(const Communicator& communicator, std::filesystem::path path, std::int64_t kept)
      : RecordSpool(communicator, std::move(path), sizeof(AvalancheRecord), kept) {}
  void append(const AvalancheRecord& record) { append_bytes(&record); }
  // Copies all records into /avalanches of an output. Collective.
  void write_avalanches(Hdf5File& file);
};

}  // namespace mesoglass::deformation
