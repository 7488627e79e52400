#include "descent/Target/Artifact/ConstantTables.h"

using namespace mlir;
using namespace descent;

Type Constant::getType(MLIRContext *context) const {
  if (std::holds_alternative<int64_t>(content))
    return IntegerType::get(context, bits);
  if (std::holds_alternative<double>(content))
    return Float64Type::get(context);
  if (std::holds_alternative<FlatSymbolRefAttr>(content))
    return LLVM::LLVMPointerType::get(context);
  SmallVector<Type> types;
  for (const Constant &field : std::get<std::vector<Constant>>(content))
    types.push_back(field.getType(context));
  return LLVM::LLVMStructType::getLiteral(context, types);
}

static Value emitAggregate(ImplicitLocOpBuilder &b, Type type, const std::vector<Constant> &parts) {
  Value value = LLVM::PoisonOp::create(b, type);
  for (size_t i = 0; i < parts.size(); ++i)
    value = LLVM::InsertValueOp::create(b, value, parts[i].emit(b), int64_t(i));
  return value;
}

Value Constant::emit(ImplicitLocOpBuilder &b) const {
  Type type = getType(b.getContext());
  if (auto integer = std::get_if<int64_t>(&content))
    return LLVM::ConstantOp::create(b, type, b.getIntegerAttr(type, llvm::APInt(bits, *integer, false, true)));
  if (auto number = std::get_if<double>(&content))
    return LLVM::ConstantOp::create(b, type, b.getF64FloatAttr(*number));
  if (auto symbol = std::get_if<FlatSymbolRefAttr>(&content))
    return *symbol ? LLVM::AddressOfOp::create(b, type, *symbol).getResult()
                   : LLVM::ZeroOp::create(b, type).getResult();
  return emitAggregate(b, type, std::get<std::vector<Constant>>(content));
}

FlatSymbolRefAttr ConstantTables::addGlobal(StringRef name, Type type, Attribute value,
                                            llvm::function_ref<Value()> emit) {
  OpBuilder::InsertionGuard guard(b);
  auto global =
      LLVM::GlobalOp::create(b, type, /*isConstant=*/true, LLVM::Linkage::Internal, prefix + name.str(), value);
  if (emit) {
    b.createBlock(&global.getInitializerRegion());
    LLVM::ReturnOp::create(b, emit());
  }
  global->remove();
  symbols.insert(global);
  return FlatSymbolRefAttr::get(global.getSymNameAttr());
}

FlatSymbolRefAttr ConstantTables::add(StringRef name, const Constant &value) {
  return addGlobal(name, value.getType(b.getContext()), Attribute(), [&] { return value.emit(b); });
}

static void hide(LLVM::GlobalOp global) {
  global.setLinkage(LLVM::Linkage::External);
  global.setVisibility_(LLVM::Visibility::Hidden);
}

FlatSymbolRefAttr ConstantTables::addHidden(StringRef name, const Constant &value) {
  FlatSymbolRefAttr symbol = add(name, value);
  hide(symbols.lookup<LLVM::GlobalOp>(symbol.getAttr()));
  return symbol;
}

Constant ConstantTables::declare(StringRef name) {
  auto symbol = addGlobal(name, b.getI8Type(), Attribute(), nullptr);
  hide(symbols.lookup<LLVM::GlobalOp>(symbol.getAttr()));
  return Constant::address(symbol);
}

Constant ConstantTables::image(StringRef name, StringRef bytes) {
  auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size());
  FlatSymbolRefAttr symbol = addGlobal(name, type, b.getStringAttr(bytes), nullptr);
  symbols.lookup<LLVM::GlobalOp>(symbol.getAttr()).setAlignment(16);
  return Constant::address(symbol);
}

Constant ConstantTables::external(StringRef name) {
  if (!symbols.lookup(name)) {
    auto global =
        LLVM::GlobalOp::create(b, b.getI8Type(), /*isConstant=*/true, LLVM::Linkage::External, name, Attribute());
    hide(global);
    global->remove();
    symbols.insert(global);
  }
  return Constant::address(FlatSymbolRefAttr::get(b.getContext(), name));
}

Constant ConstantTables::externalFunction(StringRef name) {
  if (!symbols.lookup(name)) {
    auto type = LLVM::LLVMFunctionType::get(LLVM::LLVMVoidType::get(b.getContext()), {});
    auto function = LLVM::LLVMFuncOp::create(b, name, type);
    function->remove();
    symbols.insert(function);
  }
  return Constant::address(FlatSymbolRefAttr::get(b.getContext(), name));
}

Constant ConstantTables::text(StringRef text) {
  FlatSymbolRefAttr &known = texts[text];
  if (!known) {
    std::string bytes = text.str();
    bytes.push_back('\0');
    auto type = LLVM::LLVMArrayType::get(b.getI8Type(), bytes.size());
    known = addGlobal("text", type, b.getStringAttr(bytes), nullptr);
  }
  return Constant::address(known);
}

Constant ConstantTables::array(StringRef name, const std::vector<Constant> &elements) {
  if (elements.empty())
    return Constant::null();
  auto type = LLVM::LLVMArrayType::get(elements.front().getType(b.getContext()), elements.size());
  return Constant::address(addGlobal(name, type, Attribute(), [&] { return emitAggregate(b, type, elements); }));
}

Constant ConstantTables::array(StringRef name, ArrayRef<uint32_t> elements) {
  if (elements.empty())
    return Constant::null();
  auto type = LLVM::LLVMArrayType::get(b.getI32Type(), elements.size());
  auto values = DenseElementsAttr::get(RankedTensorType::get(elements.size(), b.getI32Type()), elements);
  return Constant::address(addGlobal(name, type, values, nullptr));
}
