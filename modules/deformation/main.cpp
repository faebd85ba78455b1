// mg-deform: deforms the glass of a catalog.
#include "deformation/deformation_program.hpp"

int main(int argc, char** argv) {
  using namespace mesoglass;
  return run_program(argc, argv, deformation::deformation_program_information(),
                     deformation::deformation_program_options(), deformation::run_deformation_program);
}
