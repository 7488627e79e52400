// What a warp does together: matrices from workgroup memory, and their product.
// RUN: descent-opt %s --gpu-to-simulator | mlir-translate --mlir-to-llvmir -o %t.ll
// RUN: %simulate %t.ll -o %t
// RUN: %t bf16_product 1 32 'bf16[16x16]=small' 'bf16[16x8]=small' 'f32[16x8]=ramp' | FileCheck %s
// RUN: %t f16_product 1 32 'f16[16x16]=small' 'f16[16x8]=small' 'f32[16x8]=ramp' | FileCheck %s
// RUN: not %t bf16_product 1 48 'bf16[16x16]=small' 'bf16[16x8]=small' 'f32[16x8]=ramp' | FileCheck %s --check-prefix=PART

// The third matrix is a ramp to which the product is added.
// CHECK: argument 2, row 0: 69 -19 -30 29 11 -28 -11 76
// CHECK: argument 2, row 9: 79 93 44 58 142 65 44 86
// CHECK: argument 2, row 15: 88 107 182 103 94 141 146 95
// PART: kernel 'bf16_product', block 0, thread 32, nvvm.ldmatrix at {{.*}}products.mlir:{{[0-9]+}}:{{[0-9]+}}: needs a whole warp, but its warp has 16 threads

gpu.module @kernels {
  gpu.func @bf16_product(%a: memref<16x16xbf16>, %b: memref<16x8xbf16>, %c: memref<16x8xf32>)
      workgroup(%as: memref<16x16xbf16, 3>, %bs: memref<16x8xbf16, 3>) kernel {
    %c0 = arith.constant 0 : index
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    %c8 = arith.constant 8 : index
    %c16 = arith.constant 16 : index
    %thread = gpu.thread_id x
    %lane = gpu.lane_id
    %is_loader = arith.cmpi ult, %thread, %c16 : index
    scf.if %is_loader {
      %low = vector.load %a[%thread, %c0] : memref<16x16xbf16>, vector<8xbf16>
      vector.store %low, %as[%thread, %c0] : memref<16x16xbf16, 3>, vector<8xbf16>
      %high = vector.load %a[%thread, %c8] : memref<16x16xbf16>, vector<8xbf16>
      vector.store %high, %as[%thread, %c8] : memref<16x16xbf16, 3>, vector<8xbf16>
      %row = vector.load %b[%thread, %c0] : memref<16x8xbf16>, vector<8xbf16>
      vector.store %row, %bs[%thread, %c0] : memref<16x8xbf16, 3>, vector<8xbf16>
    }
    gpu.barrier
    // The left factor's quarters: the upper and the lower one on the left, then those on the right.
    %eighth = arith.remui %lane, %c8 : index
    %quarter = arith.divui %lane, %c8 : index
    %lower = arith.remui %quarter, %c2 : index
    %right = arith.divui %quarter, %c2 : index
    %down = arith.muli %lower, %c8 : index
    %row = arith.addi %down, %eighth : index
    %above = arith.muli %row, %c16 : index
    %beside = arith.muli %right, %c8 : index
    %a_place = arith.addi %above, %beside : index
    %a_index = arith.index_cast %a_place : index to i64
    %a_address = memref.extract_aligned_pointer_as_index %as : memref<16x16xbf16, 3> -> index
    %a_integer = arith.index_cast %a_address : index to i64
    %a_base = llvm.inttoptr %a_integer : i64 to !llvm.ptr<3>
    %a_row = llvm.getelementptr %a_base[%a_index] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, bf16
    %a_words = nvvm.ldmatrix %a_row {num = 4 : i32, layout = #nvvm.mma_layout<row>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32, i32, i32)>
    %k = arith.remui %lane, %c16 : index
    %b_place = arith.muli %k, %c8 : index
    %b_index = arith.index_cast %b_place : index to i64
    %b_address = memref.extract_aligned_pointer_as_index %bs : memref<16x8xbf16, 3> -> index
    %b_integer = arith.index_cast %b_address : index to i64
    %b_base = llvm.inttoptr %b_integer : i64 to !llvm.ptr<3>
    %b_row = llvm.getelementptr %b_base[%b_index] : (!llvm.ptr<3>, i64) -> !llvm.ptr<3>, bf16
    %b_words = nvvm.ldmatrix %b_row {num = 2 : i32, layout = #nvvm.mma_layout<col>, shape = #nvvm.ld_st_matrix_shape<m = 8, n = 8>, eltType = #nvvm.ld_st_matrix_elt_type<b16>} : (!llvm.ptr<3>) -> !llvm.struct<(i32, i32)>
    %a0 = llvm.extractvalue %a_words[0] : !llvm.struct<(i32, i32, i32, i32)>
    %a1 = llvm.extractvalue %a_words[1] : !llvm.struct<(i32, i32, i32, i32)>
    %a2 = llvm.extractvalue %a_words[2] : !llvm.struct<(i32, i32, i32, i32)>
    %a3 = llvm.extractvalue %a_words[3] : !llvm.struct<(i32, i32, i32, i32)>
    %b0 = llvm.extractvalue %b_words[0] : !llvm.struct<(i32, i32)>
    %b1 = llvm.extractvalue %b_words[1] : !llvm.struct<(i32, i32)>
    %upper_row = arith.divui %lane, %c4 : index
    %lower_row = arith.addi %upper_row, %c8 : index
    %place = arith.remui %lane, %c4 : index
    %left_col = arith.muli %place, %c2 : index
    %right_col = arith.addi %left_col, %c1 : index
    %s0 = memref.load %c[%upper_row, %left_col] : memref<16x8xf32>
    %s1 = memref.load %c[%upper_row, %right_col] : memref<16x8xf32>
    %s2 = memref.load %c[%lower_row, %left_col] : memref<16x8xf32>
    %s3 = memref.load %c[%lower_row, %right_col] : memref<16x8xf32>
    %d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%s0, %s1, %s2, %s3] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<bf16>, multiplicandBPtxType = #nvvm.mma_type<bf16>, shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (i32, i32, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
    %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
    %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
    %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
    memref.store %d0, %c[%upper_row, %left_col] : memref<16x8xf32>
    memref.store %d1, %c[%upper_row, %right_col] : memref<16x8xf32>
    memref.store %d2, %c[%lower_row, %left_col] : memref<16x8xf32>
    memref.store %d3, %c[%lower_row, %right_col] : memref<16x8xf32>
    gpu.return
  }

  // The same, with pairs of neighbours read one by one.
  gpu.func @f16_product(%a: memref<16x16xf16>, %b: memref<16x8xf16>, %c: memref<16x8xf32>) kernel {
    %c1 = arith.constant 1 : index
    %c2 = arith.constant 2 : index
    %c4 = arith.constant 4 : index
    %c8 = arith.constant 8 : index
    %lane = gpu.lane_id
    %g = arith.divui %lane, %c4 : index
    %g8 = arith.addi %g, %c8 : index
    %t = arith.remui %lane, %c4 : index
    %t2 = arith.muli %t, %c2 : index
    %t3 = arith.addi %t2, %c1 : index
    %u2 = arith.addi %t2, %c8 : index
    %u3 = arith.addi %u2, %c1 : index
    %a0 = vector.load %a[%g, %t2] : memref<16x16xf16>, vector<2xf16>
    %a1 = vector.load %a[%g8, %t2] : memref<16x16xf16>, vector<2xf16>
    %a2 = vector.load %a[%g, %u2] : memref<16x16xf16>, vector<2xf16>
    %a3 = vector.load %a[%g8, %u2] : memref<16x16xf16>, vector<2xf16>
    %b00 = memref.load %b[%t2, %g] : memref<16x8xf16>
    %b01 = memref.load %b[%t3, %g] : memref<16x8xf16>
    %b10 = memref.load %b[%u2, %g] : memref<16x8xf16>
    %b11 = memref.load %b[%u3, %g] : memref<16x8xf16>
    %b0 = vector.from_elements %b00, %b01 : vector<2xf16>
    %b1 = vector.from_elements %b10, %b11 : vector<2xf16>
    %s0 = memref.load %c[%g, %t2] : memref<16x8xf32>
    %s1 = memref.load %c[%g, %t3] : memref<16x8xf32>
    %s2 = memref.load %c[%g8, %t2] : memref<16x8xf32>
    %s3 = memref.load %c[%g8, %t3] : memref<16x8xf32>
    %d = nvvm.mma.sync A[%a0, %a1, %a2, %a3] B[%b0, %b1] C[%s0, %s1, %s2, %s3] {layoutA = #nvvm.mma_layout<row>, layoutB = #nvvm.mma_layout<col>, multiplicandAPtxType = #nvvm.mma_type<f16>, multiplicandBPtxType = #nvvm.mma_type<f16>, shape = #nvvm.shape<m = 16, n = 8, k = 16>} : (vector<2xf16>, vector<2xf16>, f32) -> !llvm.struct<(f32, f32, f32, f32)>
    %d0 = llvm.extractvalue %d[0] : !llvm.struct<(f32, f32, f32, f32)>
    %d1 = llvm.extractvalue %d[1] : !llvm.struct<(f32, f32, f32, f32)>
    %d2 = llvm.extractvalue %d[2] : !llvm.struct<(f32, f32, f32, f32)>
    %d3 = llvm.extractvalue %d[3] : !llvm.struct<(f32, f32, f32, f32)>
    memref.store %d0, %c[%g, %t2] : memref<16x8xf32>
    memref.store %d1, %c[%g, %t3] : memref<16x8xf32>
    memref.store %d2, %c[%g8, %t2] : memref<16x8xf32>
    memref.store %d3, %c[%g8, %t3] : memref<16x8xf32>
    gpu.return
  }
}
