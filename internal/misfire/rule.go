package misfire

import (
	"errors"
	"fmt"
	"strings"

	core "github.com/activity-core/activity-core"
)

// Overlap says what becomes of a slot that comes while a run of the definition is open: Temporal's
// overlap policies, by Temporal's names.
type Overlap string

// The overlap policies.
const (
	OverlapSkip      Overlap = "SKIP"       // it never runs
	OverlapBufferOne Overlap = "BUFFER_ONE" // one waits; the others go into the run that follows
	OverlapBufferAll Overlap = "BUFFER_ALL" // all wait, up to 1,000
)

// MakeUp says which of the slots that were missed together run after all.
type MakeUp string

// The choices.
const (
	MakeUpNone   MakeUp = "none"
	MakeUpLatest MakeUp = "latest" // one run, that of the latest slot, stands for all
	MakeUpEach   MakeUp = "each"   // oldest first, one at a time
)

// Rule is what one policy promises.
type Rule struct {
	Policy  core.MisfirePolicy
	Overlap Overlap
	MakeUp  MakeUp
	// Windowed: nothing is made up that is later than catchup_window.
	Windowed bool
	// Summary is one clause for people: what becomes of missed slots.
	Summary string
}

// rules is the table: a new policy is a new row. The first is the default.
var rules = []Rule{
	{Policy: core.MisfireSkip, Overlap: OverlapSkip, MakeUp: MakeUpNone, Summary: "none is made up"},
	{Policy: core.MisfireCatchup, Overlap: OverlapBufferAll, MakeUp: MakeUpEach, Windowed: true,
		Summary: "each is made up once, oldest first, within catchup_window"},
	{Policy: core.MisfireCompress, Overlap: OverlapBufferOne, MakeUp: MakeUpLatest,
		Summary: "exactly one is made up: the latest"},
}

// Policies lists the policies in the order of the documentation.
func Policies() []core.MisfirePolicy {
	names := make([]core.MisfirePolicy, len(rules))
	for i, r := range rules {
		names[i] = r.Policy
	}
	return names
}

// RuleOf is the row of a policy; an empty or unknown name is the default, which makes nothing up.
func RuleOf(p core.MisfirePolicy) Rule {
	for _, r := range rules {
		if r.Policy == p {
			return r
		}
	}
	return rules[0]
}

// Check refuses a misfire_policy that is none. An empty one is the default.
func Check(p core.MisfirePolicy) error {
	if p == "" || RuleOf(p).Policy == p {
		return nil
	}
	var names []string
	for _, r := range rules {
		names = append(names, string(r.Policy))
	}
	last := len(names) - 1
	text := "must be " + strings.Join(names[:last], ", ") + " or " + names[last]
	if near := core.Suggest(string(p), names); near != "" {
		text += fmt.Sprintf("; did you mean %q?", near)
	}
	return errors.New(text)
}

// Elects reports whether one slot of those missed together runs for all of them.
func (r Rule) Elects() bool { return r.MakeUp == MakeUpLatest }

// Ordered reports whether a slot waits for all that were missed before it.
func (r Rule) Ordered() bool { return r.MakeUp == MakeUpEach }

// Waits reports whether a slot that meets an open run may wait for its end.
func (r Rule) Waits() bool { return r.Overlap == OverlapBufferOne || r.WaitsAll() }

// WaitsAll reports whether every such slot waits, and none is dropped.
func (r Rule) WaitsAll() bool { return r.Overlap == OverlapBufferAll }
