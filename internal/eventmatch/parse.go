package eventmatch

import (
	"fmt"
	"slices"
	"sort"
	"strings"
	"unicode/utf8"

	core "github.com/activity-core/activity-core"
)

// ParsePattern builds a pattern from the event types of a trigger (event_type:
// at least one, matched exactly) and its decoded filters document (filters:
// nil or empty matches every event of these types).
//
// Values are what a YAML or JSON decoder yields: string, bool, nil, any Go
// integer or float, json.Number, []any and map[string]any. Decode with
// json.Decoder.UseNumber to keep integers beyond 2^53 exact.
//
// Every mistake is reported: the error is a [PatternErrors].
func ParsePattern(eventTypes []string, filters map[string]any) (*Pattern, error) {
	p := &parser{}
	pat := &Pattern{types: p.eventTypes(eventTypes)}
	pat.root = p.group("filters", field{}, filters, 0)
	if len(p.errs) == 0 {
		pat.alts = p.combinations(pat.root)
	}
	if len(p.errs) > 0 {
		return nil, p.errs
	}
	return pat, nil
}

type parser struct {
	errs PatternErrors
}

func (p *parser) fail(path string, value any, problem, remedy string) {
	if len(p.errs) < MaxErrors {
		p.errs = append(p.errs, &PatternError{Path: path, Value: value, Problem: problem, Remedy: remedy})
	}
}

func (p *parser) eventTypes(in []string) []string {
	if len(in) == 0 {
		p.fail("event_type", nil, "is missing", `name at least one event type, such as "github.push"`)
	}
	if len(in) > MaxEventTypes {
		p.fail("event_type", len(in), fmt.Sprintf("lists %d types, more than %d", len(in), MaxEventTypes), "split the definition")
		return nil
	}
	out := make([]string, 0, len(in))
	for i, t := range in {
		path := "event_type"
		if len(in) > 1 {
			path = fmt.Sprintf("event_type[%d]", i)
		}
		switch {
		case strings.TrimSpace(t) == "":
			p.fail(path, t, fmt.Sprintf("%q is empty", t), `name an event type, such as "github.push"`)
		case !p.goodString(path, t):
		case !slices.Contains(out, t):
			out = append(out, t)
		}
	}
	return out
}

func (p *parser) goodString(path, s string) bool {
	switch {
	case len(s) > MaxStringBytes:
		p.fail(path, s, fmt.Sprintf("%s is %d bytes long, more than %d", show(s), len(s), MaxStringBytes), "shorten it")
	case !utf8.ValidString(s):
		p.fail(path, s, fmt.Sprintf("%q is not valid UTF-8", s), "a JSON string never is; correct the bytes")
	default:
		return true
	}
	return false
}

// group parses one object of the document whose keys lie below base.
func (p *parser) group(where string, base field, doc map[string]any, depth int) *group {
	g := &group{}
	if depth > MaxDepth {
		p.fail(where, doc, fmt.Sprintf("is nested more than %d levels deep", MaxDepth), "flatten it")
		return g
	}
	for _, key := range sortedKeys(doc) {
		at := where + "." + key
		if key == orKey {
			p.or(g, at, base, doc[key], depth)
			continue
		}
		if f, ok := p.extend(at, base, key); ok {
			p.value(g, at, f, doc[key], depth)
		}
	}
	return g
}

// extend appends the levels of one key to the path of the object it stands in.
func (p *parser) extend(at string, base field, key string) (field, bool) {
	if !p.goodString(at, key) {
		return field{}, false
	}
	levels, problem := splitKey(key)
	if problem != "" {
		p.fail(at, key, problem, `dots separate levels; write \. for a dot that is part of a name and \\ for a backslash`)
		return field{}, false
	}
	f := field{envelope: base.envelope, keys: append(slices.Clone(base.keys), levels...)}
	if len(f.keys) > MaxDepth {
		p.fail(at, key, fmt.Sprintf("is more than %d levels deep", MaxDepth), "filter on something nearer the top")
		return field{}, false
	}
	for i, k := range levels {
		if k == orKey || k == envelopeKey && len(base.keys)+i > 0 {
			p.fail(at, key, fmt.Sprintf("%q cannot stand inside a key", k), "put it on its own: $or as a key with a list, $event as the first level")
			return field{}, false
		}
	}
	f.name = joinKeys(f.keys)
	if f.keys[0] != envelopeKey {
		return f, true
	}
	if len(f.keys) == 1 {
		return f, true // {"$event": {…}}; a value here is refused in p.value
	}
	if f.keys[1] == extensionsKey {
		if len(f.keys) == 2 || len(f.keys) == 3 && extensionName(f.keys[2]) {
			return f, true // {"$event.extensions": {…}}; a value there is refused in p.value
		}
		p.fail(at, key, fmt.Sprintf("%q is no name of an extension attribute", joinKeys(f.keys[2:])),
			"use $event.extensions. and a name of small letters and digits, such as $event.extensions.partitionkey")
		return field{}, false
	}
	names := []string{"type", "source", "subject"}
	f.envelope = envelopeField(1 + slices.Index(names, f.keys[1]))
	if f.envelope == inPayload || len(f.keys) > 2 {
		p.fail(at, key, fmt.Sprintf("the envelope has no field %q to filter on", joinKeys(f.keys[1:])),
			"use $event.type, $event.source, $event.subject or $event.extensions.<name>"+didYouMean(f.keys[1], names))
		return field{}, false
	}
	return f, true
}

// splitKey cuts a key at its unescaped dots.
func splitKey(key string) (levels []string, problem string) {
	var cur strings.Builder
	flush := func() {
		if cur.Len() == 0 {
			problem = "has an empty level"
		}
		levels = append(levels, cur.String())
		cur.Reset()
	}
	for i := 0; i < len(key); i++ {
		switch c := key[i]; {
		case c == '.':
			flush()
		case c == '\\' && i+1 < len(key) && (key[i+1] == '.' || key[i+1] == '\\'):
			i++
			cur.WriteByte(key[i])
		case c == '\\':
			return nil, "has a lone backslash"
		default:
			cur.WriteByte(c)
		}
	}
	flush()
	return levels, problem
}

// value parses what stands under a key: a nested object, an operator, a list of
// alternatives or a bare value.
func (p *parser) value(g *group, at string, f field, v any, depth int) {
	if doc, ok := v.(map[string]any); ok {
		name, isOperator := p.operatorIn(at, doc)
		switch {
		case isOperator && name == "":
			return // reported
		case !isOperator && len(doc) == 0:
			p.fail(at, v, "is an empty object", "remove the key, or write [{exists: true}] to ask that it is there")
			return
		case !isOperator:
			sub := p.group(at, f, doc, depth+1)
			g.conds = append(g.conds, sub.conds...)
			g.ors = append(g.ors, sub.ors...)
			return
		}
	}
	if f.envelope == inPayload && f.keys[0] == envelopeKey && !f.extension() {
		p.fail(at, v, "names the whole envelope", "use $event.type, $event.source, $event.subject or $event.extensions.<name>")
		return
	}
	c := &condition{field: f, where: at, expected: v}
	if list, ok := v.([]any); ok {
		if len(list) == 0 {
			p.fail(at, v, "is an empty list, which nothing can match", "list the wanted values, or remove the key")
		}
		for i, e := range list {
			p.alternative(c, fmt.Sprintf("%s[%d]", at, i), e)
		}
	} else {
		p.alternative(c, at, v)
	}
	g.conds = append(g.conds, c)
}

// operatorIn tells whether an object that stands directly under a key is an
// operator, the short form of a list with that one operator. A field that
// happens to be called like an operator is reached with a dotted key.
func (p *parser) operatorIn(at string, doc map[string]any) (name string, is bool) {
	for _, k := range sortedKeys(doc) {
		if _, known := operators[k]; !known {
			continue
		}
		if len(doc) > 1 {
			p.fail(at+"."+k, doc[k], fmt.Sprintf("the operator %q stands beside other keys", k),
				"put each operator into a list, [{"+k+": …}, …] (any of them), or, if a field of the payload has that name, write it as a dotted key")
			return "", true
		}
		return k, true
	}
	return "", false
}

// or parses {"$or": [{…}, {…}]}.
func (p *parser) or(g *group, at string, base field, v any, depth int) {
	list, ok := v.([]any)
	if !ok || len(list) < 2 {
		p.fail(at, v, show(v)+" is not a list of at least two objects", `write "$or": [{key: value}, {other_key: value}]`)
		return
	}
	branches := make([]*group, 0, len(list))
	for i, e := range list {
		here := fmt.Sprintf("%s[%d]", at, i)
		doc, ok := e.(map[string]any)
		if !ok || len(doc) == 0 {
			p.fail(here, e, show(e)+" is not an object with at least one key", `each alternative of $or is an object of keys, such as {ref: refs/heads/main}`)
			continue
		}
		if name, is := p.operatorIn(here, doc); is {
			if name != "" {
				p.fail(here, e, fmt.Sprintf("the operator %q stands where a key should", name), "name the key it applies to: {key: [{"+name+": …}]}")
			}
			continue
		}
		branch := p.group(here, base, doc, depth+1)
		branch.parent = at
		branches = append(branches, branch)
	}
	g.ors = append(g.ors, branches)
}

// combinations multiplies the branches of every $or out, so that what remains
// is a plain list of conditions each.
func (p *parser) combinations(g *group) [][]*condition {
	out := [][]*condition{g.conds}
	for _, branches := range g.ors {
		var choices [][]*condition
		for _, b := range branches {
			choices = append(choices, p.combinations(b)...)
		}
		if len(p.errs) > 0 {
			return nil
		}
		if n := len(out) * len(choices); n > MaxCombinations {
			p.fail("filters", nil, fmt.Sprintf("$or makes %d combinations, more than %d", n, MaxCombinations), "split the definition")
			return nil
		}
		product := make([][]*condition, 0, len(out)*len(choices))
		for _, a := range out {
			for _, b := range choices {
				product = append(product, slices.Concat(a, b))
			}
		}
		out = product
	}
	values := 0
	for _, conds := range out {
		if len(conds) > MaxConditions {
			p.fail("filters", nil, fmt.Sprintf("%d conditions must hold together, more than %d", len(conds), MaxConditions), "split the definition")
			return nil
		}
		for _, c := range conds {
			values++
			for i := range c.any {
				values += c.any[i].weight()
			}
		}
	}
	if values > MaxValues {
		p.fail("filters", nil, fmt.Sprintf("has %d values, counted once per combination of $or, more than %d", values, MaxValues), "split the definition")
		return nil
	}
	return out
}

func sortedKeys(m map[string]any) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	sort.Strings(keys)
	return keys
}

func didYouMean(word string, candidates []string) string {
	if n := core.Suggest(strings.ToLower(word), candidates); n != "" {
		return fmt.Sprintf(" (did you mean %q?)", n)
	}
	return ""
}
