#include "scan/hdf5_scan.hpp"

#include <algorithm>
#include <cctype>
#include <cmath>
#include <set>

namespace mesoglass::scan {

namespace {

// What core's wrapper does not ask: filters and byte order.
struct StorageFacts {
  bool compressed = false;
  bool big_endian = false;
};

StorageFacts inspect_storage(const std::string& path, const std::string& dataset) {
  StorageFacts facts;
  const hid_t file = H5Fopen(path.c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const hid_t opened = file < 0 ? -1 : H5Dopen2(file, dataset.c_str(), H5P_DEFAULT);
  std::string missing;
  if (opened >= 0) {
    const hid_t type = H5Dget_type(opened);
    facts.big_endian = H5Tget_order(type) == H5T_ORDER_BE && H5Tget_size(type) > 1;
    H5Tclose(type);
    const hid_t creation = H5Dget_create_plist(opened);
    const int filters = H5Pget_nfilters(creation);
    for (int i = 0; i < filters; ++i) {
      facts.compressed = true;
      unsigned flags = 0;
      std::size_t values = 0;
      unsigned configuration = 0;
      char name[128] = "";
      const auto filter = H5Pget_filter2(creation, static_cast<unsigned>(i), &flags, &values, nullptr, sizeof(name),
                                         name, &configuration);
      if (H5Zfilter_avail(filter) <= 0) {
        missing = fmt::format("{} (number {})", name[0] != '\0' ? name : "unnamed", static_cast<int>(filter));
      }
    }
    H5Pclose(creation);
    H5Dclose(opened);
  }
  if (file >= 0) H5Fclose(file);
  H5Eclear2(H5E_DEFAULT);
  if (!missing.empty()) {
    throw input_error(
        "{}: {} is compressed by a filter that is not installed here ({}): install the HDF5 filter plugin and "
        "set HDF5_PLUGIN_PATH, or rewrite the file with `h5repack -f GZIP=4`",
        path, dataset, missing);
  }
  return facts;
}

class Hdf5Reader : public ScanReader {
 public:
  Hdf5Reader(SharedHdf5 open, std::vector<AxisRole> roles, ScanDescription description)
      : ScanReader(std::move(description)), open_(std::move(open)), roles_(std::move(roles)) {}

  void read_rows(std::int64_t first_row, std::int64_t row_count, std::span<float> patterns) const override {
    check_request(first_row, row_count, patterns.size());
    for (const Piece& piece : pieces_of(first_row, row_count)) {
      open_->file.read_part_alone<float>(description_.dataset, piece.offset, piece.count, take(patterns, piece));
    }
  }

  [[nodiscard]] const Communicator* together() const noexcept override {
    return open_together_ ? &open_together_->communicator : nullptr;
  }
  void read_rows_together(std::int64_t first_row, std::int64_t row_count, std::span<float> patterns) const override {
    if (!open_together_) return read_rows(first_row, row_count, patterns);
    const auto& ranks = open_together_->communicator;
    const auto pieces = collectively(ranks, [&] {
      check_request(first_row, row_count, patterns.size());
      return pieces_of(first_row, row_count);
    });
    const auto rounds = ranks.max<std::uint64_t>(pieces.size());
    const Piece nothing{Shape(roles_.size(), 0), Shape(roles_.size(), 0)};
    for (std::uint64_t round = 0; round < rounds; ++round) {
      const Piece& piece = round < pieces.size() ? pieces[round] : nothing;
      open_together_->file.read_part<float>(description_.dataset, piece.offset, piece.count, take(patterns, piece));
    }
  }
  void open_together(const Communicator& communicator) override {
    if (communicator.size() > 1) {
      open_together_ = std::make_shared<OpenHdf5>(communicator.get(), description_.path);
    }
  }

 private:
  // Rows of one time frame.
  struct Piece {
    Shape offset;
    Shape count;
  };

  // The next values for a piece; what is left stays in `patterns`.
  static std::span<float> take(std::span<float>& patterns, const Piece& piece) {
    std::size_t values = 1;
    for (const auto extent : piece.count) values *= extent;
    const auto taken = patterns.first(values);
    patterns = patterns.subspan(values);
    return taken;
  }

  [[nodiscard]] std::vector<Piece> pieces_of(std::int64_t first_row, std::int64_t row_count) const {
    std::vector<Piece> pieces;
    while (row_count > 0) {
      const std::int64_t row = first_row % description_.scan_ny;
      const std::int64_t rows = std::min(row_count, description_.scan_ny - row);
      pieces.push_back(piece_of(first_row / description_.scan_ny, row, rows));
      first_row += rows;
      row_count -= rows;
    }
    return pieces;
  }

  [[nodiscard]] Piece piece_of(std::int64_t frame, std::int64_t row, std::int64_t rows) const {
    const auto& d = description_;
    Piece piece;
    for (const AxisRole role : roles_) {
      std::int64_t first = 0;
      std::int64_t number = 1;
      switch (role) {
        case AxisRole::time:
          first = frame;
          break;
        case AxisRole::scan_y:
          first = row;
          number = rows;
          break;
        case AxisRole::scan_x:
          number = d.scan_nx;
          break;
        case AxisRole::scan_flat:
          first = (time_axis_of(roles_) ? row : frame * d.scan_ny + row) * d.scan_nx;
          number = rows * d.scan_nx;
          break;
        case AxisRole::pattern_y:
          number = d.pattern_ny;
          break;
        case AxisRole::pattern_x:
          number = d.pattern_nx;
          break;
        case AxisRole::single:
          break;
      }
      piece.offset.push_back(static_cast<std::uint64_t>(first));
      piece.count.push_back(static_cast<std::uint64_t>(number));
    }
    return piece;
  }

  SharedHdf5 open_;
  SharedHdf5 open_together_;
  std::vector<AxisRole> roles_;
};

void fold_positions(ScanDescription& description, std::int64_t stored, bool has_time_axis, const ReadOptions& options) {
  const std::int64_t positions = has_time_axis ? stored : split_time_frames(description, stored, options);
  if (!options.scan_shape) {
    description.scan_ny = 1;
    description.scan_nx = positions;
    description.remarks.push_back("one axis of positions: taken as a single scan row; fold it by --scan-shape");
    return;
  }
  const auto [ny, nx] = *options.scan_shape;
  if (nx > positions || ny != positions / nx || ny * nx != positions) {
    throw input_error(
        "--scan-shape {}x{} does not fit {} (its {} holds {} positions): give rows x columns with that "
        "product",
        ny, nx, description.path.string(), description.dataset, positions);
  }
  description.scan_ny = ny;
  description.scan_nx = nx;
}

}  // namespace

std::vector<AxisRole> usual_roles(const std::string& path, const std::string& dataset, std::size_t axes) {
  using enum AxisRole;
  switch (axes) {
    case 2:
      return {pattern_y, pattern_x};
    case 3:
      return {scan_flat, pattern_y, pattern_x};
    case 4:
      return {scan_y, scan_x, pattern_y, pattern_x};
    case 5:
      return {time, scan_y, scan_x, pattern_y, pattern_x};
    default:
      throw input_error(
          "{}: {} has {} axes (a 4D-STEM scan has 4: scan y, scan x, pattern y, pattern x; 2, 3 and 5 are "
          "understood too): name another dataset by --dataset",
          path, dataset, axes);
  }
}

bool names_the_time(std::string axis) {
  std::transform(axis.begin(), axis.end(), axis.begin(),
                 [](unsigned char letter) { return static_cast<char>(std::tolower(letter)); });
  return axis == "time" || axis == "t";
}

std::vector<AxisRole> roles_of_named_axes(const std::string& path, const std::string& dataset,
                                          const std::vector<std::string>& names) {
  using enum AxisRole;
  const auto found = std::find_if(names.begin(), names.end(), names_the_time);
  if (found == names.end()) return usual_roles(path, dataset, names.size());
  const auto place = static_cast<std::size_t>(found - names.begin());
  if (names.size() < 3 || names.size() > 5 || place + 2 >= names.size() ||
      std::any_of(found + 1, names.end(), names_the_time)) {
    throw input_error(
        "{}: the axes of {} are called {} (a time series has 3 to 5 axes, of which one before the pattern's two is the "
        "time): correct their names or their order",
        path, dataset, fmt::join(names, ", "));
  }
  auto roles = usual_roles(path, dataset, names.size() - 1);  // without the time
  roles.insert(roles.begin() + static_cast<std::ptrdiff_t>(place), time);
  return roles;
}

std::optional<std::size_t> time_axis_of(const std::vector<AxisRole>& roles) {
  const auto found = std::find(roles.begin(), roles.end(), AxisRole::time);
  if (found == roles.end()) return std::nullopt;
  return static_cast<std::size_t>(found - roles.begin());
}

std::unique_ptr<ScanReader> make_hdf5_reader(const SharedHdf5& open, const std::string& dataset,
                                             const std::vector<AxisRole>& roles, ScanDescription description,
                                             const ReadOptions& options) {
  const auto& file = open->file;
  const std::string path = file.path().string();
  const auto shape = file.shape(dataset);
  description.path = file.path();
  description.files = {file.path()};
  description.dataset = dataset;
  if (shape.size() != roles.size()) {
    throw input_error("{}: {} has {} axes instead of {}: the file is damaged or of another kind", path, dataset,
                      shape.size(), roles.size());
  }
  description.element_type = file.element_type(dataset);
  if (description.element_type.kind == ElementType::Kind::text ||
      description.element_type.kind == ElementType::Kind::other) {
    throw input_error("{}: {} holds no plain numbers: name the dataset of the patterns by --dataset", path, dataset);
  }
  const auto facts = inspect_storage(path, dataset);
  description.compressed = facts.compressed;
  description.big_endian = facts.big_endian;

  description.scan_ny = description.scan_nx = 1;
  const auto chunk = file.chunk(dataset);
  std::int64_t flat_positions = 0;
  std::int64_t flat_chunk = 1;
  for (std::size_t axis = 0; axis < roles.size(); ++axis) {
    // An extent beyond what a signed number holds is absurd and refused below like every absurd one.
    const auto extent = static_cast<std::int64_t>(std::min<std::uint64_t>(shape[axis], std::uint64_t{1} << 62));
    const auto chunk_extent = chunk.empty() ? 1 : static_cast<std::int64_t>(chunk[axis]);
    switch (roles[axis]) {
      case AxisRole::time:
        description.time_frames = extent;
        if (extent == 1) description.remarks.push_back("a time axis of one frame: read as a single scan");
        if (chunk_extent > 1) {
          description.remarks.push_back(fmt::format(
              "its chunks hold {} frames and are read once for each of them: `h5repack -l CHUNK=1x...` would make "
              "reading faster",
              chunk_extent));
        }
        break;
      case AxisRole::scan_y:
        description.scan_ny = extent;
        description.row_alignment = chunk_extent;
        break;
      case AxisRole::scan_x:
        description.scan_nx = extent;
        break;
      case AxisRole::scan_flat:
        flat_positions = extent;
        flat_chunk = chunk_extent;
        break;
      case AxisRole::pattern_y:
        description.pattern_ny = extent;
        break;
      case AxisRole::pattern_x:
        description.pattern_nx = extent;
        break;
      case AxisRole::single:
        if (extent != 1) {
          description.remarks.push_back(
              fmt::format("axis {} of {} holds {} sets of patterns: the first is read", axis + 1, dataset, extent));
        }
        break;
    }
  }
  const bool flat = std::find(roles.begin(), roles.end(), AxisRole::scan_flat) != roles.end();
  if (flat) {
    fold_positions(description, flat_positions, time_axis_of(roles).has_value(), options);
    description.row_alignment = std::max<std::int64_t>(1, flat_chunk / std::max<std::int64_t>(1, description.scan_nx));
  } else if (options.scan_shape &&
             (options.scan_shape->first != description.scan_ny || options.scan_shape->second != description.scan_nx)) {
    throw input_error("--scan-shape {}x{} contradicts {} (its {} has {} x {} positions): leave the option away",
                      options.scan_shape->first, options.scan_shape->second, path, dataset, description.scan_ny,
                      description.scan_nx);
  }
  finish_description(description, options);
  return std::make_unique<Hdf5Reader>(open, roles, std::move(description));
}

std::vector<std::string> find_groups(const Hdf5File& file, const std::string& start,
                                     const std::function<bool(const std::string&)>& visit) {
  constexpr std::size_t deepest = 12;
  constexpr std::size_t most_groups = 20000;
  std::vector<std::string> found;
  std::vector<std::pair<std::string, std::size_t>> waiting = {{start, 0}};
  // Links can make one group appear under many names, even inside itself.
  std::set<haddr_t> visited;
  const hid_t opened = H5Fopen(file.path().c_str(), H5F_ACC_RDONLY, H5P_DEFAULT);
  const std::unique_ptr<const hid_t, void (*)(const hid_t*)> closer(&opened, [](const hid_t* id) {
    if (*id >= 0) H5Fclose(*id);
  });
  for (std::size_t next = 0; next < waiting.size() && next < most_groups; ++next) {
    const auto [group, depth] = waiting[next];
    H5O_info_t information;
    if (opened >= 0 && H5Oget_info_by_name1(opened, group.c_str(), &information, H5P_DEFAULT) >= 0 &&
        !visited.insert(information.addr).second) {
      continue;
    }
    if (visit(group)) found.push_back(group);
    if (depth == deepest) continue;
    for (const auto& child : file.children(group)) {
      const std::string path = (group == "/" ? "" : group) + "/" + child;
      if (file.is_group(path)) waiting.emplace_back(path, depth + 1);
    }
  }
  return found;
}

std::string choose_dataset(const Hdf5File& file, const std::vector<std::string>& candidates, const std::string& wanted,
                           const std::string& format) {
  if (!wanted.empty()) {
    for (const auto& candidate : candidates) {
      if (candidate == wanted || candidate == "/" + wanted || candidate.rfind(wanted + "/", 0) == 0) return candidate;
    }
    throw input_error("{} has no scan {} ({} file with: {}): correct --dataset", file.path().string(), wanted, format,
                      candidates.empty() ? "none" : fmt::format("{}", fmt::join(candidates, ", ")));
  }
  if (candidates.empty()) {
    throw input_error(
        "{} holds no 4D-STEM scan (it is a {} file without an array of patterns): name a dataset by "
        "--dataset if there is one",
        file.path().string(), format);
  }
  if (candidates.size() > 1) {
    throw input_error("{} holds {} scans ({}): name one by --dataset", file.path().string(), candidates.size(),
                      fmt::join(candidates, ", "));
  }
  return candidates.front();
}

std::string text_attribute_or_empty(const Hdf5File& file, const std::string& object, const std::string& name) {
  if (!file.has_attribute(object, name)) return {};
  try {
    return file.attribute_text(object, name);
  } catch (const Error&) {
    return {};
  }
}

std::optional<double> real_attribute_if_any(const Hdf5File& file, const std::string& object, const std::string& name) {
  if (!file.has_attribute(object, name)) return std::nullopt;
  try {
    return file.attribute_real(object, name);
  } catch (const Error&) {
    return std::nullopt;
  }
}

std::optional<double> single_real_if_any(const Hdf5File& file, const std::string& dataset) {
  if (!file.is_dataset(dataset)) return std::nullopt;
  const auto kind = file.element_type(dataset).kind;
  if (kind == ElementType::Kind::text || kind == ElementType::Kind::other) return std::nullopt;
  std::uint64_t count = 1;
  for (const auto extent : file.shape(dataset)) count *= std::min<std::uint64_t>(extent, 2);
  if (count != 1) return std::nullopt;
  return file.read<double>(dataset).front();
}

std::string single_text_or_empty(const Hdf5File& file, const std::string& dataset) {
  if (!file.is_dataset(dataset) || file.element_type(dataset).kind != ElementType::Kind::text) return {};
  return file.read_text(dataset);
}

std::optional<double> axis_step_if_any(const Hdf5File& file, const std::string& dataset) {
  if (!file.is_dataset(dataset)) return std::nullopt;
  const auto shape = file.shape(dataset);
  const auto kind = file.element_type(dataset).kind;
  if (shape.size() != 1 || shape[0] < 2 || kind == ElementType::Kind::text || kind == ElementType::Kind::other) {
    return std::nullopt;
  }
  double ends[2] = {0.0, 0.0};
  file.read_part_alone<double>(dataset, {0}, {2}, ends);
  const double step = std::fabs(ends[1] - ends[0]);
  if (!std::isfinite(step) || step == 0.0) return std::nullopt;
  return step;
}

std::optional<double> frame_interval_if_any(const Hdf5File& file, const std::string& dataset, const std::string& unit,
                                            std::uint64_t frames) {
  if (!file.is_dataset(dataset)) return std::nullopt;
  const auto shape = file.shape(dataset);
  const auto kind = file.element_type(dataset).kind;
  constexpr std::uint64_t most_values = std::uint64_t{1} << 24;
  constexpr double tolerance = 0.02;  // clocks jitter
  if (shape.size() != 1 || kind == ElementType::Kind::text || kind == ElementType::Kind::other || frames < 2 ||
      shape[0] > most_values) {
    return std::nullopt;
  }
  if (shape[0] != frames) {
    throw input_error(
        "{}: {} has {} times for {} frames: the file is damaged, or the axes are in another order than it says; give "
        "one time a frame, or remove it and give --frame-interval",
        file.path().string(), dataset, shape[0], frames);
  }
  std::vector<double> times(static_cast<std::size_t>(frames));
  file.read_part_alone<double>(dataset, {0}, {frames}, times);
  if (std::all_of(times.begin(), times.end(), [&](double time) { return time == times.front(); })) return std::nullopt;
  const double mean = (times.back() - times.front()) / static_cast<double>(times.size() - 1);
  for (std::size_t i = 1; i < times.size(); ++i) {
    const double here = times[i] - times[i - 1];
    if (std::fabs(here - mean) <= tolerance * std::fabs(mean)) continue;
    throw input_error(
        "{}: the frames of {} are not evenly spaced (frame {} comes {:.6g} after the one before it, on average {:.6g}; "
        "correlations are over equal times): cut out a part that is even, or resample it",
        file.path().string(), dataset, i + 1, here, mean);
  }
  return seconds_from_unit(std::fabs(mean), unit);
}

}  // namespace mesoglass::scan
