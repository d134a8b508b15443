package ruleeval

import (
	"math"
	"math/bits"

	"github.com/google/cel-go/cel"
	"github.com/google/cel-go/common/functions"
	"github.com/google/cel-go/common/operators"
	"github.com/google/cel-go/common/types"
	"github.com/google/cel-go/common/types/ref"
	"github.com/google/cel-go/common/types/traits"
	"github.com/google/cel-go/interpreter"
)

// cel-go's own cost tracking charges for a call after it was made, charges 1 for
// a call whose overload it finds only at run time (as for all data of dynamic
// type), and searches a stack that grows with every turn of a loop: a filter over
// 40,000 elements takes seconds. A single replace or join could fill the memory,
// and a comparison of lists that share their elements could run for years, before
// the limit is noticed. So the steps pay here: a function whose work or result
// grows with its arguments has a price computed from the arguments, and the
// evaluation ends before a step it cannot pay. One unit is about 10 bytes of
// text, ten list elements moved, or one field read.

// price returns the units of a call. It must be cheap itself.
type price func(args []ref.Val) float64

// pricedFunction is a function with a price and the implementation to call.
type pricedFunction struct {
	price price
	// bindings by overload ID, and by the function's name where the overload is known at run time
	// only.
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
		case "timestamp":
			f.impl = toTimestamp
		case "duration":
			f.impl = toDuration
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

// decorate replaces the steps of a planned expression by steps that pay first.
// Constants and the logic between steps are free; a loop cannot turn without
// reading its accumulator, which is not.
func (p priced) decorate(i interpreter.InterpretableV2) (interpreter.InterpretableV2, error) {
	switch step := i.(type) {
	case interpreter.InterpretableAttribute:
		return &paidAttribute{step}, nil
	case interpreter.InterpretableConstructor:
		return &paidConstructor{step, 1 + float64(len(step.InitVals()))/2}, nil
	case interpreter.InterpretableCall:
		f, ok := p[step.Function()]
		if !ok {
			return i, nil
		}
		op, err := f.operation(step)
		if err != nil {
			return nil, err
		}
		return &paidCall{InterpretableCall: step, args: step.Args(), price: f.price, op: op}, nil
	}
	return i, nil
}

// paidCall is a call of a function from the price list.
type paidCall struct {
	interpreter.InterpretableCall
	args  []interpreter.InterpretableV2
	price price
	op    functions.FunctionOp
}

// Exec implements the interpreter's step.
func (c *paidCall) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	args := make([]ref.Val, len(c.args))
	for i, a := range c.args {
		args[i] = a.Exec(frame)
		if types.IsUnknownOrError(args[i]) {
			return args[i]
		}
	}
	pay(frame, c.price(args), c.Function())
	return types.LabelErrNode(c.ID(), c.op(args...))
}

// Eval implements the interpreter's older step.
func (c *paidCall) Eval(vars interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(vars))
}

// paidAttribute is a variable with the fields below it.
type paidAttribute struct {
	interpreter.InterpretableAttribute
}

// Exec implements the interpreter's step.
func (a *paidAttribute) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	pay(frame, 1, "")
	return a.InterpretableAttribute.Exec(frame)
}

// Eval implements the interpreter's older step.
func (a *paidAttribute) Eval(vars interpreter.Activation) ref.Val {
	return a.Exec(interpreter.AsFrame(vars))
}

// paidConstructor writes a list or map.
type paidConstructor struct {
	interpreter.InterpretableConstructor
	units float64
}

// Exec implements the interpreter's step.
func (c *paidConstructor) Exec(frame *interpreter.ExecutionFrame) ref.Val {
	pay(frame, c.units, "")
	return c.InterpretableConstructor.Exec(frame)
}

// Eval implements the interpreter's older step.
func (c *paidConstructor) Eval(vars interpreter.Activation) ref.Val {
	return c.Exec(interpreter.AsFrame(vars))
}

// meterName is where a step finds its evaluation's meter; no expression can write it.
const meterName = "@meter"

// metered is one evaluation's scope with what it may still spend.
type metered struct {
	interpreter.Activation
	left float64
}

// ResolveName implements the interpreter's activation.
func (m *metered) ResolveName(name string) (any, bool) {
	if name == meterName {
		return m, true
	}
	return m.Activation.ResolveName(name)
}

// pay ends the evaluation if it cannot afford the units. It panics as the
// interpreter itself does, since loops such as exists pass over error values;
// the interpreter's Eval turns that into an error.
func pay(frame *interpreter.ExecutionFrame, units float64, function string) {
	v, _ := frame.ResolveName(meterName)
	m, ok := v.(*metered)
	if !ok {
		return
	}
	if m.left -= units; m.left >= 0 {
		return
	}
	msg := "the evaluation costs more than the limit of 1,000,000 units; make the data smaller (select in the context source) or the expression simpler"
	if units > CostLimit {
		msg = "one call of " + displayFunction(function) + " would cost more than the limit of 1,000,000 units; the data is too large for it"
	}
	panic(interpreter.EvalCancelledError{Cause: interpreter.CostLimitExceeded, Message: msg})
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

// add is CEL's +, with the loop accumulator's shortcut kept and concatenated lists made flat: a
// lazy concatenation can be doubled sixty times for nothing and then never be read to its end.
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
// work of comparing, converting or printing it. It is infinite once the count
// passes the limit, so that no discount in a price makes it affordable.
func weight(v ref.Val) float64 {
	budget := float64(CostLimit)
	weigh(v, &budget, 0)
	if budget <= 0 {
		return math.Inf(1)
	}
	return CostLimit - budget
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
