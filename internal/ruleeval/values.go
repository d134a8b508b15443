package ruleeval

import (
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"sort"
	"strconv"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"

	core "github.com/activity-core/activity-core"
)

// normalize gives data the form that expressions see: map[string]any, []any,
// string, bool, nil, int64, uint64, float64, time.Time. json.RawMessage is decoded. A
// float64 with an integral value, which is what encoding/json makes of an
// integer, becomes int64. The input is not changed.
func normalize(v any, depth int) (any, error) {
	if depth > MaxDataDepth {
		return nil, fmt.Errorf("the value is nested deeper than %d levels", MaxDataDepth)
	}
	switch v := v.(type) {
	case nil, string, bool, int64, uint64, time.Time:
		return v, nil
	case float64:
		if v == math.Trunc(v) && math.Abs(v) < 1<<53 {
			return int64(v), nil
		}
		if math.IsNaN(v) || math.IsInf(v, 0) {
			return nil, fmt.Errorf("%v has no JSON form", v)
		}
		return v, nil
	case int:
		return int64(v), nil
	case json.Number:
		return core.DataNumber(string(v))
	case json.RawMessage:
		if len(v) == 0 {
			return nil, nil
		}
		return decodeJSON(v)
	case []any:
		out := make([]any, len(v))
		for i, e := range v {
			n, err := normalize(e, depth+1)
			if err != nil {
				return nil, err
			}
			out[i] = n
		}
		return out, nil
	case map[string]any:
		out := make(map[string]any, len(v))
		for k, e := range v {
			n, err := normalize(e, depth+1)
			if err != nil {
				return nil, fmt.Errorf("%s: %w", k, err)
			}
			out[k] = n
		}
		return out, nil
	}
	// Anything else takes the way through its JSON form.
	b, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return decodeJSON(b)
}

// budget bounds what a result may hold when it is written out, counted with
// shared parts as often as they appear.
type budget struct{ bytes int }

// valueBytes is what any value takes besides its text.
const valueBytes = 8

func newBudget() *budget { return &budget{bytes: MaxPlanBytes} }

var errTooLarge = errors.New("the value is larger than 16 MiB when written out")

func (b *budget) take(n int) error {
	if b.bytes -= n; b.bytes < 0 {
		return errTooLarge
	}
	return nil
}

// toNative converts a result to the Go form of its JSON: times and durations become text.
func toNative(v ref.Val, b *budget) (any, error) { return toNativeAt(v, b, 0) }

func toNativeAt(v ref.Val, b *budget, depth int) (any, error) {
	if depth > MaxDataDepth {
		return nil, fmt.Errorf("the value is nested deeper than %d levels", MaxDataDepth)
	}
	if err := b.take(valueBytes); err != nil {
		return nil, err
	}
	switch v := v.(type) {
	case types.String:
		return string(v), b.take(len(v))
	case types.Bool:
		return bool(v), nil
	case types.Int:
		return int64(v), nil
	case types.Uint:
		if uint64(v) <= math.MaxInt64 {
			return int64(v), nil
		}
		return uint64(v), nil
	case types.Double:
		if f := float64(v); !math.IsNaN(f) && !math.IsInf(f, 0) {
			return f, nil
		}
		return nil, fmt.Errorf("%v is not a number that JSON can hold", float64(v))
	case types.Null:
		return nil, nil
	case types.Bytes:
		return base64.StdEncoding.EncodeToString(v), b.take(len(v) * 4 / 3)
	case types.Timestamp:
		return formatTime(v.Time), nil
	case types.Duration:
		return core.Duration(v.Duration).String(), nil
	case *types.Optional:
		if !v.HasValue() {
			return nil, errors.New("the optional value is absent; end the expression with .orValue(…)")
		}
		return toNativeAt(v.GetValue(), b, depth)
	case traits.Lister:
		out := make([]any, 0, min(listLen(v), 1024))
		for it := v.Iterator(); it.HasNext() == types.True; {
			e, err := toNativeAt(it.Next(), b, depth+1)
			if err != nil {
				return nil, err
			}
			out = append(out, e)
		}
		return out, nil
	case traits.Mapper:
		out := make(map[string]any, min(listLen(v), 1024))
		for it := v.Iterator(); it.HasNext() == types.True; {
			k := it.Next()
			key, err := keyText(k)
			if err != nil {
				return nil, err
			}
			if _, twice := out[key]; twice {
				return nil, fmt.Errorf("two keys of the map are written %q", key)
			}
			if err := b.take(len(key)); err != nil {
				return nil, err
			}
			if out[key], err = toNativeAt(v.Get(k), b, depth+1); err != nil {
				return nil, err
			}
		}
		return out, nil
	}
	return nil, fmt.Errorf("a value of type %s has no JSON form", typeName(v))
}

func keyText(k ref.Val) (string, error) {
	switch k := k.(type) {
	case types.String:
		return string(k), nil
	case types.Int, types.Uint, types.Bool:
		return fmt.Sprint(k.Value()), nil
	}
	return "", fmt.Errorf("a map key of type %s has no JSON form", typeName(k))
}

// toText converts a result to the text that a mixed string takes: integers without
// exponent, doubles in their shortest form, times as RFC 3339, durations as in a
// definition, lists and maps as JSON. Null has no text.
func toText(v ref.Val, b *budget) (string, error) {
	native, err := toNative(v, b)
	if err != nil {
		return "", err
	}
	return nativeText(native)
}

func nativeText(v any) (string, error) {
	switch v := v.(type) {
	case string:
		return v, nil
	case bool:
		return strconv.FormatBool(v), nil
	case int64:
		return strconv.FormatInt(v, 10), nil
	case uint64:
		return strconv.FormatUint(v, 10), nil
	case float64:
		return formatDouble(v), nil
	case nil:
		return "", errNoText
	}
	return jsonText(v)
}

// errNoText is null where text is wanted.
var errNoText = errors.New("the value is null, which has no text")

// formatDouble is the shortest text that reads back as f, with an exponent only
// where plain digits would be many, as JSON's writers do.
func formatDouble(f float64) string {
	if a := math.Abs(f); a != 0 && (a < 1e-6 || a >= 1e21) {
		s := strconv.FormatFloat(f, 'e', -1, 64)
		return strings.Replace(s, "e-0", "e-", 1)
	}
	return strconv.FormatFloat(f, 'f', -1, 64)
}

func formatTime(t time.Time) string { return t.UTC().Format(time.RFC3339Nano) }

// typeName is the name of a value's type as the documentation has it.
func typeName(v ref.Val) string {
	switch v.(type) {
	case traits.Lister:
		return "list"
	case traits.Mapper:
		return "map"
	case types.Null:
		return "null"
	case types.Timestamp:
		return "timestamp"
	case types.Duration:
		return "duration"
	case *types.Optional:
		return "optional"
	}
	return v.Type().TypeName()
}

func typeNames(args []ref.Val) string {
	names := make([]string, len(args))
	for i, a := range args {
		names[i] = typeName(a)
	}
	return strings.Join(names, ", ")
}

// nativeTypeName is the name of a native value's type.
func nativeTypeName(v any) string {
	switch v.(type) {
	case nil:
		return "null"
	case string:
		return "string"
	case bool:
		return "bool"
	case int64, uint64, int:
		return "int"
	case float64:
		return "double"
	case []any:
		return "list"
	case map[string]any:
		return "map"
	}
	return fmt.Sprintf("%T", v)
}

// quoteShort quotes a value for a message, shortened at a rune's end.
func quoteShort(s string) string { return strconv.Quote(shorten(s, 80)) }

func shorten(s string, n int) string {
	if len(s) <= n {
		return s
	}
	for n > 0 && !utf8.RuneStart(s[n]) {
		n--
	}
	return s[:n] + "…"
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}
