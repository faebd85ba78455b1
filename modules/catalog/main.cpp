// mg-catalog: from a glass's medium-range order to the catalog of shear transformation zones on voxels.
#include "catalog/catalog_program.hpp"

int main(int argc, char** argv) {
  using namespace mesoglass;
  return run_program(argc, argv, catalog::catalog_program_information(), catalog::catalog_program_options(),
                     catalog::run_catalog_program);
}
