package wire

import "time"

// BackfillPoint is where a backfill begins or goes on.
type BackfillPoint struct {
	From time.Time `json:"from" doc:"first nominal time, included"`
	// UnderWay and NotBefore come from the answer before and keep the bounds of parallel and rate
	// from one call to the next.
	UnderWay  []time.Time `json:"under_way,omitempty" doc:"nominal times before from whose runs have not ended; they take places among parallel"`
	NotBefore *time.Time  `json:"not_before,omitempty" doc:"when the next start is due"`
}

// Backfill is the body of POST …/backfill: nominal times in [from, to).
type Backfill struct {
	BackfillPoint
	To       time.Time `json:"to" doc:"last nominal time, not included"`
	Rate     *float64  `json:"rate,omitempty" doc:"runs started a second, above 0 and at most 100; default 10. What has its run or verdict does not count"`
	Parallel *int      `json:"parallel,omitempty" doc:"runs under way at once, 1 to 16; default 1, which keeps their order to the end"`
	Limit    *int      `json:"limit,omitempty" doc:"nominal times handled by this call; default all"`
	Within   string    `json:"within,omitempty" doc:"answer after about this time, such as 1s; default at the end"`
	DryRun   bool      `json:"dry_run,omitempty" doc:"only count; nothing is started"`
}

// BackfillResult says what one call did.
type BackfillResult struct {
	Total    int `json:"total" doc:"nominal times in [from, to)"`
	Done     int `json:"done" doc:"of them handled: started + existing + settled"`
	Started  int `json:"started" doc:"runs started by this call"`
	Existing int `json:"existing" doc:"nominal times that had their run before"`
	Settled  int `json:"settled" doc:"nominal times whose other final verdict stands: skipped, compressed, paused, lost"`
	// WouldStart is there after a dry run only.
	WouldStart *int       `json:"would_start,omitempty" doc:"dry run: nominal times that have neither run nor verdict"`
	First      *time.Time `json:"first,omitempty" doc:"first nominal time of the range"`
	Last       *time.Time `json:"last,omitempty" doc:"last nominal time of the range"`
	// Next is absent at the end, when every nominal time is done and the runs have ended.
	Next *BackfillPoint `json:"next,omitempty" doc:"the fields to go on with in place of from, under_way and not_before; absent at the end"`
	// The names of the first version.
	Slots   int `json:"slots" deprecated:"true" doc:"total"`
	Existed int `json:"existed" deprecated:"true" doc:"existing + settled"`
}
