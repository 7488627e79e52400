// Which names the generated header can use.
#include "descent/Dialect/Descent/IR/Descent.h"

#include "llvm/ADT/StringExtras.h"

using namespace mlir;
using namespace descent;

/// Keywords of C11 and C++20 in lower case, and macros of C's standard headers.
static constexpr StringLiteral kKeywords[] = {
    "alignas",   "alignof",  "and",      "and_eq",  "asm",      "auto",      "bitand",    "bitor",    "bool",
    "break",     "case",     "catch",    "char",    "class",    "co_await",  "compl",     "concept",  "const",
    "constexpr", "continue", "decltype", "default", "delete",   "do",        "double",    "else",     "enum",
    "errno",     "explicit", "export",   "extern",  "false",    "float",     "for",       "friend",   "goto",
    "if",        "inline",   "int",      "long",    "mutable",  "namespace", "new",       "noexcept", "not",
    "not_eq",    "nullptr",  "operator", "or",      "or_eq",    "private",   "protected", "public",   "register",
    "requires",  "restrict", "return",   "short",   "signed",   "sizeof",    "static",    "struct",   "switch",
    "template",  "this",     "throw",    "true",    "try",      "typedef",   "typeid",    "typename", "union",
    "unsigned",  "using",    "virtual",  "void",    "volatile", "wchar_t",   "while",     "xor",      "xor_eq"};

bool descent::isCName(StringRef name) {
  auto isPart = [](char c) { return llvm::isAlnum(c) || c == '_'; };
  // A leading underscore is the implementation's.
  return !name.empty() && llvm::isAlpha(name.front()) && name.size() < 64 && llvm::all_of(name, isPart) &&
         !llvm::is_contained(kKeywords, name);
}
