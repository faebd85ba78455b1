// Groups of ranks that pull work from one queue, so that none is idle while work is left.
#pragma once

#include <mpi.h>

#include <cstdint>
#include <optional>

#include "core/communicator.hpp"

namespace mesoglass::ensemble {

// The ranks of `communicator` are cut into groups of `ranks_per_group` (the last may be smaller); each group takes an
// item, works on it, and takes the next. The queue is one counter in the memory of rank 0, which every group raises by
// itself (MPI one-sided), so that nobody waits for rank 0's own work. Where the network cannot do that without the
// help of rank 0, serve(), called often (each step), gives it.
class WorkQueue {
 public:
  // Collective over `communicator`, which must outlive the queue. `items` is how many there are: 0 to items - 1, handed
  // out in this order.
  WorkQueue(const Communicator& communicator, int ranks_per_group, std::int64_t items);
  ~WorkQueue() = default;
  WorkQueue(const WorkQueue&) = delete;
  WorkQueue& operator=(const WorkQueue&) = delete;

  // Collective over `communicator`: waits until every group has come to its end, and gives the counter back. Where an
  // error keeps a rank from it the counter is left to MPI_Finalize.
  void finish();

  [[nodiscard]] const Communicator& group() const noexcept { return group_; }
  [[nodiscard]] int group_count() const noexcept { return group_count_; }

  // The next item for this group; nothing where all are handed out, or where `stop` is true on the group's first rank
  // (then this group takes no more). Collective over the group.
  [[nodiscard]] std::optional<std::int64_t> next(bool stop);

  // Lets MPI do what the other groups ask of rank 0. Not collective; does nothing on other ranks. Cheap.
  void serve();

 private:
  const Communicator& communicator_;
  Communicator group_;
  int group_count_ = 1;
  std::int64_t items_ = 0;
  MPI_Win counter_ = MPI_WIN_NULL;
  bool done_ = false;
};

}  // namespace mesoglass::ensemble
