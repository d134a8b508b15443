package storetest

import (
	"fmt"
	"slices"
	"testing"

	core "github.com/activity-core/activity-core"
)

// withPayload is an event record whose event says something of its own.
func withPayload(d core.StoredDefinition, id, payload string) core.CauseRecord {
	r := eventRecord(d, id)
	r.Event.Payload = []byte(payload)
	return r
}

func eventConflicts(t *testing.T, s core.Store) {
	ctx := t.Context()
	a, b, p := create(t, s, "a"), create(t, s, "b"), create(t, s, "p")
	first := withPayload(a, "e1", `{"n":1}`)
	first.StreamSeq = 5
	_, err := s.RecordCauses(ctx, []core.CauseRecord{first}, epoch)
	must(t, err)

	other := withPayload(b, "e1", `{"n":2}`)
	other.Audit = []core.AuditEntry{{At: epoch, By: "jane", Action: "test.conflict", Object: "b"}}
	settled := func(id, payload string) core.Settlement {
		return core.Settlement{ActivityID: p.ID, ActivityName: p.Name, DefinitionVersion: 1, Cause: core.EventCause(id),
			Verdict: core.VerdictPaused, Event: withPayload(p, id, payload).Event}
	}
	for range 2 { // a redelivery comes to the same
		states, err := s.RecordMatches(ctx, []core.CauseRecord{
			withPayload(a, "e2", `1`), other, withPayload(b, "e2", `2`), withPayload(b, "e2", `1`), withPayload(a, "e1", `{"n":3}`),
		}, []core.Settlement{settled("e1", `{"n":2}`), settled("e2", `1`), settled("e3", `3`)}, epoch)
		must(t, err)
		var got []string
		for _, x := range states {
			switch {
			case x.Conflict == nil:
				got = append(got, x.Entry.CauseKey)
			case x.Entry.CauseKey != "" || x.Inserted:
				t.Errorf("a conflict has the entry %+v, want none", x.Entry)
			default:
				got = append(got, fmt.Sprintf("%s differs in %v from %d", x.Conflict.EventID, x.Conflict.Differs, x.Conflict.KeptSequence))
			}
		}
		e2, e3 := core.EventCause("e2").Key(), core.EventCause("e3").Key()
		want := []string{e2, "e1 differs in [payload] from 5", "e2 differs in [payload] from 7", e2, "e1 differs in [payload] from 5",
			"e1 differs in [payload] from 5", e2, e3}
		if !slices.Equal(got, want) {
			t.Errorf("got %q, want %q", got, want)
		}
	}
	for _, d := range []core.StoredDefinition{b, p} { // no row, no run
		_, err = s.LedgerEntry(ctx, d.ID, core.EventCause("e1").Key())
		wantCode(t, err, core.CodeNotFound)
		_, err = s.RunByWorkflowID(ctx, core.WorkflowID(d.ID, core.EventCause("e1")))
		wantCode(t, err, core.CodeNotFound)
	}
	kept, err := s.Event(ctx, "e1")
	if must(t, err); string(kept.Event.Payload) != `{"n":1}` || kept.StreamSeq != 5 {
		t.Errorf("kept %s of sequence %d, want the first event", kept.Event.Payload, kept.StreamSeq)
	}
	trail, err := s.AuditEntries(ctx, "b", core.PageRequest{Limit: 100})
	must(t, err)
	for _, x := range trail.Items {
		if x.Action == "test.conflict" {
			t.Error("the audit trail tells of what was not recorded")
		}
	}
}

func eventRepeats(t *testing.T, s core.Store) {
	ctx := t.Context()
	d := create(t, s, "d")
	first := withPayload(d, "e1", `{"n":1,"m":["ä"]}`)
	first.Event.Subject, first.Event.Extensions = "x\x00y", core.Extensions{"k": "v", "n": int64(1), "f": 1.5, "b": true, "traceparent": "one"}
	_, err := s.RecordCauses(ctx, []core.CauseRecord{first}, epoch)
	must(t, err)
	bare := eventRecord(d, "e2")
	bare.Event.Payload, bare.Event.Extensions = nil, nil
	_, err = s.RecordCauses(ctx, []core.CauseRecord{bare}, epoch)
	must(t, err)

	again := first
	e := *first.Event
	again.Event, again.StreamSeq = &e, 99
	e.Payload, e.Time = []byte(` { "m" : ["\u00e4"], "n" : 1.0 } `), e.Time.AddDate(0, 0, 1)
	e.Extensions = core.Extensions{"k": "v", "n": int64(1), "f": 1.5, "b": true, "traceparent": "two", "tracestate": "z"}
	null := withPayload(d, "e2", `null`)
	null.Event.Extensions = core.Extensions{"traceparent": "three"}
	manual := core.CauseRecord{ActivityID: d.ID, ActivityName: d.Name, DefinitionVersion: 1, Cause: core.ManualCause("k"), Event: &e}
	states, err := s.RecordCauses(ctx, []core.CauseRecord{again, null, manual}, epoch)
	must(t, err)
	for i, x := range states {
		if x.Conflict != nil || x.Inserted != (i == 2) {
			t.Errorf("record %d: %+v, conflict %+v; want no conflict, and a row of its own for the trigger only", i, x, x.Conflict)
		}
	}
	for _, id := range []string{"e1", "e2"} { // what is read back is a repeat, too
		kept, err := s.Event(ctx, id)
		must(t, err)
		if id == "e2" && kept.Event.Extensions != nil {
			t.Errorf("%s has the extensions %v, want none", id, kept.Event.Extensions)
		}
		rec := eventRecord(d, id)
		rec.Event = &kept.Event
		states, err := s.RecordCauses(ctx, []core.CauseRecord{rec}, epoch)
		if must(t, err); states[0].Conflict != nil || states[0].Inserted {
			t.Errorf("%s read back: %+v, want a repeat", id, states[0].Conflict)
		}
	}
	e.Extensions = core.Extensions{"k": "w"}
	states, err = s.RecordCauses(ctx, []core.CauseRecord{again}, epoch)
	if must(t, err); states[0].Conflict == nil || !slices.Equal(states[0].Conflict.Differs, []string{"extensions"}) {
		t.Errorf("another extension: %+v, want a conflict of extensions", states[0].Conflict)
	}
}
