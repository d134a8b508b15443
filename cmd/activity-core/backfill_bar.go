package main

import (
	"fmt"
	"io"
	"time"

	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/terminal"
)

// backfillBar shows how far a backfill is.
type backfillBar struct {
	progress
	rate     float64 // runs a second, at most
	expected wire.BackfillResult
	// before is when the answer before came, since when runs have been started: the look-up of
	// those that exist says nothing of the rate.
	before, since time.Time
}

func newBackfillBar(out io.Writer, rate float64, expected wire.BackfillResult) *backfillBar {
	now := time.Now()
	return &backfillBar{progress: newProgress(out), rate: rate, expected: expected, before: now}
}

// announce says what is about to happen, before it does.
func (b *backfillBar) announce(name string, parallel int) {
	e := b.expected
	fmt.Fprintf(b.out, "%s: %d nominal times", terminal.Line(name), e.Total)
	if e.First != nil && e.Last != nil {
		fmt.Fprintf(b.out, ", %s to %s", e.First.UTC().Format(time.RFC3339), e.Last.UTC().Format(time.RFC3339))
	}
	fmt.Fprintf(b.out, "; %d to start, at most %g a second and %d at once", toStart(e), b.rate, parallel)
	if least := time.Duration(float64(toStart(e)-1) / b.rate * float64(time.Second)); least >= time.Second {
		fmt.Fprintf(b.out, ": %s or more", least.Round(time.Second))
	}
	fmt.Fprintln(b.out)
}

// show draws the sum of all answers, of which part is the latest.
func (b *backfillBar) show(sum, part wire.BackfillResult) {
	now := time.Now()
	if b.since.IsZero() && sum.Started > 0 {
		b.since = b.before
	}
	b.before = now
	text := fmt.Sprintf("%d/%d: %d started, %d existing, %d settled", sum.Done, sum.Total, sum.Started, sum.Existing, sum.Settled)
	switch {
	case part.Done == 0 && part.Next != nil && len(part.Next.UnderWay) > 0:
		text += ", waiting for the run of " + part.Next.UnderWay[0].UTC().Format(time.RFC3339)
	case part.Next != nil:
		text += b.speed(sum, now)
	}
	b.progress.show(sum.Done, sum.Total, text)
}

// speed is the rate so far, and how long the rest takes at that rate.
func (b *backfillBar) speed(sum wire.BackfillResult, now time.Time) string {
	text, each := "", 1/b.rate // seconds a start
	if took := now.Sub(b.since).Seconds(); sum.Started > 0 && took > 0 {
		text = fmt.Sprintf(", %.3g/s", float64(sum.Started)/took)
		each = max(each, took/float64(sum.Started))
	}
	left := max(0, min(toStart(b.expected)-sum.Started, sum.Total-sum.Done))
	return text + fmt.Sprintf(", %s left", time.Duration(float64(left)*each*float64(time.Second)).Round(time.Second))
}
