package natsrouter

import (
	"context"
	"log/slog"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/changes"
	"github.com/activity-core/activity-core/internal/eventmatch"
)

// trigger is an indexed definition, as far as routing needs it.
type trigger struct {
	id, name string
	version  int64
	paused   *activitycore.Pause
	cycles   bool // whether it fires for events that its own runs caused
	when     When // nil: every event that passes the filters matches
}

// triggers is the catalogue's event definitions in memory. One goroutine uses it at a time.
type triggers struct {
	catalogue activitycore.Catalogue
	compile   CompileWhen
	log       *slog.Logger

	follower changes.Follower
	index    *eventmatch.Index
	byID     map[eventmatch.ID]*trigger
	ids      []eventmatch.ID // scratch
	found    []*trigger      // scratch
}

func newTriggers(c activitycore.Catalogue, compile CompileWhen, log *slog.Logger) *triggers {
	return &triggers{catalogue: c, compile: compile, log: log,
		index: eventmatch.NewIndex(), byID: map[eventmatch.ID]*trigger{}}
}

// refresh brings the index to the catalogue's revision as of now. Called after a batch was taken and before it is matched, it makes promise 3
// hold: an event published after a change was saved is matched with that change.
func (t *triggers) refresh(ctx context.Context) error {
	var found []eventmatch.Change
	err := t.follower.Follow(ctx, t.catalogue, func() {
		t.index, t.byID, found = eventmatch.NewIndex(), map[eventmatch.ID]*trigger{}, nil
	}, func(row activitycore.StoredDefinition) {
		found = append(found, t.change(&row))
	})
	if len(found) > 0 { // also after an error: the follower does not hand these over again
		t.index.Apply(found...)
	}
	return err
}

// change files one row. A row that cannot be indexed was saved by another version of the program that knows more: it is left out and
// said so, rather than stopping every other definition.
func (t *triggers) change(row *activitycore.StoredDefinition) eventmatch.Change {
	id := eventmatch.ID(row.ID)
	delete(t.byID, id)
	if !row.Live() || !row.Enabled || row.TriggerType != activitycore.TriggerEvent {
		return eventmatch.Change{ID: id}
	}
	entry, pattern, err := newTrigger(row, t.compile)
	if err != nil {
		t.log.Error("definition cannot be matched; events do not start it", "activity", row.Name, "version", row.Version, "error", err)
		return eventmatch.Change{ID: id}
	}
	t.byID[id] = entry
	return eventmatch.Change{ID: id, Pattern: pattern}
}

func newTrigger(row *activitycore.StoredDefinition, compile CompileWhen) (*trigger, *eventmatch.Pattern, error) {
	pattern, err := parsePattern(row)
	if err != nil {
		return nil, nil, err
	}
	t := &trigger{id: row.ID, name: row.Name, version: row.Version, paused: row.Paused, cycles: row.TriggerConfig.AllowCycles}
	if row.TriggerConfig.When != "" {
		if t.when, err = compile(row.Definition); err != nil {
			return nil, nil, err
		}
	}
	return t, pattern, nil
}

func parsePattern(row *activitycore.StoredDefinition) (*eventmatch.Pattern, error) {
	pattern, err := eventmatch.ParsePattern(row.TriggerConfig.EventType, row.TriggerConfig.Filters)
	if err != nil {
		return nil, activitycore.Wrap(activitycore.CodeInvalid, err, "trigger_config of %s: %v", row.Name, err)
	}
	return pattern, nil
}

// match returns the definitions whose type and filters match; the slice is good until the next call.
func (t *triggers) match(e *activitycore.Event) ([]*trigger, error) {
	ids, err := t.index.Match(matchable(e), t.ids[:0])
	t.ids = ids[:0]
	if err != nil {
		return nil, activitycore.Wrap(activitycore.CodeMalformed, err, "payload: %v", err)
	}
	t.found = t.found[:0]
	for _, id := range ids {
		t.found = append(t.found, t.byID[id])
	}
	return t.found, nil
}

func matchable(e *activitycore.Event) *eventmatch.Event {
	return &eventmatch.Event{Type: e.Type, Types: e.AlsoTypes, Source: e.Source, Subject: e.Subject, Payload: e.Payload, Extensions: e.Extensions.JSON()}
}
