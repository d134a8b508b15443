package ruleeval

import (
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/interpreter"

	core "github.com/activity-core/activity-core"
)

// valueError is a value that a conversion does not take: what it is not, and the remedy.
// [expression.explain] adds its path.
type valueError struct{ problem, remedy string }

// Error implements error.
func (e *valueError) Error() string { return e.problem }

// maxTimePattern bounds the pattern of time.format in bytes.
const maxTimePattern = 256

// timeFunctions read the usual forms of times, and write times in a zone.
func timeFunctions() []cel.EnvOption {
	at, str, dyn := cel.TimestampType, cel.StringType, cel.DynType
	return []cel.EnvOption{
		cel.Function("time.parse",
			cel.Overload("time_parse_any", []*cel.Type{dyn}, at, cel.UnaryBinding(func(v ref.Val) ref.Val { return parseTime(v, nil) })),
			cel.Overload("time_parse_any_zone", []*cel.Type{dyn, str}, at, cel.BinaryBinding(func(v, zone ref.Val) ref.Val {
				loc, err := zoneNamed(string(zone.(types.String)))
				if err != nil {
					return types.NewErr("time.parse: %v", err)
				}
				return parseTime(v, loc)
			}))),
		cel.Function("time.format",
			cel.Overload("time_format_pattern", []*cel.Type{at, str}, str, cel.BinaryBinding(func(t, pattern ref.Val) ref.Val {
				return writeTime(t, pattern, types.String(""))
			})),
			cel.Overload("time_format_pattern_zone", []*cel.Type{at, str, str}, str, cel.FunctionBinding(func(args ...ref.Val) ref.Val {
				return writeTime(args[0], args[1], args[2])
			}))),
	}
}

// parseTime is time.parse.
func parseTime(v ref.Val, zone *time.Location) ref.Val {
	var text string
	switch v := v.(type) {
	case types.Timestamp:
		return v
	case types.String:
		text = string(v)
	case types.Int, types.Uint:
		text = fmt.Sprint(v.Value())
	case types.Double:
		text = fmt.Sprintf("%.9f", float64(v))
	default:
		return types.WrapErr(&valueError{"is no time", "time.parse takes text, a number of seconds since 1970, or a timestamp"})
	}
	t, err := core.ReadTime(text, zone)
	var zoneless *core.NoZoneError
	switch {
	case errors.As(err, &zoneless):
		return types.WrapErr(&valueError{err.Error(), "name the one in which it is meant, as in time.parse(…, 'Europe/Berlin')"})
	case err != nil:
		return types.WrapErr(&valueError{err.Error(), ""})
	}
	return types.Timestamp{Time: t}
}

// timeVerbs are what time.format knows after %, as strftime of POSIX in the C locale.
var timeVerbs = map[byte]string{
	'Y': "2006", 'y': "06", 'm': "01", 'd': "02", 'e': "_2", 'j': "002", 'H': "15", 'I': "03", 'M': "04", 'S': "05", 'p': "PM",
	'a': "Mon", 'A': "Monday", 'b': "Jan", 'B': "January", 'z': "-0700", 'Z': "MST", 'F': "2006-01-02", 'T': "15:04:05", 'R': "15:04",
}

// formatTimeAs writes a time by a pattern of strftime.
func formatTimeAs(t time.Time, pattern string) (string, error) {
	if len(pattern) > maxTimePattern {
		return "", fmt.Errorf("the pattern has %d bytes, at most %d are allowed", len(pattern), maxTimePattern)
	}
	var b strings.Builder
	for i := 0; i < len(pattern); i++ {
		if pattern[i] != '%' {
			b.WriteByte(pattern[i])
			continue
		}
		if i++; i == len(pattern) {
			return "", fmt.Errorf("the pattern %s ends with %%; write %%%% for the sign", quoteShort(pattern))
		}
		layout, known := timeVerbs[pattern[i]]
		switch verb := pattern[i]; {
		case known:
			b.WriteString(t.Format(layout))
		case verb == '%':
			b.WriteByte('%')
		case verb == 's':
			fmt.Fprint(&b, t.Unix())
		case verb == 'u':
			fmt.Fprint(&b, (int(t.Weekday())+6)%7+1)
		case verb == 'G' || verb == 'V':
			year, week := t.ISOWeek()
			if verb == 'G' {
				fmt.Fprintf(&b, "%04d", year)
			} else {
				fmt.Fprintf(&b, "%02d", week)
			}
		default:
			return "", fmt.Errorf("the pattern %s has %%%c, which is not known; known are %%Y %%y %%m %%d %%e %%j %%H %%I %%M %%S %%p %%a %%A %%b %%B %%z %%Z %%F %%T %%R %%s %%u %%G %%V %%%%",
				quoteShort(pattern), verb)
		}
	}
	return b.String(), nil
}

// writeTime is time.format.
func writeTime(t, pattern, zone ref.Val) ref.Val {
	loc, err := zoneNamed(string(zone.(types.String)))
	if err == nil {
		var text string
		if text, err = formatTimeAs(t.(types.Timestamp).In(loc), string(pattern.(types.String))); err == nil {
			return types.String(text)
		}
	}
	return types.NewErr("time.format: %v", err)
}

// toTimestamp is CEL's timestamp, which also reads every time of RFC 3339 and says what it does
// not.
func toTimestamp(args ...ref.Val) ref.Val {
	text, ok := args[0].(types.String)
	if !ok {
		return args[0].ConvertToType(types.TimestampType)
	}
	t, err := core.ParseRFC3339(string(text))
	if err == nil && t.Year() >= 1 {
		return types.Timestamp{Time: t}
	}
	e := &valueError{problem: "is not RFC 3339"}
	if _, err := core.ReadTime(string(text), time.UTC); err == nil {
		e.remedy = "time.parse"
		if _, err := core.ReadTime(string(text), nil); err != nil {
			e.remedy = "time.parse with zone"
		}
	}
	return types.WrapErr(e)
}

// toDuration is CEL's duration, which also reads the days and weeks of a definition's durations.
func toDuration(args ...ref.Val) ref.Val {
	text, ok := args[0].(types.String)
	if !ok {
		return args[0].ConvertToType(types.DurationType)
	}
	if v := text.ConvertToType(types.DurationType); !types.IsError(v) {
		return v
	}
	d, err := core.ParseDuration(string(text))
	if err != nil {
		return types.WrapErr(&valueError{"is not a duration", "write for example 30s, 15m, 72h or 7d"})
	}
	return types.Duration{Duration: d.Std()}
}

// explainValue says which value a conversion does not take, by its path, with the remedy.
func (e *expression) explainValue(s interpreter.Activation, fault *valueError, node ast.Expr) string {
	if node == nil || node.Kind() != ast.CallKind || len(node.AsCall().Args()) == 0 {
		return fault.problem
	}
	call, arg := node.AsCall(), node.AsCall().Args()[0]
	where := e.render(arg)
	msg := fmt.Sprintf("the argument %s of %s %s", where, displayFunction(call.FunctionName()), fault.problem)
	if v, ok := resolveChain(s, arg); ok {
		value := describeNative(v)
		if text, isText := v.(string); isText {
			value = quoteShort(text)
		}
		msg = fmt.Sprintf("%s is %s, which %s", where, value, fault.problem)
	}
	switch fault.remedy {
	case "":
		return msg
	case "time.parse":
		return fmt.Sprintf("%s; write time.parse(%s)", msg, where)
	case "time.parse with zone":
		return fmt.Sprintf("%s and says no zone; write time.parse(%s, 'Europe/Berlin') with its zone", msg, where)
	}
	return msg + "; " + fault.remedy
}

// literalsIn judges durations, times and patterns that an expression writes out: what is wrong
// there would fail at each evaluation.
func literalsIn(tree *ast.AST) error {
	var faults []string
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind {
			return
		}
		call := e.AsCall()
		literal := func(i int) (types.String, bool) {
			if i >= len(call.Args()) || call.Args()[i].Kind() != ast.LiteralKind {
				return "", false
			}
			text, ok := call.Args()[i].AsLiteral().(types.String)
			return text, ok
		}
		told := func(i int, problem string) {
			at := tree.SourceInfo().GetStartLocation(call.Args()[i].ID())
			faults = append(faults, place(at.Line(), at.Column())+problem)
		}
		judge := func(convert func(...ref.Val) ref.Val) {
			text, ok := literal(0)
			if !ok {
				return
			}
			var fault *valueError
			if err, isErr := convert(text).(*types.Err); isErr && errors.As(err, &fault) {
				said := fmt.Sprintf("%s %s", quoteShort(string(text)), fault.problem)
				if strings.HasPrefix(fault.remedy, "time.parse") {
					said += "; write RFC 3339, such as 2026-03-01T09:30:00Z, or time.parse(…)"
				} else if fault.remedy != "" {
					said += "; " + fault.remedy
				}
				told(0, said)
			}
		}
		switch call.FunctionName() {
		case "duration":
			judge(toDuration)
		case "timestamp":
			judge(toTimestamp)
		case "time.parse":
			if len(call.Args()) == 1 {
				judge(func(args ...ref.Val) ref.Val { return parseTime(args[0], nil) })
			} else if zone, ok := literal(1); ok {
				if _, err := zoneNamed(string(zone)); err != nil {
					told(1, err.Error())
				}
			}
		case "time.format":
			if pattern, ok := literal(1); ok {
				if _, err := formatTimeAs(time.Time{}, string(pattern)); err != nil {
					told(1, err.Error())
				}
			}
			if zone, ok := literal(2); ok {
				if _, err := zoneNamed(string(zone)); err != nil {
					told(2, err.Error())
				}
			}
		}
	}))
	if len(faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}
