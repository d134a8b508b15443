package slots

import (
	"fmt"
	"slices"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
)

// elect records latest as the run that stands for a gap, and returns the slot whose run does.
// Without a recorded outage the end of the gap depends on when one looks, so replicas may
// record different slots: of those not yet started the latest one stands for all, and one that
// is started already stands for every other.
//
// The ledger decides, whoever stalls or dies between two steps: a rival is out once its row is
// compressed, which the record refuses if its run has begun; and a row that is compressed is
// not admitted.
func (j *judgement) elect(first, latest time.Time) (elected time.Time, err error) {
	own, err := j.w.record(j.ctx, j.def, latest)
	if err != nil {
		return elected, err
	}
	if own.Verdict == core.VerdictCompressed {
		return nominalOf(own.Into), nil // a replica that saw more of the gap was quicker
	}
	for { // ends: each round that does not settle the matter finds one more rival that has begun
		chosen, rivals, err := j.candidates(own, first, latest)
		if err != nil {
			return elected, err
		}
		settled := make([]core.Settlement, 0, len(rivals))
		for _, e := range rivals {
			s := settlement(j.def, *e.Cause.NominalTime, core.VerdictCompressed, j.why(*e.Cause.NominalTime))
			s.Into = chosen.CauseKey
			settled = append(settled, s)
		}
		rows, err := j.w.settle(j.ctx, settled, j.report)
		if err != nil {
			return elected, err
		}
		lost := true
		for _, e := range rows {
			lost = lost && e.Verdict.Terminal() && e.Verdict != core.VerdictFired
		}
		if lost {
			return *chosen.Cause.NominalTime, nil
		}
	}
}

// nominalOf is the nominal time of a cron slot's cause key; zero if it is none.
func nominalOf(key string) time.Time {
	t, err := time.Parse(time.RFC3339, strings.TrimPrefix(key, "cron-"))
	if err != nil {
		return time.Time{}
	}
	return t
}

// candidates returns which make-up is to stand for the gap of the slots from first to latest,
// and the other ones of the same gap that have not begun. The gap may go on after latest, for a
// replica that saw more of it: up to the first slot that was not missed.
func (j *judgement) candidates(own core.LedgerEntry, first, latest time.Time) (chosen core.LedgerEntry, rivals []core.LedgerEntry, err error) {
	rows, err := j.rows(first)
	if err != nil {
		return own, nil, err
	}
	chosen = own
	var pending []core.LedgerEntry
	for _, e := range rows {
		begun := e.Verdict == core.VerdictStarted || e.Verdict == core.VerdictFired
		missed := e.MakeUp || e.Verdict == core.VerdictCompressed || e.Verdict == core.VerdictPaused
		switch {
		case !missed && e.Cause.NominalTime.After(latest):
			return chosen, without(pending, chosen), nil
		case e.MakeUp && begun:
			chosen = e
		case e.MakeUp && e.Verdict == core.VerdictPending:
			pending = append(pending, e)
			if chosen.Verdict == core.VerdictPending {
				chosen = e // they ascend
			}
		}
	}
	return chosen, without(pending, chosen), nil
}

func without(entries []core.LedgerEntry, chosen core.LedgerEntry) (others []core.LedgerEntry) {
	for _, e := range entries {
		if e.CauseKey != chosen.CauseKey {
			others = append(others, e)
		}
	}
	return others
}

// rows lists the definition's cron rows since a time, ascending.
func (j *judgement) rows(since time.Time) (rows []core.LedgerEntry, err error) {
	filter := core.LedgerFilter{ActivityID: j.def.ID, Kind: core.CauseCron, Since: since}
	for page := (core.PageRequest{Limit: 1000}); ; {
		entries, err := j.w.cfg.Record.LedgerEntries(j.ctx, filter, page)
		if err != nil {
			return nil, fmt.Errorf("read ledger: %w", err)
		}
		rows = append(rows, entries.Items...)
		if page.Cursor = entries.NextCursor; page.Cursor == "" {
			break
		}
	}
	slices.Reverse(rows)
	return rows, nil
}
