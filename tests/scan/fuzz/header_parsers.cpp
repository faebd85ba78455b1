#include "header_parsers.hpp"

#include <fstream>
#include <stdexcept>

#include "catalog/type_entry.hpp"
#include "core/error.hpp"
#include "diffraction/pixel_mask.hpp"
#include "phantom/phantom_model.hpp"
#include "scan/element_format.hpp"
#include "scan/scan_formats.hpp"
#include "scan/scan_options.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::test {

namespace {

namespace fs = std::filesystem;

void write_file(const fs::path& path, HeaderBytes bytes) {
  std::ofstream(path, std::ios::binary)
      .write(reinterpret_cast<const char*>(bytes.data()), static_cast<std::streamsize>(bytes.size()));
}

// Frames for a header that does not carry its own; written once a folder.
void provide_frames(const fs::path& path, std::size_t frame_bytes, const std::string& frame_header) {
  if (fs::exists(path)) return;
  std::string frame = frame_header;
  frame.resize(frame_bytes, '\1');
  std::ofstream file(path, std::ios::binary);
  constexpr int frames = 6;
  for (int i = 0; i < frames; ++i) file << frame;
}

// One for all calls: Open MPI 4.1 has only so many, even when they are given back.
const Communicator& self() {
  static const Communicator alone = Communicator::self();
  return alone;
}

// Bad input is refused; every other exception escapes.
template <typename Work>
void accept_or_refuse(Work&& work) {
  try {
    work();
  } catch (const Error& error) {
    if (error.exit_code() != ExitCode::bad_input) throw;
  }
}

// Opens a scan and reads its last row, or has it refused.
void open_and_read(const fs::path& path, const scan::ReadOptions& options = {}) {
  accept_or_refuse([&] {
    const auto reader = scan::open_scan(self(), path, options);
    const auto& d = reader->description();
    constexpr std::int64_t most_values = std::int64_t{1} << 22;  // beyond it only a sparse file holds a row
    if (d.values_per_row() > most_values) return;
    std::vector<float> row(static_cast<std::size_t>(d.values_per_row()));
    reader->read_rows(d.total_rows() - 1, 1, row);
  });
}

void parse_texts(HeaderBytes bytes) {
  const std::string text(bytes.begin(), bytes.end());
  (void)scan::parse_element(text);
  (void)scan::nm_from_unit(1.0, text);
  (void)scan::inverse_nm_from_unit(1.0, text, 300e3);
  accept_or_refuse([&] { (void)scan::parse_shape(text, "--scan-shape"); });
}

constexpr diffraction::PatternShape mask_shape{6, 5};

}  // namespace

const std::vector<HeaderParser>& header_parsers() {
  static const std::vector<HeaderParser> parsers = {
      {"npy",
       [](HeaderBytes bytes, const fs::path& folder) {
         write_file(folder / "a.npy", bytes);
         open_and_read(folder / "a.npy");
       }},
      {"merlin",
       [](HeaderBytes bytes, const fs::path& folder) {
         write_file(folder / "alone.mib", bytes);
         open_and_read(folder / "alone.mib");
       }},
      {"merlin-companion",
       [](HeaderBytes bytes, const fs::path& folder) {
         provide_frames(folder / "a.mib", 384 + 70, "MQ1,000001,00384,01,0007,0005,U16,   1x1,01,2021-05-07");
         write_file(folder / "a.hdr", bytes);
         open_and_read(folder / "a.mib");
       }},
      {"empad-sidecar",
       [](HeaderBytes bytes, const fs::path& folder) {
         provide_frames(folder / "frames.raw", 66560, "");
         write_file(folder / "frames.xml", bytes);
         open_and_read(folder / "frames.xml");
         open_and_read(folder / "frames.raw");
       }},
      {"hdf5-tree",
       [](HeaderBytes bytes, const fs::path& folder) {
         write_hdf5_tree(bytes, folder / "a.h5");
         open_and_read(folder / "a.h5");
         scan::ReadOptions named;
         named.dataset = "/data";
         named.scan_shape = {2, 3};
         open_and_read(folder / "a.h5", named);
       }},
      {"option-texts", [](HeaderBytes bytes, const fs::path&) { parse_texts(bytes); }},
      {"mask-text",
       [](HeaderBytes bytes, const fs::path&) {
         const std::string text(bytes.begin(), bytes.end());
         accept_or_refuse([&] { (void)diffraction::mask_from_shapes(text, mask_shape, "mask.txt"); });
       }},
      {"mask-npy",
       [](HeaderBytes bytes, const fs::path& folder) {
         write_file(folder / "mask.npy", bytes);
         accept_or_refuse(
             [&] { (void)diffraction::read_pixel_mask(self(), (folder / "mask.npy").string(), mask_shape); });
       }},
      {"type-entries",
       [](HeaderBytes bytes, const fs::path&) {
         const std::string text(bytes.begin(), bytes.end());
         accept_or_refuse([&] { (void)phantom::parse_type(text); });
         accept_or_refuse([&] { (void)catalog::parse_type_entry(text, {}); });
       }},
  };
  return parsers;
}

const HeaderParser& header_parser(const std::string& name) {
  for (const auto& parser : header_parsers()) {
    if (parser.name == name) return parser;
  }
  throw std::invalid_argument("no header parser " + name);
}

}  // namespace mesoglass::test
