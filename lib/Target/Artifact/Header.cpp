#include "descent/Target/Artifact/Artifact.h"

#include "llvm/ADT/StringExtras.h"
#include "llvm/Support/Format.h"

using namespace mlir;
using namespace descent::plan;

static constexpr char descentHeader[] = {
#include "descent/Target/Artifact/DescentHeader.inc"
};

/// A name as part of a C constant.
static std::string constant(StringRef name) {
  std::string text = name.upper();
  for (char &c : text)
    if (!llvm::isAlnum(c))
      c = '_';
  return text;
}

/// A name as a C identifier.
static std::string identifier(StringRef name) {
  std::string text = name.str();
  for (char &c : text)
    if (!llvm::isAlnum(c))
      c = '_';
  return text;
}

static void emitConstants(const ProgramLayout &layout, StringRef prefix, raw_ostream &os) {
  os << "enum {\n";
  for (auto [index, track] : llvm::enumerate(ArrayRef(layout.tracks).take_front(layout.numGroups)))
    os << "  " << prefix << "_GROUP_" << constant(TrackOp(track.track).getSymName()) << " = " << index << ", /* weight "
       << track.getWeightType() << ", gradient " << track.getGradientType() << " */\n";
  os << "  " << prefix << "_GROUPS = " << layout.numGroups << ",\n";
  for (const TrackLayout &track : ArrayRef(layout.tracks).take_front(layout.numGroups)) {
    std::string group = (prefix + "_" + constant(TrackOp(track.track).getSymName())).str();
    for (auto [index, state] : llvm::enumerate(track.states))
      os << "  " << group << "_STATE_" << constant(state.name) << " = " << index << ", /* " << state.scope << ' '
         << state.type << " */\n";
    for (auto [index, input] : llvm::enumerate(track.inputs))
      os << "  " << group << "_INPUT_" << constant(InputOp(input).getName()) << " = " << index << ",\n";
    for (auto [index, factor] : llvm::enumerate(track.factors))
      os << "  " << group << "_FACTOR_" << constant(FactorOp(factor).getName()) << " = " << index << ",\n";
  }
  for (auto [index, report] : llvm::enumerate(layout.reports))
    os << "  " << prefix << "_REPORT_" << constant(report) << " = " << index << ",\n";
  unsigned stages = 0;
  for (const TrackLayout &track : layout.tracks)
    stages += track.stages.size();
  ProgramOp program = layout.program;
  os << "  " << prefix << "_REPORTS = " << layout.reports.size() << ",\n  " << prefix << "_STAGES = " << stages
     << ",\n  " << prefix << "_SEGMENTS = " << program.getSegments() << "\n};\n\n";
}

static void emitHypers(const ProgramLayout &layout, StringRef name, raw_ostream &os) {
  if (layout.numHypers == 0)
    return;
  os << "/* Pass (const double *)&hyper. " << name << "_hyper_defaults fills one in. */\ntypedef struct " << name
     << "_hyper {\n";
  for (const TrackLayout &track : layout.tracks) {
    if (track.hypers.empty())
      continue;
    os << "  struct {\n";
    for (HyperOp hyper : track.hypers)
      os << "    double " << identifier(hyper.getName()) << "; /* "
         << llvm::format("%g", hyper.getValue().convertToDouble()) << " */\n";
    os << "  } " << identifier(TrackOp(track.track).getSymName()) << ";\n";
  }
  os << "} " << name << "_hyper;\n\n";
}

/// The entry points; $ stands for the artifact's name.
static constexpr StringRef functions = R"(/* JSON that describes this optimizer. */
const char *$_manifest(void);
/* The groups' states, a line each; store it beside a checkpoint. */
const char *$_signature(void);
uint64_t $_fingerprint(void);
/* Refuses the states of another optimizer by name. */
int32_t $_check_signature(const char *signature, descent_error *error);
/* count: sizeof(hyper) / sizeof(double). */
int32_t $_hyper_defaults(double *hyper, uint64_t count, descent_error *error);
/* Of one state of an entry, packed; -1 on error. */
int64_t $_state_bytes(const descent_layer *layer, uint32_t state, descent_error *error);
/* The number of views that $_states_place fills in; -1 on error. */
int64_t $_states_count(const descent_layer *layers, int64_t count, descent_error *error);
/* One block for all states; -1 on error. */
int64_t $_states_bytes(const descent_layer *layers, int64_t count, descent_error *error);
/* Cuts the block and points views, and the entries' states, into it. */
int32_t $_states_place(descent_layer *layers, int64_t count, void *memory, descent_view *views, descent_error *error);
int32_t $_states_init(const descent_layer *layers, int64_t count, descent_error *error);
int32_t $_plan_create(const descent_layer *layers, int64_t count, const descent_plan_options *options,
                      descent_plan **plan, descent_error *error);
/* After pointers have moved; shapes, batches and groups stay. */
int32_t $_plan_rebind(descent_plan *plan, const descent_layer *layers, int64_t count, descent_error *error);
/* The code path of the plan, as `descent-compile --target` names it: "cpu:avx2". */
const char *$_plan_target(const descent_plan *plan);
int64_t $_plan_workspace_bytes(const descent_plan *plan);
void $_plan_destroy(descent_plan *plan);
int32_t $_step(descent_plan *plan, const descent_step *step, descent_result *result, descent_error *error);
)";

std::string descent::plan::emitHeader(ProgramOp program) {
  ProgramLayout layout(program);
  std::string name = program.getSymName().str(), prefix = constant(name), text;
  llvm::raw_string_ostream os(text);
  os << "/* Generated by descent-compile: the optimizer '" << name << "'. */\n"
     << "#ifndef " << prefix << "_OPTIMIZER_H\n#define " << prefix << "_OPTIMIZER_H\n\n"
     << StringRef(descentHeader, sizeof(descentHeader)) << "\n#ifdef __cplusplus\nextern \"C\" {\n#endif\n\n";
  emitConstants(layout, prefix, os);
  emitHypers(layout, name, os);
  for (char c : functions)
    if (c == '$')
      os << name;
    else
      os << c;
  os << "\n#ifdef __cplusplus\n}\n#endif\n#endif\n";
  return text;
}
