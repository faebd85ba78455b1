// Reading ahead: while a caller works on one block of rows, a thread reads the next.
#pragma once

#include <array>
#include <condition_variable>
#include <exception>
#include <limits>
#include <mutex>
#include <optional>
#include <span>
#include <thread>
#include <vector>

#include "core/distribution.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::scan {

// Two buffers, one being read into while the caller has the other. Until it ends, nobody else may read from the
// reader, and no other HDF5 or MPI call may be made on this rank (the reading thread makes them, and they are not made
// for several). Where ranks read together, all of them make a stream at the same time, with blocks of their own, also
// with none: they read a block each in every round, and a stream that is left before its last block ends those of the
// other ranks after the blocks that they already have, so that a rank that fails strands nobody. To be made first in a
// section of work that may fail (see collectively()).
class RowStream {
 public:
  // `reader` must outlive the stream. `blocks` of rows are read in order. Where the format allows, a row of more
  // patterns than `most_patterns` comes in pieces of so many.
  RowStream(const ScanReader& reader, const std::vector<Range>& blocks,
            std::int64_t most_patterns = std::numeric_limits<std::int64_t>::max());
  ~RowStream();
  RowStream(const RowStream&) = delete;
  RowStream& operator=(const RowStream&) = delete;

  struct Block {
    Range rows;
    Range columns;              // all, unless it is a piece of one row
    std::span<float> patterns;  // [row][column][ky][kx]; the caller's until the next call of next()
  };
  // The next block; nothing after the last, or after another rank has left its stream. Throws what reading threw.
  [[nodiscard]] std::optional<Block> next();
  // Seconds that next() has waited for the disk, and that reading took.
  [[nodiscard]] double waited_s() const noexcept { return waited_s_; }
  [[nodiscard]] double reading_s() const;

 private:
  void read_all();
  [[nodiscard]] bool read_round();  // false: it was the last
  struct Piece {
    Range rows;
    Range columns;
  };
  static constexpr std::size_t buffers = 2;
  const ScanReader& reader_;
  std::vector<Piece> blocks_;
  std::array<std::vector<float>, buffers> buffers_;
  std::size_t round_ = 0;  // blocks read, and rounds in which others read; the reading thread's
  mutable std::mutex mutex_;
  std::condition_variable changed_;
  std::size_t read_ = 0;      // blocks that are in their buffers
  std::size_t returned_ = 0;  // blocks that the caller is done with
  std::size_t handed_ = 0;    // blocks that the caller has got
  bool stop_ = false;
  bool ended_ = false;  // nothing more is read
  std::exception_ptr error_;
  double waited_s_ = 0.0;
  double reading_s_ = 0.0;
  std::thread thread_;  // none where MPI allows no calls from it: then next() reads
};

}  // namespace mesoglass::scan
