// Storage policies: how they are written, and which make sense.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/DialectImplementation.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace descent;

static constexpr int64_t kDefaultBlock = 256;

static FloatType getFloatType(MLIRContext *context, StringRef name) {
  return llvm::StringSwitch<FloatType>(name)
      .Case("f32", Float32Type::get(context))
      .Case("bf16", BFloat16Type::get(context))
      .Case("f16", Float16Type::get(context))
      .Case("f64", Float64Type::get(context))
      .Default(FloatType());
}

//===----------------------------------------------------------------------===//
// 8-bit codes
//===----------------------------------------------------------------------===//

LogicalResult Q8Attr::verify(function_ref<InFlightDiagnostic()> emitError, int64_t block, CodeSign) {
  if (!llvm::is_contained({64, 128, 256}, block))
    return emitError() << "'q8' needs blocks of 64, 128 or 256 entries, found " << block;
  return success();
}

/// `<256, signed>`, or nothing.
Attribute Q8Attr::parse(AsmParser &parser, Type) {
  SMLoc location = parser.getCurrentLocation();
  int64_t block = kDefaultBlock;
  CodeSign sign = CodeSign::Auto;
  if (succeeded(parser.parseOptionalLess())) {
    if (parser.parseInteger(block))
      return {};
    if (succeeded(parser.parseOptionalComma())) {
      FailureOr<CodeSign> given = FieldParser<CodeSign>::parse(parser);
      if (failed(given))
        return {};
      sign = *given;
    }
    if (parser.parseGreater())
      return {};
  }
  return parser.getChecked<Q8Attr>(location, parser.getContext(), block, sign);
}

void Q8Attr::print(AsmPrinter &printer) const {
  printer << '<' << getBlock();
  if (getSign() != CodeSign::Auto)
    printer << ", " << stringifyCodeSign(getSign());
  printer << '>';
}

//===----------------------------------------------------------------------===//
// Policies
//===----------------------------------------------------------------------===//

static FloatType getType(Attribute format) {
  auto type = dyn_cast_or_null<TypeAttr>(format);
  return type ? cast<FloatType>(type.getValue()) : FloatType();
}

StorageAttr StorageAttr::getShort(MLIRContext *context, StringRef name) {
  FloatType type = getFloatType(context, name);
  if (!type)
    return {};
  Type state = type.isF64() ? type : Float32Type::get(context);
  return get(context, type, type, TypeAttr::get(state), DictionaryAttr::get(context), Master::None, Rounding::Nearest);
}

StorageAttr StorageAttr::parseText(MLIRContext *context, StringRef text) {
  return dyn_cast_or_null<StorageAttr>(parseAttribute(("#descent.storage<" + text + ">").str(), context));
}

FloatType StorageAttr::getComputeType() const {
  return getParam().isF64() ? getParam() : FloatType(Float32Type::get(getContext()));
}

Attribute StorageAttr::getState(StringAttr name, bool isElement) const {
  if (Attribute named = getNamed().get(name))
    return named;
  return isElement || getParam().isF64() ? getStates() : TypeAttr::get(Float32Type::get(getContext()));
}

LogicalResult StorageAttr::verify(function_ref<InFlightDiagnostic()> emitError, FloatType param, FloatType grad,
                                  Attribute states, DictionaryAttr named, Master master, Rounding rounding) {
  SmallVector<Attribute> formats = {states};
  for (NamedAttribute entry : named)
    formats.push_back(entry.getValue());
  auto isF64 = [](Attribute format) { return getType(format) && getType(format).isF64(); };
  bool isCheck = param.isF64();
  if (grad.isF64() != isCheck || !llvm::all_of(formats, [&](Attribute format) { return isF64(format) == isCheck; }))
    return emitError() << "f64 is for checks: parameter, gradient and states are all f64, or none is";
  if (master == Master::F32 && !param.isBF16() && !param.isF16())
    return emitError() << "a master copy in f32 is for a bf16 or f16 parameter, found param = " << param;
  if (master == Master::Remainder && !param.isBF16())
    return emitError() << "a remainder completes a bf16 parameter to f32, found param = " << param;
  auto isBF16 = [](Attribute format) { return getType(format) && getType(format).isBF16(); };
  bool roundsStates = llvm::any_of(formats, isBF16);
  if (master == Master::Remainder && rounding == Rounding::Stochastic && !roundsStates)
    return emitError() << "with a remainder nothing of the parameter is lost, and no state is bf16: it takes rounding "
                          "= nearest";
  if (rounding == Rounding::Stochastic && !param.isBF16() && !roundsStates)
    return emitError() << "stochastic rounding is for bf16: neither the parameter nor a state is";
  return success();
}

//===----------------------------------------------------------------------===//
// Syntax: <param = bf16, grad = f32, states = q8<256>, m = f32, master = remainder, rounding = nearest>
//===----------------------------------------------------------------------===//

namespace {
/// What has been read so far.
struct Fields {
  FloatType param, grad;
  Attribute states;
  NamedAttrList named;
  std::optional<Master> master;
  std::optional<Rounding> rounding;
};
} // namespace

static ParseResult parseType(AsmParser &parser, FloatType &type) {
  StringRef word;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseKeyword(&word))
    return failure();
  type = getFloatType(parser.getContext(), word);
  return type ? ParseResult(success())
              : parser.emitError(location) << "expected f32, bf16, f16 or f64, found '" << word << "'";
}

/// The format of a state.
static ParseResult parseFormat(AsmParser &parser, Attribute &format) {
  StringRef word;
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseKeyword(&word))
    return failure();
  if (word == "q8") {
    format = Q8Attr::parse(parser, Type());
    return success(format != nullptr);
  }
  FloatType type = getFloatType(parser.getContext(), word);
  if (!type)
    return parser.emitError(location) << "expected f32, bf16, f16, f64 or q8, found '" << word << "'";
  format = TypeAttr::get(type);
  return success();
}

template <typename Enum> static ParseResult parseWord(AsmParser &parser, std::optional<Enum> &result) {
  FailureOr<Enum> value = FieldParser<Enum>::parse(parser);
  if (failed(value))
    return failure();
  result = *value;
  return success();
}

static ParseResult parseField(AsmParser &parser, StringRef name, SMLoc location, Fields &fields) {
  auto repeated = [&] { return parser.emitError(location) << "'" << name << "' is said twice in '#descent.storage'"; };
  if (name == "param")
    return fields.param ? repeated() : parseType(parser, fields.param);
  if (name == "grad")
    return fields.grad ? repeated() : parseType(parser, fields.grad);
  if (name == "states")
    return fields.states ? repeated() : parseFormat(parser, fields.states);
  if (name == "master")
    return fields.master ? repeated() : parseWord(parser, fields.master);
  if (name == "rounding")
    return fields.rounding ? repeated() : parseWord(parser, fields.rounding);
  Attribute format;
  if (fields.named.get(name))
    return repeated();
  if (parseFormat(parser, format))
    return failure();
  fields.named.append(name, format);
  return success();
}

Attribute StorageAttr::parse(AsmParser &parser, Type) {
  MLIRContext *context = parser.getContext();
  SMLoc start = parser.getCurrentLocation();
  if (parser.parseLess())
    return {};
  Fields fields;
  StorageAttr whole;
  auto parseNext = [&]() -> ParseResult {
    StringRef name;
    SMLoc location = parser.getCurrentLocation();
    if (parser.parseKeyword(&name))
      return failure();
    if (succeeded(parser.parseOptionalEqual()))
      return parseField(parser, name, location, fields);
    whole = getShort(context, name);
    if (whole)
      return success();
    return parser.emitError(location) << "expected f32, f64, bf16, f16 or a field such as 'param = bf16', found '"
                                      << name << "'";
  };
  if (parseNext())
    return {};
  if (!whole)
    while (succeeded(parser.parseOptionalComma()))
      if (parseNext())
        return {};
  if (parser.parseGreater())
    return {};
  if (whole)
    return whole;
  FloatType f32 = Float32Type::get(context), param = fields.param ? fields.param : f32;
  if (!fields.states)
    fields.states = TypeAttr::get(param.isF64() ? param : f32);
  return parser.getChecked<StorageAttr>(start, context, param, fields.grad ? fields.grad : param, fields.states,
                                        fields.named.getDictionary(context), fields.master.value_or(Master::None),
                                        fields.rounding.value_or(Rounding::Nearest));
}

static void printFormat(AsmPrinter &printer, Attribute format) {
  if (FloatType type = getType(format))
    printer << type;
  else
    cast<Q8Attr>(format).print(printer << "q8");
}

void StorageAttr::print(AsmPrinter &printer) const {
  for (StringRef name : {"f32", "f64", "bf16", "f16"})
    if (*this == getShort(getContext(), name)) {
      printer << '<' << name << '>';
      return;
    }
  printer << "<param = " << getParam() << ", grad = " << getGrad() << ", states = ";
  printFormat(printer, getStates());
  for (NamedAttribute entry : getNamed())
    printFormat(printer << ", " << entry.getName().getValue() << " = ", entry.getValue());
  if (getMaster() != Master::None)
    printer << ", master = " << stringifyMaster(getMaster());
  if (getRounding() != Rounding::Nearest)
    printer << ", rounding = " << stringifyRounding(getRounding());
  printer << '>';
}
