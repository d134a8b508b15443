package ruleeval

import (
	"sync"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/ext"

	core "github.com/activity-core/activity-core"
)

// language is the expression language without any variable: built once, since
// it costs milliseconds, and read-only from then on.
type language struct {
	env     *cel.Env
	options []cel.ProgramOption
}

var sharedLanguage = sync.OnceValues(newLanguage)

func newLanguage() (*language, error) {
	env, err := cel.NewEnv(
		cel.DefaultUTCTimeZone(true),
		cel.CrossTypeNumericComparisons(true),
		cel.EagerlyValidateDeclarations(true),
		cel.EnableMacroCallTracking(),
		cel.ParserExpressionSizeLimit(core.MaxExpressionBytes),
		cel.ParserRecursionLimit(200),
		cel.OptionalTypes(),
		// The versions are fixed so that an upgrade of cel-go does not add words to the
		// language unseen; the costs of all these functions are in prices.go.
		ext.Strings(ext.StringsVersion(4), ext.StringsMaxPrecision(100)),
		ext.Lists(ext.ListsVersion(2), ext.ListsMaxRangeSize(100_000)),
		ext.Sets(ext.SetsVersion(0)),
		ext.Math(ext.MathVersion(2)),
		ext.Encoders(ext.EncodersVersion(0)),
		ext.Regex(),
		ext.Bindings(ext.BindingsVersion(0)),
		ext.TwoVarComprehensions(),
		cel.ASTValidators(
			cel.ValidateRegexLiterals(),
			cel.ValidateComprehensionNestingLimit(MaxNesting),
		),
		zonedFunctions(),
		ownFunctions(),
	)
	if err != nil {
		return nil, err
	}
	prices, err := newPriced(env)
	if err != nil {
		return nil, err
	}
	return &language{env: env, options: []cel.ProgramOption{
		cel.InterruptCheckFrequency(interruptEvery),
		cel.CustomDecoratorV2(prices.decorate),
	}}, nil
}

// extend adds variables, and object types whose fields are known.
func (l *language) extend(base *cel.Env, objects objectTypes, vars []variable) (*cel.Env, error) {
	opts := make([]cel.EnvOption, 0, len(vars)+1)
	if objects != nil {
		opts = append(opts, cel.CustomTypeProvider(&typeProvider{Provider: l.env.CELTypeProvider(), objects: objects}))
	}
	for _, v := range vars {
		opts = append(opts, cel.Variable(v.name, v.typ))
	}
	return base.Extend(opts...)
}

type variable struct {
	name string
	typ  *cel.Type
}

// objectTypes are the fields of the objects in scope by type name. The names
// hold a blank so that no expression can mention them.
type objectTypes map[string]map[string]*cel.Type

// typeProvider lets the type checker know those fields. The values are plain
// maps: a field without accessors is read by its key.
type typeProvider struct {
	types.Provider
	objects objectTypes
}

func (p *typeProvider) FindStructType(name string) (*types.Type, bool) {
	if _, ok := p.objects[name]; ok {
		return types.NewTypeTypeWithParam(types.NewObjectType(name)), true
	}
	return p.Provider.FindStructType(name)
}

func (p *typeProvider) FindStructFieldNames(name string) ([]string, bool) {
	if fields, ok := p.objects[name]; ok {
		return sortedKeys(fields), true
	}
	return p.Provider.FindStructFieldNames(name)
}

func (p *typeProvider) FindStructFieldType(name, field string) (*types.FieldType, bool) {
	if fields, ok := p.objects[name]; ok {
		t, ok := fields[field]
		if !ok {
			return nil, false
		}
		return &types.FieldType{Type: t}, true
	}
	return p.Provider.FindStructFieldType(name, field)
}
