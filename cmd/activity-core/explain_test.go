package main

import (
	"testing"

	core "github.com/activity-core/activity-core"
)

func TestAConditionIsShownWithWhatWasFoundOrWhyThereIsNothing(t *testing.T) {
	t.Parallel()
	for want, f := range map[string]core.FilterExplanation{
		`ok  filters.ref: expected "main", found "main"`:                          {Path: "filters.ref", Operator: "equals", Expected: "main", Actual: "main", Present: true, OK: true},
		`ok  filters.$or: "one of the alternatives"`:                              {Path: "filters.$or", Operator: "$or", Expected: "one of the alternatives", OK: true},
		`NO  filters: "one element" (by different elements)`:                      {Path: "filters", Operator: "together", Expected: "one element", Note: "by different elements"},
		`NO  filters.a: expected 1, found nothing (the payload has no a)`:         {Path: "filters.a", Operator: "equals", Expected: 1, Note: "the payload has no a"},
		`ok  filters.a: expected {"exists":false}, found nothing (there is no a)`: {Path: "filters.a", Operator: "exists", Expected: map[string]any{"exists": false}, Note: "there is no a", OK: true},
	} {
		if got := conditionLine(f); got != want {
			t.Errorf("%q, want %q", got, want)
		}
	}
}
