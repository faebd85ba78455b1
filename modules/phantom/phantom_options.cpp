#include "phantom/phantom_options.hpp"

#include "core/error.hpp"
#include "core/units.hpp"
#include "scan/scan_options.hpp"
#include "scan/scan_writer.hpp"

namespace mesoglass::phantom {

void add_phantom_options(OptionTable& table) {
  const PhantomModel defaults;
  table.group("Output");
  table.text("output").required().positional().text(
      "The scan to write: NAME.raw (EMPAD v1, with NAME.xml beside it; 128 x 128 pixels) or NAME.h5 / NAME.emd (EMD "
      "1.0).");
  table.text("truth").text("The truth file; default: the scan's name with .truth.h5 for its extension.");
  table.integer("seed", 1).range(0, 1e15).text("Another seed plants other domains and counts other electrons.");
  table.real("memory", 256.0)
      .unit("MiB")
      .range(1.0, 1e6)
      .text("Largest pattern buffer of a rank; a scan row larger than it is written alone.");

  table.group("Scan");
  table.text("scan-shape", "64x64").unit("rows x columns").text("Probe positions, slow axis first.");
  table.real("scan-step", defaults.scan_step_nm)
      .unit("nm")
      .range(0.001, 100.0)
      .text("Distance between neighbouring probe positions; maps need it well below the probe's width.");
  table.text("pattern-shape", "128x128").unit("rows x columns").text("Detector pixels of a pattern.");
  table.real("k-per-pixel", defaults.detector.k_per_pixel_inverse_nm)
      .unit("nm^-1")
      .range(1e-4, 10.0)
      .text("Scattering vector k = 1/d that one detector pixel spans.");

  table.group("Time series");
  table.integer("frames", defaults.dynamics.frames)
      .range(1, 100000)
      .text("Scans of the same film, one after another, whose speckles fluctuate; 1 = a single scan. Written as EMD.");
  table.real("frame-interval", defaults.dynamics.frame_interval_s)
      .unit("s")
      .range(1e-12, 1e9)
      .text("Time from one scan to the next.");
  table.real("relaxation-time", defaults.dynamics.relaxation_time_s)
      .unit("s")
      .range(1e-15, 1e15)
      .text("tau of the speckles' intensity correlation 1 + exp(-2 (t/tau)^beta), at the middle of the scan.");
  table.real("relaxation-ratio", defaults.dynamics.relaxation_ratio)
      .range(1e-6, 1e6)
      .text("tau at the last column over tau at the first; between them ln tau is linear.");
  table.real("stretching", defaults.dynamics.stretching).range(0.1, 2.0).text("The exponent beta.");

  table.group("Beam");
  table.real("voltage", defaults.beam.voltage_v).unit("V").range(1e3, 1e7).text("Accelerating voltage.");
  table.real("probe-fwhm", defaults.beam.probe_fwhm_nm)
      .unit("nm")
      .range(0.05, 20.0)
      .text("Full width at half maximum of the Gaussian probe.");
  table.real("disc-radius", defaults.beam.disc_radius_inverse_nm)
      .unit("nm^-1")
      .range(0.0, 5.0)
      .text("Radius of the unscattered disc: convergence half angle over the wavelength. It also blurs the speckles.");
  table.real("dose", defaults.beam.dose_electrons)
      .unit("electrons a pattern")
      .range(1.0, 1e9)
      .text("Electrons that hit the film in the time of one pattern.");
  table.flag("no-noise").text("Write expected values instead of counted electrons.");

  table.group("Film");
  table.real("thickness", defaults.film.thickness_nm)
      .unit("nm")
      .range(0.5, 1000.0)
      .text("Thickness in the middle of the scan.");
  table.real("wedge-x", 0.0).unit("nm a nm").range(-10.0, 10.0).text("How the thickness grows along a scan row.");
  table.real("wedge-y", 0.0).unit("nm a nm").range(-10.0, 10.0).text("How the thickness grows from row to row.");
  table.real("mean-free-path", defaults.film.mean_free_path_nm)
      .unit("nm")
      .range(1.0, 1e4)
      .text("Thickness that leaves 1/e of the beam in the unscattered disc.");
  table.list("type")
      .unit("name=,k=,fold=,diameter=,spread=,fraction=,order=")
      .text(
          "One kind of MRO, repeatable: k (nm^-1), fold = number of scattering vectors evenly spread in a plane, "
          "diameter and "
          "spread (nm, Gaussian), fraction (volume of its spheres over the film), order (0 to 1, scales its speckles); "
          "optional "
          "tilt (rad, width of the rocking curve; default: from the diameter) and orientation (random or beam).");

  table.group("Scattering");
  table.real("halo-k", defaults.scattering.halo_k_inverse_nm)
      .unit("nm^-1")
      .range(0.1, 100.0)
      .text("Where the diffuse halo of the glass is strongest.");
  table.real("halo-width", defaults.scattering.halo_width_inverse_nm)
      .unit("nm^-1")
      .range(0.01, 10.0)
      .text("Standard deviation of the halo.");
  table.real("background-fraction", defaults.scattering.background_fraction)
      .range(0.0, 1.0)
      .text("Part of the diffuse electrons in a smooth decay instead of the halo.");
  table.real("speckle-strength", defaults.scattering.speckle_strength_inverse_nm)
      .unit("a nm")
      .range(0.0, 1.0)
      .text(
          "Part of the beam that a perfectly ordered domain on its Bragg condition scatters into one speckle, for each "
          "nm of its "
          "diameter.");

  table.group("Detector");
  table.real("gain", defaults.detector.gain)
      .unit("detector units an electron")
      .range(1e-6, 1e9)
      .text("What one electron leaves in a pattern.");
  table.real("centre-x")
      .unit("px")
      .range(0.0, 65535.0)
      .text(
          "Unscattered beam along kx in the middle of the scan, 0 = middle of the first pixel; default: the detector's "
          "middle.");
  table.real("centre-y").unit("px").range(0.0, 65535.0).text("The same along ky.");
  table.real("descan-x", 0.0)
      .unit("px")
      .range(-1e3, 1e3)
      .text("How far the beam moves along kx from the first to the last column of the scan.");
  table.real("descan-y", 0.0)
      .unit("px")
      .range(-1e3, 1e3)
      .text("How far it moves along ky from the first to the last row.");
  table.real("ellipse-ratio", 1.0).range(1.0, 1.5).text("Long over short axis of the ellipse that a ring becomes.");
  table.real("ellipse-angle", 0.0)
      .unit("degrees")
      .range(-180.0, 180.0)
      .text("Direction of the long axis, from kx towards ky.");
  table.integer("hot-pixels", 0).range(0, 1e6).text("Pixels that always show the same large value.");
  table.real("hot-level", defaults.detector.hot_electrons).unit("electrons").range(0.0, 1e9).text("That value.");
  table.integer("dead-pixels", 0).range(0, 1e6).text("Pixels that always show 0.");
}

PhantomModel model_from(const Options& options) {
  PhantomModel model;
  model.seed = static_cast<std::uint64_t>(options.integer("seed"));
  std::tie(model.scan_ny, model.scan_nx) = scan::parse_shape(options.text("scan-shape"), "--scan-shape");
  std::tie(model.detector.ny, model.detector.nx) = scan::parse_shape(options.text("pattern-shape"), "--pattern-shape");
  constexpr std::int64_t largest_side = 8192;
  if (model.scan_ny > largest_side || model.scan_nx > largest_side || model.detector.ny > largest_side ||
      model.detector.nx > largest_side || model.detector.ny < 8 || model.detector.nx < 8) {
    throw input_error(
        "a phantom of {} x {} positions and {} x {} pixels is not made (positions up to {} a side, pixels 8 to "
        "{}): correct --scan-shape or --pattern-shape",
        model.scan_ny, model.scan_nx, model.detector.ny, model.detector.nx, largest_side, largest_side);
  }
  model.scan_step_nm = options.real("scan-step");
  model.film = {options.real("thickness"), options.real("wedge-x"), options.real("wedge-y"),
                options.real("mean-free-path")};
  model.beam = {options.real("voltage"), options.real("probe-fwhm"), options.real("disc-radius"), options.real("dose")};
  model.scattering = {options.real("halo-k"), options.real("halo-width"), options.real("background-fraction"),
                      options.real("speckle-strength")};
  auto& detector = model.detector;
  detector.k_per_pixel_inverse_nm = options.real("k-per-pixel");
  detector.gain = options.real("gain");
  detector.centre_x_px =
      options.has("centre-x") ? options.real("centre-x") : 0.5 * static_cast<double>(detector.nx - 1);
  detector.centre_y_px =
      options.has("centre-y") ? options.real("centre-y") : 0.5 * static_cast<double>(detector.ny - 1);
  detector.descan_x_px = options.real("descan-x");
  detector.descan_y_px = options.real("descan-y");
  detector.ellipse_axis_ratio = options.real("ellipse-ratio");
  detector.ellipse_angle_rad = options.real("ellipse-angle") * units::pi / 180.0;
  detector.hot_pixels = options.integer("hot-pixels");
  detector.hot_electrons = options.real("hot-level");
  detector.dead_pixels = options.integer("dead-pixels");
  model.dynamics = {options.integer("frames"), options.real("frame-interval"), options.real("relaxation-time"),
                    options.real("relaxation-ratio"), options.real("stretching")};
  for (const auto& text : options.list("type")) model.types.push_back(parse_type(text));
  check_model(model);
  return model;
}

PhantomOutputs outputs_from(const Options& options) {
  PhantomOutputs outputs;
  outputs.scan = options.text("output");
  (void)scan::write_format_of(outputs.scan);
  outputs.truth = options.has("truth") ? std::filesystem::path(options.text("truth"))
                                       : std::filesystem::path(outputs.scan).replace_extension(".truth.h5");
  if (outputs.truth == outputs.scan) {
    throw input_error("--truth and the scan are the same file {}: give two names", outputs.scan.string());
  }
  return outputs;
}

}  // namespace mesoglass::phantom
