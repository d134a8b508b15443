package eventmatch

// An Explanation says why a pattern did or did not match an event.
type Explanation struct {
	// Matched is the verdict, the same as [Index.Match] gives.
	Matched bool
	// Filters has the event type first, then every filter in document order
	// with sorted keys.
	Filters []FilterResult
}

// A FilterResult is one filter of a pattern held against one event.
type FilterResult struct {
	// Path is the place in trigger_config: "event_type", "filters.ref",
	// "filters.$or[1].action".
	Path string
	// Key is what the filter looks at, such as "repository.full_name"; empty
	// for event_type and $or.
	Key string
	// Operator names what is asked for: the operator of the document, "equals" for a bare value,
	// "any of" for a list of several, or [OperatorOr] or [OperatorTogether].
	Operator string
	// Expected is what the document says there.
	Expected any
	// Actual is the event's value: a scalar (numbers as json.Number), a list
	// when arrays lead to several, of at most [MaxActual]; nil when absent.
	Actual any
	// Present tells an absent value from null.
	Present bool
	// OK tells whether the filter is satisfied.
	OK bool
	// Note says what the other fields cannot, such as that the path leads to
	// an object; usually empty.
	Note string
}

// MaxActual bounds how many values of an array are shown.
const MaxActual = 20

// The operators of results about other results: they look at no value of the event.
const (
	OperatorOr       = "$or"
	OperatorTogether = "together" // all filters hold, but for different elements of an array
)

// operatorOf names what a filter asks for.
func operatorOf(expected any) string {
	switch v := expected.(type) {
	case map[string]any:
		for name := range v { // the parser has seen to it that there is one
			return name
		}
	case []any:
		if len(v) == 1 {
			return operatorOf(v[0])
		}
		return "any of"
	}
	return "equals"
}

// Explain holds each filter of a pattern against an event. The error wraps
// [ErrPayload] when the payload is not JSON.
func Explain(p *Pattern, ev *Event) (Explanation, error) {
	x, err := NewExplainer(ev)
	if err != nil {
		return Explanation{}, err
	}
	return x.Explain(p), nil
}

// An Explainer holds one event, which it decodes once, against many patterns.
type Explainer struct {
	event *Event
	doc   *document
}

// NewExplainer decodes an event. The error wraps [ErrPayload] when the payload is not JSON.
func NewExplainer(ev *Event) (*Explainer, error) {
	doc, err := decode(ev)
	if err != nil {
		return nil, err
	}
	return &Explainer{event: ev, doc: doc}, nil
}

// Explain holds each filter of a pattern against the event.
func (e *Explainer) Explain(p *Pattern) Explanation {
	doc := e.doc
	var out Explanation
	typeOK := p.wantsType(e.event)
	types := oneOrList(p.types)
	out.add(FilterResult{Path: "event_type", Operator: operatorOf(types), Expected: types, OK: typeOK}, doc.envelope[envelopeType])
	filtersOK := out.group(doc, p.root)
	together := doc.group(p.root)
	out.Matched = typeOK && together
	if filtersOK && !together {
		out.Filters = append(out.Filters, FilterResult{
			Path:     "filters",
			Operator: OperatorTogether,
			Expected: "one element of the array satisfies them all",
			Note:     "each filter is satisfied, but by different elements of the same array",
		})
	}
	return out
}

func (x *Explanation) group(doc *document, g *group) bool {
	ok := true
	for _, c := range g.conds {
		found := doc.leaves(c)
		r := FilterResult{Path: c.where, Key: c.field.name, Operator: operatorOf(c.expected), Expected: c.expected}
		r.OK = c.absent && len(found) == 0 || anyLeaf(found, c)
		if len(found) == 0 {
			r.Note = doc.whyAbsent(c)
		}
		x.add(r, found)
		ok = ok && r.OK
	}
	for _, branches := range g.ors {
		at := len(x.Filters)
		x.add(FilterResult{Operator: OperatorOr, Expected: "one of the alternatives"}, nil)
		anyOK := false
		for _, b := range branches {
			branchOK := x.group(doc, b)
			anyOK = anyOK || branchOK
		}
		x.Filters[at].Path = branches[0].parent
		x.Filters[at].OK = anyOK
		ok = ok && anyOK
	}
	return ok
}

func (x *Explanation) add(r FilterResult, found []any) {
	r.Present = len(found) > 0
	switch {
	case len(found) == 1:
		r.Actual = found[0]
	case len(found) > MaxActual:
		r.Actual = found[:MaxActual:MaxActual]
		r.Note = "more values are not shown"
	case len(found) > 1:
		r.Actual = found
	}
	x.Filters = append(x.Filters, r)
}

// whyAbsent says how far the path of a filter without a value leads.
func (d *document) whyAbsent(c *condition) string {
	if c.field.envelope != inPayload {
		return "the envelope has no " + c.field.keys[1]
	}
	if c.field.extension() {
		return "the event has no extension attribute " + c.field.keys[2]
	}
	at := []any{d.payload}
	for i, k := range c.field.keys {
		var next []any
		for _, v := range at {
			next = step(next, v, k)
		}
		if len(next) == 0 {
			return "the payload has no " + joinKeys(c.field.keys[:i+1])
		}
		at = next
	}
	for _, v := range at {
		if list, isList := v.([]any); !isList || len(list) > 0 {
			return c.field.name + " is an object; filters compare the values in it"
		}
	}
	return c.field.name + " is an empty list"
}

func oneOrList(types []string) any {
	if len(types) == 1 {
		return types[0]
	}
	list := make([]any, len(types))
	for i, t := range types {
		list[i] = t
	}
	return list
}
