#include "deformation/deformation_program.hpp"

#include "catalog/stz_catalog.hpp"
#include "core/progress.hpp"
#include "deformation/deformation_run.hpp"
#include "deformation/start_up_check.hpp"

namespace mesoglass::deformation {

ProgramInformation deformation_program_information() {
  ProgramInformation information;
  information.name = "mg-deform";
  information.purpose = "deform a metallic glass made of shear transformation zones";
  information.description =
      "Reads a catalog of shear transformation zones (mg-catalog) and deforms the sample by kinetic Monte Carlo and "
      "athermal avalanches, with the elastic interaction of all voxels. Writes the stress-strain history, every "
      "transformation, avalanches, the connected free volume and snapshots of all fields (deform.h5; snapshots also "
      "for "
      "ParaView). The result does not depend on the number of ranks. A run that is stopped or killed goes on from its "
      "last checkpoint with --resume, bit for bit.";
  information.examples = {"mg-deform --catalog glass.catalog.h5 --output glass.deform.h5",
                          "mpirun -n 2 mg-deform --config inputs/deform-2d.cfg --catalog glass.catalog.h5 --output "
                          "glass.deform.h5 --seed 7"};
  return information;
}

OptionTable deformation_program_options() {
  OptionTable table;
  table.group("Files");
  table.text("catalog").required().positional().text("Catalog of the glass, written by mg-catalog (catalog.h5).");
  table.text("output", "deform.h5").text("Result, in HDF5 (docs/formats.md).");
  add_deformation_options(table);
  add_checkpoint_options(table);
  return table;
}

void run_deformation_program(Run& run) {
  const auto& communicator = run.communicator();
  const auto& options = run.options();
  const std::filesystem::path output = options.text("output");
  if (!run.dry_run() && run.already_complete(output)) return;

  const std::filesystem::path catalog_path = options.text("catalog");
  catalog::Catalog glass;
  {
    const auto timer = run.timers().time("reading the catalog");
    glass = catalog::read_catalog(communicator, catalog_path);
    on_root(communicator, [&] { run.provenance().add_input(catalog_path); });
  }
  const auto parameters =
      collectively(communicator, [&] { return deformation_parameters(options, glass.grid.dimensions()); });

  const auto cost = estimate_cost(parameters, glass, communicator.size());
  run.plan("{}: {} x {} x {} voxels of {:g} x {:g} x {:g} nm, glass {}", catalog_path.string(), glass.grid.nx,
           glass.grid.ny, glass.grid.nz, glass.grid.voxel_size_nm[0], glass.grid.voxel_size_nm[1],
           glass.grid.voxel_size_nm[2], glass.glass);
  run.plan("memory: {} a rank on {} ranks ({:.0f} bytes a voxel with tables and Fourier buffers)",
           bytes_text(cost.memory_per_rank_bytes), communicator.size(), cost.memory_per_voxel_bytes);
  run.plan("output {}: about {}; about {:.2g} ms an event", output.string(), bytes_text(cost.output_bytes),
           1e3 * cost.seconds_per_event);
  const EnergyPumping pumping = judge_energy_pumping(parameters, glass);
  run.plan(
      "energy pumping: chi = {:.2f} ({:.3g} eV stored by a transformation, softened barrier {:.3g} eV; safe below "
      "{})",
      pumping.chi, pumping.self_energy_ev, pumping.softened_barrier_ev, doubtful_chi);
  if (run.dry_run()) {
    for (const auto& warning : collectively(communicator, [&] { return check_parameters(parameters, glass); })) {
      run.plan("warning: {}", warning);
    }
    return;
  }

  DeformationFiles files;
  files.output = output;
  files.if_exists = run.if_exists();
  files.resume = run.resume();
  CheckpointSignals signals(communicator, options);
  DeformationHooks hooks;
  hooks.log = &run.log();
  hooks.timers = &run.timers();
  hooks.checkpoint_request = [&](std::int64_t step) { return signals.poll(step); };
  DeformationOutcome outcome;
  {
    const auto timer = run.timers().time("deforming");
    outcome = run_deformation(communicator, parameters, glass, files, run.provenance(), hooks);
  }
  auto& summary = run.summary();
  summary.set("peak_stress_gpa", outcome.peak_stress_gpa, "GPa", "peak stress");
  summary.set("peak_strain", outcome.peak_strain, "1", "strain at the peak");
  summary.set("flow_stress_gpa", outcome.flow_stress_gpa, "GPa", "flow stress (last fifth of the strain)");
  summary.set("percolation_strain", outcome.percolation_strain, "1",
              "true strain where the largest connected free volume grows most steeply");
  summary.set("largest_cfv_nm3", outcome.largest_cfv_nm3, "nm^3", "largest connected free volume at the end");
  summary.set("events", outcome.events, "1", "transformations");
  summary.set("avalanches", outcome.avalanches, "1", "athermal avalanches");
  summary.set("elastic_energy_ev", outcome.elastic_energy_ev, "eV", "elastic energy at the end");
  summary.set("external_work_ev", outcome.external_work_ev, "eV", "work done on the sample");
  summary.set("dissipated_work_ev", outcome.dissipated_work_ev, "eV", "work dissipated");
  summary.set("final_strain", outcome.final_strain, "1", "strain at the end");
  summary.set("final_time_s", outcome.final_time_s, "s", "time at the end");
  summary.set("end", outcome.end, "1", "why the run ended");
}

}  // namespace mesoglass::deformation
