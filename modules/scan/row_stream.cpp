#include "scan/row_stream.hpp"

#include <algorithm>
#include <array>
#include <chrono>
#include <csignal>
#include <utility>

namespace mesoglass::scan {

namespace {

using Clock = std::chrono::steady_clock;

double seconds_since(Clock::time_point start) {
  return std::chrono::duration<double>(Clock::now() - start).count();
}

struct Agreement {
  bool more = false;  // some rank has a block to read
  bool stop = false;  // some rank reads no further
};

// What all ranks want, each after its own time: waiting sleeps, since a rank that spins in MPI would take the time that
// its own calculation needs. Collective.
Agreement agree(const Communicator& communicator, Agreement own) {
  std::array<int, 2> wanted = {own.more ? 1 : 0, own.stop ? 1 : 0};
  MPI_Request request = MPI_REQUEST_NULL;
  check_mpi(MPI_Iallreduce(MPI_IN_PLACE, wanted.data(), 2, MPI_INT, MPI_MAX, communicator.get(), &request),
            "MPI_Iallreduce");
  constexpr auto longest_sleep = std::chrono::microseconds(500);
  auto sleep = std::chrono::microseconds(10);
  for (int done = 0;;) {
    check_mpi(MPI_Test(&request, &done, MPI_STATUS_IGNORE), "MPI_Test");
    if (done != 0) return {wanted[0] != 0, wanted[1] != 0};
    std::this_thread::sleep_for(sleep);
    sleep = std::min(2 * sleep, longest_sleep);
  }
}

bool thread_may_read(const ScanReader& reader) {
  if (reader.together() == nullptr) return true;
  int level = MPI_THREAD_SINGLE;
  MPI_Query_thread(&level);
  return level >= MPI_THREAD_SERIALIZED;
}

}  // namespace

RowStream::RowStream(const ScanReader& reader, const std::vector<Range>& blocks, std::int64_t most_patterns)
    : reader_(reader) {
  const std::int64_t columns = reader.description().scan_nx;
  const bool in_pieces = reader.description().parts_of_rows && columns > most_patterns;
  for (const Range& rows : blocks) {
    if (!in_pieces) {
      blocks_.push_back({rows, {0, columns}});
      continue;
    }
    for (std::int64_t row = rows.begin; row < rows.end; ++row) {
      for (std::int64_t column = 0; column < columns; column += most_patterns) {
        blocks_.push_back({{row, row + 1}, {column, std::min(columns, column + most_patterns)}});
      }
    }
  }
  if (!thread_may_read(reader)) return;
  // Signals are the main thread's.
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { read_all(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

RowStream::~RowStream() {
  {
    const std::lock_guard lock(mutex_);
    stop_ = handed_ < blocks_.size();
  }
  changed_.notify_all();
  if (thread_.joinable()) {
    thread_.join();
  } else {
    read_all();  // until the others know, or are done
  }
}

void RowStream::read_all() {
  while (read_round()) {
  }
}

bool RowStream::read_round() {
  bool more = round_ < blocks_.size();
  bool stop = false;
  {
    std::unique_lock lock(mutex_);
    if (ended_) return false;
    changed_.wait(lock, [&] { return stop_ || !more || round_ < returned_ + buffers; });
    stop = stop_;
  }
  std::exception_ptr error;
  const auto start = Clock::now();
  const Piece piece = more ? blocks_[round_] : Piece{};
  const std::int64_t patterns = piece.rows.size() * piece.columns.size();
  auto& buffer = buffers_[round_ % buffers];
  const auto fail = [&] {
    error = std::current_exception();
    stop = true;
  };
  try {
    if (more && !stop) buffer.resize(static_cast<std::size_t>(patterns * reader_.description().pixels()));
  } catch (...) {
    fail();
  }
  Agreement all{more, stop};
  try {
    if (reader_.together() != nullptr) all = agree(*reader_.together(), all);
    if (all.more && !all.stop) {
      if (more && piece.columns.size() < reader_.description().scan_nx) {
        reader_.read_part(piece.rows.begin, piece.columns, buffer);
      } else {
        // A rank without a block of its own takes part with none; its buffers may be in the caller's hands.
        reader_.read_rows_together(piece.rows.begin, piece.rows.size(),
                                   more ? std::span<float>(buffer) : std::span<float>());
      }
    }
  } catch (...) {
    fail();
  }
  const bool last = !all.more || all.stop || error;
  {
    const std::lock_guard lock(mutex_);
    reading_s_ += seconds_since(start);
    if (error) error_ = error;
    if (more && !last) read_ = round_ + 1;
    ended_ = last;
  }
  changed_.notify_all();
  ++round_;
  return !last;
}

std::optional<RowStream::Block> RowStream::next() {
  std::unique_lock lock(mutex_);
  if (returned_ < handed_) {
    returned_ = handed_;
    changed_.notify_all();
  }
  if (handed_ == blocks_.size()) return std::nullopt;
  const auto start = Clock::now();
  if (!thread_.joinable()) {
    lock.unlock();
    (void)read_round();
    lock.lock();
  }
  changed_.wait(lock, [&] { return ended_ || read_ > handed_; });
  waited_s_ += seconds_since(start);
  if (read_ <= handed_) {
    if (error_) std::rethrow_exception(error_);
    return std::nullopt;
  }
  const std::size_t block = handed_++;
  return Block{blocks_[block].rows, blocks_[block].columns, buffers_[block % buffers]};
}

double RowStream::reading_s() const {
  const std::lock_guard lock(mutex_);
  return reading_s_;
}

}  // namespace mesoglass::scan
