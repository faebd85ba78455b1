#include <gtest/gtest.h>

#include "core/error.hpp"
#include "scan/row_blocks.hpp"
#include "scan/row_stream.hpp"
#include "scan/scan_options.hpp"

namespace mesoglass::test {
namespace {

scan::ScanDescription scan_of(std::int64_t frames, std::int64_t ny, std::int64_t alignment) {
  scan::ScanDescription d;
  d.time_frames = frames;
  d.scan_ny = ny;
  d.scan_nx = 10;
  d.pattern_ny = d.pattern_nx = 4;
  d.row_alignment = alignment;
  return d;
}

TEST(RowBlocks, CoverEveryRowOnceWithinMemory) {
  constexpr std::int64_t bytes_per_pattern = 64;
  for (const std::int64_t frames : {1, 3}) {
    for (const std::int64_t ny : {1, 2, 7, 64, 257}) {
      for (const std::int64_t alignment : {1, 4, 16}) {
        for (const int size : {1, 2, 3, 8, 300}) {
          for (const std::int64_t buffer : {1, 640, 6400, 1 << 30}) {
            const auto d = scan_of(frames, ny, alignment);
            std::int64_t next = 0;
            for (int rank = 0; rank < size; ++rank) {
              const auto plan = scan::plan_row_blocks(d, rank, size, buffer, bytes_per_pattern);
              for (const auto& block : plan.blocks) {
                ASSERT_EQ(block.begin, next);
                ASSERT_GT(block.size(), 0);
                ASSERT_TRUE(block.size() == 1 || block.size() * d.scan_nx * bytes_per_pattern <= buffer);
                next = block.end;
              }
              ASSERT_EQ(plan.own_rows.end, next);
            }
            ASSERT_EQ(next, frames * ny);
          }
        }
      }
    }
  }
}

TEST(RowBlocks, BeginAtChunkBoundariesWhereMemoryAllows) {
  const auto d = scan_of(1, 100, 8);
  for (int rank = 0; rank < 3; ++rank) {
    const auto plan = scan::plan_row_blocks(d, rank, 3, 20 * 640, 64);
    EXPECT_EQ(plan.rows_per_block, 16);
    for (const auto& block : plan.blocks) EXPECT_EQ(block.begin % 8, 0);
  }
}

// A row of chunks larger than the buffer is one block where the room for chunks allows it, so that it is read once.
TEST(RowBlocks, HoldAWholeRowOfChunksWhereThereIsRoom) {
  const auto d = scan_of(1, 100, 8);
  EXPECT_EQ(scan::plan_row_blocks(d, 0, 2, 2 * 640, 64, 8 * 640).rows_per_block, 8);
  EXPECT_EQ(scan::plan_row_blocks(d, 0, 2, 2 * 640, 64, 8 * 640 - 1).rows_per_block, 2);
  EXPECT_EQ(scan::plan_row_blocks(d, 0, 2, 20 * 640, 64, 8 * 640).rows_per_block, 16);
}

TEST(ScanOptions, ShapesAreRowsByColumns) {
  EXPECT_EQ(scan::parse_shape("64x128", "--scan-shape"), std::pair(std::int64_t{64}, std::int64_t{128}));
  for (const char* wrong :
       {"", "64", "x", "64x", "x64", "0x5", "-3x5", "64x128x2", "64 x 128", "99999999999x1", "6.5x2"}) {
    EXPECT_THROW((void)scan::parse_shape(wrong, "--scan-shape"), Error) << wrong;
  }
}

// A scan that exists only in numbers, and that can fail.
class MadeUpReader : public scan::ScanReader {
 public:
  MadeUpReader(std::int64_t rows, std::int64_t failing_row, bool parts_of_rows = false)
      : ScanReader(describe(rows)), failing_row_(failing_row) {
    description_.parts_of_rows = parts_of_rows;
  }
  void read_rows(std::int64_t first_row, std::int64_t row_count, std::span<float> patterns) const override {
    check_request(first_row, row_count, patterns.size());
    if (failing_row_ >= first_row && failing_row_ < first_row + row_count) throw input_error("row {}", failing_row_);
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      patterns[i] = static_cast<float>(first_row * description_.values_per_row()) + static_cast<float>(i);
    }
  }
  void read_part(std::int64_t row, Range columns, std::span<float> patterns) const override {
    ASSERT_EQ(patterns.size(), static_cast<std::size_t>(columns.size() * description_.pixels()));
    for (std::size_t i = 0; i < patterns.size(); ++i) {
      patterns[i] = static_cast<float>((row * 3 + columns.begin) * description_.pixels()) + static_cast<float>(i);
    }
  }

 private:
  static scan::ScanDescription describe(std::int64_t rows) {
    scan::ScanDescription d;
    d.scan_ny = rows;
    d.scan_nx = 3;
    d.pattern_ny = d.pattern_nx = 4;
    return d;
  }
  std::int64_t failing_row_;
};

TEST(RowStream, HandsOutEveryBlockInOrder) {
  const MadeUpReader reader(11, -1);
  scan::RowStream stream(reader, {{0, 4}, {4, 5}, {5, 11}});
  std::int64_t row = 0;
  while (const auto block = stream.next()) {
    ASSERT_EQ(block->rows.begin, row);
    ASSERT_EQ(block->patterns.size(), static_cast<std::size_t>(block->rows.size() * 48));
    for (std::size_t i = 0; i < block->patterns.size(); ++i) {
      ASSERT_EQ(block->patterns[i], static_cast<float>(row * 48) + static_cast<float>(i));
    }
    row = block->rows.end;
  }
  EXPECT_EQ(row, 11);
  EXPECT_FALSE(stream.next());
  EXPECT_GE(stream.waited_s(), 0.0);
}

// Rows longer than a piece come in pieces where the format allows, else whole.
TEST(RowStream, CutsRowsIntoPieces) {
  for (const bool parts : {true, false}) {
    const MadeUpReader reader(5, -1, parts);
    scan::RowStream stream(reader, {{1, 3}, {3, 4}}, 2);
    std::vector<float> values;
    int blocks = 0;
    while (const auto block = stream.next()) {
      ++blocks;
      EXPECT_EQ(block->columns.begin, parts && blocks % 2 == 0 ? 2 : 0);
      EXPECT_EQ(block->columns.end, parts && blocks % 2 == 1 ? 2 : 3);
      values.insert(values.end(), block->patterns.begin(), block->patterns.end());
    }
    EXPECT_EQ(blocks, parts ? 6 : 2);
    ASSERT_EQ(values.size(), 3U * 48U);
    for (std::size_t i = 0; i < values.size(); ++i) ASSERT_EQ(values[i], 48.0F + static_cast<float>(i));
  }
}

TEST(RowStream, ThrowsWhatReadingThrewAfterTheGoodBlocks) {
  const MadeUpReader reader(11, 7);
  scan::RowStream stream(reader, {{0, 3}, {3, 6}, {6, 9}, {9, 11}});
  ASSERT_TRUE(stream.next());
  ASSERT_TRUE(stream.next());
  EXPECT_THROW((void)stream.next(), Error);
}

TEST(RowStream, CanBeLeftEarlyOrBeEmpty) {
  const MadeUpReader reader(100, -1);
  {
    scan::RowStream stream(reader, {{0, 50}, {50, 60}, {60, 100}});
    ASSERT_TRUE(stream.next());
  }
  scan::RowStream nothing(reader, {});
  EXPECT_FALSE(nothing.next());
}

}  // namespace
}  // namespace mesoglass::test
