package main

import (
	"fmt"
	"io"
	"strings"
	"time"

	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/terminal"
)

// backfillBar shows how far a backfill is: on a terminal one line that is drawn again, elsewhere a line every now and then.
type backfillBar struct {
	out io.Writer
	// width is that of the terminal; 0 is no terminal.
	width    int
	rate     float64 // runs a second, at most
	expected wire.BackfillResult
	// before is when the answer before came, since when runs have been started: the look-up of those that exist says nothing of the rate.
	before, since time.Time
	printed       time.Time // the latest line, where there is no terminal
	drawn         int       // characters of the line on the terminal
}

// barEvery is how often a line is printed where there is no terminal.
const barEvery = 10 * time.Second

func newBackfillBar(out io.Writer, rate float64, expected wire.BackfillResult) *backfillBar {
	now := time.Now()
	return &backfillBar{out: terminal.Raw(out), width: terminal.Width(out), rate: rate, expected: expected, before: now, printed: now}
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
	if b.width > 0 {
		b.draw(sum, text)
		return
	}
	if now.Sub(b.printed) >= barEvery {
		b.printed = now
		fmt.Fprintln(b.out, text)
	}
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

func (b *backfillBar) draw(sum wire.BackfillResult, text string) {
	const narrowest, widest = 10, 40
	if room := min(widest, b.width-1-len(text)-len("[] ")); room >= narrowest {
		full := room
		if sum.Total > 0 {
			full = room * min(sum.Done, sum.Total) / sum.Total
		}
		text = "[" + strings.Repeat("=", full) + strings.Repeat(" ", room-full) + "] " + text
	}
	// A line that reaches the last column would begin a new one, and the next \r would leave it behind.
	text = text[:min(len(text), b.width-1)]
	fmt.Fprintf(b.out, "\r%s%s", text, strings.Repeat(" ", max(0, b.drawn-len(text))))
	b.drawn = len(text)
}

// note prints a line of its own.
func (b *backfillBar) note(format string, args ...any) {
	b.end()
	fmt.Fprintln(b.out, terminal.Line(fmt.Sprintf(format, args...)))
}

// end leaves the line on the terminal as it is.
func (b *backfillBar) end() {
	if b.drawn > 0 {
		fmt.Fprintln(b.out)
		b.drawn = 0
	}
}
