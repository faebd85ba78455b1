// Groups of ranks that pull work from one queue, so that none is idle while work is left.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include "core/communicator.hpp"

namespace mesoglass::ensemble {

// The ranks of `communicator` are cut into groups of `ranks_per_group` (the last may be smaller); each group asks for
// an item, works on it, and asks again. Rank 0 holds the queue and works too: it answers the others whenever it calls
// serve(), which its own work must do often (each step).
class WorkQueue {
 public:
  // Collective over `communicator`, which must outlive the queue. `items` is how many there are: 0 to items - 1, handed
  // out in this order.
  WorkQueue(const Communicator& communicator, int ranks_per_group, std::int64_t items);
  // Collective over the group. Waits until every group has been told that there is nothing left (rank 0).
  void finish();

  [[nodiscard]] const Communicator& group() const noexcept { return group_; }
  [[nodiscard]] int group_count() const noexcept { return group_count_; }

  // The next item for this group; nothing where all are handed out, or where `stop` is true on the group's first rank
  // (then this group takes no more). Collective over the group.
  [[nodiscard]] std::optional<std::int64_t> next(bool stop);

  // Answers the groups that wait for an item. Not collective; does nothing on ranks other than 0. Cheap.
  void serve();

 private:
  [[nodiscard]] std::int64_t take();
  const Communicator& communicator_;
  Communicator group_;
  int group_count_ = 1;
  std::int64_t items_ = 0;
  std::int64_t handed_out_ = 0;
  int finished_groups_ = 0;
  bool done_ = false;
};

}  // namespace mesoglass::ensemble
