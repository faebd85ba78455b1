#include "elasticity/elastic_program.hpp"

#include <sys/resource.h>

#include <algorithm>
#include <chrono>
#include <cmath>
#include <cstddef>
#include <limits>
#include <optional>

#include "core/atomic_output.hpp"
#include "core/voxel_fields_file.hpp"
#include "elasticity/periodic_solver.hpp"

namespace mesoglass::elasticity {

namespace {

constexpr int format_major = 1;

Faces faces_from_name(const std::string& name) {
  if (name == "gripped-x") return Faces::gripped_x;
  if (name == "gripped-y") return Faces::gripped_y;
  if (name == "gripped-z") return Faces::gripped_z;
  return Faces::periodic;
}

// "0.7,0.7,1.0" in nm; the grid's own validation judges the numbers.
std::vector<double> parse_voxel_size(const std::string& text) {
  std::vector<double> size;
  std::size_t from = 0;
  while (from <= text.size()) {
    const std::size_t comma = std::min(text.find(',', from), text.size());
    const std::string number = text.substr(from, comma - from);
    char* end = nullptr;
    const double value = std::strtod(number.c_str(), &end);
    if (number.empty() || *end != '\0') {
      throw input_error("--voxel-size {}: \"{}\" is not a number: give three edges in nm, such as 1.5,1.5,1.5", text,
                        number);
    }
    size.push_back(value);
    from = comma + 1;
  }
  if (size.size() != 3) throw input_error("--voxel-size {}: give three edges in nm, such as 1.5,1.5,1.5", text);
  return size;
}

enum class Method { direct_fourier, iterative_fourier, finite_elements };

std::string method_text(Method method) {
  switch (method) {
    case Method::direct_fourier:
      return "direct Fourier (uniform moduli)";
    case Method::iterative_fourier:
      return "conjugate gradients preconditioned by the Green operator";
    case Method::finite_elements:
      return "PETSc finite elements";
  }
  return "";
}

struct Moduli {
  std::vector<double> lambda;
  std::vector<double> shear;
  bool uniform = true;
};

// Lame constants of own voxels. Collective.
Moduli moduli_of(const Communicator& communicator, const ElasticInput& input, Body body) {
  Moduli moduli;
  const std::size_t own = input.young_modulus_gpa.size();
  moduli.lambda.resize(own);
  moduli.shear.resize(own);
  collectively(communicator, [&] {
    for (std::size_t voxel = 0; voxel < own; ++voxel) {
      if (input.young_modulus_gpa[voxel] == 0.0) continue;
      const auto constants = isotropic_moduli(input.young_modulus_gpa[voxel], input.poisson_ratio[voxel], body);
      moduli.lambda[voxel] = constants.lambda_gpa;
      moduli.shear[voxel] = constants.shear_gpa;
    }
  });
  const auto is_uniform = [&](const std::vector<double>& values) {
    const auto [low, high] = std::minmax_element(values.begin(), values.end());
    const double lowest = communicator.min(values.empty() ? std::numeric_limits<double>::max() : *low);
    const double highest = communicator.max(values.empty() ? std::numeric_limits<double>::lowest() : *high);
    return lowest == highest;
  };
  const bool uniform_lambda = is_uniform(moduli.lambda);
  const bool uniform_shear = is_uniform(moduli.shear);
  moduli.uniform = uniform_lambda && uniform_shear;
  return moduli;
}

SolveReport solve_directly(const Communicator& communicator, const ElasticInput& input, const IsotropicModuli& moduli,
                           const MeanConditions& conditions, ElasticFields& fields) {
  const TensorBasis basis(BasisKind::components, moduli.dimensions);
  PeriodicSolver solver(communicator, input.grid, moduli, basis);
  const std::size_t own = solver.own_voxel_count();
  const auto rows = static_cast<std::size_t>(basis.count());
  std::vector<double> eigenstrain(rows * own), stress(rows * own), strain(rows * own), displacement(3 * own), row(rows);
  for (std::size_t voxel = 0; voxel < own; ++voxel) {
    basis.from_tensor(input.eigenstrain[voxel], row);
    for (std::size_t r = 0; r < rows; ++r) eigenstrain[r * own + voxel] = row[r];
  }
  fields.means = solver.solve(eigenstrain, conditions, {stress, strain, displacement});
  const auto tensors = [&](const std::vector<double>& values) {
    std::vector<Tensor> result(own);
    for (std::size_t voxel = 0; voxel < own; ++voxel) {
      for (std::size_t r = 0; r < rows; ++r) row[r] = values[r * own + voxel];
      result[voxel] = basis.to_tensor(row);
    }
    return result;
  };
  fields.stress = tensors(stress);
  fields.strain = tensors(strain);
  fields.displacement.resize(own);
  for (std::size_t voxel = 0; voxel < own; ++voxel) {
    for (std::size_t axis = 0; axis < 3; ++axis) fields.displacement[voxel][axis] = displacement[axis * own + voxel];
  }
  return {};
}

template <std::size_t Count>
std::vector<double> flat(const std::vector<std::array<double, Count>>& values) {
  std::vector<double> result;
  result.reserve(values.size() * Count);
  for (const auto& value : values) result.insert(result.end(), value.begin(), value.end());
  return result;
}

void write_field(Hdf5File& file, const VoxelGrid& grid, const std::string& name, const std::vector<double>& own,
                 std::uint64_t components, const std::string& unit, const std::string& description) {
  const Communicator& communicator = file.communicator();
  const auto n = [](std::int64_t count) { return static_cast<std::uint64_t>(count); };
  Shape shape = {n(grid.nz), n(grid.ny), n(grid.nx), components};
  file.create_dataset<double>(name, shape, unit, description);
  Shape offset(shape.size(), 0);
  const Range slabs = grid.slabs_of(communicator.rank(), communicator.size());
  const std::size_t axis = grid.dimensions() == 3 ? 0 : 1;
  offset[axis] = n(slabs.begin);
  shape[axis] = n(slabs.size());
  file.write_part<double>(name, offset, shape, own);
}

double von_mises(const Tensor& s) {
  const double a = s[xx] - s[yy];
  const double b = s[yy] - s[zz];
  const double c = s[zz] - s[xx];
  return std::sqrt(0.5 * (a * a + b * b + c * c) + 3.0 * (s[yz] * s[yz] + s[xz] * s[xz] + s[xy] * s[xy]));
}

// ParaView's own component order of a symmetric tensor: XX, YY, ZZ, XY, YZ, XZ.
std::vector<double> paraview_tensors(const std::vector<Tensor>& tensors) {
  std::vector<double> result;
  result.reserve(tensors.size() * tensor_components);
  for (const Tensor& t : tensors) result.insert(result.end(), {t[xx], t[yy], t[zz], t[xy], t[yz], t[xz]});
  return result;
}

void write_paraview(const Communicator& communicator, const std::filesystem::path& path, IfExists if_exists,
                    const ElasticInput& input, const ElasticFields& fields) {
  AtomicOutput output(communicator, path, if_exists);
  VoxelFieldsFile file(communicator, output.temporary_path(), input.grid);
  const std::string order = ", components XX, YY, ZZ, XY, YZ, XZ as ParaView names them";
  file.write<double>("stress", paraview_tensors(fields.stress), 6, "GPa", "mean stress of the voxel" + order);
  file.write<double>("strain", paraview_tensors(fields.strain), 6, "1", "mean strain of the voxel" + order);
  file.write<double>("eigenstrain", paraview_tensors(input.eigenstrain), 6, "1", "eigenstrain of the voxel" + order);
  file.write<double>("displacement", flat(fields.displacement), 3, "nm",
                     "displacement of the voxel's low corner without the mean strain's part");
  std::vector<double> equivalent;
  for (const Tensor& stress : fields.stress) equivalent.push_back(von_mises(stress));
  file.write<double>("von_mises_stress", equivalent, 1, "GPa", "von Mises stress of the voxel's mean stress");
  file.write<double>("young_modulus", input.young_modulus_gpa, 1, "GPa", "Young's modulus of the voxel");
  file.close();
  output.commit();
}

// -log_view of --petsc, PETSc's own or with the prefix, with PETSc's own arguments (":file.xml:ascii_xml").
class PetscLogOptions {
 public:
  // Begins to log where it is asked for. Collective.
  explicit PetscLogOptions(const Communicator& communicator) : communicator_(communicator) {
    for (const char* prefix : {static_cast<const char*>(nullptr), "el_"}) {
      PetscBool given = PETSC_FALSE;
      check_petsc(PetscOptionsHasName(nullptr, prefix, "-log_view", &given), "PetscOptionsHasName");
      if (given == PETSC_TRUE) prefixes_.push_back(prefix);
    }
    if (!prefixes_.empty()) check_petsc(PetscLogDefaultBegin(), "PetscLogDefaultBegin");
  }
  // Collective.
  void view() const {
    for (const char* prefix : prefixes_) {
      PetscViewer viewer = nullptr;
      PetscViewerFormat format = PETSC_VIEWER_DEFAULT;
      PetscBool given = PETSC_FALSE;
      check_petsc(PetscOptionsGetViewer(communicator_.get(), nullptr, prefix, "-log_view", &viewer, &format, &given),
                  "PetscOptionsGetViewer");
      check_petsc(PetscViewerPushFormat(viewer, format), "PetscViewerPushFormat");
      check_petsc(PetscLogView(viewer), "PetscLogView");
      check_petsc(PetscViewerPopFormat(viewer), "PetscViewerPopFormat");
      check_petsc(PetscViewerDestroy(&viewer), "PetscViewerDestroy");
    }
    // PETSc would show its own once more at its end.
    check_petsc(PetscOptionsClearValue(nullptr, "-log_view"), "PetscOptionsClearValue");
  }

 private:
  const Communicator& communicator_;
  std::vector<const char*> prefixes_;
};

double peak_memory_gb(const Communicator& communicator) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  return communicator.sum(static_cast<double>(usage.ru_maxrss)) * 1024.0 / 1e9;
}

}  // namespace

ProgramInformation elastic_program_information() {
  ProgramInformation information;
  information.name = "mg-elastic";
  information.purpose = "stress, strain and displacement of a voxel body with eigenstrain";
  information.description =
      "Solves linear elasticity, sigma = C : (eps - eps*), div sigma = 0, on a voxel grid: one voxel is one trilinear "
      "finite "
      "element with constant moduli and eigenstrain eps*. Give each component of the mean strain or of the mean "
      "stress; "
      "what is not given has zero mean strain. Uniform moduli are solved directly by Fourier transform, varying moduli "
      "by "
      "conjugate gradients preconditioned by the discrete Green operator, and finite specimens with grips and free "
      "surfaces by PETSc; where they overlap, the three agree to the solver tolerance.";
  information.examples = {
      "mg-elastic inclusion.h5 --young-modulus 88.6 --poisson-ratio 0.371 --output inclusion.elastic.h5",
      "mpirun -n 2 mg-elastic glass.h5 --mean-strain xx=0.01 --mean-stress yy=0 --mean-stress zz=0",
      "mg-elastic specimen.h5 --faces gripped-x --mean-strain xx=0.01 --petsc \"-el_ksp_monitor\""};
  return information;
}

OptionTable elastic_program_options() {
  OptionTable table;
  table.group("Files");
  table.text("input").required().positional().text(
      "HDF5 file with /eigenstrain (nz, ny, nx, 6), /young_modulus and /poisson_ratio (nz, ny, nx), any of them "
      "missing, "
      "and the attribute voxel_size_nm [x, y, z] of /grid.");
  table.text("output", "elastic.h5").text("Result, in HDF5 (docs/elasticity.md).");
  table.text("paraview").text("Also write the fields to this .vtkhdf file for ParaView.");
  table.group("Body");
  table.text("body", "solid")
      .choices({"solid", "plane-strain", "plane-stress", "legacy-2d"})
      .text(
          "Three dimensions, or what a grid one voxel thick stands for. A solid one voxel thick is generalised plane "
          "strain. legacy-2d: a two-dimensional isotropic body with mu = E / (2 + 4 nu).");
  table.text("faces", "periodic")
      .choices({"periodic", "gripped-x", "gripped-y", "gripped-z"})
      .text(
          "A periodic cell, or a finite specimen whose two end faces are held by grips that move apart along the axis "
          "while all other faces are free.");
  table.text("voxel-size").unit("nm").text("Edges of a voxel, X,Y,Z, where the input file does not give them.");
  table.real("young-modulus").unit("GPa").range(1e-6, 1e6).text("Young's modulus, where the input has no field of it.");
  table.real("poisson-ratio")
      .unit("1")
      .range(-0.999, 0.4999)
      .text("Poisson's ratio, where the input has no field of it.");
  table.group("Loading");
  table.list("mean-strain")
      .unit("1")
      .text("COMPONENT=VALUE, repeatable: mean (tensor) strain of a component, such as xx=0.01.");
  table.list("mean-stress").unit("GPa").text("COMPONENT=VALUE, repeatable: mean stress of a component, such as yy=0.");
  table.group("Solver");
  table.text("solver", "auto")
      .choices({"auto", "fft", "petsc"})
      .text("fft needs a periodic body; petsc does all. auto takes fft where it can.");
  table.real("tolerance", 1e-8)
      .unit("1")
      .range(1e-14, 0.1)
      .text("Energy norm of the residual, relative to that of the load, at which an iterative solve ends.");
  table.integer("iterations", 500).range(1, 1000000).text("Iterations after which a solve is given up.");
  table.text("petsc").text(
      "PETSc options, in quotes, each with the prefix el_: \"-el_ksp_monitor -el_pc_type gamg\"; they win over "
      "--tolerance (-el_ksp_rtol) and --iterations (-el_ksp_max_it) too. \"-log_view\" shows where PETSc's time went.");
  return table;
}

void run_elastic_program(Run& run) {
  const Communicator& communicator = run.communicator();
  const Options& options = run.options();
  const std::filesystem::path input_path = options.text("input");
  const std::filesystem::path output_path = options.text("output");
  if (!run.dry_run() && run.already_complete(output_path)) return;

  const Body body = body_from_name(options.text("body"));
  const Faces faces = faces_from_name(options.text("faces"));
  const std::string wanted = options.text("solver");
  const MeanConditions conditions =
      parse_mean_conditions(options.list("mean-strain"), options.list("mean-stress"), body);
  const double none = std::numeric_limits<double>::quiet_NaN();
  if (faces != Faces::periodic && wanted == "fft") {
    throw input_error("--solver fft solves periodic bodies only, not --faces {}: take --solver petsc or auto",
                      options.text("faces"));
  }
  ElasticInput input;
  {
    const auto timer = run.timers().time("reading");
    input = read_elastic_input(
        communicator, input_path, options.has("young-modulus") ? options.real("young-modulus") : none,
        options.has("poisson-ratio") ? options.real("poisson-ratio") : none,
        options.has("voxel-size") ? parse_voxel_size(options.text("voxel-size")) : std::vector<double>{});
    on_root(communicator, [&] { run.provenance().add_input(input_path); });
  }
  if (dimensions_of(body) == 2 && input.grid.nz != 1) {
    throw input_error("--body {} is two-dimensional and {} has {} layers of voxels: take --body solid", body_name(body),
                      input_path.string(), input.grid.nz);
  }
  const Moduli moduli = moduli_of(communicator, input, body);
  (void)checked_reference_medium(communicator, body, moduli.lambda, moduli.shear);
  const bool use_petsc = wanted == "petsc" || faces != Faces::periodic;
  if (options.has("petsc") && !use_petsc) {
    throw input_error(
        "--petsc is given, but this problem goes to the Fourier solver: add --solver petsc, or leave it out");
  }
  const Method method = use_petsc        ? Method::finite_elements
                        : moduli.uniform ? Method::direct_fourier
                                         : Method::iterative_fourier;
  const double voxels = static_cast<double>(input.grid.voxel_count());
  // Without geometric multigrid PETSc's matrix is assembled.
  const bool divides =
      input.grid.nx % 2 == 0 && input.grid.ny % 2 == 0 && (input.grid.nz % 2 == 0 || input.grid.nz == 1);
  const double bytes_a_voxel = method == Method::finite_elements     ? (divides ? 1800.0 : 9000.0)
                               : method == Method::iterative_fourier ? 600.0
                                                                     : 500.0;
  run.plan("{}: {} x {} x {} voxels of {:g} x {:g} x {:g} nm, {} body, {}", input_path.string(), input.grid.nx,
           input.grid.ny, input.grid.nz, input.grid.voxel_size_nm[0], input.grid.voxel_size_nm[1],
           input.grid.voxel_size_nm[2], body_name(body), options.text("faces"));
  run.plan("solver: {}", method_text(method));
  run.plan("memory: about {} a rank on {} ranks; output {}: {}",
           bytes_text(bytes_a_voxel * voxels / communicator.size()), communicator.size(), output_path.string(),
           bytes_text(voxels * 15.0 * sizeof(double)));
  if (run.dry_run()) return;

  AtomicOutput output(communicator, output_path, run.if_exists());
  const SolverSettings settings{options.real("tolerance"), static_cast<int>(options.integer("iterations"))};
  ElasticFields fields;
  SolveReport report;
  const auto start = std::chrono::steady_clock::now();
  switch (method) {
    case Method::direct_fourier: {
      const auto timer = run.timers().time("solving");
      // Every rank needs the constants, also one without voxels.
      const double lambda =
          communicator.max(moduli.lambda.empty() ? std::numeric_limits<double>::lowest() : moduli.lambda[0]);
      const double shear =
          communicator.max(moduli.shear.empty() ? std::numeric_limits<double>::lowest() : moduli.shear[0]);
      report = solve_directly(communicator, input, {lambda, shear, dimensions_of(body)}, conditions, fields);
      break;
    }
    case Method::iterative_fourier: {
      std::optional<HeterogeneousSolver> solver;
      {
        const auto timer = run.timers().time("setting up");
        solver.emplace(communicator, input.grid, body, moduli.lambda, moduli.shear);
      }
      const auto timer = run.timers().time("solving");
      report = solver->solve(input.eigenstrain, conditions, settings, fields);
      break;
    }
    case Method::finite_elements: {
      if (options.has("petsc")) insert_petsc_options(options.text("petsc"));
      const PetscLogOptions log(communicator);
      std::optional<FiniteElementSolver> solver;
      {
        const auto timer = run.timers().time("setting up");
        solver.emplace(communicator, input.grid, body, faces, moduli.lambda, moduli.shear);
      }
      {
        const auto timer = run.timers().time("solving");
        report = solver->solve(input.eigenstrain, conditions, settings, fields);
      }
      check_unused_petsc_options();
      log.view();
      break;
    }
  }

  const double own_seconds = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count();
  const double solve_seconds = communicator.max(own_seconds);
  {
    const auto timer = run.timers().time("writing");
    Hdf5File file = Hdf5File::create(communicator, output.temporary_path());
    file.write_format("mesoglass elastic", format_major, 0);
    run.provenance().write(file);
    file.create_group("/grid");
    file.set_attribute("/grid", "nx", input.grid.nx);
    file.set_attribute("/grid", "ny", input.grid.ny);
    file.set_attribute("/grid", "nz", input.grid.nz);
    file.set_attribute("/grid", "voxel_size_nm", std::span<const double>(input.grid.voxel_size_nm));
    const std::string order = ", components xx, yy, zz, yz, xz, xy";
    write_field(file, input.grid, "/stress", flat(fields.stress), 6, "GPa", "mean stress of each voxel" + order);
    write_field(file, input.grid, "/strain", flat(fields.strain), 6, "1",
                "mean strain of each voxel, tensor shear" + order);
    write_field(file, input.grid, "/displacement", flat(fields.displacement), 3, "nm",
                "displacement of each voxel's low corner, components x, y, z, without the mean strain's linear part");
    const auto means = [&](const char* name, const Tensor& value, const char* unit, const char* what) {
      file.write<double>(name, {tensor_components}, std::span<const double>(value), unit, what + order);
    };
    means("/means/strain", fields.means.strain, "1", "mean strain of the body");
    means("/means/stress", fields.means.stress, "GPa", "mean stress of the body");
    means("/means/eigenstrain", fields.means.eigenstrain, "1", "mean eigenstrain of the body");
    file.create_group("/solve");
    file.set_attribute("/solve", "method", method_text(method));
    file.set_attribute("/solve", "iterations", static_cast<std::int64_t>(report.iterations));
    file.set_attribute("/solve", "residual", report.residual);
    file.close();
    output.commit();
    if (options.has("paraview")) write_paraview(communicator, options.text("paraview"), run.if_exists(), input, fields);
  }
  Summary& summary = run.summary();
  for (const int component : {xx, yy, zz, yz, xz, xy}) {
    const auto c = static_cast<std::size_t>(component);
    summary.set(fmt::format("mean_strain_{}", component_names[c]), fields.means.strain[c], "1",
                fmt::format("mean strain {}", component_names[c]));
    summary.set(fmt::format("mean_stress_{}_gpa", component_names[c]), fields.means.stress[c], "GPa",
                fmt::format("mean stress {}", component_names[c]));
  }
  summary.set("solver", method_text(method), "1", "solver");
  summary.set("iterations", report.iterations, "1", "iterations of the longest solve");
  summary.set("solves", report.solves, "1", "iterative solves");
  summary.set("solve_seconds", solve_seconds, "s", "time to set up and solve");
  summary.set("residual", report.residual, "1", "relative residual");
  summary.set("peak_memory_gb", peak_memory_gb(communicator), "GB", "peak memory of all ranks together");
}

}  // namespace mesoglass::elasticity
