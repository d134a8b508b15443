package httpapi

import (
	"fmt"
	"time"

	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// Backfill is [wire.Backfill] with its times as text: a body takes them in each form that a
// flag does.
type Backfill struct {
	From      string   `json:"from" doc:"first nominal time, included: RFC 3339, 2026-10-25T03:00 or 2026-10-25 (UTC), or a duration back from now"`
	UnderWay  []string `json:"under_way,omitempty" doc:"nominal times before from whose runs have not ended; they take places among parallel"`
	NotBefore *string  `json:"not_before,omitempty" doc:"when the next start is due"`
	To        string   `json:"to" doc:"last nominal time, not included; in the forms of from"`
	Rate      *float64 `json:"rate,omitempty" doc:"runs started a second, above 0 and at most 100; default 10. What has its run or verdict does not count"`
	Parallel  *int     `json:"parallel,omitempty" doc:"runs under way at once, 1 to 16; default 1, which keeps their order to the end"`
	Limit     *int     `json:"limit,omitempty" doc:"nominal times handled by this call; default all"`
	Within    string   `json:"within,omitempty" doc:"answer after about this time, such as 1s; default at the end"`
	DryRun    bool     `json:"dry_run,omitempty" doc:"only count; nothing is started"`
}

// backfillIn reads the times of a backfill; an error names the field. All durations count back
// from the same now.
func (s *server) backfillIn(in Backfill) (out wire.Backfill, err error) {
	now := s.Now()
	read := func(name, text string) (t time.Time) {
		if err == nil {
			t, err = instant(name, text, now)
		}
		return t
	}
	out.From, out.To = read("from", in.From), read("to", in.To)
	for i, text := range in.UnderWay {
		out.UnderWay = append(out.UnderWay, read(fmt.Sprintf("under_way[%d]", i), text))
	}
	if in.NotBefore != nil {
		t := read("not_before", *in.NotBefore)
		out.NotBefore = &t
	}
	out.Rate, out.Parallel, out.Limit, out.Within, out.DryRun = in.Rate, in.Parallel, in.Limit, in.Within, in.DryRun
	return out, err
}
