package document_test

import (
	"fmt"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"unicode/utf8"
)

// validator holds values against a JSON Schema. It knows the keywords that our schema uses, as
// draft 2020-12 defines them, and panics at any other, so that a misspelled one is found.
type validator struct {
	root     map[string]any
	patterns map[string]*regexp.Regexp
}

// check returns where a value does not fit, one "location: reason" each.
func (v validator) check(s, value any, at string) (faults []string) {
	if allowed, ok := s.(bool); ok {
		if !allowed {
			return []string{at + ": is not allowed here"}
		}
		return nil
	}
	schema := s.(map[string]any)
	fault := func(format string, args ...any) { faults = append(faults, at+": "+fmt.Sprintf(format, args...)) }
	fits := func(sub any) bool { return len(v.check(sub, value, at)) == 0 }
	for keyword, arg := range schema {
		switch keyword {
		case "$schema", "$defs", "title", "description", "default", "examples", "then":
		case "$ref":
			faults = append(faults, v.check(v.resolve(arg.(string)), value, at)...)
		case "type":
			if !slices.ContainsFunc(texts(arg), func(name string) bool { return isType(value, name) }) {
				fault("is %T, not %v", value, arg)
			}
		case "const":
			if !reflect.DeepEqual(arg, value) {
				fault("is not %v", arg)
			}
		case "enum":
			if !slices.ContainsFunc(arg.([]any), func(e any) bool { return reflect.DeepEqual(e, value) }) {
				fault("is none of %v", arg)
			}
		case "allOf":
			for _, sub := range arg.([]any) {
				faults = append(faults, v.check(sub, value, at)...)
			}
		case "anyOf", "oneOf":
			n := 0
			for _, sub := range arg.([]any) {
				if fits(sub) {
					n++
				}
			}
			if n == 0 || keyword == "oneOf" && n > 1 {
				fault("fits %d of %s", n, keyword)
			}
		case "not":
			if fits(arg) {
				fault("may not fit %v", arg)
			}
		case "if":
			if fits(arg) {
				faults = append(faults, v.check(schema["then"], value, at)...)
			}
		default:
			switch value := value.(type) {
			case string:
				faults = append(faults, v.checkString(keyword, arg, value, at)...)
			case map[string]any:
				faults = append(faults, v.checkObject(schema, keyword, arg, value, at)...)
			case []any:
				faults = append(faults, v.checkArray(keyword, arg, value, at)...)
			default:
				faults = append(faults, checkNumber(keyword, arg, value, at)...)
			}
		}
	}
	return faults
}

func (v validator) resolve(ref string) map[string]any {
	node := v.root
	for _, step := range strings.Split(strings.TrimPrefix(ref, "#/"), "/") {
		node = node[step].(map[string]any)
	}
	return node
}

func texts(arg any) (out []string) {
	if one, ok := arg.(string); ok {
		return []string{one}
	}
	for _, e := range arg.([]any) {
		out = append(out, e.(string))
	}
	return out
}

func isType(value any, name string) bool {
	switch v := value.(type) {
	case nil:
		return name == "null"
	case bool:
		return name == "boolean"
	case string:
		return name == "string"
	case []any:
		return name == "array"
	case map[string]any:
		return name == "object"
	case float64:
		return name == "number" || name == "integer" && v == float64(int64(v))
	}
	return name == "number" || name == "integer"
}

var stringKeywords, numberKeywords = []string{"pattern", "minLength", "maxLength"}, []string{"minimum", "maximum"}

var containerKeywords = []string{"items", "minItems", "maxItems", "properties", "required", "additionalProperties", "propertyNames", "minProperties", "maxProperties", "dependentRequired"}

// other panics unless a keyword belongs to another type of value: then it says nothing about
// this one.
func other(keyword string) []string {
	if !slices.Contains(slices.Concat(stringKeywords, numberKeywords, containerKeywords), keyword) {
		panic("the schema has an unknown keyword " + keyword)
	}
	return nil
}

func unless(ok bool, at, format string, args ...any) []string {
	if ok {
		return nil
	}
	return []string{at + ": " + fmt.Sprintf(format, args...)}
}

func (v validator) checkString(keyword string, arg any, value, at string) []string {
	switch keyword {
	case "pattern":
		pattern := arg.(string)
		if v.patterns[pattern] == nil {
			v.patterns[pattern] = regexp.MustCompile(pattern)
		}
		return unless(v.patterns[pattern].MatchString(value), at, "%q does not match %s", value, arg)
	case "minLength":
		return unless(int64(utf8.RuneCountInString(value)) >= arg.(int64), at, "is too short")
	case "maxLength":
		return unless(int64(utf8.RuneCountInString(value)) <= arg.(int64), at, "is too long")
	}
	return other(keyword)
}

func checkNumber(keyword string, arg, value any, at string) []string {
	var f float64
	switch v := value.(type) {
	case int64:
		f = float64(v)
	case uint64:
		f = float64(v)
	case float64:
		f = v
	default:
		return other(keyword)
	}
	switch keyword {
	case "minimum":
		return unless(f >= float64(arg.(int64)), at, "is below %v", arg)
	case "maximum":
		return unless(f <= float64(arg.(int64)), at, "is above %v", arg)
	}
	return other(keyword)
}

func (v validator) checkArray(keyword string, arg any, value []any, at string) (faults []string) {
	switch keyword {
	case "items":
		for i, e := range value {
			faults = append(faults, v.check(arg, e, fmt.Sprintf("%s[%d]", at, i))...)
		}
		return faults
	case "minItems":
		return unless(int64(len(value)) >= arg.(int64), at, "has too few items")
	case "maxItems":
		return unless(int64(len(value)) <= arg.(int64), at, "has too many items")
	}
	return other(keyword)
}

func (v validator) checkObject(schema map[string]any, keyword string, arg any, value map[string]any, at string) (faults []string) {
	known, _ := schema["properties"].(map[string]any)
	switch keyword {
	case "properties":
		for name, sub := range known {
			if e, given := value[name]; given {
				faults = append(faults, v.check(sub, e, at+"."+name)...)
			}
		}
	case "additionalProperties":
		for name, e := range value {
			if _, ok := known[name]; !ok {
				faults = append(faults, v.check(arg, e, at+"."+name)...)
			}
		}
	case "propertyNames":
		for name := range value {
			faults = append(faults, v.check(arg, name, at+"."+name)...)
		}
	case "required":
		for _, name := range texts(arg) {
			if _, given := value[name]; !given {
				faults = append(faults, at+": lacks "+name)
			}
		}
	case "dependentRequired":
		for name, needed := range arg.(map[string]any) {
			for _, n := range texts(needed) {
				_, given := value[name]
				_, has := value[n]
				faults = append(faults, unless(!given || has, at, "%s needs %s", name, n)...)
			}
		}
	case "minProperties":
		return unless(int64(len(value)) >= arg.(int64), at, "has too few fields")
	case "maxProperties":
		return unless(int64(len(value)) <= arg.(int64), at, "has too many fields")
	default:
		return other(keyword)
	}
	return faults
}
