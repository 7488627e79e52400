// Views of a block's memory that several uses share in turn.
#ifndef DESCENT_LIB_CONVERSION_PLANTOGPU_BLOCKMEMORY_H
#define DESCENT_LIB_CONVERSION_PLANTOGPU_BLOCKMEMORY_H

#include "GpuKernel.h"

namespace descent::plan {

/// Bytes of workgroup memory, from a place on that is aligned for whatever lies there.
struct BlockMemory {
  mlir::Value bytes; // memref<... x i8>
  mlir::Value begin; // index

  /// An array that begins `offset` bytes later.
  mlir::Value getView(mlir::ImplicitLocOpBuilder &b, mlir::Value offset, llvm::ArrayRef<int64_t> extents,
                      mlir::Type type) const {
    mlir::Attribute space = mlir::cast<mlir::MemRefType>(bytes.getType()).getMemorySpace();
    auto view = mlir::MemRefType::get(extents, type, mlir::MemRefLayoutAttrInterface(), space);
    mlir::Value first = mlir::arith::AddIOp::create(b, begin, offset);
    return mlir::memref::ViewOp::create(b, view, bytes, first, mlir::ValueRange());
  }
  mlir::Value getView(mlir::ImplicitLocOpBuilder &b, int64_t offset, llvm::ArrayRef<int64_t> extents,
                      mlir::Type type) const {
    return getView(b, createIndex(b, offset), extents, type);
  }
};

} // namespace descent::plan

#endif // DESCENT_LIB_CONVERSION_PLANTOGPU_BLOCKMEMORY_H
