// Rules and shared bodies: their signature's syntax and their arguments.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "mlir/IR/DialectImplementation.h"

using namespace mlir;
using namespace descent;

//===----------------------------------------------------------------------===//
// Syntax: @name(%w: param, %m: state init = grad, %lr: hyper = 0.1) elements f32 { ... }
//===----------------------------------------------------------------------===//

/// What follows the role's keyword: `init = 0.5 | param | grad` of a state, `= 0.1` of a hyperparameter.
static ParseResult parseContent(OpAsmParser &parser, InitKind &init, FloatAttr &value) {
  double number;
  if (succeeded(parser.parseOptionalKeyword("init"))) {
    if (parser.parseEqual())
      return failure();
    if (succeeded(parser.parseOptionalKeyword("param")))
      return init = InitKind::Param, success();
    if (succeeded(parser.parseOptionalKeyword("grad")))
      return init = InitKind::Grad, success();
  } else if (failed(parser.parseOptionalEqual())) {
    return success();
  }
  if (parser.parseFloat(number))
    return failure();
  value = parser.getBuilder().getF64FloatAttr(number);
  return success();
}

static ParseResult parseArgument(OpAsmParser &parser, SmallVectorImpl<OpAsmParser::Argument> &arguments,
                                 SmallVectorImpl<Attribute> &roles) {
  OpAsmParser::Argument argument;
  if (parser.parseArgument(argument) || parser.parseColon())
    return failure();
  SMLoc location = parser.getCurrentLocation();
  StringRef keyword;
  if (parser.parseKeyword(&keyword))
    return failure();
  std::optional<RoleKind> kind = symbolizeRoleKind(keyword);
  if (!kind)
    return parser.emitError(location) << "unknown role '" << keyword
                                      << "': expected param, grad, input, state, row_state, column_state, layer_state, "
                                         "hyper, factor, step, updates or loss";
  InitKind init = InitKind::Value;
  FloatAttr value;
  if (parseContent(parser, init, value))
    return failure();
  Builder &builder = parser.getBuilder();
  auto name = builder.getStringAttr(argument.ssaName.name.drop_front());
  auto role = RoleAttr::get(parser.getContext(), *kind, name, init, value);
  if (role.isState() && init == InitKind::Value && !value)
    role = RoleAttr::get(parser.getContext(), *kind, name, init, builder.getF64FloatAttr(0.0));
  arguments.push_back(argument);
  roles.push_back(role);
  return success();
}

static ParseResult parseBody(OpAsmParser &parser, OperationState &result) {
  StringAttr name;
  SmallVector<OpAsmParser::Argument> arguments;
  SmallVector<Attribute> roles;
  Builder &builder = parser.getBuilder();
  Type element = builder.getF64Type();
  if (parser.parseSymbolName(name, "sym_name", result.attributes) ||
      parser.parseCommaSeparatedList(OpAsmParser::Delimiter::Paren,
                                     [&] { return parseArgument(parser, arguments, roles); }))
    return failure();
  if (succeeded(parser.parseOptionalKeyword("elements")) && parser.parseType(element))
    return failure();
  result.addAttribute("roles", builder.getArrayAttr(roles));
  if (parser.parseOptionalAttrDictWithKeyword(result.attributes))
    return failure();
  for (auto [argument, role] : llvm::zip(arguments, roles))
    argument.type = cast<RoleAttr>(role).getType(element);
  Region *body = result.addRegion();
  if (parser.parseRegion(*body, arguments)) {
    // MLIR destroys a region that does not parse while operations before it may use what it defines.
    for (Block &block : *body)
      block.dropAllDefinedValueUses();
    return failure();
  }
  if (body->empty())
    return parser.emitError(parser.getNameLoc()) << "expected a body that is not empty";
  return success();
}

static void printRole(OpAsmPrinter &printer, RoleAttr role) {
  printer << stringifyRoleKind(role.getKind());
  if (role.getInit() != InitKind::Value) {
    printer << " init = " << stringifyInitKind(role.getInit());
  } else if (role.getValue() && !(role.isState() && role.getValue().getValueAsDouble() == 0.0)) {
    printer << (role.isState() ? " init = " : " = ");
    printer.printFloat(role.getValue().getValue());
  }
}

template <typename Op> static void printBody(OpAsmPrinter &printer, Op op) {
  printer << ' ';
  printer.printSymbolName(op.getSymName());
  printer << '(';
  llvm::interleaveComma(op.getBody().getArguments(), printer, [&](BlockArgument argument) {
    printer.printOperand(argument);
    printer << ": ";
    printRole(printer, op.getRole(argument.getArgNumber()));
  });
  printer << ')';
  Type element = getEntryType(op.getBody().front());
  if (!element.isF64())
    printer << " elements " << element;
  printer.printOptionalAttrDictWithKeyword(op->getAttrs(), {"sym_name", "roles"});
  printer << ' ';
  printer.printRegion(op.getBody(), /*printEntryBlockArgs=*/false);
}

template <typename Op> static void nameArguments(Op op, Region &region, OpAsmSetValueNameFn setName) {
  // Operations that are not valid are printed as well.
  ArrayAttr roles = op.getRolesAttr();
  if (!roles)
    return;
  for (auto [argument, attribute] : llvm::zip(region.getArguments(), roles))
    if (auto role = dyn_cast<RoleAttr>(attribute))
      setName(argument, role.getName());
}

//===----------------------------------------------------------------------===//
// Arguments
//===----------------------------------------------------------------------===//

template <typename Op> static BlockArgument findArgument(Op op, function_ref<bool(RoleAttr)> matches) {
  for (auto [index, role] : llvm::enumerate(op.getRoles()))
    if (matches(cast<RoleAttr>(role)))
      return op.getBody().getArgument(index);
  return {};
}

template <typename Op> static BlockArgument appendArgument(Op op, RoleAttr role, Location loc) {
  SmallVector<Attribute> roles(op.getRoles().begin(), op.getRoles().end());
  roles.push_back(role);
  op.setRolesAttr(ArrayAttr::get(op.getContext(), roles));
  return op.getBody().addArgument(role.getType(getEntryType(op.getBody().front())), loc);
}

template <typename Op> static void replaceRole(Op op, unsigned index, RoleAttr role) {
  SmallVector<Attribute> roles(op.getRoles().begin(), op.getRoles().end());
  roles[index] = role;
  op.setRolesAttr(ArrayAttr::get(op.getContext(), roles));
}

#define DESCENT_BODY_METHODS(Op)                                                                                       \
  ParseResult Op::parse(OpAsmParser &parser, OperationState &result) { return parseBody(parser, result); }             \
  void Op::print(OpAsmPrinter &printer) { printBody(printer, *this); }                                                 \
  void Op::getAsmBlockArgumentNames(Region &region, OpAsmSetValueNameFn setName) {                                     \
    nameArguments(*this, region, setName);                                                                             \
  }                                                                                                                    \
  BlockArgument Op::getArgument(StringRef name) {                                                                      \
    return findArgument(*this, [&](RoleAttr role) { return role.getName() == name; });                                 \
  }                                                                                                                    \
  BlockArgument Op::getArgument(RoleKind kind) {                                                                       \
    return findArgument(*this, [&](RoleAttr role) { return role.getKind() == kind; });                                 \
  }                                                                                                                    \
  void Op::setRole(unsigned index, RoleAttr role) { replaceRole(*this, index, role); }                                 \
  BlockArgument Op::addArgument(RoleAttr role, Location loc) { return appendArgument(*this, role, loc); }

DESCENT_BODY_METHODS(OptimizerOp)
DESCENT_BODY_METHODS(SharedOp)
#undef DESCENT_BODY_METHODS

UpdateOp OptimizerOp::getUpdate() { return cast<UpdateOp>(getBody().front().getTerminator()); }

//===----------------------------------------------------------------------===//
// descent.update
//===----------------------------------------------------------------------===//

Value UpdateOp::getValueFor(unsigned index) {
  for (auto [destination, value] : llvm::zip(getDestinations(), getValues()))
    if (destination == static_cast<int64_t>(index))
      return value;
  return {};
}

ParseResult UpdateOp::parse(OpAsmParser &parser, OperationState &result) {
  SmallVector<OpAsmParser::UnresolvedOperand> names, values;
  SmallVector<Type> types;
  auto parsePair = [&]() -> ParseResult {
    return failure(parser.parseOperand(names.emplace_back()) || parser.parseEqual() ||
                   parser.parseOperand(values.emplace_back()));
  };
  SMLoc location = parser.getCurrentLocation();
  if (parser.parseCommaSeparatedList(parsePair) || parser.parseColonTypeList(types) ||
      parser.resolveOperands(values, types, location, result.operands))
    return failure();
  SmallVector<int64_t> destinations;
  for (auto [name, type] : llvm::zip(names, types)) {
    SmallVector<Value, 1> destination;
    if (parser.resolveOperand(name, type, destination))
      return failure();
    auto argument = dyn_cast<BlockArgument>(destination.front());
    if (!argument)
      return parser.emitError(name.location)
             << "'" << name.name << "' is not an argument of the rule: only the parameter "
             << "and states can be updated";
    destinations.push_back(argument.getArgNumber());
  }
  result.addAttribute("destinations", parser.getBuilder().getDenseI64ArrayAttr(destinations));
  return parser.parseOptionalAttrDict(result.attributes);
}

void UpdateOp::print(OpAsmPrinter &printer) {
  Block *body = (*this)->getBlock();
  printer << ' ';
  llvm::interleaveComma(llvm::zip(getDestinations(), getValues()), printer, [&](auto pair) {
    auto [destination, value] = pair;
    if (destination >= 0 && destination < body->getNumArguments())
      printer.printOperand(body->getArgument(destination));
    else
      printer << "<<argument " << destination << ">>";
    printer << " = " << value;
  });
  printer << " : " << getValues().getTypes();
  printer.printOptionalAttrDict((*this)->getAttrs(), {"destinations"});
}
