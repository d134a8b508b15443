package ruleeval

import (
	"errors"
	"fmt"
	"strconv"
	"strings"
	"time"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/ast"
	"github.com/google/cel-go/common/overloads"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"

	"github.com/activity-core/activity-core/internal/cronspec"
)

// zonedGetter is one of CEL's functions that read a part of a timestamp in a zone.
type zonedGetter struct {
	function, overload string
	part               func(time.Time) int
}

var zonedGetters = []zonedGetter{
	{overloads.TimeGetFullYear, overloads.TimestampToYearWithTz, time.Time.Year},
	{overloads.TimeGetMonth, overloads.TimestampToMonthWithTz, func(t time.Time) int { return int(t.Month()) - 1 }},
	{overloads.TimeGetDayOfYear, overloads.TimestampToDayOfYearWithTz, func(t time.Time) int { return t.YearDay() - 1 }},
	{overloads.TimeGetDayOfMonth, overloads.TimestampToDayOfMonthZeroBasedWithTz, func(t time.Time) int { return t.Day() - 1 }},
	{overloads.TimeGetDate, overloads.TimestampToDayOfMonthOneBasedWithTz, time.Time.Day},
	{overloads.TimeGetDayOfWeek, overloads.TimestampToDayOfWeekWithTz, func(t time.Time) int { return int(t.Weekday()) }},
	{overloads.TimeGetHours, overloads.TimestampToHoursWithTz, time.Time.Hour},
	{overloads.TimeGetMinutes, overloads.TimestampToMinutesWithTz, time.Time.Minute},
	{overloads.TimeGetSeconds, overloads.TimestampToSecondsWithTz, time.Time.Second},
	{overloads.TimeGetMilliseconds, overloads.TimestampToMillisecondsWithTz, func(t time.Time) int { return t.Nanosecond() / 1e6 }},
}

// zonedFunctions takes the place of CEL's own functions of a zone, which call
// [time.LoadLocation]: that believes $ZONEINFO and the machine's files, and takes "Local" for a
// zone.
func zonedFunctions() cel.EnvOption {
	return func(e *cel.Env) (*cel.Env, error) {
		for _, g := range zonedGetters {
			var err error
			e, err = cel.Function(g.function, cel.MemberOverload(g.overload, []*cel.Type{cel.TimestampType, cel.StringType}, cel.IntType,
				cel.BinaryBinding(func(at, zone ref.Val) ref.Val {
					loc, err := zoneNamed(string(zone.(types.String)))
					if err != nil {
						return types.NewErr("%s: %v", g.function, err)
					}
					return types.Int(g.part(at.(types.Timestamp).In(loc)))
				})))(e)
			if err != nil {
				return nil, err
			}
		}
		return e, nil
	}
}

// zoneNamed reads what an expression calls a zone: a name of the IANA database, or how far it
// is from UTC, such as "+02:00". An empty text is UTC.
func zoneNamed(text string) (*time.Location, error) {
	if text == "" {
		return time.UTC, nil
	}
	hours, minutes, isOffset := strings.Cut(text, ":")
	if isOffset {
		return fixedZone(text, hours, minutes)
	}
	loc, err := cronspec.LoadZone(text)
	var e *cronspec.ParseError
	if errors.As(err, &e) {
		return nil, fmt.Errorf("%s %s; %s", quoteShort(text), e.Reason, e.Hint)
	}
	return loc, err
}

func fixedZone(text, hours, minutes string) (*time.Location, error) {
	h, errH := strconv.Atoi(hours)
	m, errM := strconv.Atoi(minutes)
	if errH != nil || errM != nil || h < -23 || h > 23 || m < 0 || m > 59 {
		return nil, fmt.Errorf("%s is not an offset from UTC such as +02:00 or -05:30, nor a zone such as Europe/Berlin", quoteShort(text))
	}
	east := h*60 + m
	if strings.HasPrefix(text, "-") {
		east = h*60 - m
	}
	return time.FixedZone("", east*60), nil
}

// zonesIn judges the zones that an expression names literally: a misspelled one would fail at
// each evaluation.
func zonesIn(tree *ast.AST) error {
	zoned := map[string]bool{}
	for _, g := range zonedGetters {
		zoned[g.overload] = true
	}
	var faults []string
	ast.PostOrderVisit(tree.Expr(), ast.NewExprVisitor(func(e ast.Expr) {
		if e.Kind() != ast.CallKind || len(e.AsCall().Args()) != 1 || !namesZone(tree, e, zoned) {
			return
		}
		arg := e.AsCall().Args()[0]
		if arg.Kind() != ast.LiteralKind {
			return
		}
		text, ok := arg.AsLiteral().(types.String)
		if !ok {
			return
		}
		if _, err := zoneNamed(string(text)); err != nil {
			at := tree.SourceInfo().GetStartLocation(arg.ID())
			faults = append(faults, place(at.Line(), at.Column())+err.Error())
		}
	}))
	if len(faults) == 0 {
		return nil
	}
	return errors.New(strings.Join(faults, "; "))
}

// namesZone reports whether a call is one of a function of a zone, also where the type of what
// it is called on is known at run time only.
func namesZone(tree *ast.AST, e ast.Expr, zoned map[string]bool) bool {
	for _, id := range tree.GetOverloadIDs(e.ID()) {
		if zoned[id] {
			return true
		}
	}
	return false
}
