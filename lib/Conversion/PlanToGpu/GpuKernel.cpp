#include "GpuKernel.h"

#include "ThreadFolds.h"

#include "descent/Runtime/device.h"

#include "mlir/Dialect/LLVMIR/NVVMDialect.h"
#include "mlir/Dialect/Math/IR/Math.h"

using namespace mlir;
using namespace descent::plan;

MemRefType descent::plan::getGlobalMemRefType(MLIRContext *context, Type elementType) {
  MemRefType plain = getMemRefType(context, elementType);
  Attribute global = IntegerAttr::get(IntegerType::get(context, 64), 1);
  return MemRefType::get(plain.getShape(), elementType, plain.getLayout(), global);
}

Value GpuKernel::addWorkgroupBuffer(ImplicitLocOpBuilder &b, MemRefType type) {
  Attribute workgroup = gpu::AddressSpaceAttr::get(b.getContext(), gpu::AddressSpace::Workgroup);
  auto there = MemRefType::get(type.getShape(), type.getElementType(), MemRefLayoutAttrInterface(), workgroup);
  Value memory = function.addWorkgroupAttribution(there, b.getLoc());
  // Vectors of it are accessed at once.
  StringRef align = LLVM::LLVMDialect::getAlignAttrName();
  function.setWorkgroupAttributionAttr(function.getNumWorkgroupAttributions() - 1, align, b.getI64IntegerAttr(16));
  return memory;
}

Value GpuKernel::getFoldMemory(ImplicitLocOpBuilder &b, MemRefType type) {
  Value &memory = foldMemory[type];
  if (!memory)
    memory = addWorkgroupBuffer(b, type);
  return memory;
}

void GpuKernel::createBarrier(ImplicitLocOpBuilder &b) const {
  if (shape.loaders == 0) {
    gpu::BarrierOp::create(b);
    return;
  }
  Value barrier = arith::ConstantOp::create(b, b.getI32IntegerAttr(1));
  Value threads = arith::ConstantOp::create(b, b.getI32IntegerAttr(shape.threads));
  NVVM::BarrierOp::create(b, Type(), barrier, threads, NVVM::BarrierReductionAttr(), Value());
}

void GpuKernel::emitOnce(ImplicitLocOpBuilder &b, llvm::function_ref<void()> body) {
  OpBuilder::InsertionGuard guard(b);
  b.setInsertionPointAfter(begun);
  body();
  begun = &*std::prev(b.getInsertionPoint());
}

namespace {
/// Reads the driver's tables, whose layout device.h and artifact.h give.
class TableReader {
public:
  explicit TableReader(ImplicitLocOpBuilder &b) : b(b), pointer(LLVM::LLVMPointerType::get(b.getContext(), 1)) {}

  Value field(Value base, int64_t bytes) {
    return LLVM::GEPOp::create(b, pointer, b.getI8Type(), base, ArrayRef<LLVM::GEPArg>{int32_t(bytes)});
  }
  /// base + index * bytes
  Value element(Value base, Value index, int64_t bytes) {
    Type type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes);
    return LLVM::GEPOp::create(b, pointer, type, base, ArrayRef<LLVM::GEPArg>{toI64(index)});
  }
  Value loadIndex(Value base, int64_t bytes = 0) { return toIndex(loadI64(base, bytes)); }
  Value loadI64(Value base, int64_t bytes) {
    return LLVM::LoadOp::create(b, b.getI64Type(), field(base, bytes), /*alignment=*/8);
  }
  Value loadWord(Value base, int64_t bytes = 0) { return LLVM::LoadOp::create(b, b.getI32Type(), field(base, bytes)); }
  Value loadNumber(Value place) { return LLVM::LoadOp::create(b, b.getF64Type(), place); }
  /// A pointer in a table, which is one to global memory.
  Value loadPointer(Value base, int64_t bytes = 0) {
    auto generic = LLVM::LLVMPointerType::get(b.getContext());
    return toGlobal(LLVM::LoadOp::create(b, generic, field(base, bytes), /*alignment=*/8));
  }
  Value toGlobal(Value generic) { return LLVM::AddrSpaceCastOp::create(b, pointer, generic); }
  Value toIndex(Value integer) { return arith::IndexCastOp::create(b, b.getIndexType(), integer); }
  Value toI64(Value index) { return arith::IndexCastOp::create(b, b.getI64Type(), index); }
  /// A memref of MLIR's own convention, which the conversion to LLVM then takes apart.
  Value loadMemRef(Value buffer, MemRefType type);

private:
  ImplicitLocOpBuilder &b;
  Type pointer;
};
} // namespace

Value TableReader::loadMemRef(Value buffer, MemRefType type) {
  Type i64 = b.getI64Type(), pair = LLVM::LLVMArrayType::get(i64, 2);
  auto descriptor = LLVM::LLVMStructType::getLiteral(b.getContext(), {pointer, pointer, i64, pair, pair});
  Value value = LLVM::PoisonOp::create(b, descriptor);
  auto insert = [&](Value field, ArrayRef<int64_t> place) {
    value = LLVM::InsertValueOp::create(b, value, field, place);
  };
  Value data = loadPointer(buffer, offsetof(descent_buffer, data));
  insert(data, {0});
  insert(data, {1});
  insert(LLVM::ConstantOp::create(b, i64, 0), {2});
  insert(loadI64(buffer, offsetof(descent_buffer, rows)), {3, 0});
  insert(loadI64(buffer, offsetof(descent_buffer, cols)), {3, 1});
  insert(loadI64(buffer, offsetof(descent_buffer, row_stride)), {4, 0});
  insert(LLVM::ConstantOp::create(b, i64, 1), {4, 1});
  return UnrealizedConversionCastOp::create(b, type, value).getResult(0);
}

namespace {
/// The arguments of a kernel, in the order of device.h.
enum Argument { Buffers, Slots, Grids, Ends, Operands, Present, Skip, Count, NumBuffers, NumSlots, Maps, NumArguments };
static_assert(NumArguments == DESCENT_KERNEL_ARGUMENTS);

/// Emits a kernel around what one tile or one layer takes.
class KernelBuilder {
public:
  KernelBuilder(ImplicitLocOpBuilder &b, GpuShape shape) : b(b), at(b), index(b) { kernel.shape = shape; }

  void createFunction(StringRef name);
  void emitBody(Operation *stage, llvm::function_ref<void()> body);
  void emitLayers(ArrayRef<Operation *> stages);
  GpuKernel kernel;

private:
  Value argument(Argument place) { return arguments[place]; }
  using Values = SmallVector<Value>;
  using EmitTask = llvm::function_ref<Values(Value task, ValueRange carried)>;

  void unlessSkipped(llvm::function_ref<void()> body);
  /// Runs `body` for `block`, `block + blocks`, ... below `count`.
  void forBlock(Value count, ValueRange initial, EmitTask body);
  /// What `body` returns, or `otherwise` for a layer that is absent.
  Values ifPresent(Value layer, ValueRange otherwise, llvm::function_ref<Values()> body);
  LogicalResult forTiles(Operation *stage, ValueRange initial, EmitCarried emit);
  Value findLayer(Value task);
  void locateTile(Value layer, Value task, bool isTriangle);
  void findInTriangle(Value tiles, Value rowBlocks);
  Value nextOperand() { return getOperand(numTaken++); }
  Value getOperand(int64_t index) { return at.toIndex(extend(at.loadWord(argument(Operands), 4 * index))); }
  Value extend(Value word) { return LLVM::ZExtOp::create(b, b.getI64Type(), word); }
  Value getBuffer(Value number) { return at.element(buffers, number, sizeof(descent_buffer)); }
  Value getSlot(Value number) { return at.element(slots, number, sizeof(double)); }
  void enterLayer(Value layer);
  void emitLayer(ArrayRef<Operation *> stages);
  void takeBuffers(Operation *stage, int64_t firstOperand);
  void takeOperands(Operation *stage);
  void storeTileResults(ArrayRef<Value> results);
  SmallVector<Value> emitNumbers(Operation *stage);
  Value foldPartials(CombineOp combine);

  ImplicitLocOpBuilder &b;
  TableReader at;
  IndexBuilder index;
  SmallVector<Value> arguments;
  Value buffers, slots; // of the layer at hand
  int64_t numTaken = 0; // operands
};
} // namespace

void KernelBuilder::createFunction(StringRef name) {
  Type pointer = LLVM::LLVMPointerType::get(b.getContext()), i32 = b.getI32Type();
  SmallVector<Type> types(size_t(Count), pointer);
  types.append({i32, i32, i32, pointer});
  kernel.function = gpu::GPUFuncOp::create(b, name, b.getFunctionType(types, {}));
  int32_t threads = kernel.shape.threads + kernel.shape.loaders;
  kernel.function.setKnownBlockSizeAttr(b.getDenseI32ArrayAttr({threads, 1, 1}));
  kernel.function->setAttr(gpu::GPUDialect::getKernelFuncAttrName(), b.getUnitAttr());
  b.setInsertionPointToStart(&kernel.function.getBody().front());
  for (Value argument : kernel.function.getArguments().take_front(NumArguments)) {
    bool isPointer = isa<LLVM::LLVMPointerType>(argument.getType());
    arguments.push_back(isPointer ? at.toGlobal(argument) : at.toIndex(argument));
  }
  kernel.maps = kernel.function.getArgument(Maps);
  kernel.thread = gpu::ThreadIdOp::create(b, gpu::Dimension::x);
  kernel.begun = kernel.thread.getDefiningOp();
}

void KernelBuilder::unlessSkipped(llvm::function_ref<void()> body) {
  Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
  index.ifTrue(arith::CmpIOp::create(b, arith::CmpIPredicate::eq, at.loadWord(argument(Skip)), zero), body);
}

void KernelBuilder::forBlock(Value count, ValueRange initial, EmitTask body) {
  Value first = gpu::BlockIdOp::create(b, gpu::Dimension::x);
  Value step = gpu::GridDimOp::create(b, gpu::Dimension::x);
  scf::ForOp::create(b, first, count, step, initial, [&](OpBuilder &, Location, Value task, ValueRange carried) {
    scf::YieldOp::create(b, body(task, carried));
  });
}

KernelBuilder::Values KernelBuilder::ifPresent(Value layer, ValueRange otherwise, llvm::function_ref<Values()> body) {
  Value zero = arith::ConstantOp::create(b, b.getI32IntegerAttr(0));
  Value word = at.loadWord(at.element(argument(Present), layer, sizeof(uint32_t)));
  Value present = arith::CmpIOp::create(b, arith::CmpIPredicate::ne, word, zero);
  auto then = [&](OpBuilder &, Location) { scf::YieldOp::create(b, body()); };
  if (otherwise.empty()) {
    scf::IfOp::create(b, present, then);
    return {};
  }
  auto keep = [&](OpBuilder &, Location) { scf::YieldOp::create(b, otherwise); };
  return scf::IfOp::create(b, present, then, keep).getResults();
}

/// The first layer whose tiles end after `task`, by bisection.
Value KernelBuilder::findLayer(Value task) {
  Value last = index.sub(argument(Count), 1);
  SmallVector<Type> types(2, b.getIndexType());
  auto loop = scf::WhileOp::create(
      b, types, ValueRange{index.constant(0), last},
      [&](OpBuilder &, Location, ValueRange range) {
        Value open = index.compare(arith::CmpIPredicate::slt, range[0], range[1]);
        scf::ConditionOp::create(b, open, range);
      },
      [&](OpBuilder &, Location, ValueRange range) {
        Value middle = index.div(index.add(range[0], range[1]), 2);
        Value end = at.loadIndex(at.element(argument(Ends), middle, sizeof(int64_t)));
        Value before = index.compare(arith::CmpIPredicate::sgt, end, task);
        Value first = index.select(before, range[0], index.add(middle, 1));
        scf::YieldOp::create(b, ValueRange{first, index.select(before, middle, range[1])});
      });
  return loop.getResult(0);
}

/// row (row - 1) / 2 tiles lie below the diagonal in the rows of blocks before `row`, which is found by bisection; the
/// diagonal's own come last.
void KernelBuilder::findInTriangle(Value tiles, Value rowBlocks) {
  Value tile = kernel.tile;
  auto before = [&](Value row) { return index.div(index.mul(row, index.sub(row, 1)), 2); };
  SmallVector<Type> types(2, b.getIndexType());
  auto loop = scf::WhileOp::create(
      b, types, ValueRange{index.constant(1), index.max(index.sub(rowBlocks, 1), 1)},
      [&](OpBuilder &, Location, ValueRange range) {
        Value open = index.compare(arith::CmpIPredicate::slt, range[0], range[1]);
        scf::ConditionOp::create(b, open, range);
      },
      [&](OpBuilder &, Location, ValueRange range) {
        Value middle = index.div(index.add(index.add(range[0], range[1]), 1), 2);
        Value isAfter = index.compare(arith::CmpIPredicate::sgt, before(middle), tile);
        Value last = index.select(isAfter, index.sub(middle, 1), range[1]);
        scf::YieldOp::create(b, ValueRange{index.select(isAfter, range[0], middle), last});
      });
  Value row = loop.getResult(0), below = index.sub(tiles, rowBlocks);
  Value isDiagonal = index.compare(arith::CmpIPredicate::sge, tile, below), place = index.sub(tile, below);
  kernel.rowBlock = index.select(isDiagonal, place, row);
  kernel.colBlock = index.select(isDiagonal, place, index.sub(tile, before(row)));
}

/// As descent_get_tile of the runtime.
void KernelBuilder::locateTile(Value layer, Value task, bool isTriangle) {
  Value grid = at.element(argument(Grids), layer, sizeof(descent_device_grid));
  Value end = at.loadIndex(at.element(argument(Ends), layer, sizeof(int64_t)));
  auto load = [&](int64_t bytes) { return at.loadIndex(grid, bytes); };
  Value cols = load(offsetof(descent_device_grid, cols)), rows = load(offsetof(descent_device_grid, rows));
  Value colBlocks = load(offsetof(descent_device_grid, col_blocks));
  Value rowBlock = load(offsetof(descent_device_grid, row_block));
  Value colBlock = load(offsetof(descent_device_grid, col_block));
  kernel.tiles = load(offsetof(descent_device_grid, tiles));
  kernel.tile = index.sub(task, index.sub(end, kernel.tiles));
  kernel.domainRows = rows;
  kernel.domainCols = cols;
  if (isTriangle) {
    findInTriangle(kernel.tiles, load(offsetof(descent_device_grid, row_blocks)));
  } else {
    kernel.rowBlock = arith::DivUIOp::create(b, kernel.tile, colBlocks);
    kernel.colBlock = index.sub(kernel.tile, index.mul(kernel.rowBlock, colBlocks));
  }
  kernel.rowBegin = index.mul(kernel.rowBlock, rowBlock);
  kernel.rowEnd = index.min(index.add(kernel.rowBegin, rowBlock), rows);
  kernel.colBegin = index.mul(kernel.colBlock, colBlock);
  kernel.colEnd = index.min(index.add(kernel.colBegin, colBlock), cols);
}

void KernelBuilder::enterLayer(Value layer) {
  Value firstBuffer = index.mul(layer, argument(NumBuffers)), firstSlot = index.mul(layer, argument(NumSlots));
  buffers = at.element(argument(Buffers), firstBuffer, sizeof(descent_buffer));
  slots = at.element(argument(Slots), firstSlot, sizeof(double));
}

void KernelBuilder::takeBuffers(Operation *stage, int64_t firstOperand) {
  kernel.buffers.clear();
  for (auto [index, buffer] : llvm::enumerate(getDistinctBuffers(stage))) {
    Type memory = cast<BufferType>(buffer.getType()).getMemoryType();
    Value place = getBuffer(getOperand(firstOperand + index));
    kernel.buffers[buffer] = at.loadMemRef(place, getGlobalMemRefType(b.getContext(), memory));
  }
}

/// Buffers and numbers that the stage works on.
void KernelBuilder::takeOperands(Operation *stage) {
  kernel.scalars.clear();
  kernel.reloadBuffers = [this, stage, first = numTaken] { takeBuffers(stage, first); };
  kernel.reloadBuffers();
  numTaken += getDistinctBuffers(stage).size();
  for (size_t i = 0, count = getScalarOperands(stage).size(); i < count; ++i)
    kernel.scalars.push_back(at.loadNumber(getSlot(nextOperand())));
}

void KernelBuilder::storeTileResults(ArrayRef<Value> results) {
  if (results.empty())
    return;
  Value isFirst = index.compare(arith::CmpIPredicate::eq, kernel.thread, index.constant(0));
  index.ifTrue(isFirst, [&] {
    for (Value result : results) {
      Value data = at.loadPointer(getBuffer(nextOperand()), offsetof(descent_buffer, data));
      LLVM::StoreOp::create(b, result, at.element(data, kernel.tile, sizeof(double)));
    }
  });
}

LogicalResult KernelBuilder::forTiles(Operation *stage, ValueRange initial, EmitCarried emit) {
  LogicalResult result = success();
  Value lastEnd = at.element(argument(Ends), index.sub(argument(Count), 1), sizeof(int64_t));
  forBlock(at.loadIndex(lastEnd), initial, [&](Value task, ValueRange carried) {
    auto enter = [&](Value layer) {
      numTaken = 0;
      kernel.layer = layer;
      enterLayer(layer);
      locateTile(layer, task, stage->hasAttr("plan.triangle"));
      takeOperands(stage);
    };
    kernel.reload = [&, task] { enter(findLayer(task)); };
    Value layer = findLayer(task);
    return ifPresent(layer, carried, [&]() -> Values {
      enter(layer);
      FailureOr<Values> left = emit(carried);
      result = success(succeeded(result) && succeeded(left));
      return succeeded(left) ? *left : Values(carried);
    });
  });
  return result;
}

void KernelBuilder::emitBody(Operation *stage, llvm::function_ref<void()> body) {
  kernel.forTiles = [this, stage](ValueRange initial, EmitCarried emit) { return forTiles(stage, initial, emit); };
  kernel.storeResults = [this](ArrayRef<Value> results) { storeTileResults(results); };
  unlessSkipped(body);
  gpu::ReturnOp::create(b);
}

FailureOr<gpu::GPUFuncOp> descent::plan::createRolesKernel(ImplicitLocOpBuilder &b, Operation *stage, GpuShape shape,
                                                           EmitBody emitBody) {
  KernelBuilder builder(b, shape);
  builder.createFunction("kernel");
  LogicalResult result = success();
  builder.emitBody(stage, [&] { result = emitBody(builder.kernel); });
  if (succeeded(result))
    return builder.kernel.function;
  builder.kernel.function.erase();
  return failure();
}

FailureOr<gpu::GPUFuncOp> descent::plan::createTileKernel(ImplicitLocOpBuilder &b, Operation *stage, GpuShape shape,
                                                          EmitTile emitTile) {
  return createRolesKernel(b, stage, shape, [&](GpuKernel &kernel) {
    return kernel.forTiles({}, [&](ValueRange) -> FailureOr<SmallVector<Value>> {
      FailureOr<SmallVector<Value>> results = emitTile(kernel);
      if (failed(results))
        return failure();
      kernel.storeResults(*results);
      return SmallVector<Value>();
    });
  });
}

//===----------------------------------------------------------------------===//
// Numbers
//===----------------------------------------------------------------------===//

/// Threads take partial results in turn, then their sums are folded: an order that depends on the number of tiles only.
Value KernelBuilder::foldPartials(CombineOp combine) {
  Value partials = kernel.buffer(combine.getPartials());
  Value tiles = index.dim(partials, 1);
  Value identity = createIdentity(b, combine.getKind(), b.getF64Type());
  Value step = index.constant(kernel.shape.threads);
  auto loop = scf::ForOp::create(
      b, kernel.thread, tiles, step, identity, [&](OpBuilder &, Location, Value tile, ValueRange sofar) {
        Value partial = memref::LoadOp::create(b, partials, ValueRange{index.constant(0), tile});
        Value folded = createFold(b, combine.getKind(), sofar.front(), partial);
        scf::YieldOp::create(b, folded);
      });
  return foldThreads(b, kernel, combine.getKind(), loop.getResult(0), step);
}

SmallVector<Value> KernelBuilder::emitNumbers(Operation *stage) {
  if (auto combine = dyn_cast<CombineOp>(stage))
    return {foldPartials(combine)};
  auto numbers = cast<ScalarsOp>(stage);
  IRMapping values;
  values.map(numbers.getBody()->getArguments(), kernel.scalars);
  for (Operation &op : numbers.getBody()->without_terminator())
    b.clone(op, values);
  SmallVector<Value> results;
  for (Value value : numbers.getBody()->getTerminator()->getOperands())
    results.push_back(values.lookupOrDefault(value));
  return results;
}

void KernelBuilder::emitLayer(ArrayRef<Operation *> stages) {
  for (Operation *stage : stages) {
    takeOperands(stage);
    SmallVector<Value> results = emitNumbers(stage);
    SmallVector<Value> places;
    for (size_t i = 0; i < results.size(); ++i)
      places.push_back(getSlot(nextOperand()));
    // One thread writes, and all see it before the next stage reads.
    Value isFirst = index.compare(arith::CmpIPredicate::eq, kernel.thread, index.constant(0));
    index.ifTrue(isFirst, [&] {
      for (auto [result, place] : llvm::zip(results, places))
        LLVM::StoreOp::create(b, result, place);
    });
    gpu::BarrierOp::create(b);
  }
}

void KernelBuilder::emitLayers(ArrayRef<Operation *> stages) {
  unlessSkipped([&] {
    forBlock(argument(Count), {}, [&](Value layer, ValueRange) {
      return ifPresent(layer, {}, [&]() -> Values {
        enterLayer(layer);
        emitLayer(stages);
        return {};
      });
    });
  });
  gpu::ReturnOp::create(b);
}

gpu::GPUFuncOp descent::plan::createNumbersKernel(ImplicitLocOpBuilder &b, ArrayRef<Operation *> stages,
                                                  GpuShape shape) {
  KernelBuilder builder(b, shape);
  builder.createFunction("kernel");
  builder.emitLayers(stages);
  return builder.kernel.function;
}
