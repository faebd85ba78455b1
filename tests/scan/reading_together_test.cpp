// HDF5 scans read by all ranks at once: the same values as each rank reads alone, whatever the shares, and no rank left
// waiting where another fails.
#include <gtest/gtest.h>
#include <hdf5.h>

#include <fstream>

#include "core/error.hpp"
#include "scan/row_blocks.hpp"
#include "scan/row_stream.hpp"
#include "scan_samples.hpp"
#include "support/mpi_test.hpp"

namespace mesoglass::test {
namespace {

using scan::open_scan;

constexpr std::int64_t rows = 11, columns = 6, side = 8;

// A dataset /frames of 16-bit counts, big endian where asked, in chunks that hold two rows and half of the columns.
std::filesystem::path chunked_scan(const std::string& name, hid_t type, std::int64_t frames = 1) {
  auto path = scratch_folder() / name;
  on_root(communicator(), [&] {
    const hid_t file = H5Fcreate(path.c_str(), H5F_ACC_TRUNC, H5P_DEFAULT, H5P_DEFAULT);
    const hid_t creation = H5Pcreate(H5P_DATASET_CREATE);
    std::vector<hsize_t> shape = {rows, columns, side, side}, chunk = {2, 3, side, side};
    if (frames > 1) {
      shape.insert(shape.begin(), static_cast<hsize_t>(frames));
      chunk.insert(chunk.begin(), 1);
    }
    H5Pset_chunk(creation, static_cast<int>(chunk.size()), chunk.data());
    H5Pset_deflate(creation, 4);
    const hid_t space = H5Screate_simple(static_cast<int>(shape.size()), shape.data(), nullptr);
    const hid_t dataset = H5Dcreate2(file, "/frames", type, space, H5P_DEFAULT, creation, H5P_DEFAULT);
    std::vector<float> values;
    for (std::int64_t row = 0; row < frames * rows; ++row) {
      for (std::int64_t column = 0; column < columns; ++column) {
        for (std::int64_t pixel = 0; pixel < side * side; ++pixel) {
          values.push_back(sample_value(row, column, pixel / side, pixel % side));
        }
      }
    }
    H5Dwrite(dataset, H5T_NATIVE_FLOAT, H5S_ALL, H5S_ALL, H5P_DEFAULT, values.data());
    H5Dclose(dataset);
    H5Sclose(space);
    H5Pclose(creation);
    H5Fclose(file);
  });
  return path;
}

scan::ReadOptions frames_dataset() {
  scan::ReadOptions options;
  options.dataset = "/frames";
  return options;
}

// Every row of `blocks` comes in order with its sample values.
void expect_rows(const scan::ScanReader& reader, const std::vector<Range>& blocks) {
  std::vector<std::pair<std::int64_t, bool>> seen;
  collectively(communicator(), [&] {
    scan::RowStream stream(reader, blocks);
    while (const auto block = stream.next()) {
      for (std::int64_t row = block->rows.begin; row < block->rows.end; ++row) {
        bool right = true;
        for (std::int64_t i = 0; i < columns * side * side; ++i) {
          const float value =
              block->patterns[static_cast<std::size_t>((row - block->rows.begin) * columns * side * side + i)];
          const std::int64_t pixel = i % (side * side);
          right = right && value == sample_value(row, i / (side * side), pixel / side, pixel % side);
        }
        seen.emplace_back(row, right);
      }
    }
  });
  std::vector<std::pair<std::int64_t, bool>> expected;
  for (const Range& block : blocks) {
    for (std::int64_t row = block.begin; row < block.end; ++row) expected.emplace_back(row, true);
  }
  EXPECT_EQ(seen, expected);
}

TEST(ReadingTogether, GivesEveryRankItsRowsWhateverTheShares) {
  for (const hid_t type : {H5T_STD_U16BE, H5T_IEEE_F32LE}) {
    const auto path = chunked_scan("a.h5", type);
    const auto reader = open_scan(communicator(), path, frames_dataset());
    EXPECT_EQ(reader->together() != nullptr, communicator().size() > 1);
    const int rank = communicator().rank();
    const auto plan = scan::plan_row_blocks(reader->description(), rank, communicator().size(), 1, 1);
    expect_rows(*reader, plan.blocks);
    // Blocks that cut chunks, all rows on every rank, all on the last alone, none at all.
    expect_rows(*reader, {{0, 1}, {1, 4}, {4, 11}});
    expect_rows(*reader,
                rank + 1 == communicator().size() ? std::vector<Range>{{0, 5}, {5, 11}} : std::vector<Range>{});
    expect_rows(*reader, {});
    expect_sample_values(*reader);  // alone, with the same file open for all
    auto independent = frames_dataset();
    independent.collective = false;
    const auto alone = open_scan(communicator(), path, independent);
    EXPECT_EQ(alone->together(), nullptr);
    expect_rows(*alone, plan.blocks);
  }
}

TEST(ReadingTogether, GoesOnAcrossTimeFrames) {
  const auto reader = open_scan(communicator(), chunked_scan("a.h5", H5T_STD_U16LE, 2), frames_dataset());
  EXPECT_EQ(reader->description().total_rows(), 2 * rows);
  // The first rank's block lies in one frame, the others' in both.
  expect_rows(*reader, {communicator().is_root() ? Range{0, 5} : Range{7, 20}});
}

// Reading fails on one rank: every rank that still wants rows learns of it, and the message names the file.
TEST(ReadingTogether, ADamagedChunkOfOneRankIsKnownToAll) {
  const auto path = chunked_scan("damaged.h5", H5T_STD_U16LE);
  on_root(communicator(), [&] {
    // The last row of chunks, which the last rank reads.
    const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
    const hid_t dataset = H5Dopen2(file, "/frames", H5P_DEFAULT);
    haddr_t place = 0;
    hsize_t bytes = 0;
    const hsize_t offset[4] = {10, 0, 0, 0};
    ASSERT_GE(H5Dget_chunk_info_by_coord(dataset, offset, nullptr, &place, &bytes), 0);
    H5Dclose(dataset);
    H5Fclose(file);
    std::fstream stream(path, std::ios::binary | std::ios::in | std::ios::out);
    stream.seekp(static_cast<std::streamoff>(place));
    const std::string wrong(static_cast<std::size_t>(bytes), '\xFF');
    stream.write(wrong.data(), static_cast<std::streamsize>(wrong.size()));
  });
  const auto reader = open_scan(communicator(), path, frames_dataset());
  const auto plan = scan::plan_row_blocks(reader->description(), communicator().rank(), communicator().size(), 1, 1);
  try {
    collectively(communicator(), [&] {
      scan::RowStream stream(*reader, plan.blocks);
      while (stream.next()) {
      }
    });
    ADD_FAILURE() << "a damaged chunk was read";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
    EXPECT_NE(std::string(error.what()).find("damaged.h5"), std::string::npos) << error.what();
  }
}

// A rank's own work fails in the middle, or before its first row: the others end, and all throw its error.
TEST(ReadingTogether, ARankThatLeavesEarlyStrandsNobody) {
  const auto reader = open_scan(communicator(), chunked_scan("a.h5", H5T_STD_U16LE), frames_dataset());
  std::vector<Range> blocks;
  for (std::int64_t row = 0; row < rows; ++row) blocks.push_back({row, row + 1});
  for (const int read_before : {0, 1, 4}) {
    try {
      collectively(communicator(), [&] {
        scan::RowStream stream(*reader, blocks);
        const bool fails = communicator().rank() + 1 == communicator().size();
        for (int block = 0; !fails || block < read_before; ++block) {
          if (!stream.next()) return;
        }
        throw input_error("enough after {} rows", read_before);
      });
      ADD_FAILURE() << "nobody failed";
    } catch (const Error& error) {
      EXPECT_EQ(error.what(), fmt::format("enough after {} rows", read_before));
    }
  }
  expect_rows(*reader, blocks);  // nothing is left over
}

}  // namespace
}  // namespace mesoglass::test
