/* A device for tests. Its memory is out of the host's reach except while it works; its kernels are Duo's, called tile
 * by tile, and the driver's kernels in C. */
#ifndef DESCENT_TEST_RUNTIME_FAKEDEVICE_H
#define DESCENT_TEST_RUNTIME_FAKEDEVICE_H

#include "Device/Device.h"

/* Duo, with a program of the fake device. Its hidden layers have a tensor map, of a buffer that tests may choose. */
const descent_artifact *make_duo_on_device(void);

typedef struct fake_state {
  int devices, regions;   /* that are open, that are allocated */
  int admitted;           /* boxes */
  int launches, waits;    /* since the state was cleared; uploads and downloads wait */
  int calls, fails_after; /* of methods that can fail; from this one on they do, negative: none */
  const void *foreign;    /* memory that the device refuses */
  uint32_t capability;
  int maps, wrong_maps; /* that were made; that were not those of the layer at hand */
} fake_state;

extern fake_state fake;
extern descent_device_map fake_map_of;

#endif
