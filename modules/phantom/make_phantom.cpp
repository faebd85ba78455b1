#include "phantom/make_phantom.hpp"

#include <algorithm>
#include <vector>

#include "core/atomic_output.hpp"
#include "core/distribution.hpp"
#include "core/hdf5_file.hpp"
#include "phantom/counting.hpp"
#include "phantom/domains.hpp"
#include "phantom/pattern_renderer.hpp"
#include "phantom/phantom_options.hpp"
#include "phantom/speckle_dynamics.hpp"
#include "phantom/truth.hpp"
#include "scan/row_blocks.hpp"
#include "scan/scan_writer.hpp"

namespace mesoglass::phantom {

namespace {

scan::ScanDescription describe(const PhantomModel& model) {
  scan::ScanDescription description;
  description.time_frames = model.dynamics.frames;
  description.frame_interval_s.value = model.dynamics.frame_interval_s;
  description.scan_ny = model.scan_ny;
  description.scan_nx = model.scan_nx;
  description.pattern_ny = model.detector.ny;
  description.pattern_nx = model.detector.nx;
  description.k_per_pixel_inverse_nm.value = model.detector.k_per_pixel_inverse_nm;
  description.scan_step_nm.value = model.scan_step_nm;
  description.voltage_v.value = model.beam.voltage_v;
  description.gain.value = model.detector.gain;
  return description;
}

enum class Counting { poisson, expected };

// Makes one pattern after another, as the detector shows it.
class PatternSource {
 public:
  PatternSource(const PhantomModel& model, const DomainIndex& domains, const BadPixels& bad_pixels, Counting counting)
      : model_(model),
        renderer_(model, domains),
        dynamics_(model, domains),
        bad_pixels_(bad_pixels),
        counting_(counting) {}

  // `row` counts the rows of all frames. Returns true where the speckles took more electrons than the film scatters.
  bool make(std::int64_t row, std::int64_t scan_x, std::span<float> pattern) const {
    const auto rendered = renderer_.render(row % model_.scan_ny, scan_x, pattern, dynamics_.at(row / model_.scan_ny));
    if (counting_ == Counting::poisson) {
      count_electrons(model_.seed, static_cast<std::uint64_t>(row * model_.scan_nx + scan_x), pattern);
    }
    const auto at = [&](const std::pair<std::int32_t, std::int32_t>& pixel) -> float& {
      return pattern[static_cast<std::size_t>(pixel.first * model_.detector.nx + pixel.second)];
    };
    for (const auto& pixel : bad_pixels_.dead) at(pixel) = 0.0F;
    for (const auto& pixel : bad_pixels_.hot) at(pixel) = static_cast<float>(model_.detector.hot_electrons);
    const auto gain = static_cast<float>(model_.detector.gain);
    for (float& value : pattern) value *= gain;
    return rendered.diffuse_exhausted;
  }

 private:
  const PhantomModel& model_;
  PatternRenderer renderer_;
  SpeckleDynamics dynamics_;
  const BadPixels& bad_pixels_;
  Counting counting_;
};

void tell_plan(Run& run, const PhantomModel& model, const PhantomOutputs& outputs, const scan::ScanDescription& scan,
               const scan::RowBlocks& blocks) {
  const auto format = scan::write_format_of(outputs.scan);
  const double patterns = static_cast<double>(scan.total_patterns());
  run.plan("scan {} x {} positions, {} nm apart ({:.1f} x {:.1f} nm), patterns {} x {} pixels of {} nm^-1",
           scan.scan_ny, scan.scan_nx, model.scan_step_nm, model.height_nm(), model.width_nm(), scan.pattern_ny,
           scan.pattern_nx, model.detector.k_per_pixel_inverse_nm);
  if (scan.time_frames > 1) {
    run.plan("time series of {} frames, {} s apart, relaxation time {:.4g} to {:.4g} s, exponent {}", scan.time_frames,
             model.dynamics.frame_interval_s, model.relaxation_time_s(0.0), model.relaxation_time_s(model.width_nm()),
             model.dynamics.stretching);
  }
  run.plan("{} MRO types, about {:.0f} domains", model.types.size(), expected_domains(model));
  run.plan("writes {} ({}) and {}", outputs.scan.string(), bytes_text(scan::scan_file_bytes(scan, format)),
           outputs.truth.string());
  const double buffer =
      static_cast<double>(std::min(blocks.rows_per_block, scan.total_rows()) * scan.values_per_row()) * 4.0;
  // A domain with its index entry and about a fifth of its vectors lit.
  constexpr double bytes_per_domain = 250.0;
  constexpr double speckles_a_domain = 1.0;
  run.plan("memory a rank about {}, written in blocks of {} rows",
           bytes_text(buffer + expected_domains(model) * bytes_per_domain +
                      SpeckleDynamics::bytes(model, expected_domains(model) * speckles_a_domain)),
           blocks.rows_per_block);
  // Measured on an AMD Zen 5 core: docs/phantom.md.
  constexpr double seconds_per_pixel = 7e-8;
  run.plan("time about {} on {} rank(s)",
           duration_text(patterns * static_cast<double>(scan.pixels()) * seconds_per_pixel / run.communicator().size()),
           run.communicator().size());
}

void summarise(Run& run, const PhantomModel& model, const PlantedDomains& planted,
               const std::vector<double>& area_fraction) {
  auto& summary = run.summary();
  summary.set("patterns", model.dynamics.frames * model.scan_ny * model.scan_nx, "1", "diffraction patterns written");
  summary.set("domains", static_cast<std::int64_t>(planted.domains.size()), "1", "MRO domains planted");
  const auto sizes = realised_speckle_size_nm(model, planted);
  for (std::size_t i = 0; i < model.types.size(); ++i) {
    const auto& name = model.types[i].name;
    summary.set("volume_fraction_" + name, planted.planted_volume_nm3[i] / planted.film_volume_nm3, "1",
                "planted volume fraction of type " + name);
    summary.set("area_fraction_" + name, area_fraction[i], "1", "area fraction of its dark-field maps");
    summary.set("speckle_size_nm_" + name, sizes[i], "nm", "size that ideal maps show");
  }
}

// Renders and writes this rank's rows, all ranks equally many blocks. Returns how many patterns had more in their
// speckles than the film scatters. Collective.
std::int64_t write_patterns(Run& run, const PhantomModel& model, const PatternSource& source,
                            const scan::ScanDescription& scan, const scan::RowBlocks& blocks,
                            scan::ScanWriter& writer) {
  const auto& communicator = run.communicator();
  const auto rounds = communicator.max(blocks.blocks.size());
  const auto pixels = static_cast<std::size_t>(scan.pixels());
  Progress progress(run.log(), "patterns", static_cast<double>(blocks.own_rows.size() * model.scan_nx), "patterns");
  std::vector<float> buffer;
  std::int64_t exhausted = 0;
  std::int64_t done = 0;
  for (std::size_t round = 0; round < rounds; ++round) {
    const Range rows = round < blocks.blocks.size() ? blocks.blocks[round] : Range{};
    {
      const auto timer = run.timers().time("rendering and counting");
      buffer.resize(static_cast<std::size_t>(rows.size() * scan.values_per_row()));
      for (std::int64_t i = 0; i < rows.size() * model.scan_nx; ++i) {
        const auto pattern = std::span<float>(buffer).subspan(static_cast<std::size_t>(i) * pixels, pixels);
        if (source.make(rows.begin + i / model.scan_nx, i % model.scan_nx, pattern)) ++exhausted;
        progress.update(static_cast<double>(++done));
      }
    }
    const auto timer = run.timers().time("writing");
    writer.write_rows(rows.begin, rows.size(), buffer);
  }
  return communicator.sum(exhausted);
}

}  // namespace

ProgramInformation phantom_information() {
  return {
      "mg-phantom",
      "write a synthetic 4D-STEM scan of a metallic glass with a known truth",
      "Plants domains of medium-range order (MRO) in a film, lets a nanometre probe scan it and counts the electrons "
      "of "
      "every diffraction pattern. Beside the scan it writes what was planted, so that an analysis can be judged by how "
      "well it finds it again. The same seed gives the same scan on any number of ranks.",
      {"mg-phantom --config inputs/phantom-x1.cfg x1.raw --scan-shape 48x48",
       "mpirun -n 2 mg-phantom film.h5 --type name=strong,k=3.9,fold=6,diameter=1.2,spread=0.1,fraction=0.1,order=1"}};
}

void make_phantom(Run& run) {
  const auto& communicator = run.communicator();
  const auto model = collectively(communicator, [&] { return model_from(run.options()); });
  const auto outputs = collectively(communicator, [&] { return outputs_from(run.options()); });
  const auto scan = describe(model);
  constexpr double bytes_per_mib = 1024.0 * 1024.0;
  const auto blocks = scan::plan_row_blocks(scan, communicator.rank(), communicator.size(),
                                            static_cast<std::int64_t>(run.options().real("memory") * bytes_per_mib),
                                            scan.pixels() * static_cast<std::int64_t>(sizeof(float)));
  tell_plan(run, model, outputs, scan, blocks);
  if (run.dry_run()) return;
  if (run.resume() && run.already_complete(outputs.truth)) return;
  run.provenance().set_seed(model.seed);

  AtomicOutput truth_output(communicator, outputs.truth, run.if_exists());
  const auto writer = scan::create_scan(communicator, outputs.scan, scan, run.if_exists());
  const auto planted = collectively(communicator, [&] { return plant_domains(model); });
  const DomainIndex index(model, planted);
  const auto bad_pixels = draw_bad_pixels(model);
  const auto counting = run.options().flag("no-noise") ? Counting::expected : Counting::poisson;
  const PatternSource source(model, index, bad_pixels, counting);

  const auto exhausted = write_patterns(run, model, source, scan, blocks, *writer);
  if (exhausted > 0) {
    run.log().warning(
        "in {} of {} patterns the speckles hold more electrons than the film scatters, so these patterns have "
        "no halo and too many electrons: lower --speckle-strength, the order or the fractions",
        exhausted, scan.total_patterns());
  }
  const auto area_fraction = realised_area_fraction(communicator, model, planted);
  writer->commit([&](Hdf5File& file) { run.provenance().write(file); });
  auto truth = Hdf5File::create(communicator, truth_output.temporary_path());
  write_truth(truth, model, planted, bad_pixels, area_fraction);
  run.provenance().write(truth);
  truth.close();
  // The truth last: where it stands, the scan is complete.
  truth_output.commit();
  summarise(run, model, planted, area_fraction);
}

}  // namespace mesoglass::phantom
