// RUN: not descent-opt %s -convert-plan-to-gpu=threads=96 2>&1 | FileCheck %s --check-prefix=THREADS
// RUN: not descent-opt %s -convert-plan-to-gpu=threads=2048 2>&1 | FileCheck %s --check-prefix=MANY
// RUN: not descent-opt %s -convert-plan-to-gpu=vector-bytes=2 2>&1 | FileCheck %s --check-prefix=BYTES

// THREADS: error: threads must be a power of two from 32 to 1024, not 96
// MANY: error: threads must be a power of two from 32 to 1024, not 2048
// BYTES: error: vector-bytes must be 4, 8 or 16, not 2
module {
}
