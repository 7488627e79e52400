// Kernels that fold partial results and that work on the numbers of a layer.
#include "Kernel.h"

#include "mlir/Dialect/Arith/IR/Arith.h"
#include "mlir/Dialect/MemRef/IR/MemRef.h"
#include "mlir/Dialect/SCF/IR/SCF.h"
#include "mlir/IR/IRMapping.h"

using namespace mlir;
using namespace descent::plan;

/// In the order of the tiles.
func::FuncOp descent::plan::createCombineKernel(ImplicitLocOpBuilder &b, CombineOp stage) {
  KernelShape shape;
  shape.hasGrid = false;
  shape.results = 1;
  Kernel kernel = createKernel(b, stage, shape);
  Value partials = kernel.buffer(stage.getPartials());
  Value zero = createIndex(b, 0), one = createIndex(b, 1);
  Value tiles = memref::DimOp::create(b, partials, one);
  Value initial = createIdentity(b, stage.getKind(), b.getF64Type());
  auto loop =
      scf::ForOp::create(b, zero, tiles, one, initial, [&](OpBuilder &, Location, Value tile, ValueRange sofar) {
        Value partial = memref::LoadOp::create(b, partials, ValueRange{zero, tile});
        scf::YieldOp::create(b, createFold(b, stage.getKind(), sofar.front(), partial));
      });
  func::ReturnOp::create(b, loop.getResults());
  return kernel.function;
}

/// Folds the blocks of the numbers from `col` on, in order.
static void foldBlocks(ImplicitLocOpBuilder &b, FoldOp stage, const Kernel &kernel, Value col, int64_t length,
                       Value mask) {
  Value partials = kernel.buffer(stage.getPartials());
  Value zero = createIndex(b, 0);
  Value blocks = memref::DimOp::create(b, partials, zero);
  Value initial = createIdentity(b, stage.getKind(), VectorType::get({length}, b.getF64Type()));
  auto loop = scf::ForOp::create(b, zero, blocks, createIndex(b, 1), initial,
                                 [&](OpBuilder &, Location, Value block, ValueRange sofar) {
                                   Value partial = loadEntries(b, partials, {block, col}, length, b.getF64Type(), mask);
                                   scf::YieldOp::create(b, createFold(b, stage.getKind(), sofar.front(), partial));
                                 });
  storeEntries(b, loop.getResult(0), kernel.buffer(stage.getTarget()), {zero, col}, mask);
}

func::FuncOp descent::plan::createFoldKernel(ImplicitLocOpBuilder &b, FoldOp stage, unsigned vectorBits) {
  Kernel kernel = createKernel(b, stage, KernelShape());
  int64_t length = vectorBits / 64;
  Value step = createIndex(b, length);
  Value remainder = arith::RemUIOp::create(b, arith::SubIOp::create(b, kernel.colEnd, kernel.colBegin), step);
  Value mainEnd = arith::SubIOp::create(b, kernel.colEnd, remainder);
  scf::ForOp::create(b, kernel.colBegin, mainEnd, step, ValueRange(),
                     [&](OpBuilder &, Location, Value col, ValueRange) {
                       foldBlocks(b, stage, kernel, col, length, Value());
                       scf::YieldOp::create(b);
                     });
  Value isRagged = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, remainder, createIndex(b, 0));
  scf::IfOp::create(b, isRagged, [&](OpBuilder &, Location) {
    foldBlocks(b, stage, kernel, mainEnd, length, createMask(b, remainder, length));
    scf::YieldOp::create(b);
  });
  func::ReturnOp::create(b);
  return kernel.function;
}

func::FuncOp descent::plan::createScalarsKernel(ImplicitLocOpBuilder &b, ScalarsOp stage) {
  KernelShape shape;
  shape.hasGrid = false;
  shape.results = stage.getNumResults();
  Kernel kernel = createKernel(b, stage, shape);
  IRMapping values;
  values.map(stage.getBody()->getArguments(), kernel.scalars);
  for (Operation &op : stage.getBody()->without_terminator())
    b.clone(op, values);
  SmallVector<Value> results;
  for (Value value : stage.getBody()->getTerminator()->getOperands())
    results.push_back(values.lookupOrDefault(value));
  func::ReturnOp::create(b, results);
  return kernel.function;
}
