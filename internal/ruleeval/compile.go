package ruleeval

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"

	core "github.com/activity-core/activity-core"
)

// Program is a compiled definition. It is immutable and safe for concurrent use.
type Program struct {
	name    string
	vars    map[string]any
	trigger *expression
	rules   []rule
}

type rule struct {
	index    int
	name     string
	as       string
	when     *expression
	forEach  *expression
	filter   *filtered
	itemKey  *expression
	maxItems int
	actions  []action
}

type action struct {
	index   int
	def     core.Action
	with    *node
	params  *Param
	needs   []reference // what deferred templates read, besides steps
	waiting bool        // there is a deferred template
}

// filtered is for_each in the form list.filter(x, condition), where list is plain data.
type filtered struct {
	list      ast.Expr
	condition string
}

// envFor gives the environment an expression is compiled in; made on demand.
type envFor func() *cel.Env

type compiler struct {
	*language
	unread    core.Unread
	unknown   unknownNames
	faults    []core.FieldError
	count     int
	response  *cel.Env
	broken    error // an environment could not be made: a defect
	saved     bool  // the definition is one that was saved, and may have been by an earlier version
	overLimit bool
}

// fault records what is wrong at a location.
func (c *compiler) fault(at string, value any, format string, args ...any) {
	if c.unread.Covers(at) {
		return
	}
	c.faults = append(c.faults, core.FieldError{Location: at, Message: fmt.Sprintf(format, args...), Value: shown(value)})
}

// shown is a value as a message shows it: what is long becomes the beginning of its text.
func shown(value any) any {
	const most = 200
	switch v := value.(type) {
	case string:
		return shorten(v, most)
	case []any, map[string]any:
		if text, err := json.Marshal(v); err == nil && len(text) > most {
			return shorten(string(text), most)
		}
	}
	return value
}

// compile counts the definition's expressions.
func (c *compiler) compile(env *cel.Env, src string) (*expression, error) {
	if c.count++; c.count > MaxTemplates {
		if c.overLimit {
			return nil, errTold
		}
		c.overLimit = true
		return nil, fmt.Errorf("the definition has more than %d expressions", MaxTemplates)
	}
	e, err := c.language.compile(env, src, c.unknown)
	if err == nil && !c.saved {
		if err = zonesIn(e.tree); err == nil {
			err = literalsIn(e.tree)
		}
	}
	return e, err
}

// refused records why an expression could not be compiled, unless that merely follows from what
// has been told.
func (c *compiler) refused(at, src, where string, err error) {
	if !errors.Is(err, errTold) {
		c.fault(at, src, "%s%v", where, err)
	}
}

// env makes an environment once it is asked for.
func (c *compiler) env(base envFor, objects objectTypes, vars []variable) envFor {
	var made *cel.Env
	return func() *cel.Env {
		if made == nil {
			env, err := c.extend(base(), objects, vars)
			if err != nil {
				c.broken = err
				return base()
			}
			made = env
		}
		return made
	}
}

// Compile checks and compiles every expression of a definition: trigger
// condition, rules, templates, and the selections of its context sources. It
// returns an [*core.Error] with CodeInvalid and a FieldError for each
// fault, located as in rules[0].actions[1].with.title.
//
// It expects a definition whose shape [core.Definition.Validate] accepts, and copes with any
// other: what merely follows from a name that Validate refuses, or from something unread (see
// [core.Unread]), is not told.
func Compile(def *core.Definition, unread ...string) (*Program, error) {
	return compileDefinition(def, compiler{unread: unread})
}

// CompileSaved is [Compile] for a definition that was saved: what is refused of a new one
// although it can be evaluated, namely a zone that does not exist, fails where it is evaluated
// and not the whole definition.
func CompileSaved(def *core.Definition) (*Program, error) {
	return compileDefinition(def, compiler{saved: true})
}

func compileDefinition(def *core.Definition, how compiler) (*Program, error) {
	lang, err := sharedLanguage()
	if err != nil {
		return nil, core.Wrap(core.CodeInternal, err, "the expression language cannot be set up")
	}
	c := &how
	c.language = lang
	c.unknown = c.unknownIn(def)
	vars := map[string]any{}
	for _, name := range sortedKeys(def.Vars) {
		v, err := normalize(def.Vars[name], 0)
		if err != nil {
			c.fault("vars."+name, nil, "%v", err)
		}
		vars[name] = v
	}
	p := &Program{name: def.Name, vars: vars}
	objects := baseObjects(def, vars)
	base := func() *cel.Env { return lang.env }
	if def.TriggerConfig.When != "" {
		p.trigger = c.typed(c.env(base, objects, triggerVariables()), "trigger_config.when", def.TriggerConfig.When, cel.BoolType)
	}
	for _, name := range sortedKeys(def.Context) {
		c.contextSource("context."+name, def.Context[name])
	}
	ruleEnv := c.env(base, objects, ruleVariables())
	for i := range def.Rules {
		p.rules = append(p.rules, c.rule(ruleEnv, objects, i, &def.Rules[i]))
	}
	if c.broken != nil {
		return nil, core.Wrap(core.CodeInternal, c.broken, "the expressions of %q cannot be checked", def.Name)
	}
	if len(c.faults) > 0 {
		return nil, core.Invalid(summary(c.faults), c.faults...)
	}
	return p, nil
}

// CompileTrigger compiles trigger_config.when alone, for those who only match
// events. The result's Plan has no rules.
func CompileTrigger(def *core.Definition) (*Program, error) {
	return CompileSaved(&core.Definition{Name: def.Name, TriggerType: def.TriggerType,
		TriggerConfig: core.TriggerConfig{When: def.TriggerConfig.When}, Vars: def.Vars})
}

func summary(faults []core.FieldError) string {
	s := faults[0].Location + ": " + faults[0].Message
	if n := len(faults) - 1; n == 1 {
		s += " (and 1 more fault)"
	} else if n > 1 {
		s += fmt.Sprintf(" (and %d more faults)", n)
	}
	return s
}

// typed compiles an expression whose value must have a type; a dynamic one is checked when
// evaluated.
func (c *compiler) typed(env envFor, at, src string, want *cel.Type) *expression {
	e, err := c.compile(env(), src)
	if err != nil {
		c.refused(at, src, "", err)
		return nil
	}
	got, name := kindOf(e.typ), kindOf(want)
	if got != "" && got != name {
		hint := ""
		if name == "bool" {
			hint = "; compare it with something, for example " + shorten(strings.TrimSpace(src), 40) + map[string]string{
				"string": " == 'x'", "int": " > 0", "double": " > 0.0", "list": ".size() > 0", "map": ".size() > 0"}[got]
		}
		c.fault(at, src, "must be %s, is %s%s", name, got, hint)
		return nil
	}
	return e
}

// kindOf is a type's name in messages, "" where it is known at run time only.
func kindOf(t *cel.Type) string {
	switch t.Kind() {
	case types.DynKind, types.AnyKind, types.TypeParamKind, types.ErrorKind:
		return ""
	case types.ListKind:
		return "list"
	case types.MapKind, types.StructKind:
		return "map"
	case types.NullTypeKind:
		return "null"
	case types.UintKind:
		return "int"
	case types.OpaqueKind:
		if t.TypeName() == "optional_type" && len(t.Parameters()) == 1 {
			return kindOf(t.Parameters()[0])
		}
	}
	return strings.TrimPrefix(t.TypeName(), "google.protobuf.")
}

func (c *compiler) contextSource(at string, src core.ContextSource) {
	if src.HTTP == nil {
		return
	}
	if src.HTTP.Select != "" {
		if _, err := c.compile(c.responseEnv(), src.HTTP.Select); err != nil {
			c.refused(at+".http.select", src.HTTP.Select, "", err)
		}
	}
	if p := src.HTTP.Paging; p != nil && p.Cursor != "" {
		if _, err := c.compile(c.responseEnv(), p.Cursor); err != nil {
			c.refused(at+".http.paging.cursor", p.Cursor, "", err)
		}
	}
}

func (c *compiler) rule(base envFor, objects objectTypes, i int, def *core.Rule) rule {
	at := fmt.Sprintf("rules[%d]", i)
	r := rule{index: i, name: def.Name, maxItems: def.MaxItems}
	if r.maxItems <= 0 {
		r.maxItems = core.DefaultMaxItems
	}
	if def.When != "" {
		r.when = c.typed(base, at+".when", def.When, cel.BoolType)
	}
	everywhere := c.unknown
	c.unknown = c.unknownInRule(at, def)
	defer func() { c.unknown = everywhere }()
	env := base
	if def.ForEach != "" || def.As != "" || def.ItemKey != "" || c.unread.Covers(at+".for_each") { // for_each is missing where another is given
		env = c.loop(base, at, &r, def)
	}
	if def.ItemKey != "" {
		r.itemKey = c.itemKey(env, at+".item_key", def.ItemKey)
	}
	steps := map[string]*cel.Type{}
	for j := range def.Actions {
		a := &def.Actions[j]
		actionEnv := env
		if len(steps) > 0 {
			known := objectTypes{stepsType: {}}
			for name, fields := range objects {
				known[name] = fields
			}
			for name, t := range steps {
				known[stepsType][name] = t
			}
			actionEnv = c.env(env, known, []variable{{"steps", cel.ObjectType(stepsType)}})
		}
		r.actions = append(r.actions, c.action(actionEnv, fmt.Sprintf("%s.actions[%d]", at, j), j, a))
		if a.Name != "" {
			steps[a.Name] = cel.DynType
		}
	}
	return r
}

// loop compiles for_each, and gives the environment of what is evaluated for each item.
func (c *compiler) loop(base envFor, at string, r *rule, def *core.Rule) envFor {
	r.as = def.As
	if r.as == "" {
		r.as = DefaultItemName
	}
	if !isIdentifier(r.as) {
		c.fault(at+".as", def.As, "must be letters, digits and '_', not beginning with a digit")
		r.as = DefaultItemName
	}
	for _, name := range core.ScopeNames() {
		if r.as == name {
			c.fault(at+".as", def.As, "would hide %q, which every expression can use; choose another name", name)
			r.as = DefaultItemName
		}
	}
	item := cel.DynType
	if def.ForEach != "" {
		r.forEach = c.typed(base, at+".for_each", def.ForEach, cel.ListType(cel.DynType))
	}
	if r.forEach != nil {
		r.filter = asFilter(r.forEach)
		if t := r.forEach.typ; t.Kind() == types.ListKind {
			item = t.Parameters()[0]
		}
	}
	return c.env(base, nil, []variable{{r.as, item}})
}

func (c *compiler) itemKey(env envFor, at, src string) *expression {
	e, err := c.compile(env(), src)
	if err != nil {
		c.refused(at, src, "", err)
		return nil
	}
	switch got := kindOf(e.typ); got {
	case "", "string", "int":
	default:
		c.fault(at, src, "must be string or int, is %s; it names the item for ever, so choose what never changes, such as an ID or full name", got)
		return nil
	}
	return e
}

func (c *compiler) action(env envFor, at string, j int, def *core.Action) action {
	a := action{index: j, def: *def, params: paramsRoot(def.Type)}
	if a.params == nil {
		c.fault(at+".type", string(def.Type), "is not an action type")
		c.build(env, at+".with", def.With, nil)
		return a
	}
	with, err := normalize(def.With, 0)
	if err != nil {
		c.fault(at+".with", nil, "%v", err)
		return a
	}
	m, _ := with.(map[string]any)
	before := len(c.faults)
	a.with = c.build(env, at+".with", m, a.params)
	refs, waiting := a.with.deferredReferences()
	a.waiting = waiting
	for _, r := range refs {
		if r.root != "steps" {
			a.needs = append(a.needs, r)
		}
	}
	told := map[string]bool{}
	for _, f := range c.faults[before:] {
		told[f.Location] = true
	}
	before = len(c.faults)
	c.checkLiterals(at, a.with)
	c.faults = append(c.faults[:before], slices.DeleteFunc(slices.Clone(c.faults[before:]), func(f core.FieldError) bool { return told[f.Location] })...)
	return a
}

// checkLiterals applies to what is already known the checks that a plan applies to everything.
func (c *compiler) checkLiterals(at string, n *node) {
	var walk func(n *node, where path)
	walk = func(n *node, where path) {
		before := len(c.faults)
		whole := func() {
			if _, err := coerce(n.param, n.literal, where, nil); err != nil {
				c.literalFault(at, err)
			}
		}
		switch {
		case n.param == nil || n.tmpl != nil:
			return
		case n.constant && !n.hasParts():
			whole()
			return
		case n.isMap && n.param.Kind != KindMap && n.param.Kind != KindObject && n.param.Kind != KindAny,
			n.isList && n.param.Kind != KindList && n.param.Kind != KindAny && n.param.Kind != KindStatus:
			c.fault(at+"."+where.String(), n.written, "must be %s, is %s", n.param.what(), describeNative(n.written))
			return
		}
		given := map[string]bool{}
		for i, k := range n.keys {
			given[k] = true
			if n.param.Kind == KindMap && (n.param.Elem.Position == PositionHeader || n.param.Elem.Position == PositionSecret) {
				if err := checkHeaderName(k); err != nil {
					c.fault(at+"."+append(where, k).String(), nil, "%v", err)
				}
			}
			walk(n.values[i], append(where, k))
		}
		for i, e := range n.list {
			walk(e, append(where, i))
		}
		for i := range n.param.Fields {
			f := &n.param.Fields[i]
			if f.Required && !given[f.Name] && !n.meant(f.Name) {
				c.fault(at+"."+append(where, f.Name).String(), nil, "is required: %s", f.Doc)
			}
			for _, other := range f.Excludes {
				if given[f.Name] && given[other] && f.Name > other {
					c.fault(at+"."+append(where, f.Name).String(), nil, "cannot be given together with %s", other)
				}
			}
		}
		if n.constant && len(c.faults) == before && len(n.strays) == 0 {
			whole()
		}
	}
	walk(n, nil)
}

func (c *compiler) literalFault(at string, err error) {
	var f *fieldFault
	if errors.As(err, &f) {
		c.fault(at+"."+f.at, f.value, "%v", f.err)
		return
	}
	c.fault(at, nil, "%v", err)
}

// asFilter recognizes list.filter(x, condition) over plain data.
func asFilter(e *expression) *filtered {
	root := e.tree.Expr()
	call, ok := e.tree.SourceInfo().GetMacroCall(root.ID())
	if !ok || root.Kind() != ast.ComprehensionKind || call.Kind() != ast.CallKind || call.AsCall().FunctionName() != "filter" || len(call.AsCall().Args()) != 2 {
		return nil
	}
	list := loopRange(root.AsComprehension())
	if _, plain := fixedChain(list); !plain {
		return nil
	}
	return &filtered{list: list, condition: e.render(call.AsCall().Args()[1])}
}
