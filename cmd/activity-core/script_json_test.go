//go:build !slim

package main

import (
	"encoding/json"
	"fmt"
	"strconv"
	"strings"
)

// lookup follows a path of dots through JSON: a name, an index, "*" for each item of a list or
// value of an object (the answer is then a list), "#" for their number.
func lookup(v any, path string) (any, error) {
	if path == "" || path == "." {
		return v, nil
	}
	head, rest, _ := strings.Cut(path, ".")
	switch at := v.(type) {
	case map[string]any:
		if head == "#" {
			return json.Number(strconv.Itoa(len(at))), nil
		}
		next, ok := at[head]
		if !ok {
			return nil, fmt.Errorf("there is no %q", head)
		}
		return lookup(next, rest)
	case []any:
		if head == "#" {
			return json.Number(strconv.Itoa(len(at))), nil
		}
		if head == "*" {
			all := make([]any, 0, len(at))
			for i, item := range at {
				found, err := lookup(item, rest)
				if err != nil {
					return nil, fmt.Errorf("item %d: %w", i, err)
				}
				all = append(all, found)
			}
			return all, nil
		}
		i, err := strconv.Atoi(head)
		if err != nil || i < 0 || i >= len(at) {
			return nil, fmt.Errorf("a list of %d has no item %q", len(at), head)
		}
		return lookup(at[i], rest)
	}
	return nil, fmt.Errorf("%v has nothing below it, such as %q", v, head)
}

func (s *script) find(path string) any {
	s.Helper()
	var v any
	decoder := json.NewDecoder(strings.NewReader(s.out))
	decoder.UseNumber()
	if err := decoder.Decode(&v); err != nil {
		s.failf("not JSON: %v\n%s", err, s.out)
	}
	found, err := lookup(v, path)
	if err != nil {
		s.failf("%s: %v in:\n%s", path, err, s.out)
	}
	return found
}

// plain is a text as it is, and anything else as JSON.
func plain(v any) string {
	if text, ok := v.(string); ok {
		return text
	}
	b, err := json.Marshal(v)
	if err != nil {
		return fmt.Sprint(v)
	}
	return string(b)
}

func (s *script) json(args []string) int {
	s.need(args, 2, "json PATH VALUE")
	if got := plain(s.find(args[0])); got != args[1] {
		s.failf("%s is %s, not %s, in:\n%s", args[0], got, args[1], s.out)
	}
	return 0
}

func (s *script) distinct(args []string) int {
	s.need(args, 2, "distinct PATH N")
	all, ok := s.find(args[0]).([]any)
	if !ok {
		s.failf("%s is no list; use *", args[0])
	}
	seen := map[string]bool{}
	for _, v := range all {
		seen[plain(v)] = true
	}
	if strconv.Itoa(len(seen)) != args[1] || len(seen) != len(all) {
		s.failf("%s has %d values, %d of them different; wanted %s", args[0], len(all), len(seen), args[1])
	}
	return 0
}

func (s *script) set(args []string) int {
	s.need(args, 2, "set NAME PATH")
	s.vars[args[0]] = plain(s.find(args[1]))
	return 0
}
