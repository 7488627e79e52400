#include "descent/Dialect/Plan/Analysis/LibraryProducts.h"

#include "mlir/Dialect/Arith/IR/Arith.h"

using namespace mlir;
using namespace descent::plan;

namespace {
/// sum * (the product's entry) + added * (the entry that is read)
struct Weights {
  double sum = 0, added = 0;
  Weights operator+(Weights other) const { return {sum + other.sum, added + other.added}; }
  Weights operator*(double factor) const { return {sum * factor, added * factor}; }
};

/// Reads an epilogue backwards, from what it yields.
class Epilogue {
public:
  explicit Epilogue(ProductOp product) : product(product), entry(*product.getBody()) {}

  std::optional<Weights> getWeights(Value value);
  /// The value before it is rounded to the type, which storing it does again.
  Value skipRounding(Value value, Type stored);

private:
  std::optional<Weights> getArgument(Value value);
  std::optional<Weights> getScaled(arith::MulFOp product);
  std::optional<double> getConstant(Value value);
  std::optional<double> getNumber(BlockArgument argument);

  ProductOp product;
  Block &entry;
};
} // namespace

/// A number as a value of the type holds it.
static double roundTo(Type type, double number) {
  llvm::APFloat rounded(number);
  bool losesInfo;
  rounded.convert(cast<FloatType>(type).getFloatSemantics(), llvm::APFloat::rmNearestTiesToEven, &losesInfo);
  return rounded.convertToDouble();
}

Value Epilogue::skipRounding(Value value, Type stored) {
  auto widened = value.getDefiningOp<arith::ExtFOp>();
  auto rounded = widened ? widened.getIn().getDefiningOp<arith::TruncFOp>() : arith::TruncFOp();
  return rounded && rounded.getType() == stored ? rounded.getIn() : value;
}

/// Of a scalar operand: work on numbers may yield a constant.
std::optional<double> Epilogue::getNumber(BlockArgument argument) {
  unsigned first = 1 + product.getReads().size(), index = argument.getArgNumber();
  if (argument.getOwner() != &entry || index < first)
    return std::nullopt;
  Value number = product.getScalars()[index - first];
  auto scalars = number.getDefiningOp<ScalarsOp>();
  if (!scalars)
    return std::nullopt;
  Value yielded = scalars.getBody()->getTerminator()->getOperand(cast<OpResult>(number).getResultNumber());
  return isa<BlockArgument>(yielded) ? std::nullopt : getConstant(yielded);
}

std::optional<double> Epilogue::getConstant(Value value) {
  FloatAttr constant;
  if (auto argument = dyn_cast<BlockArgument>(value))
    return getNumber(argument);
  if (matchPattern(value, m_Constant(&constant)))
    return constant.getValueAsDouble();
  if (auto rounded = value.getDefiningOp<arith::TruncFOp>())
    if (std::optional<double> number = getConstant(rounded.getIn()))
      return roundTo(rounded.getType(), *number);
  if (auto widened = value.getDefiningOp<arith::ExtFOp>())
    return getConstant(widened.getIn());
  return std::nullopt;
}

/// The sum, or the entry that is read: rounding it to the type in which it lies changes nothing.
std::optional<Weights> Epilogue::getArgument(Value value) {
  if (value == entry.getArgument(0))
    return Weights{1, 0};
  if (product.getReads().empty())
    return std::nullopt;
  Type stored = cast<BufferType>(product.getReads().front().getType()).getElementType();
  if (skipRounding(value, stored) == entry.getArgument(1))
    return Weights{0, 1};
  return std::nullopt;
}

std::optional<Weights> Epilogue::getScaled(arith::MulFOp multiplied) {
  for (auto [scaled, factor] :
       {std::pair(multiplied.getLhs(), multiplied.getRhs()), std::pair(multiplied.getRhs(), multiplied.getLhs())})
    if (std::optional<double> number = getConstant(factor))
      if (std::optional<Weights> weights = getWeights(scaled))
        return *weights * *number;
  return std::nullopt;
}

std::optional<Weights> Epilogue::getWeights(Value value) {
  if (std::optional<Weights> argument = getArgument(value))
    return argument;
  auto combine = [&](Operation *op, double sign) -> std::optional<Weights> {
    std::optional<Weights> lhs = getWeights(op->getOperand(0)), rhs = getWeights(op->getOperand(1));
    return lhs && rhs ? std::optional(*lhs + *rhs * sign) : std::nullopt;
  };
  using Result = std::optional<Weights>;
  Operation *op = value.getDefiningOp();
  if (!op)
    return std::nullopt;
  return llvm::TypeSwitch<Operation *, Result>(op)
      .Case([&](arith::AddFOp sum) { return combine(sum, 1); })
      .Case([&](arith::SubFOp difference) { return combine(difference, -1); })
      .Case([&](arith::MulFOp multiplied) { return getScaled(multiplied); })
      .Case([&](arith::NegFOp negated) -> Result {
        Result weights = getWeights(negated.getOperand());
        return weights ? Result(*weights * -1) : std::nullopt;
      })
      .Default([](Operation *) { return Result(); });
}

/// Whether libraries multiply matrices of these types: factors of one type, results as the factors or the sums.
static bool hasKnownTypes(ProductOp product, Type result) {
  Type lhs = product.getLhs().getType().getElementType(), sums = product.getAccumulatorType();
  bool isNarrow = isa<BFloat16Type, Float16Type>(lhs) && sums.isF32();
  return lhs == product.getRhs().getType().getElementType() && (isNarrow || (isa<FloatType>(lhs) && lhs == sums)) &&
         (result == lhs || result == sums);
}

static bool isPlainScratch(Value value) {
  return value.getDefiningOp<ScratchOp>() && !cast<BufferType>(value.getType()).isPanels();
}

std::optional<LibraryProduct> descent::plan::getLibraryProduct(ProductOp product) {
  if (product.getPacked() || product.getWrites().size() != 1 || !product.getPartials().empty() ||
      product.getReads().size() > 1)
    return std::nullopt;
  Value result = product.getWrites().front();
  auto written = cast<BufferType>(result.getType());
  if (written.getDomain() != product.getDomain() || !hasKnownTypes(product, written.getElementType()))
    return std::nullopt;
  bool isOrdinary = llvm::all_of(product.getReads(), [&](Value read) { return read.getType() == written; });
  SmallVector<Value> all = {product.getLhs(), product.getRhs(), result};
  llvm::append_range(all, product.getReads());
  if (!isOrdinary || !llvm::all_of(all, isPlainScratch))
    return std::nullopt;
  Epilogue epilogue(product);
  Value yielded = product.getBody()->getTerminator()->getOperand(0);
  std::optional<Weights> weights = epilogue.getWeights(epilogue.skipRounding(yielded, written.getElementType()));
  if (!weights)
    return std::nullopt;
  bool adds = weights->added != 0;
  return LibraryProduct{adds ? product.getReads().front() : Value(), result, weights->sum, adds ? weights->added : 0};
}
