// Constant structs of C as globals of the LLVM dialect.
#ifndef DESCENT_TARGET_ARTIFACT_CONSTANTTABLES_H
#define DESCENT_TARGET_ARTIFACT_CONSTANTTABLES_H

#include "mlir/Dialect/LLVMIR/LLVMDialect.h"
#include "mlir/IR/ImplicitLocOpBuilder.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/StringMap.h"

#include <variant>
#include <vector>

namespace descent {

/// A constant: an integer, a number, the address of a symbol (none: null), a struct or an array.
class Constant {
public:
  static Constant u32(uint32_t value) { return Constant(32, value); }
  static Constant i64(int64_t value) { return Constant(64, value); }
  static Constant f64(double value) { return Constant(0, value); }
  static Constant address(mlir::FlatSymbolRefAttr symbol) { return Constant(0, symbol); }
  static Constant null() { return address(nullptr); }
  static Constant structure(std::vector<Constant> fields) { return Constant(0, std::move(fields)); }

  mlir::Type getType(mlir::MLIRContext *context) const;
  mlir::Value emit(mlir::ImplicitLocOpBuilder &b) const;

private:
  using Content = std::variant<int64_t, double, mlir::FlatSymbolRefAttr, std::vector<Constant>>;
  Constant(unsigned bits, Content content) : bits(bits), content(std::move(content)) {}

  unsigned bits; // of an integer
  Content content;
};

/// Adds constants to a module, internal unless said otherwise; each text once.
class ConstantTables {
public:
  ConstantTables(mlir::ImplicitLocOpBuilder &b, mlir::SymbolTable &symbols, llvm::StringRef prefix)
      : b(b), symbols(symbols), prefix(prefix) {}

  Constant text(llvm::StringRef text);
  /// The address of an array of constants of one type; null when it is empty.
  Constant array(llvm::StringRef name, const std::vector<Constant> &elements);
  Constant array(llvm::StringRef name, llvm::ArrayRef<uint32_t> elements);
  mlir::FlatSymbolRefAttr add(llvm::StringRef name, const Constant &value);
  /// A constant that the artifact's other files see, but not those that link it.
  mlir::FlatSymbolRefAttr addHidden(llvm::StringRef name, const Constant &value);
  /// The address of what another file adds.
  Constant declare(llvm::StringRef name);
  /// The address of bytes that a device reads.
  Constant image(llvm::StringRef name, llvm::StringRef bytes);
  /// The address of a constant or a function of another library, by its full name.
  Constant external(llvm::StringRef name);
  Constant externalFunction(llvm::StringRef name);

private:
  mlir::FlatSymbolRefAttr addGlobal(llvm::StringRef name, mlir::Type type, mlir::Attribute value,
                                    llvm::function_ref<mlir::Value()> emit);

  mlir::ImplicitLocOpBuilder &b;
  mlir::SymbolTable &symbols;
  std::string prefix;
  llvm::StringMap<mlir::FlatSymbolRefAttr> texts;
};

} // namespace descent

#endif // DESCENT_TARGET_ARTIFACT_CONSTANTTABLES_H
