#include "scan_samples.hpp"

#include <bit>
#include <fstream>

#include "support/mpi_test.hpp"

namespace mesoglass::test {

float sample_value(std::int64_t row, std::int64_t column, std::int64_t ky, std::int64_t kx) {
  return static_cast<float>((row * 7919 + column * 613 + ky * 131 + kx * 3 + 5) % 65536);
}

std::vector<float> sample_values(std::int64_t rows, std::int64_t columns, std::int64_t ky_count,
                                 std::int64_t kx_count) {
  std::vector<float> values;
  for (std::int64_t row = 0; row < rows; ++row) {
    for (std::int64_t column = 0; column < columns; ++column) {
      for (std::int64_t ky = 0; ky < ky_count; ++ky) {
        for (std::int64_t kx = 0; kx < kx_count; ++kx) values.push_back(sample_value(row, column, ky, kx));
      }
    }
  }
  return values;
}

void append_float(std::string& bytes, float value) {
  const auto bits = std::bit_cast<std::uint32_t>(value);
  for (int shift = 0; shift < 32; shift += 8) bytes += static_cast<char>(bits >> shift & 0xFFU);
}

std::string empad_bytes(std::int64_t ny, std::int64_t nx, std::int64_t footer_bytes) {
  std::string bytes;
  for (std::int64_t frame = 0; frame < ny * nx; ++frame) {
    for (std::int64_t ky = 0; ky < 128; ++ky) {
      for (std::int64_t kx = 0; kx < 128; ++kx) append_float(bytes, sample_value(frame / nx, frame % nx, ky, kx));
    }
    bytes.append(static_cast<std::size_t>(footer_bytes), '\xFF');
  }
  return bytes;
}

std::string big_endian_16(std::int64_t ny, std::int64_t nx, std::int64_t ky_count, std::int64_t kx_count,
                          const std::string& before_frame) {
  std::string bytes;
  for (std::int64_t frame = 0; frame < ny * nx; ++frame) {
    bytes += before_frame;
    for (std::int64_t ky = 0; ky < ky_count; ++ky) {
      for (std::int64_t kx = 0; kx < kx_count; ++kx) {
        const auto value = static_cast<unsigned>(sample_value(frame / nx, frame % nx, ky, kx));
        bytes += static_cast<char>(value >> 8U);
        bytes += static_cast<char>(value & 0xFFU);
      }
    }
  }
  return bytes;
}

void write_bytes(const std::filesystem::path& path, const std::string& bytes) {
  on_root(communicator(), [&] { std::ofstream(path, std::ios::binary) << bytes; });
}

namespace {
void expect_rows(const scan::ScanDescription& d, std::int64_t first, std::int64_t count,
                 const std::vector<float>& values) {
  std::size_t i = 0;
  for (std::int64_t row = first; row < first + count; ++row) {
    for (std::int64_t column = 0; column < d.scan_nx; ++column) {
      for (std::int64_t ky = 0; ky < d.pattern_ny; ++ky) {
        for (std::int64_t kx = 0; kx < d.pattern_nx; ++kx, ++i) {
          ASSERT_EQ(values[i], sample_value(row, column, ky, kx))
              << "row " << row << " column " << column << " ky " << ky << " kx " << kx;
        }
      }
    }
  }
}
}  // namespace

void expect_sample_values(const scan::ScanReader& reader) {
  const auto& d = reader.description();
  std::vector<float> all(static_cast<std::size_t>(d.total_rows() * d.values_per_row()), -1.0F);
  reader.read_rows(0, d.total_rows(), all);
  expect_rows(d, 0, d.total_rows(), all);
  // Row by row from the end, so that no reader relies on the order of calls.
  std::vector<float> one(static_cast<std::size_t>(d.values_per_row()));
  for (std::int64_t row = d.total_rows() - 1; row >= 0; --row) {
    reader.read_rows(row, 1, one);
    expect_rows(d, row, 1, one);
  }
  std::vector<float> none;
  reader.read_rows(0, 0, none);
}

void expect_refused(const std::filesystem::path& path, const std::vector<std::string>& mentions,
                    const scan::ReadOptions& options) {
  try {
    (void)scan::open_scan(communicator(), path, options);
    ADD_FAILURE() << path << " was accepted";
  } catch (const Error& error) {
    EXPECT_EQ(error.exit_code(), ExitCode::bad_input);
    EXPECT_TRUE(error.agreed());
    for (const auto& text : mentions) {
      EXPECT_NE(std::string(error.what()).find(text), std::string::npos) << "'" << text << "' in: " << error.what();
    }
  }
}

}  // namespace mesoglass::test
