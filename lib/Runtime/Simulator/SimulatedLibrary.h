/* The library of matrix products that the simulated device has. */
#ifndef DESCENT_LIB_RUNTIME_SIMULATOR_SIMULATEDLIBRARY_H
#define DESCENT_LIB_RUNTIME_SIMULATOR_SIMULATEDLIBRARY_H

#include "Shadow.h"

#include "../Device/Device.h"

/* SimulatedDevice.c: what is known of the device's memory. */
descent_shadow *descent_simulated_shadow(descent_device *device);

extern const descent_library_methods descent_simulated_library;

#endif
