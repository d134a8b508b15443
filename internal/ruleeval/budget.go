package ruleeval

import (
	"errors"
	"fmt"
	"math"

	core "github.com/activity-core/activity-core"
)

// What a step of planning costs besides the evaluations themselves, in units of CostLimit.
const (
	evaluationCost = 5  // the least that an evaluation costs
	actionCost     = 10 // an action of one item, whatever its parameters
	bytesPerUnit   = 10 // of what is written out
)

// purse is what the evaluations of one plan may still cost together, in units.
type purse struct{ left float64 }

// take pays, and reports whether there was enough. A nil purse pays everything.
func (p *purse) take(units float64) bool {
	if p == nil {
		return true
	}
	p.left = max(p.left-units, -1)
	return p.left >= 0
}

// leastShare is what the expressions of an action that wait for steps may always cost, however
// many actions there are.
const leastShare = 100_000

// shareOf is what the expressions of an action may cost that wait for steps, as one of so many.
func shareOf(among int) float64 {
	return min(max(float64(MaxPlanCost/max(among, 1)), leastShare), 5*CostLimit)
}

// errPlanCost is the end of the purse; Plan turns it into an error that names the rule.
var errPlanCost = errors.New("the plan costs too much")

// spend pays for what a result took when it was written out.
func (s *scope) spend(b *budget) error {
	if !s.purse.take(float64(MaxPlanBytes-max(b.bytes, 0)) / bytesPerUnit) {
		return errPlanCost
	}
	return nil
}

func units(f float64) int64 { return int64(math.Ceil(min(f, MaxPlanCost))) }

// overBudget names the rule that cost most of those evaluated; the last of them is where the
// budget ended.
func overBudget(rules []core.RuleTrace, last int) error {
	most := 0
	for i, r := range rules {
		if r.Cost > rules[most].Cost {
			most = i
		}
	}
	r := rules[most]
	msg := fmt.Sprintf("the plan costs more than %d units in all; rule %q cost most, %d units for %d items with %d actions",
		MaxPlanCost, r.Rule, r.Cost, r.Items, r.Actions)
	if most != last {
		msg += fmt.Sprintf(", and rule %q was cut off", rules[last].Rule)
	}
	msg += "; make the data smaller (select in the context source), compute once what every item needs, or divide the definition"
	return &core.Error{Code: core.CodeTooLarge, Message: msg,
		Fields: []core.FieldError{{Location: fmt.Sprintf("rules[%d]", most), Message: msg}}}
}
