#include "ensemble/work_queue.hpp"

#include "core/error.hpp"

namespace mesoglass::ensemble {

namespace {

constexpr std::int64_t nothing_left = -1;

int checked_group_size(int ranks_per_group, int ranks) {
  if (ranks_per_group < 1 || ranks_per_group > ranks) {
    throw input_error("{} ranks a run are impossible with {} ranks in all: give 1 to {}", ranks_per_group, ranks,
                      ranks);
  }
  return ranks_per_group;
}

}  // namespace

WorkQueue::WorkQueue(const Communicator& communicator, int ranks_per_group, std::int64_t items)
    : communicator_(communicator),
      group_(communicator.split(communicator.rank() / checked_group_size(ranks_per_group, communicator.size()))),
      group_count_((communicator.size() + ranks_per_group - 1) / ranks_per_group),
      items_(items) {
  std::int64_t* handed_out = nullptr;
  const MPI_Aint bytes = communicator.is_root() ? static_cast<MPI_Aint>(sizeof *handed_out) : 0;
  check_mpi(MPI_Win_allocate(bytes, sizeof *handed_out, MPI_INFO_NULL, communicator.get(), &handed_out, &counter_),
            "MPI_Win_allocate");
  check_mpi(MPI_Win_lock_all(MPI_MODE_NOCHECK, counter_), "MPI_Win_lock_all");
  if (communicator.is_root()) {
    *handed_out = 0;
    check_mpi(MPI_Win_sync(counter_), "MPI_Win_sync");
  }
  communicator.barrier();
}

std::optional<std::int64_t> WorkQueue::next(bool stop) {
  std::int64_t item = nothing_left;
  if (!done_ && group_.is_root() && !stop) {
    constexpr std::int64_t one = 1;
    check_mpi(MPI_Fetch_and_op(&one, &item, MPI_INT64_T, 0, 0, MPI_SUM, counter_), "MPI_Fetch_and_op");
    check_mpi(MPI_Win_flush(0, counter_), "MPI_Win_flush");
    if (item >= items_) item = nothing_left;
  }
  item = group_.broadcast(item);
  if (item == nothing_left) {
    done_ = true;
    return std::nullopt;
  }
  return item;
}

void WorkQueue::serve() {
  if (!communicator_.is_root()) return;
  int waiting = 0;
  check_mpi(MPI_Iprobe(MPI_ANY_SOURCE, MPI_ANY_TAG, communicator_.get(), &waiting, MPI_STATUS_IGNORE), "MPI_Iprobe");
}

void WorkQueue::finish() {
  done_ = true;
  communicator_.barrier();
  if (counter_ == MPI_WIN_NULL) return;
  check_mpi(MPI_Win_unlock_all(counter_), "MPI_Win_unlock_all");
  check_mpi(MPI_Win_free(&counter_), "MPI_Win_free");
}

}  // namespace mesoglass::ensemble
