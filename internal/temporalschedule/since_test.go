package temporalschedule

import (
	"context"
	"testing"
	"time"

	schedulepb "go.temporal.io/api/schedule/v1"
	"google.golang.org/protobuf/types/known/timestamppb"

	core "github.com/activity-core/activity-core"
)

// rowStore is a record with one row and nothing else to say.
type rowStore struct {
	Store
	row core.StoredDefinition
}

func (s rowStore) DefinitionAny(context.Context, string) (core.StoredDefinition, error) {
	return s.row, nil
}

func (rowStore) AccountedUntil(context.Context, []string) (map[string]time.Time, error) {
	return nil, nil
}

func (rowStore) Holds(context.Context, string, time.Time, time.Time) ([]core.Hold, error) {
	return nil, nil
}

func TestAPauseBeganAfterTheLastSlotThatTheScheduleStarted(t *testing.T) {
	noon := time.Date(2026, time.March, 3, 12, 0, 0, 0, time.UTC)
	r := New(Config{Store: rowStore{row: core.StoredDefinition{CreatedAt: noon.Add(-time.Hour)}}})
	seen := described{Observed: Observed{ActivityID: "a"}, info: &schedulepb.ScheduleInfo{}}
	for _, c := range []struct {
		what    string
		started []time.Time
		now     time.Time
		want    time.Time
	}{
		{"none", nil, noon, noon.Add(-time.Hour)},
		{"two", []time.Time{noon.Add(-2 * time.Minute), noon.Add(-time.Minute)}, noon, noon.Add(-time.Minute + time.Microsecond)},
		{"one just now", []time.Time{noon}, noon.Add(time.Millisecond), noon.Add(time.Microsecond)},
	} {
		seen.info.RecentActions = nil
		for _, s := range c.started {
			seen.info.RecentActions = append(seen.info.RecentActions, &schedulepb.ScheduleActionResult{ScheduleTime: timestamppb.New(s)})
		}
		if got, err := r.pausedSince(t.Context(), seen, c.now); err != nil || !got.Equal(c.want) {
			t.Errorf("%s: since %s, %v; want %s", c.what, got, err, c.want)
		}
	}
}
