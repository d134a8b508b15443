package app

import (
	"encoding/json"
	"reflect"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/slots"
)

func TestABackfillsBodyIsTakenInPlaceOfTheDefaults(t *testing.T) {
	day := func(d int) time.Time { return time.Date(2026, 3, d, 0, 0, 0, 0, time.UTC) }
	plain := slots.NewBackfill(day(1), day(3))
	full := plain
	full.UnderWay, full.NotBefore = []time.Time{day(1)}, day(2)
	full.Rate, full.Parallel, full.Limit, full.Within = 0.5, 3, 7, 1500*time.Millisecond
	zero := plain
	zero.Rate, zero.Parallel, zero.Limit = 0, 0, 0 // refused later: nobody means the default by it
	for body, want := range map[string]slots.BackfillRequest{
		`{"from": "2026-03-01T00:00:00Z", "to": "2026-03-03T00:00:00Z"}`:           plain,
		`{"from": "2026-03-01T01:00:00+01:00", "to": "2026-03-03T01:00:00+01:00"}`: plain,
		`{"from": "2026-03-01T00:00:00Z", "to": "2026-03-03T00:00:00Z", "under_way": ["2026-03-01T00:00:00Z"], "not_before": "2026-03-02T00:00:00Z",
		  "rate": 0.5, "parallel": 3, "limit": 7, "within": "1.5s"}`: full,
		`{"from": "2026-03-01T00:00:00Z", "to": "2026-03-03T00:00:00Z", "rate": 0, "parallel": 0, "limit": 0}`: zero,
	} {
		var in wire.Backfill
		if err := json.Unmarshal([]byte(body), &in); err != nil {
			t.Fatal(err)
		}
		if got, err := backfillRequest(in); err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s:\n got %+v, %v\nwant %+v", body, got, err, want)
		}
	}
	for _, within := range []string{"0s", "-1s", "soon", "5"} {
		if _, err := backfillRequest(wire.Backfill{Within: within}); !core.IsCode(err, core.CodeInvalid) {
			t.Errorf("within %q: %v", within, err)
		}
	}
}

func TestTheNextOfABackfillsAnswerIsTheBodyToGoOnWith(t *testing.T) {
	left := slots.BackfillPoint{From: time.Unix(3000, 0).UTC(), UnderWay: []time.Time{time.Unix(2000, 0).UTC()}, NotBefore: time.Unix(4000, 0).UTC()}
	text, err := json.Marshal(backfillResult(slots.BackfillResult{Total: 9, Done: 5, Started: 1, Existing: 2, Settled: 2, Next: &left}).Next)
	if err != nil {
		t.Fatal(err)
	}
	var in wire.Backfill
	if err := json.Unmarshal(text, &in); err != nil {
		t.Fatal(err)
	}
	if got, err := backfillRequest(in); err != nil || !reflect.DeepEqual(got.BackfillPoint, left) {
		t.Errorf("%s became %+v, %v", text, got.BackfillPoint, err)
	}
	end, err := json.Marshal(backfillResult(slots.BackfillResult{Total: 4, Done: 4, Existing: 1, Settled: 3}))
	if want := `{"total":4,"done":4,"started":0,"existing":1,"settled":3,"slots":4,"existed":4}`; err != nil || string(end) != want {
		t.Errorf("%s, want %s", end, want)
	}
}
