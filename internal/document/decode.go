package document

import (
	"fmt"
	"math"
	"reflect"
	"strconv"
	"strings"

	"go.yaml.in/yaml/v3"

	core "github.com/activity-core/activity-core"
)

// decoder maps a tree onto the domain's types by their json tags and collects
// every fault instead of stopping at the first.
type decoder struct {
	faults   []core.FieldError
	unread   core.Unread
	refused  map[*yaml.Node]bool // by inspect: not to be read; of a key: it and its value
	nodes    int
	warnings []core.Warning
	filters  bool // inside trigger_config.filters, where a number keeps every digit
}

// fault tells what is wrong with a value that is not read therefore.
func (d *decoder) fault(n *yaml.Node, loc string, value any, format string, args ...any) {
	d.unread = append(d.unread, loc)
	d.tell(n, loc, value, format, args...)
}

// refuse is fault for what inspect finds.
func (d *decoder) refuse(n *yaml.Node, loc string, value any, format string, args ...any) {
	d.refused[n] = true
	d.fault(n, loc, value, format, args...)
}

func (d *decoder) tell(n *yaml.Node, loc string, value any, format string, args ...any) {
	d.faults = append(d.faults, core.FieldError{
		Location: loc, Value: value, Line: n.Line, Column: n.Column, Message: fmt.Sprintf(format, args...),
	})
}

// read decodes a document and collects what is wrong with it, so that what can be read is there
// to be judged too.
func (d *decoder) read(root *yaml.Node) core.Definition {
	d.refused = map[*yaml.Node]bool{}
	def := core.Definition{Enabled: true}
	d.inspect(root, "", 0)
	if d.nodes <= maxNodes && !d.refused[root] {
		d.definition(root, &def)
	}
	def.Normalize()
	return def
}

// inspect refuses what may not occur anywhere: aliases, anchors, custom tags,
// duplicate keys, keys that are not text, and trees too deep or too large.
func (d *decoder) inspect(n *yaml.Node, loc string, depth int) {
	switch d.nodes++; {
	case d.nodes == maxNodes+1:
		d.fault(n, "", nil, "the document has more than %d values", maxNodes)
		return
	case d.nodes > maxNodes:
		return
	case depth > core.MaxDocumentDepth:
		d.refuse(n, loc, nil, "nested deeper than %d levels", core.MaxDocumentDepth)
		return
	case n.Kind == yaml.AliasNode:
		d.refuse(n, loc, "*"+n.Value, "YAML aliases are not supported; write the value out, or use vars")
		return
	case n.Anchor != "":
		d.tell(n, loc, "&"+n.Anchor, "YAML anchors are not supported; write the value out where it is needed, or use vars")
	}
	if n.Style&yaml.TaggedStyle != 0 {
		d.refuse(n, loc, n.Tag, "YAML tags are not supported; remove %s", n.Tag)
		return
	}
	switch n.ShortTag() {
	case "!!map", "!!seq", "!!str", "!!int", "!!float", "!!bool", "!!null", "!!timestamp":
	case "!!merge":
		d.refuse(n, loc, n.Value, "YAML merge keys are not supported; write the fields out")
		return
	default:
		d.refuse(n, loc, n.Tag, "YAML tags are not supported; remove %s", n.Tag)
		return
	}
	d.comments(n, loc)
	switch n.Kind {
	case yaml.SequenceNode:
		for i, c := range n.Content {
			d.inspect(c, fmt.Sprintf("%s[%d]", loc, i), depth+1)
		}
	case yaml.MappingNode:
		d.inspectKeys(n, loc, depth)
	}
}

func (d *decoder) inspectKeys(n *yaml.Node, loc string, depth int) {
	seen := map[string]int{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		k := n.Content[i]
		switch {
		case k.Kind != yaml.ScalarNode || k.ShortTag() == "!!merge" || k.Style&yaml.TaggedStyle != 0:
			d.inspect(k, loc, depth+1)
			if k.Kind != yaml.ScalarNode {
				d.refuse(k, loc, nil, "a key must be text")
			}
			continue
		case seen[k.Value] > 0:
			d.refused[k] = true // the first is the one that is judged
			d.tell(k, join(loc, k.Value), nil, "is given twice, first in line %d", seen[k.Value])
		default:
			seen[k.Value] = k.Line
		}
		d.inspect(n.Content[i+1], join(loc, k.Value), depth+1)
	}
}

func join(loc, key string) string {
	if loc == "" {
		return key
	}
	return loc + "." + key
}

func (d *decoder) definition(root *yaml.Node, def *core.Definition) {
	if root.Kind != yaml.MappingNode {
		d.fault(root, "", nil, "a definition is a mapping with apiVersion, kind, name, trigger_type, trigger_config and rules; this is %s", describe(root))
		return
	}
	d.value(root, "", reflect.ValueOf(def).Elem())
}

var (
	durationType   = reflect.TypeFor[core.Duration]()
	triggerType    = reflect.TypeFor[core.TriggerConfig]()
	stringListType = reflect.TypeFor[core.StringList]()
)

func (d *decoder) value(n *yaml.Node, loc string, v reflect.Value) {
	if d.refused[n] {
		return
	}
	switch v.Type() {
	case durationType:
		d.duration(n, loc, v)
		return
	case stringListType:
		d.stringList(n, loc, v)
		return
	}
	switch v.Kind() {
	case reflect.Pointer:
		if isNull(n) {
			// `last_run:` and `last_run: null` mean the source with its defaults.
			v.Set(reflect.New(v.Type().Elem()))
			return
		}
		p := reflect.New(v.Type().Elem())
		d.value(n, loc, p.Elem())
		v.Set(p)
	case reflect.Struct:
		d.structure(n, loc, v)
	case reflect.Map:
		d.mapping(n, loc, v)
	case reflect.Slice:
		if isNull(n) {
			return // `rules:` with nothing below is the same as leaving it out
		}
		if n.Kind != yaml.SequenceNode {
			d.fault(n, loc, nil, "must be a list, is %s", describe(n))
			return
		}
		s := reflect.MakeSlice(v.Type(), len(n.Content), len(n.Content))
		for i, c := range n.Content {
			d.value(c, fmt.Sprintf("%s[%d]", loc, i), s.Index(i))
		}
		v.Set(s)
	case reflect.Interface:
		if a := d.anything(n, loc); a != nil {
			v.Set(reflect.ValueOf(a))
		}
	default:
		d.scalar(n, loc, v)
	}
}

func (d *decoder) structure(n *yaml.Node, loc string, v reflect.Value) {
	if n.Kind != yaml.MappingNode {
		d.fault(n, loc, nil, "must be a mapping, is %s", describe(n))
		return
	}
	fields := fieldsOf(v.Type())
	given := map[string]bool{}
	for i := 0; i+1 < len(n.Content); i += 2 {
		given[n.Content[i].Value] = true
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, child := n.Content[i], n.Content[i+1]
		if d.refused[key] {
			continue
		}
		at, known := fields.index[key.Value]
		if !known {
			d.unknown(key, loc, fields, given)
			continue
		}
		d.filters = v.Type() == triggerType && key.Value == "filters"
		d.value(child, join(loc, key.Value), v.Field(at))
		d.filters = false
	}
}

// fieldNames are the fields of one of the domain's types as a document writes them.
type fieldNames struct {
	index    map[string]int
	all      []string
	optional []string
}

func fieldsOf(t reflect.Type) fieldNames {
	f := fieldNames{index: map[string]int{}}
	for i := range t.NumField() {
		name, options, _ := strings.Cut(t.Field(i).Tag.Get("json"), ",")
		f.index[name] = i
		f.all = append(f.all, name)
		if options == "omitempty" {
			f.optional = append(f.optional, name)
		}
	}
	return f
}

// unknown tells that a field is unknown. It may stand for the one whose name is near, or for
// any that may be left out; if that is not given, its absence says nothing.
func (d *decoder) unknown(key *yaml.Node, loc string, fields fieldNames, given map[string]bool) {
	hint := "known fields: " + strings.Join(fields.all, ", ")
	meant := fields.optional
	if s := core.Suggest(key.Value, fields.all); s != "" {
		hint = fmt.Sprintf("did you mean %q?", s)
		meant = []string{s}
	}
	d.fault(key, join(loc, key.Value), nil, "unknown field %q; %s", key.Value, hint)
	for _, name := range meant {
		if !given[name] {
			d.unread = append(d.unread, join(loc, name))
		}
	}
}

func (d *decoder) mapping(n *yaml.Node, loc string, v reflect.Value) {
	if isNull(n) {
		return
	}
	if n.Kind != yaml.MappingNode {
		d.fault(n, loc, nil, "must be a mapping, is %s", describe(n))
		return
	}
	m := reflect.MakeMapWithSize(v.Type(), len(n.Content)/2)
	for i := 0; i+1 < len(n.Content); i += 2 {
		if d.refused[n.Content[i]] {
			continue
		}
		e := reflect.New(v.Type().Elem()).Elem()
		d.value(n.Content[i+1], join(loc, n.Content[i].Value), e)
		m.SetMapIndex(reflect.ValueOf(n.Content[i].Value), e)
	}
	v.Set(m)
}

func (d *decoder) scalar(n *yaml.Node, loc string, v reflect.Value) {
	if n.Kind != yaml.ScalarNode {
		d.fault(n, loc, nil, "must be %s, is %s", kindName(v.Kind()), describe(n))
		return
	}
	if isNumber(n) && v.Kind() != reflect.String && ambiguous(n.Value) {
		d.fault(n, loc, n.Value, "%s", core.NumberAsTyped(n.Value))
		return
	}
	ok := false
	switch tag := n.ShortTag(); v.Kind() {
	case reflect.String:
		if ok = tag == "!!str" || tag == "!!timestamp" || tag == "!!null"; ok {
			if tag != "!!null" {
				v.SetString(n.Value)
			}
		} else {
			d.fault(n, loc, n.Value, "must be text, is %s; put it in quotes", describe(n))
			return
		}
	case reflect.Bool:
		var b bool
		if ok = tag == "!!bool" && n.Decode(&b) == nil; ok {
			v.SetBool(b)
		}
	case reflect.Int, reflect.Int64:
		i, err := strconv.ParseInt(n.Value, 0, 64)
		if ok = tag == "!!int" && err == nil; ok {
			v.SetInt(i)
		}
	case reflect.Float64:
		f, err := strconv.ParseFloat(n.Value, 64)
		if ok = (tag == "!!int" || tag == "!!float") && err == nil && !math.IsInf(f, 0) && !math.IsNaN(f); ok {
			v.SetFloat(f)
		}
	}
	if !ok {
		d.fault(n, loc, n.Value, "must be %s, is %s", kindName(v.Kind()), describe(n))
	}
}

func (d *decoder) duration(n *yaml.Node, loc string, v reflect.Value) {
	if n.Kind != yaml.ScalarNode || n.ShortTag() == "!!null" {
		d.fault(n, loc, nil, "must be a duration such as 30s, 15m, 72h or 7d, is %s", describe(n))
		return
	}
	if n.ShortTag() != "!!str" && n.Value != "0" {
		d.fault(n, loc, n.Value, "needs a unit: write for example %ss, 15m, 72h or 7d", n.Value)
		return
	}
	dur, err := core.ParseDuration(n.Value)
	if err != nil {
		d.fault(n, loc, n.Value, "%s", err)
		return
	}
	if remedy, ok := zeroMeansDefault[loc]; ok && dur == 0 {
		d.fault(n, loc, n.Value, "%s", remedy)
		return
	}
	v.SetInt(int64(dur))
}

// zeroMeansDefault are the durations whose zero is how a stored definition says that the
// document leaves them out: written as zero they would silently become their default.
var zeroMeansDefault = map[string]string{
	"trigger_config.misfire_grace":  "may not be zero; leave it out for " + core.DefaultMisfireGrace.String() + ", or write 1s: a time that an outage delayed by more is missed",
	"trigger_config.catchup_window": "may not be zero; leave it out for " + core.DefaultCatchupWindow.String() + ", or write misfire_policy: skip if nothing is to be made up",
}

func (d *decoder) stringList(n *yaml.Node, loc string, v reflect.Value) {
	items := []*yaml.Node{n}
	if isNull(n) {
		return
	}
	if n.Kind == yaml.SequenceNode {
		items = n.Content
	}
	list := make(core.StringList, len(items))
	for i, c := range items {
		at := loc
		if n.Kind == yaml.SequenceNode {
			at = fmt.Sprintf("%s[%d]", loc, i)
		}
		d.value(c, at, reflect.ValueOf(&list[i]).Elem())
	}
	v.Set(reflect.ValueOf(list))
}

// anything decodes free-form values (vars, filters, with, static) as core.DecodeJSON would, and
// numbers in filters as they are written. Dates stay text: YAML's timestamps are a surprise,
// not a wish.
func (d *decoder) anything(n *yaml.Node, loc string) any {
	if d.refused[n] {
		return nil
	}
	switch n.Kind {
	case yaml.SequenceNode:
		out := make([]any, len(n.Content))
		for i, c := range n.Content {
			out[i] = d.anything(c, fmt.Sprintf("%s[%d]", loc, i))
		}
		return out
	case yaml.MappingNode:
		out := make(map[string]any, len(n.Content)/2)
		for i := 0; i+1 < len(n.Content); i += 2 {
			if d.refused[n.Content[i]] {
				continue
			}
			out[n.Content[i].Value] = d.anything(n.Content[i+1], join(loc, n.Content[i].Value))
		}
		return out
	}
	if isNumber(n) {
		return d.number(n, loc)
	}
	switch n.ShortTag() {
	case "!!null":
		return nil
	case "!!bool":
		var b bool
		if n.Decode(&b) != nil {
			d.fault(n, loc, n.Value, "must be true or false")
		}
		return b
	}
	return n.Value
}

func isNull(n *yaml.Node) bool { return n.Kind == yaml.ScalarNode && n.ShortTag() == "!!null" }

func describe(n *yaml.Node) string {
	switch n.Kind {
	case yaml.MappingNode:
		return "a mapping"
	case yaml.SequenceNode:
		return "a list"
	}
	switch n.ShortTag() {
	case "!!null":
		return "empty"
	case "!!bool":
		return "a boolean"
	case "!!int", "!!float":
		return "a number"
	}
	return "text"
}

func kindName(k reflect.Kind) string {
	switch k {
	case reflect.String:
		return "text"
	case reflect.Bool:
		return "true or false"
	case reflect.Int, reflect.Int64:
		return "an integer"
	}
	return "a number"
}
