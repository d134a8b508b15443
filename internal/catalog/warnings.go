package catalog

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
)

// trap is one row of the table of warnings: what is valid and almost never meant, and how it is
// found. One of the functions is set.
type trap struct {
	code string
	// alone looks at one definition, and at nothing else.
	alone func(def *core.Definition, o *offline, tell tell)
	// among looks at all definitions that are given together.
	among func(defs []core.Definition, tell func(i int) tell)
	// stored looks at what the record has seen; offline it is left out.
	stored func(ctx context.Context, seen *seen, def *core.Definition, tell tell)
}

// offline is what a look at definitions alone goes by.
type offline struct {
	now   time.Time
	zones *cronspec.Parser
}

// tell records a warning: where, what is written there, what that means, what to write instead.
type tell func(location string, value any, message, remedy string)

// traps is the table. docs/traps.md has a section for each code.
var traps = []trap{
	{code: cronspec.TrapEitherDay, alone: cronTrap(cronspec.TrapEitherDay)},
	{code: cronspec.TrapBothDays, alone: cronTrap(cronspec.TrapBothDays)},
	{code: cronspec.TrapUnevenStep, alone: cronTrap(cronspec.TrapUnevenStep)},
	{code: cronspec.TrapClockChange, alone: clockTrap},
	{code: "catchup-too-many", alone: catchupTrap},
	{code: "constant-condition", alone: constantTraps},
	{code: "foreign-template", alone: templateTraps},
	{code: "reaches-itself", among: cycleTraps},
	{code: "unseen-event-type", stored: unseenType},
	{code: "unseen-filter-path", stored: unseenPath},
}

// Warnings are those of definitions that have passed [Check], in their order, at most
// [core.MaxWarnings]. They need neither store nor server: what the record would have to be
// asked for is left out (see [Service.Warnings]).
func Warnings(defs []core.Definition, now time.Time) []core.Warning {
	w := &warner{defs: defs}
	w.offline(now)
	return w.sorted()
}

// recordTime bounds how long warnings may wait for the record.
const recordTime = time.Second

// Warnings are those that need no record, and those that the stored events give. They change
// nothing and fail nothing: where the record does not answer in time, its warnings are missing.
func (s *Service) Warnings(ctx context.Context, defs []core.Definition) []core.Warning {
	w := &warner{defs: defs}
	w.offline(s.now())
	if s.Seen != nil {
		ctx, cancel := context.WithTimeout(ctx, recordTime)
		defer cancel()
		seen := &seen{Seen: s.Seen}
		for i := range defs {
			for _, t := range traps {
				if t.stored != nil && seen.failed == nil {
					t.stored(ctx, seen, &defs[i], w.tell(i, t.code))
				}
			}
		}
		if seen.failed != nil {
			s.Logger.WarnContext(ctx, "warnings that need stored events are left out", "error", seen.failed)
		}
	}
	return w.sorted()
}

// warner collects warnings by definition.
type warner struct {
	defs  []core.Definition
	found map[int][]core.Warning
}

func (w *warner) tell(i int, code string) tell {
	return func(location string, value any, message, remedy string) {
		if w.found == nil {
			w.found = map[int][]core.Warning{}
		}
		w.found[i] = append(w.found[i], core.Warning{
			Code: code, Definition: w.defs[i].Name, Location: location, Value: value, Message: message, Remedy: remedy,
		})
	}
}

func (w *warner) offline(now time.Time) {
	o := &offline{now: now, zones: new(cronspec.Parser)}
	for _, t := range traps {
		switch {
		case t.alone != nil:
			for i := range w.defs {
				t.alone(&w.defs[i], o, w.tell(i, t.code))
			}
		case t.among != nil:
			t.among(w.defs, func(i int) tell { return w.tell(i, t.code) })
		}
	}
}

func (w *warner) sorted() []core.Warning {
	var all []core.Warning
	for i := range w.defs {
		all = append(all, w.found[i]...)
	}
	if more := len(all) - core.MaxWarnings; more > 0 {
		all = append(all[:core.MaxWarnings:core.MaxWarnings], core.Warning{Code: "more", Message: fmt.Sprintf("and %d more warnings", more), Remedy: "see to these first"})
	}
	return all
}
