package ruleeval

import (
	"encoding/json"
	"fmt"
	"net/url"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"golang.org/x/mod/semver"

	core "github.com/activity-core/activity-core"
)

// ownFunctions are the functions that CEL's libraries lack. docs/expressions.md
// describes each.
func ownFunctions() cel.EnvOption {
	return func(e *cel.Env) (*cel.Env, error) {
		str, dyn := cel.StringType, cel.DynType
		var err error
		for _, o := range append(timeFunctions(),
			orderedFunctionDecl(),
			cel.Function("semver.compare", cel.Overload("semver_compare_string_string", []*cel.Type{str, str}, cel.IntType,
				cel.BinaryBinding(semverCompare))),
			cel.Function("semver_compare", cel.Overload("semver_compare_alias", []*cel.Type{str, str}, cel.IntType,
				cel.BinaryBinding(semverCompare))),
			cel.Function("semver.is_valid", cel.Overload("semver_is_valid_string", []*cel.Type{str}, cel.BoolType,
				cel.UnaryBinding(func(v ref.Val) ref.Val {
					return types.Bool(semver.IsValid(canonicalVersion(string(v.(types.String)))))
				}))),
			cel.Function("semver.major", cel.Overload("semver_major_string", []*cel.Type{str}, cel.StringType,
				cel.UnaryBinding(semverPart(semver.Major)))),
			cel.Function("semver.major_minor", cel.Overload("semver_major_minor_string", []*cel.Type{str}, cel.StringType,
				cel.UnaryBinding(semverPart(semver.MajorMinor)))),
			cel.Function("semver.prerelease", cel.Overload("semver_prerelease_string", []*cel.Type{str}, cel.StringType,
				cel.UnaryBinding(semverPart(semver.Prerelease)))),
			cel.Function("json", cel.Overload("json_string", []*cel.Type{str}, dyn, cel.UnaryBinding(jsonDecode))),
			cel.Function("json.decode", cel.Overload("json_decode_string", []*cel.Type{str}, dyn, cel.UnaryBinding(jsonDecode))),
			cel.Function("json.encode", cel.Overload("json_encode_any", []*cel.Type{dyn}, cel.StringType, cel.UnaryBinding(jsonEncode))),
			cel.Function("url_escape", cel.Overload("url_escape_string", []*cel.Type{str}, cel.StringType,
				cel.UnaryBinding(func(v ref.Val) ref.Val {
					return types.String(strings.ReplaceAll(url.QueryEscape(string(v.(types.String))), "+", "%20"))
				}))),
			// distinct of the library compares each with each; this one is linear for scalars.
			cel.Function("distinct", cel.MemberOverload("list_distinct",
				[]*cel.Type{cel.ListType(cel.TypeParamType("T"))}, cel.ListType(cel.TypeParamType("T")),
				cel.UnaryBinding(distinct))),
		) {
			if e, err = o(e); err != nil {
				return nil, err
			}
		}
		return e, nil
	}
}

// canonicalVersion accepts versions with and without the leading v that Go writes.
func canonicalVersion(s string) string {
	if s != "" && s[0] >= '0' && s[0] <= '9' {
		return "v" + s
	}
	return s
}

func semverCompare(a, b ref.Val) ref.Val {
	x, y := canonicalVersion(string(a.(types.String))), canonicalVersion(string(b.(types.String)))
	for _, v := range []string{x, y} {
		if !semver.IsValid(v) {
			return types.NewErr("%s is not a semantic version such as 1.2.3 or v1.2.3-rc.1; test it with semver.is_valid first", quoteShort(v))
		}
	}
	return types.Int(semver.Compare(x, y))
}

func semverPart(part func(string) string) func(ref.Val) ref.Val {
	return func(v ref.Val) ref.Val {
		s := canonicalVersion(string(v.(types.String)))
		if !semver.IsValid(s) {
			return types.NewErr("%s is not a semantic version such as 1.2.3 or v1.2.3-rc.1; test it with semver.is_valid first", quoteShort(s))
		}
		return types.String(part(s))
	}
}

func jsonDecode(v ref.Val) ref.Val {
	native, err := decodeJSON([]byte(v.(types.String)))
	if err != nil {
		return types.NewErr("json: %v", err)
	}
	return types.DefaultTypeAdapter.NativeToValue(native)
}

func jsonEncode(v ref.Val) ref.Val {
	budget := newBudget()
	native, err := toNative(v, budget)
	if err != nil {
		return types.NewErr("json.encode: %v", err)
	}
	s, err := jsonText(native)
	if err != nil {
		return types.NewErr("json.encode: %v", err)
	}
	return types.String(s)
}

// jsonText is the JSON of a native value: keys sorted, <, > and & as they are.
func jsonText(native any) (string, error) {
	var b strings.Builder
	enc := json.NewEncoder(&b)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(native); err != nil {
		return "", err
	}
	return strings.TrimSuffix(b.String(), "\n"), nil
}

func distinct(v ref.Val) ref.Val {
	list := v.(traits.Lister)
	n := int(list.Size().(types.Int))
	out := make([]ref.Val, 0, n)
	seen := make(map[string]bool, n)
	var odd []ref.Val // values without a scalar identity, compared one by one
next:
	for it := list.Iterator(); it.HasNext() == types.True; {
		e := it.Next()
		if id, ok := scalarIdentity(e); ok {
			if !seen[id] {
				seen[id] = true
				out = append(out, e)
			}
			continue
		}
		for _, o := range odd {
			if types.Equal(o, e) == types.True {
				continue next
			}
		}
		odd = append(odd, e)
		out = append(out, e)
	}
	return types.NewRefValList(types.DefaultTypeAdapter, out)
}

// scalarIdentity gives equal scalars equal strings, across number types as CEL's equality does.
func scalarIdentity(v ref.Val) (string, bool) {
	switch v := v.(type) {
	case types.String:
		return "s" + string(v), true
	case types.Bool:
		return fmt.Sprint("b", bool(v)), true
	case types.Int:
		return fmt.Sprint("n", int64(v)), true
	case types.Uint:
		return fmt.Sprint("n", uint64(v)), true
	case types.Double:
		if f := float64(v); f == float64(int64(f)) && f > -1<<53 && f < 1<<53 {
			return fmt.Sprint("n", int64(f)), true
		}
	case types.Null:
		return "0", true
	}
	return "", false
}

// decodeJSON is [core.DecodeData] with a bound on depth.
func decodeJSON(data []byte) (any, error) {
	if err := checkDepth(data); err != nil {
		return nil, err
	}
	return core.DecodeData(data)
}

// checkDepth refuses deep nesting before any memory is spent on it.
func checkDepth(data []byte) error {
	depth, inString := 0, false
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case inString:
			switch c {
			case '\\':
				i++
			case '"':
				inString = false
			}
		case c == '"':
			inString = true
		case c == '{' || c == '[':
			if depth++; depth > MaxDataDepth {
				return fmt.Errorf("the JSON is nested deeper than %d levels", MaxDataDepth)
			}
		case c == '}' || c == ']':
			depth--
		}
	}
	return nil
}
