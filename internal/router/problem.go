package router

import (
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"
)

// Steps that are named in Problem, besides those that retry names.
const (
	fetching      = "read the event stream"
	starting      = "start runs"
	deadLettering = "store dead letters"
)

// problem is what a step waits for.
type problem struct {
	err error
	// fades is when it is forgotten if it does not show again; zero: only success ends it.
	fades time.Time
}

// problemFades is longer than any delay of a delivery that failed: the problem shows again
// before, unless another router has the event now.
const problemFades = 2 * redeliverMost

// Problem says what the router is waiting for just now, or nil while it goes on.
func (r *Router) Problem() error {
	r.mu.Lock()
	defer r.mu.Unlock()
	var all []error
	for _, doing := range slices.Sorted(maps.Keys(r.problems)) {
		all = append(all, r.problems[doing].err)
	}
	return errors.Join(all...)
}

// setProblem notes what a step that is repeated in place waits for, or (nil) that it succeeded.
func (r *Router) setProblem(doing string, err error) { r.note(doing, err, time.Time{}) }

// setPassing notes what a step failed for whose event was handed back, to be tried again by
// whichever router gets it.
func (r *Router) setPassing(doing string, err error) {
	r.note(doing, err, r.cfg.Now().Add(problemFades))
}

// note logs changes only: an outage is one line, not one a second.
func (r *Router) note(doing string, err error, fades time.Time) {
	r.mu.Lock()
	_, before := r.problems[doing]
	if err != nil {
		r.problems[doing] = problem{err: fmt.Errorf("%s: %w", doing, err), fades: fades}
	} else if before {
		delete(r.problems, doing)
	}
	r.mu.Unlock()
	switch {
	case err != nil && !before:
		r.cfg.Log.Warn("event router is held up", "step", doing, "error", err)
	case err == nil && before:
		r.cfg.Log.Info("event router goes on", "step", doing)
	}
}

// countProblems forgets those that did not show again, and observes how many are left.
func (r *Router) countProblems() {
	r.mu.Lock()
	defer r.mu.Unlock()
	defer func() { r.cfg.Metrics.heldUp(len(r.problems)) }()
	maps.DeleteFunc(r.problems, func(_ string, p problem) bool { return !p.fades.IsZero() && p.fades.Before(r.cfg.Now()) })
}
