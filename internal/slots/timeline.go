package slots

import (
	"cmp"
	"context"
	"fmt"
	"iter"
	"slices"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
)

// The kinds of hold (see core.Hold).
const (
	holdPaused   = "paused"
	holdDisabled = "disabled"
	holdDeleted  = "deleted"
)

// Slot is one nominal time of a definition.
type Slot struct {
	Time time.Time
	// Version of the definition that names the time.
	Version int64
	// Hold during which the time passed; nil if the definition was to fire.
	Hold *core.Hold
}

// timeline is what a definition asked of the clock over a stretch of time: which version was
// valid when, and when it was held. A version is valid from its saving until the next one's,
// and the rules of its zone until there are others.
type timeline struct {
	segments []segment // ascending, without those that have no cron trigger
	holds    []core.Hold
}

type segment struct {
	from, to time.Time // [from, to)
	version  int64
	spec     *cronspec.Spec
}

// specs are the parsed specs of stored definitions.
type specs struct{ cache cronspec.Cache }

func (s *specs) parse(t core.TriggerConfig) (*cronspec.Spec, error) {
	spec, err := s.cache.Parse(t.CronExpression, t.Timezone)
	if err != nil {
		return nil, fmt.Errorf("cron expression of a stored definition: %w", err)
	}
	return spec, nil
}

const versionsPerPage = 50

// load reads the timeline of a definition over [from, to).
func (s *specs) load(ctx context.Context, record Timelines, id string, from, to time.Time) (*timeline, error) {
	tl := &timeline{}
	end := to
	for page := (core.PageRequest{Limit: versionsPerPage}); ; {
		versions, err := record.Versions(ctx, id, page)
		if err != nil {
			return nil, fmt.Errorf("read versions of %s: %w", id, err)
		}
		for _, v := range versions.Items {
			start := later(v.UpdatedAt, from)
			if v.TriggerType == core.TriggerCron && start.Before(end) {
				parts, err := s.parts(ctx, record, v.TriggerConfig, start, end)
				if err != nil {
					return nil, err
				}
				for _, p := range slices.Backward(parts) { // the segments are turned round below
					p.version = v.Version
					tl.segments = append(tl.segments, p)
				}
			}
			end = earlier(end, v.UpdatedAt)
			if !end.After(from) {
				break
			}
		}
		if page.Cursor = versions.NextCursor; page.Cursor == "" || !end.After(from) {
			break
		}
	}
	slices.Reverse(tl.segments)
	if len(tl.segments) == 0 {
		return tl, nil
	}
	holds, err := record.Holds(ctx, id, from, to)
	if err != nil {
		return nil, fmt.Errorf("read holds of %s: %w", id, err)
	}
	tl.holds = ranked(holds)
	return tl, nil
}

// ranked orders holds so that the first that covers a time is the reason to name: what a person
// did explains more than what follows from it.
func ranked(holds []core.Hold) []core.Hold {
	rank := map[string]int{holdDeleted: 0, holdPaused: 1, holdDisabled: 2}
	slices.SortStableFunc(holds, func(a, b core.Hold) int { return cmp.Compare(rank[a.Kind], rank[b.Kind]) })
	return holds
}

// start is where the timeline begins; zero if the definition asked for nothing.
func (tl *timeline) start() time.Time {
	if len(tl.segments) == 0 {
		return time.Time{}
	}
	return tl.segments[0].from
}

// slots yields the slots of [from, to), ascending. Times at which the definition did not exist
// are no slots.
func (tl *timeline) slots(from, to time.Time) iter.Seq[Slot] {
	return func(yield func(Slot) bool) {
		for _, s := range tl.segments {
			for t := range s.spec.Between(later(s.from, from), earlier(s.to, to)) {
				hold := holdAt(tl.holds, t)
				if hold != nil && hold.Kind == holdDeleted {
					continue
				}
				if !yield(Slot{Time: t, Version: s.version, Hold: hold}) {
					return
				}
			}
		}
	}
}

// First is the first slot at or after from at which the definition was to fire.
func (tl *timeline) First(from time.Time) (time.Time, bool) {
	if len(tl.segments) > 0 {
		for s := range tl.slots(from, tl.segments[len(tl.segments)-1].to) {
			if s.Hold == nil {
				return s.Time, true
			}
		}
	}
	return time.Time{}, false
}

// Last is the last slot in [from, to) at which the definition was to fire.
func (tl *timeline) Last(from, to time.Time) (last time.Time, ok bool) {
	for i := len(tl.segments) - 1; i >= 0; i-- {
		s := tl.segments[i]
		lo, before := later(s.from, from), earlier(s.to, to)
		for before.After(lo) {
			t, found := s.spec.Prev(before)
			if !found || t.Before(lo) {
				break
			}
			if holdAt(tl.holds, t) == nil {
				return t, true
			}
			before = t
		}
	}
	return time.Time{}, false
}

// deletedSince reports whether the definition was deleted after a time, as far as the timeline
// goes.
func (tl *timeline) deletedSince(t time.Time) bool {
	return slices.ContainsFunc(tl.holds, func(h core.Hold) bool { return h.Kind == holdDeleted && h.From.After(t) })
}

func holdAt(holds []core.Hold, t time.Time) *core.Hold {
	for i, h := range holds {
		if !t.Before(h.From) && (h.Until == nil || t.Before(*h.Until)) {
			return &holds[i]
		}
	}
	return nil
}

func holdReason(h core.Hold) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%s since %s", h.Kind, h.From.UTC().Format(time.RFC3339))
	if h.By != "" {
		fmt.Fprintf(&b, " by %s", h.By)
	}
	if h.Reason != "" {
		fmt.Fprintf(&b, ": %s", h.Reason)
	}
	return b.String()
}

func later(a, b time.Time) time.Time {
	if a.After(b) {
		return a
	}
	return b
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}
