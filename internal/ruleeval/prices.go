package ruleeval

import (
	"math"
	"math/bits"
	"regexp"
	"strings"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// cel-go charges for a call after it was made, and charges 1 for a call whose
// overload it finds only at run time, as it does for all data of dynamic type.
// So a single replace or join could fill the memory, and a comparison of lists
// that share their elements could run for years, before the limit is noticed.
// Here every function whose work or result grows with its arguments has a price
// computed from the arguments: it is checked against the limit before the call
// and charged after it. One unit is about 10 bytes of text or one list element.

// price returns the units of a call. It must be cheap itself.
type price func(args []ref.Val) float64

// pricedFunction is a function with a price and the implementation to call.
type pricedFunction struct {
	price price
	// bindings by overload ID, and by the function's name where the overload is known at run time only.
	bindings map[string]*functions.Overload
	// impl, if set, replaces the library's implementation.
	impl functions.FunctionOp
}

type priced map[string]*pricedFunction

func newPriced(env *cel.Env) (priced, error) {
	p := priced{}
	for name, pr := range priceList() {
		f := &pricedFunction{price: pr, bindings: map[string]*functions.Overload{}}
		switch name {
		case operators.Equals:
			f.impl = func(args ...ref.Val) ref.Val { return types.Equal(args[0], args[1]) }
		case operators.NotEquals:
			f.impl = func(args ...ref.Val) ref.Val { return types.Bool(types.Equal(args[0], args[1]) != types.True) }
		case operators.Add:
			f.impl = add
		case "regex.replace":
			f.impl = regexReplace
		}
		if decl := env.Functions()[name]; decl != nil {
			all, err := decl.Bindings()
			if err != nil {
				return nil, err
			}
			for _, b := range all {
				f.bindings[b.Operator] = b
			}
		}
		p[name] = f
	}
	return p, nil
}

// CallCost implements the charge after the call.
func (p priced) CallCost(function, _ string, args []ref.Val, _ ref.Val) *uint64 {
	f, ok := p[function]
	if !ok {
		return nil
	}
	units := uint64(min(f.price(args), math.MaxInt64/4))
	return &units
}

// trackers replace the charges that the libraries bring for overloads known when compiled.
func (p priced) trackers() []interpreter.CostTrackerOption {
	var out []interpreter.CostTrackerOption
	for name, f := range p {
		track := func(args []ref.Val, _ ref.Val) *uint64 { return p.CallCost(name, "", args, nil) }
		for id := range f.bindings {
			if id != name {
				out = append(out, interpreter.OverloadCostTracker(id, track))
			}
		}
	}
	return out
}

// decorate puts the check before the call.
func (p priced) decorate(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	call, ok := i.(interpreter.InterpretableCall)
	if !ok {
		return i, nil
	}
	f, ok := p[call.Function()]
	if !ok {
		return i, nil
	}
	op, err := f.operation(call)
	if err != nil {
		return nil, err
	}
	name := call.Function()
	return interpreter.NewCall(call.ID(), name, call.OverloadID(), call.Args(), func(args ...ref.Val) ref.Val {
		if units := f.price(args); units > CostLimit {
			return types.WrapErr(&costError{function: name, units: units})
		}
		return op(args...)
	}), nil
}

// operation finds what the call would have run.
func (f *pricedFunction) operation(call interpreter.InterpretableCall) (functions.FunctionOp, error) {
	args := call.Args()
	if call.Function() == "matches" && len(args) == 2 {
		if c, ok := args[1].(interpreter.InterpretableConst); ok {
			if s, ok := c.Value().(types.String); ok {
				return matchConstant(string(s))
			}
		}
	}
	if f.impl != nil {
		return f.impl, nil
	}
	b := f.bindings[call.OverloadID()]
	if b == nil {
		b = f.bindings[call.Function()]
	}
	name, overload := call.Function(), call.OverloadID()
	return func(args ...ref.Val) ref.Val {
		if b != nil && (b.OperandTrait == 0 || args[0].Type().HasTrait(b.OperandTrait)) {
			switch {
			case len(args) == 1 && b.Unary != nil:
				return b.Unary(args[0])
			case len(args) == 2 && b.Binary != nil:
				return b.Binary(args[0], args[1])
			case b.Function != nil:
				return b.Function(args...)
			}
		}
		if args[0].Type().HasTrait(traits.ReceiverType) {
			return args[0].(traits.Receiver).Receive(name, overload, args[1:])
		}
		return types.NewErr("no such overload: %s(%s)", name, typeNames(args))
	}, nil
}

// costError says that one call would go beyond the limit.
type costError struct {
	function string
	units    float64
}

func (e *costError) Error() string {
	return "one call of " + displayFunction(e.function) + " would cost more than the limit of 1,000,000 units; the data is too large for it"
}

// add is CEL's +, with the loop accumulator's shortcut kept and concatenated lists
// made flat: a lazy concatenation can be doubled sixty times for nothing and then never be read to its end.
func add(args ...ref.Val) ref.Val {
	a, ok := args[0].(traits.Adder)
	if !ok {
		return types.NewErr("no such overload: _+_(%s)", typeNames(args))
	}
	l, isList := args[0].(traits.Lister)
	if _, accumulator := args[0].(traits.MutableLister); !isList || accumulator {
		return a.Add(args[1])
	}
	r, ok := args[1].(traits.Lister)
	if !ok {
		return types.NewErr("no such overload: _+_(%s)", typeNames(args))
	}
	out := make([]ref.Val, 0, listLen(l)+listLen(r))
	for _, list := range []traits.Lister{l, r} {
		for it := list.Iterator(); it.HasNext() == types.True; {
			out = append(out, it.Next())
		}
	}
	return types.NewRefValList(types.DefaultTypeAdapter, out)
}

func matchConstant(pattern string) (functions.FunctionOp, error) {
	re, err := regexp.Compile(pattern)
	if err != nil {
		return nil, err
	}
	return func(args ...ref.Val) ref.Val {
		s, ok := args[0].(types.String)
		if !ok {
			return types.NewErr("no such overload: matches(%s)", typeNames(args))
		}
		return types.Bool(re.MatchString(string(s)))
	}, nil
}

// regexReplace is the library's function with a bound on what it may write.
func regexReplace(args ...ref.Val) ref.Val {
	var s [3]string
	limit := -1
	for i, a := range args {
		if str, ok := a.(types.String); ok && i < 3 {
			s[i] = string(str)
		} else if n, ok := a.(types.Int); ok && i == 3 {
			limit = int(n)
		} else {
			return types.NewErr("no such overload: regex.replace(%s)", typeNames(args))
		}
	}
	if limit == 0 {
		return types.String(s[0])
	}
	re, err := regexp.Compile(s[1])
	if err != nil {
		return types.NewErr("regex.replace: %v", err)
	}
	template, err := regexTemplate(s[2], re.NumSubexp())
	if err != nil {
		return types.NewErr("regex.replace: %v", err)
	}
	var out []byte
	last, done := 0, 0
	for _, m := range re.FindAllStringSubmatchIndex(s[0], limit) {
		out = append(out, s[0][last:m[0]]...)
		size := len(out)
		for _, part := range template {
			if part.group < 0 {
				size += len(part.text)
			} else {
				size += m[2*part.group+1] - m[2*part.group]
			}
		}
		if size > MaxStringBytes {
			return types.NewErr("regex.replace: the result is longer than %d bytes", MaxStringBytes)
		}
		for _, part := range template {
			if part.group < 0 {
				out = append(out, part.text...)
			} else if m[2*part.group] >= 0 {
				out = append(out, s[0][m[2*part.group]:m[2*part.group+1]]...)
			}
		}
		last = m[1]
		done++
	}
	return types.String(append(out, s[0][last:]...))
}

type regexPart struct {
	text  string
	group int // -1: text
}

// regexTemplate reads a replacement in which \0 … \9 are groups and \\ is a backslash.
func regexTemplate(s string, groups int) ([]regexPart, error) {
	var parts []regexPart
	var text strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] != '\\' {
			text.WriteByte(s[i])
			continue
		}
		i++
		switch {
		case i < len(s) && s[i] == '\\':
			text.WriteByte('\\')
		case i < len(s) && s[i] >= '0' && s[i] <= '9':
			g := int(s[i] - '0')
			if g > groups {
				return nil, errorf("the replacement names group \\%d, the pattern has %d", g, groups)
			}
			parts = append(parts, regexPart{text: text.String(), group: -1}, regexPart{group: g})
			text.Reset()
		default:
			return nil, errorf(`in the replacement, \ must be followed by a digit or by \`)
		}
	}
	return append(parts, regexPart{text: text.String(), group: -1}), nil
}

// byteLen is the length of a string or bytes, 0 for anything else.
func byteLen(v ref.Val) float64 {
	switch v := v.(type) {
	case types.String:
		return float64(len(v))
	case types.Bytes:
		return float64(len(v))
	}
	return 0
}

func listLen(v ref.Val) int {
	if l, ok := v.(traits.Sizer); ok {
		if _, text := v.(types.String); text {
			return 0
		}
		if n, ok := l.Size().(types.Int); ok {
			return int(n)
		}
	}
	return 0
}

// weight counts what a value holds, shared parts as often as they are seen: the
// work of comparing, converting or printing it. It stops counting at the limit.
func weight(v ref.Val) float64 {
	budget := float64(CostLimit + 1)
	weigh(v, &budget, 0)
	return CostLimit + 1 - budget
}

func weigh(v ref.Val, budget *float64, depth int) {
	*budget -= 1 + byteLen(v)/10
	if *budget <= 0 || depth > MaxDataDepth {
		*budget = min(*budget, 0)
		return
	}
	switch v := v.(type) {
	case traits.Lister:
		for it := v.Iterator(); it.HasNext() == types.True && *budget > 0; {
			weigh(it.Next(), budget, depth+1)
		}
	case traits.Mapper:
		for it := v.Iterator(); it.HasNext() == types.True && *budget > 0; {
			k := it.Next()
			*budget -= byteLen(k) / 10
			weigh(v.Get(k), budget, depth+1)
		}
	}
}

func isContainer(v ref.Val) bool {
	switch v.(type) {
	case traits.Lister, traits.Mapper:
		return true
	}
	return false
}

func log2(n int) float64 { return float64(bits.Len(uint(n))) }
