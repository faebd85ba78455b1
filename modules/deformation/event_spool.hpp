// The event log of a running simulation: a flat file of records beside the output, so that the log takes no memory and
// a run that is killed loses nothing that a checkpoint has counted.
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

class EventSpool {
 public:
  // Starts an empty spool, or goes on behind the first `kept` records of the one that is there (what follows them is
  // cut off). Throws InputError where the file cannot be written or has fewer records. Collective; rank 0 has the file.
  EventSpool(const Communicator& communicator, std::filesystem::path path, std::int64_t kept);

  // Rank 0's records count. Not collective; write errors surface in flush().
  void append(const EventRecord& record);
  [[nodiscard]] std::int64_t size() const noexcept { return size_; }
  // All records reach the disk. Collective. Throws Failure.
  void flush();
  // Copies all records into /events of an output. Collective.
  void write_events(Hdf5File& file);
  // Closes and deletes the spool. Collective.
  void remove();

 private:
  struct Close {
    void operator()(std::FILE* file) const noexcept { std::fclose(file); }
  };
  const Communicator& communicator_;
  std::filesystem::path path_;
  std::unique_ptr<std::FILE, Close> file_;  // rank 0 only
  std::int64_t size_ = 0;
  bool write_failed_ = false;
};

}  // namespace mesoglass::deformation
