// Reads what the user names and makes a recipe of it.
#include "descent/Compiler/Compiler.h"
#include "descent/Compiler/Library.h"
#include "descent/Dialect/Descent/IR/Descent.h"

#include "mlir/AsmParser/AsmParser.h"
#include "mlir/IR/Verifier.h"
#include "mlir/Parser/Parser.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/SourceMgr.h"

using namespace mlir;
using namespace descent;

/// On the recipe that is made for a single rule: what the artifact is called, since the rule itself has that name.
static constexpr StringLiteral kArtifactAttr = "descent.artifact";

/// An error about the command line.
static InFlightDiagnostic error(MLIRContext &context) { return emitError(UnknownLoc::get(&context)); }

static LogicalResult listRules(InFlightDiagnostic diagnostic) {
  for (const LibraryRule &rule : getLibraryRules())
    diagnostic << " " << rule.name;
  return diagnostic;
}

static OwningOpRef<ModuleOp> parse(MLIRContext &context, const CompileOptions &options) {
  // Verified once the library's rules are in place.
  ParserConfig config(&context, /*verifyAfterParse=*/false);
  if (const LibraryRule *rule = findLibraryRule(options.input))
    return parseSourceString<ModuleOp>(rule->text, config, rule->name);
  if (options.input != "-" && !llvm::sys::fs::exists(options.input)) {
    (void)listRules(error(context) << "'" << options.input << "' is no file and no rule of the library, which has");
    return {};
  }
  return parseSourceFile<ModuleOp>(options.input, config);
}

/// Adds the rules of the library that a recipe uses and the module lacks.
static LogicalResult addLibraryRules(ModuleOp module, RecipeOp recipe) {
  for (auto group : recipe.getBody().getOps<GroupOp>()) {
    if (module.lookupSymbol(group.getRule()))
      continue;
    const LibraryRule *rule = findLibraryRule(group.getRule());
    if (!rule)
      return listRules(group.emitOpError() << "uses '@" << group.getRule()
                                           << "', which is no rule of this file or of the library, which has");
    OwningOpRef<ModuleOp> library = parseSourceString<ModuleOp>(rule->text, module.getContext(), rule->name);
    if (!library)
      return failure();
    library->lookupSymbol(group.getRule())->moveBefore(recipe);
  }
  return success();
}

//===----------------------------------------------------------------------===//
// A recipe of one group
//===----------------------------------------------------------------------===//

static bool needsMatrix(OptimizerOp rule, NormAttrInterface given) {
  bool result = false;
  rule.walk([&](Operation *op) {
    auto norm = op->getAttrOfType<NormAttrInterface>("norm");
    if (isa_and_nonnull<GivenNormAttr>(norm))
      norm = given;
    result |= isa<OrthogonalizeOp>(op);
    // Asked for a vector, a norm of matrices refuses; nothing is reported.
    MLIRContext *context = op->getContext();
    ScopedDiagnosticHandler quiet(context, [](Diagnostic &) { return success(); });
    auto refuse = [&] { return emitError(op->getLoc()); };
    result |= norm && succeeded(norm.verifyQuery(NormQuery::Lmo, GroupClass::Matrix, refuse)) &&
              failed(norm.verifyQuery(NormQuery::Lmo, GroupClass::Any, refuse));
  });
  return result;
}

static bool usesGivenNorm(OptimizerOp rule) {
  auto walk = rule.walk([](Operation *op) {
    bool isGiven = isa_and_nonnull<GivenNormAttr>(op->getAttrOfType<NormAttrInterface>("norm"));
    return isGiven ? WalkResult::interrupt() : WalkResult::advance();
  });
  return walk.wasInterrupted();
}

static FailureOr<NormAttrInterface> parseNorm(MLIRContext &context, StringRef text) {
  if (text.empty())
    return NormAttrInterface();
  std::string full = text.starts_with("#") ? text.str() : ("#descent." + text).str();
  Attribute attribute = parseAttribute(full, &context);
  if (auto norm = dyn_cast_or_null<NormAttrInterface>(attribute))
    return norm;
  return error(context) << "--norm needs a norm such as #descent.rms_to_rms, found '" << text << "'";
}

template <typename Enum>
static FailureOr<std::optional<Enum>> parseWord(MLIRContext &context, StringRef option, StringRef text,
                                                StringRef wanted, std::optional<Enum> (*symbolize)(StringRef)) {
  if (text.empty())
    return std::optional<Enum>();
  if (std::optional<Enum> value = symbolize(text))
    return value;
  return error(context) << option << " needs " << wanted << ", found '" << text << "'";
}

static FailureOr<RecipeOp> makeRecipe(ModuleOp module, OptimizerOp rule, const CompileOptions &options) {
  MLIRContext &context = *module.getContext();
  FailureOr<NormAttrInterface> norm = parseNorm(context, options.norm);
  auto groupClass =
      parseWord<GroupClass>(context, "--class", options.groupClass, "matrix, vector or any", symbolizeGroupClass);
  auto stored = parseWord<Stored>(context, "--stored", options.stored, "out_in or in_out", symbolizeStored);
  if (failed(norm) || failed(groupClass) || failed(stored))
    return failure();
  if (!*groupClass)
    *groupClass = needsMatrix(rule, *norm) ? GroupClass::Matrix : GroupClass::Any;
  if (*norm && !usesGivenNorm(rule))
    return error(context) << "--norm=" << options.norm << " is for a rule that uses '#descent.given', but '@"
                          << rule.getSymName() << "' does not; leave it out";
  if (!*norm && usesGivenNorm(rule))
    return emitError(rule.getLoc()) << "rule '@" << rule.getSymName()
                                    << "' uses '#descent.given': say which norm it is, such as --norm=#descent.rms";
  if (!*stored && **groupClass != GroupClass::Vector && dependsOnOrientation(rule, *norm)) {
    *stored = Stored::OutIn;
    mlir::emitRemark(rule.getLoc()) << "takes matrices as stored out_in, as PyTorch's linear layers are; say "
                                    << "--stored=in_out for Flax, and either to be sure";
  }
  StringRef name = **groupClass == GroupClass::Matrix   ? "matrices"
                   : **groupClass == GroupClass::Vector ? "vectors"
                                                        : "all";
  OpBuilder builder = OpBuilder::atBlockEnd(module.getBody());
  auto recipe = RecipeOp::create(builder, rule.getLoc(), (rule.getSymName() + "_recipe").str(), StorageAttr());
  recipe->setAttr(kArtifactAttr, rule.getSymNameAttr());
  builder.createBlock(&recipe.getBody());
  auto storedAttr = *stored ? StoredAttr::get(&context, **stored) : StoredAttr();
  GroupOp::create(builder, rule.getLoc(), builder.getStringAttr(name), FlatSymbolRefAttr::get(rule.getSymNameAttr()),
                  *norm, GroupClassAttr::get(&context, **groupClass), storedAttr, StorageAttr(), DictionaryAttr());
  return recipe;
}

static FailureOr<RecipeOp> findRecipe(ModuleOp module, const CompileOptions &options) {
  if (!module.getBodyRegion().hasOneBlock())
    return module.emitError() << "needs one block";
  auto recipes = llvm::to_vector(module.getOps<RecipeOp>());
  auto rules = llvm::to_vector(module.getOps<OptimizerOp>());
  if (recipes.size() > 1)
    return recipes[1].emitOpError() << "is the second recipe of this file; a compilation takes one";
  if (recipes.empty() && rules.size() != 1)
    return module.emitError() << "expected a 'descent.recipe' or one 'descent.optimizer', found " << rules.size()
                              << " rules and no recipe";
  // The module is verified once the library's rules are in place; until then only what is verified here is read.
  if (failed(verify(recipes.empty() ? rules.front().getOperation() : recipes.front().getOperation())))
    return failure();
  if (recipes.empty())
    return makeRecipe(module, rules.front(), options);
  if (!options.norm.empty() || !options.groupClass.empty() || !options.stored.empty())
    return recipes.front().emitOpError()
           << "says norm, class and orientation of its groups itself; --norm, --class and "
           << "--stored are for a single rule";
  return recipes.front();
}

static bool isIdentifier(StringRef name) {
  return !name.empty() && !llvm::isDigit(name.front()) &&
         llvm::all_of(name, [](char c) { return llvm::isAlnum(c) || c == '_'; });
}

/// --storage holds for all groups, whatever the recipe says: any recipe can be checked in f64.
static LogicalResult setStorage(RecipeOp recipe, const CompileOptions &options) {
  if (options.storage.empty())
    return success();
  MLIRContext &context = *recipe.getContext();
  std::string reason;
  StorageAttr policy;
  {
    ScopedDiagnosticHandler handler(&context, [&](Diagnostic &diagnostic) {
      if (reason.empty())
        reason = diagnostic.str();
      return success();
    });
    policy = StorageAttr::parseText(&context, options.storage);
  }
  if (!policy)
    return error(context) << "--storage=\"" << options.storage << "\": " << reason
                          << "; wanted is f32, f64, bf16 or f16 alone, or fields such as \"param = bf16, states = "
                          << "q8<256>, master = remainder\"";
  recipe.setStorageAttr(policy);
  for (auto group : recipe.getBody().getOps<GroupOp>())
    group.removeStorageAttr();
  return success();
}

FailureOr<std::string> descent::getArtifactName(ModuleOp module, const CompileOptions &options) {
  RecipeOp recipe = *module.getOps<RecipeOp>().begin();
  auto artifact = recipe->getAttrOfType<StringAttr>(kArtifactAttr);
  StringRef name = !options.name.empty() ? StringRef(options.name)
                   : artifact            ? artifact.getValue()
                                         : recipe.getSymName();
  if (!isIdentifier(name))
    return error(*module.getContext()) << "the artifact's name '" << name
                                       << "' is no C identifier; give one with --name";
  return name.str();
}

OwningOpRef<ModuleOp> descent::loadRecipe(MLIRContext &context, const CompileOptions &options) {
  OwningOpRef<ModuleOp> module = parse(context, options);
  if (!module)
    return {};
  FailureOr<RecipeOp> recipe = findRecipe(*module, options);
  if (failed(recipe) || failed(setStorage(*recipe, options)) || failed(addLibraryRules(*module, *recipe)) ||
      failed(verify(*module)))
    return {};
  return module;
}
