// RUN: descent-opt %s -cuda-limit-registers -verify-diagnostics

gpu.module @kernels {
  // expected-error @below {{'gpu.func' op needs from 16 to 255 registers a thread, found 256}}
  gpu.func @no_thread_has_so_many() kernel attributes {plan.registers = 256 : i32} {
    gpu.return
  }
}
