#include "diffraction/analyze_program.hpp"

#include <algorithm>
#include <cmath>
#include <limits>
#include <memory>

#include "core/hdf5_file.hpp"
#include "diffraction/analyze_summary.hpp"
#include "diffraction/area_analysis.hpp"
#include "diffraction/local_maps.hpp"
#include "diffraction/mro_file.hpp"
#include "diffraction/pair_distribution_options.hpp"
#include "diffraction/pair_distribution_summary.hpp"
#include "diffraction/sample_result.hpp"
#include "diffraction/size_calibration.hpp"
#include "scan/scan_options.hpp"
#include "scan/scan_reader.hpp"

namespace mesoglass::diffraction {

namespace {

Point parse_point(const std::string& typed, const std::string& option) {
  const auto comma = typed.find(',');
  try {
    if (comma == std::string::npos) throw std::invalid_argument("no comma");
    std::size_t used_x = 0, used_y = 0;
    const std::string y_text = typed.substr(comma + 1);
    const Point point{std::stod(typed.substr(0, comma), &used_x), std::stod(y_text, &used_y)};
    if (used_x != comma || used_y != y_text.size() || !std::isfinite(point.x) || !std::isfinite(point.y)) {
      throw std::invalid_argument("not two numbers");
    }
    return point;
  } catch (const std::logic_error&) {
    throw input_error("{} {} is not a place on the detector: write X,Y in pixels, for example 63.5,64.2", option,
                      typed);
  }
}

// A map that the user gives: one source an area.
struct UserMap {
  std::string name;
  std::vector<std::string> sources;
};

std::vector<UserMap> parse_user_maps(const std::vector<std::string>& typed, std::size_t areas) {
  std::vector<UserMap> maps;
  for (const std::string& text : typed) {
    const auto equals = text.find('=');
    if (equals == std::string::npos || equals == 0) {
      throw input_error("--map {} has no name: write NAME=FILE.h5:/path/of/dataset", text);
    }
    UserMap map{text.substr(0, equals), {}};
    for (std::size_t begin = equals + 1; begin <= text.size();) {
      const auto end = std::min(text.find(';', begin), text.size());
      map.sources.push_back(text.substr(begin, end - begin));
      begin = end + 1;
    }
    if (map.sources.size() != areas) {
      throw input_error("--map {} has {} files for {} areas: give one an area, separated by semicolons", map.name,
                        map.sources.size(), areas);
    }
    maps.push_back(std::move(map));
  }
  return maps;
}

// Nothing without a composition or a k calibration, which is said.
std::optional<PairDistributionMeter> plan_pair_distribution(Run& run,
                                                            const std::optional<PairDistributionSettings>& settings,
                                                            const KRange& k_range, const scan::ScanDescription& scan) {
  if (!settings) {
    run.log().information("no structure factor and no G(r): give --composition for them");
    return std::nullopt;
  }
  if (!scan.k_per_pixel_inverse_nm.value) {
    run.log().warning("no structure factor and no G(r), since no k is known: give --k-per-pixel");
    return std::nullopt;
  }
  PairDistributionMeter meter(k_range.values(), *settings);
  tell_pair_distribution(run, meter);
  return meter;
}

void measure_pair_distributions(const PairDistributionMeter& meter, AreaResult& area) {
  area.pair_distribution = meter.measure(area.averages);
  for (ThicknessBinResult& bin : area.by_thickness) bin.pair_distribution = meter.measure(bin.averages);
}

}  // namespace

ProgramInformation analyze_information() {
  return {
      "mg-analyze",
      "measures medium-range order in 4D-STEM scans of metallic glasses",
      "Reads one scan or several areas of one sample, finds the centre, descan and ellipse of the patterns, filters by "
      "transmittance, brings every pattern to polar coordinates (k, phi), and measures the angular power spectrum "
      "c_n(k), "
      "the size of the speckles in the dark-field maps of every k, the area they cover, and from these the types of "
      "medium-range order. The result is an EMD 1.0 file that mg-catalog, mg-report, py4DSTEM and h5py read.",
      {"mg-analyze --k-per-pixel 0.1 --scan-step 0.25 --gain 1 --probe-fwhm 1.0 --output x1.mro.h5 scan_x160_y160.raw",
       "mpirun -n 4 mg-analyze --output sample.mro.h5 area1.emd area2.emd area3.emd",
       "mg-analyze --preview --output look.mro.h5 scan.raw"}};
}

void add_analyze_options(OptionTable& table) {
  table.group("Input and output");
  table.list("input").required().positional().text(
      "Scan files: EMPAD .raw or .xml, EMD, py4DSTEM, fpd and others; several are areas of one sample and are "
      "averaged.");
  table.text("output", "mro.h5").text("Result file.");
  scan::add_scan_options(table);
  table.group("Centre, ellipse and pixels");
  table.text("centre").unit("X,Y px").text(
      "Centre of the unscattered beam, x along the fast axis; for patterns with a beam stop.");
  table.text("centre-from", "plane")
      .choices({"plane", "pattern"})
      .text(
          "Centre of each pattern: from a plane through the discs' centres over the scan, or its own disc's centre of "
          "mass.");
  table.flag("no-ring-fit").text("Keep the disc's centre and do not fit the ring or its ellipse.");
  table.real("ring-radius")
      .unit("px")
      .range(3.0, 1e5)
      .text("Radius of the ring or halo that gives centre and ellipse; default: the most prominent one.");
  table.real("ellipse-ratio")
      .unit("1")
      .range(1.0, 2.0)
      .text("Known axis ratio of the ellipse that circles become, with --ellipse-angle; default: fitted.");
  table.real("ellipse-angle", 0.0)
      .unit("degrees")
      .range(-180.0, 180.0)
      .text("Direction of its major axis, from +kx (fast axis) towards +ky.");
  table.text("mask", "")
      .text(
          "Pixels to leave out: a text file of shapes (circle X Y R, rectangle X0 Y0 X1 Y1, polygon X1 Y1 ..., pixel X "
          "Y), FILE.npy, or FILE.h5:/dataset with not zero = left out.");
  table.flag("keep-bad-pixels").text("Do not look for dead and hot pixels.");
  table.group("Polar coordinates");
  table.real("k-min")
      .unit("nm^-1 (px without --k-per-pixel)")
      .range(0.0, 1e5)
      .text("First k; default: outside of the unscattered disc.");
  table.real("k-max")
      .unit("nm^-1 (px without --k-per-pixel)")
      .range(0.0, 1e5)
      .text("Last k; default: the largest whole circle on the detector.");
  table.integer("k-bins", 0).range(0, 4096).text("Number of k; 0 = one a pixel.");
  table.integer("angles", 126).range(8, 1024).text("Angles on the circle, even.");
  table.group("Thickness");
  table.real("transmittance-min", 0.6)
      .unit("1")
      .range(0.0, 1.0)
      .text("Patterns with a smaller share of the intensity in the unscattered disc are left out.");
  table.real("disc-radius")
      .unit("px")
      .range(0.5, 1e5)
      .text("Aperture of the unscattered disc; default: 1.25 times its radius on the mean pattern.");
  table.real("vacuum-intensity")
      .unit("detector units")
      .range(1e-12, 1e18)
      .text("Disc intensity without specimen, to measure transmittance against; default: each pattern's total.");
  table.real("mean-free-path").unit("nm").range(0.1, 1e5).text("Mean free path lambda for thickness = -lambda ln T.");
  table.real("thickness-min").unit("nm").range(0.0, 1e6).text("With --mean-free-path: leave out thinner places.");
  table.real("thickness-max").unit("nm").range(0.0, 1e6).text("With --mean-free-path: leave out thicker places.");
  table.integer("thickness-bins", 4)
      .range(1, 32)
      .text("Bins of transmittance, with equal numbers of patterns, in which the averages are also given.");
  table.flag("sizes-by-thickness")
      .text("Also sizes and area fractions in every bin; each bin takes as long as the maps without bins.");
  table.group("Descriptors");
  table.integer("order-max-n", 12)
      .range(2, 512)
      .text("The degree of order is the sum of c_n over even n from 2 to this.");
  table.text("power", "cn")
      .choices({"cn", "dft2"})
      .text("Form in which the power spectrum is written: c_n = |I_n|^2/|I_0|^2, or (N c_n)^2 as older codes have it.");
  table.real("probe-fwhm", 0.0)
      .unit("nm")
      .range(0.0, 100.0)
      .text("Full width at half maximum of the probe, removed from sizes in quadrature; 0 = not removed.");
  table.real("correlation-range", 4.0)
      .unit("nm")
      .range(0.1, 1e4)
      .text("Longest lag of the maps' autocorrelation; beyond it maps are taken as uncorrelated.");
  table.text("domain-profile", "sphere")
      .choices({"gaussian", "sphere", "disc"})
      .text(
          "Shape of domains for which the size estimator is calibrated: gaussian (diameter = full width at half "
          "maximum), sphere (brightness = thickness), disc.");
  table.flag("size-calibration")
      .text(
          "Write the calibrated diameter as the size, also in the table of types; it is always written as "
          "size_diameter.");
  table.real("false-positives", 0.005)
      .unit("1")
      .range(1e-6, 0.2)
      .text(
          "Share of a matrix without speckles that noise may lift above the area fraction's threshold; it is "
          "subtracted.");
  table.real("peak-significance", 3.0)
      .unit("standard errors")
      .range(0.0, 100.0)
      .text("Height that a peak of order(k) or size(k) needs to become an MRO type.");
  table.integer("example-maps", 8)
      .range(0, 1000)
      .text("Dark-field maps to write, at the k of the highest order, four angles each.");
  add_pair_distribution_options(table);
  table.group("Local maps");
  table.flag("no-local-maps").text("No maps of what single patterns say, which saves some of the pass.");
  table.real("local-k-min")
      .unit("nm^-1 (px without --k-per-pixel)")
      .range(0.0, 1e5)
      .text("First k of the local maps of symmetry; default: the ring's lower half height.");
  table.real("local-k-max")
      .unit("nm^-1 (px without --k-per-pixel)")
      .range(0.0, 1e5)
      .text("Last k of the local maps of symmetry; default: the ring's upper half height.");
  table.list("map").text(
      "NAME=FILE.h5:/dataset, a map of the scan's shape measured otherwise (modulus, relaxation time, ...), to be "
      "correlated with the others; several areas: one file each, separated by semicolons.");
  table.real("bragg-ratio", 5.0)
      .unit("1")
      .range(1.0, 1e6)
      .text("Patterns whose highest intensity exceeds this many times the mean at its k are counted as crystalline.");
  table.group("Time series");
  table.real("relaxation-stretching")
      .unit("1")
      .range(0.2, 3.0)
      .text(
          "Exponent beta of the decay of g2 = 1 + A exp(-2 (t/tau)^beta), held at this; default: fitted at every "
          "position. The ring's k range is that of the local maps.");
  table.real("relaxation-significance", 4.0)
      .unit("standard errors")
      .range(1.0, 100.0)
      .text("Amplitude that a decay of g2 needs to be taken as one.");
  table.group("Running");
  table.flag("preview").text(
      "Only about 1 % of the scan's rows, no maps: centre, ellipse, transmittance and power in seconds, to check the "
      "calibration.");
  table.real("memory-limit", 1024.0)
      .unit("MiB a rank")
      .range(16.0, 1e7)
      .text("Maps are worked in as many bands of k as this needs; every band after the first reads the scan again.");
}

AnalysisSettings read_analysis_settings(const Options& options) {
  AnalysisSettings settings;
  if (options.text("centre-from") == "pattern") settings.centre_source = CentreSource::pattern;
  if (options.has("centre")) settings.centre = parse_point(options.text("centre"), "--centre");
  settings.fit_ring = !options.flag("no-ring-fit");
  if (options.has("ring-radius")) settings.ring_radius_px = options.real("ring-radius");
  if (options.has("ellipse-ratio")) {
    settings.ellipse =
        Ellipse::from_axes(options.real("ellipse-ratio"), options.real("ellipse-angle") * units::pi / 180.0);
  } else if (options.real("ellipse-angle") != 0.0) {
    throw input_error("--ellipse-angle {} without an ellipse (--ellipse-ratio is not given): give both or none",
                      options.real("ellipse-angle"));
  }
  settings.mask = options.text("mask");
  settings.find_bad_pixels = !options.flag("keep-bad-pixels");
  if (options.has("k-min")) settings.k_low = options.real("k-min");
  if (options.has("k-max")) settings.k_high = options.real("k-max");
  if (settings.k_low && settings.k_high && !(*settings.k_low < *settings.k_high)) {
    throw input_error("--k-min {} is not below --k-max {}: exchange them", *settings.k_low, *settings.k_high);
  }
  settings.k_bins = static_cast<int>(options.integer("k-bins"));
  settings.angles = static_cast<int>(options.integer("angles"));
  if (settings.angles % 2 != 0) {
    throw input_error("--angles {} is odd (Friedel opposites need pairs): give {} or {}", settings.angles,
                      settings.angles - 1, settings.angles + 1);
  }
  settings.transmittance_min = options.real("transmittance-min");
  settings.transmittance_min_given = options.given("transmittance-min");
  if (options.has("disc-radius")) settings.disc_radius_px = options.real("disc-radius");
  if (options.has("vacuum-intensity")) settings.vacuum_intensity = options.real("vacuum-intensity");
  if (options.has("mean-free-path")) settings.mean_free_path_nm = options.real("mean-free-path");
  if (options.has("thickness-min")) settings.thickness_low_nm = options.real("thickness-min");
  if (options.has("thickness-max")) settings.thickness_high_nm = options.real("thickness-max");
  if ((settings.thickness_low_nm || settings.thickness_high_nm) && !settings.mean_free_path_nm) {
    throw input_error(
        "--thickness-min and --thickness-max need the mean free path (thickness = -lambda ln T): give --mean-free-path "
        "NM");
  }
  if (settings.thickness_low_nm && settings.thickness_high_nm &&
      !(*settings.thickness_low_nm < *settings.thickness_high_nm)) {
    throw input_error("--thickness-min {} is not below --thickness-max {}: exchange them", *settings.thickness_low_nm,
                      *settings.thickness_high_nm);
  }
  settings.thickness_bins = static_cast<int>(options.integer("thickness-bins"));
  settings.sizes_by_thickness = options.flag("sizes-by-thickness");
  if (options.has("local-k-min")) settings.local_k_low = options.real("local-k-min");
  if (options.has("local-k-max")) settings.local_k_high = options.real("local-k-max");
  if (settings.local_k_low && settings.local_k_high && !(*settings.local_k_low < *settings.local_k_high)) {
    throw input_error("--local-k-min {} is not below --local-k-max {}: exchange them", *settings.local_k_low,
                      *settings.local_k_high);
  }
  settings.local_maps = !options.flag("no-local-maps");
  settings.bragg_ratio = options.real("bragg-ratio");
  settings.order_limit = static_cast<int>(options.integer("order-max-n"));
  settings.correlation_range_nm = options.real("correlation-range");
  settings.probe_fwhm_nm = options.real("probe-fwhm");
  settings.false_positives = options.real("false-positives");
  settings.peak_significance = options.real("peak-significance");
  settings.example_maps = static_cast<int>(options.integer("example-maps"));
  if (options.has("relaxation-stretching")) settings.relaxation_stretching = options.real("relaxation-stretching");
  settings.relaxation_significance = options.real("relaxation-significance");
  settings.preview = options.flag("preview");
  settings.memory_limit_bytes = options.real("memory-limit") * 1024.0 * 1024.0;
  return settings;
}

void run_analyze(Run& run) {
  const Communicator& communicator = run.communicator();
  const Options& options = run.options();
  const std::filesystem::path output_path = options.text("output");
  if (run.already_complete(output_path)) return;
  const auto settings = collectively(communicator, [&] { return read_analysis_settings(options); });
  const auto read_options = collectively(communicator, [&] { return scan::read_scan_options(options); });
  const auto pair_settings = collectively(communicator, [&] { return read_pair_distribution_settings(options); });

  const auto user_maps = collectively(communicator, [&] {
    if (!settings.local_maps && !options.list("map").empty()) {
      throw input_error("--map with --no-local-maps (there is nothing to correlate it with): give one of them");
    }
    return parse_user_maps(options.list("map"), options.list("input").size());
  });

  std::vector<std::unique_ptr<scan::ScanReader>> readers;
  std::vector<const scan::ScanDescription*> scans;
  std::vector<double> k_per_pixel;
  for (const std::string& input : options.list("input")) {
    readers.push_back(scan::open_scan(communicator, input, read_options));
    const scan::ScanDescription& scan = readers.back()->description();
    scans.push_back(&scan);
    k_per_pixel.push_back(scan.k_per_pixel_inverse_nm.value.value_or(1.0));
    tell_scan(run, scan);
    for (const auto& file : scan.files) {
      if (communicator.is_root()) run.provenance().add_input(file);
    }
  }
  collectively(communicator, [&] { check_scans(scans); });
  std::unique_ptr<AtomicOutput> output;
  if (!run.dry_run()) output = std::make_unique<AtomicOutput>(communicator, output_path, run.if_exists());

  std::vector<AreaGeometry> geometries;
  for (const auto& reader : readers) {
    const auto timing = run.timers().time("survey");
    geometries.push_back(survey_area(communicator, *reader, settings, run.log()));
    tell_geometry(run, reader->description(), geometries.back());
  }
  const KRange k_range =
      collectively(communicator, [&] { return choose_k_range(geometries, k_per_pixel, scans, settings); });
  for (std::size_t area = 0; area < readers.size(); ++area) {
    const PolarGrid grid{k_range.k_low / k_per_pixel[area], k_range.k_step / k_per_pixel[area], k_range.bins,
                         settings.angles};
    const MemoryPlan memory =
        collectively(communicator, [&] { return plan_memory(*scans[area], grid, communicator.size(), settings); });
    tell_memory(run, *scans[area], grid, memory);
    if (scans[area]->time_frames > 1 && !settings.preview) {
      tell_time_series(run, *scans[area], collectively(communicator, [&] {
                         return plan_relaxation(*scans[area], geometries[area], grid, communicator.rank(),
                                                communicator.size(), settings);
                       }));
    }
  }
  const auto pair_distribution =
      collectively(communicator, [&] { return plan_pair_distribution(run, pair_settings, k_range, *scans.front()); });
  if (run.dry_run()) return;

  const ThicknessBins thickness_bins = choose_thickness_bins(geometries, settings);
  const DomainProfile profile = domain_profile_named(options.text("domain-profile"));
  std::vector<AreaResult> areas;
  for (std::size_t area = 0; area < readers.size(); ++area) {
    areas.push_back(scans[area]->time_frames > 1
                        ? analyse_time_series(communicator, *readers[area], geometries[area], k_range, thickness_bins,
                                              settings, run.log(), run.timers())
                        : analyse_area(communicator, *readers[area], geometries[area], k_range, thickness_bins,
                                       settings, run.log(), run.timers()));
    AreaResult& result = areas.back();
    if (!result.local_maps.empty()) {
      const auto timing = run.timers().time("local maps");
      for (const UserMap& map : user_maps) {
        add_user_map(communicator, map.name, map.sources[area], result.scan_ny, result.scan_nx, result.local_maps);
      }
      result.relations = relate_maps(communicator, result.local_maps, result.scan_ny, result.scan_nx);
    }
    if (pair_distribution) {
      measure_pair_distributions(*pair_distribution, result);
      warn_of_trouble(run, result);
    }
    tell_reading(run, result);
    const double probe = result.scan_step_known ? settings.probe_fwhm_nm : 0.0;
    const auto diameters =
        collectively(communicator, [&] { return calibrated_diameters(profile, result.size, probe); });
    result.size_diameter = diameters;
    if (options.flag("size-calibration")) {
      for (std::size_t bin = 0; bin < diameters.size(); ++bin) {
        result.size_error[bin] *= diameters[bin] / result.size[bin];
        result.size[bin] = diameters[bin];
      }
      collectively(communicator, [&] {
        for (SeparatedType& type : result.separated) {
          const double diameter = calibrated_diameter(profile, type.size, probe);
          type.size_error *= diameter / type.size;
          type.size = diameter;
        }
      });
    }
  }
  const SampleResult sample = average_areas(std::move(areas), k_range, settings.peak_significance);
  {
    const auto timing = run.timers().time("write");
    Hdf5File file = Hdf5File::create(communicator, output->temporary_path());
    MroFileSettings file_settings;
    file_settings.power_form = options.text("power") == "cn" ? PowerForm::cn : PowerForm::dft2;
    file_settings.probe_fwhm_nm = settings.probe_fwhm_nm;
    file_settings.size_profile = options.text("domain-profile");
    file_settings.calibrated_size = options.flag("size-calibration");
    file_settings.pair_distribution = pair_distribution ? &*pair_distribution : nullptr;
    write_mro(file, sample, file_settings);
    run.provenance().write(file);
    file.close();
    output->commit();
  }
  summarise(run, sample, settings.bragg_ratio);
  if (pair_distribution) summarise_pair_distribution(run, sample, *pair_distribution);
}

}  // namespace mesoglass::diffraction
