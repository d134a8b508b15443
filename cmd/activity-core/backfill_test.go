package main

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"reflect"
	"regexp"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/slots"
)

// minutes is a server with a definition that fires each minute: it handles so many in a call
// and keeps what ran.
type minutes struct {
	each  int
	ran   map[time.Time]int
	calls int
	// onCall, if not nil, is asked first; a true lost keeps the answer from arriving.
	onCall func(ctx context.Context, call int) (lost bool, err error)
	asked  []time.Time
}

func (m *minutes) Backfill(ctx context.Context, _ string, body wire.Backfill) (r wire.BackfillResult, err error) {
	end := body.From
	for ; end.Before(body.To); end = end.Add(time.Minute) {
		r.Total++
	}
	if body.DryRun {
		would := r.Total - len(m.ran)
		last := end.Add(-time.Minute)
		r.WouldStart, r.First, r.Last, r.Existing = &would, &body.From, &last, len(m.ran)
		return r, nil
	}
	m.calls++
	m.asked = append(m.asked, time.Now())
	lost := false
	if m.onCall != nil {
		if lost, err = m.onCall(ctx, m.calls); err != nil {
			return wire.BackfillResult{}, err
		}
	}
	at := body.From
	for ; r.Done < m.each && at.Before(body.To); at = at.Add(time.Minute) {
		r.Done++
		if m.ran[at]++; m.ran[at] > 1 {
			m.ran[at], r.Existing = 1, r.Existing+1
		} else {
			r.Started++
		}
	}
	time.Sleep(backfillWithin)
	if lost {
		return wire.BackfillResult{}, core.Errorf(core.CodeUnavailable, "no answer from the server")
	}
	if at.Before(body.To) {
		r.Next = &wire.BackfillPoint{From: at}
	}
	return r, ctx.Err()
}

var backfillFrom = time.Date(2026, 3, 1, 0, 0, 0, 0, time.UTC)

func hourOfMinutes(rate float64) wire.Backfill {
	parallel := 1
	return wire.Backfill{BackfillPoint: wire.BackfillPoint{From: backfillFrom}, To: backfillFrom.Add(time.Hour), Rate: &rate, Parallel: &parallel}
}

// fillCommand runs the command against such a server, with output "table" or "json".
func fillCommand(ctx context.Context, api backfiller, body wire.Backfill, output string) (stdout, stderr string, err error) {
	var out, errs bytes.Buffer
	c := &cli{environment: environment{stdout: &out, stderr: &errs}, output: output}
	err = c.backfill(ctx, api, "minutely", body)
	return out.String(), errs.String(), err
}

func TestAnInterruptedBackfillSaysHowToGoOnAndTheRepeatDoesSo(t *testing.T) {
	for _, how := range []string{"the same command", "--from"} {
		t.Run(how, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				ctx, interrupt := context.WithCancel(t.Context())
				server := &minutes{each: 7, ran: map[time.Time]int{}, onCall: func(_ context.Context, call int) (bool, error) {
					if call == 3 {
						interrupt()
					}
					return false, nil
				}}
				stdout, stderr, err := fillCommand(ctx, server, hourOfMinutes(10), "table")
				if !errors.Is(err, errInterrupted) || exitCode(err) != exitFailed {
					t.Fatalf("%v, exit %d", err, exitCode(err))
				}
				if want := "21 of 60 nominal times: 21 started, 0 had their run, 0 have another verdict\n"; stdout != want || server.calls != 3 {
					t.Errorf("%d calls; printed %q, want %q: the call under way comes to its answer", server.calls, stdout, want)
				}
				from := regexp.MustCompile(`--from (\S+) passes over what is done`).FindStringSubmatch(stderr)
				if from == nil || from[1] != "2026-03-01T00:21:00Z" {
					t.Fatalf("it does not say how to go on:\n%s", stderr)
				}
				body := hourOfMinutes(10)
				if how == "--from" {
					if body.From, err = timeFlag("--from", from[1]); err != nil {
						t.Fatal(err)
					}
				}
				server.onCall = nil
				if stdout, _, err = fillCommand(t.Context(), server, body, "table"); err != nil || !strings.Contains(stdout, ": 39 started") {
					t.Errorf("the repeat: %v\n%s", err, stdout)
				}
				if len(server.ran) != 60 {
					t.Errorf("%d ran, want each of 60", len(server.ran))
				}
			})
		})
	}
}

func TestAnInterruptedBackfillDoesNotWaitForAServerThatHangs(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		server := &minutes{each: 7, ran: map[time.Time]int{}, onCall: func(ctx context.Context, call int) (bool, error) {
			if call < 2 {
				return false, nil
			}
			interrupt()
			<-ctx.Done()
			return false, ctx.Err()
		}}
		_, stderr, err := fillCommand(ctx, server, hourOfMinutes(10), "table")
		if !errors.Is(err, errInterrupted) || !strings.Contains(stderr, "--from 2026-03-01T00:07:00Z") {
			t.Errorf("%v\n%s", err, stderr)
		}
		if waited := time.Since(server.asked[1]); waited != backfillGrace {
			t.Errorf("it waited %s", waited)
		}
	})
}

func TestALostAnswerIsAskedForAgainWithoutBreakingTheRate(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &minutes{each: 7, ran: map[time.Time]int{}, onCall: func(_ context.Context, call int) (bool, error) { return call == 2 || call == 3, nil }}
		stdout, stderr, err := fillCommand(t.Context(), server, hourOfMinutes(0.1), "table")
		if want := "60 nominal times: 53 started, 7 had their run, 0 have another verdict\n"; err != nil || stdout != want {
			t.Errorf("%v: %q, want %q", err, stdout, want)
		}
		if n := strings.Count(stderr, "asking again in 11s"); n != 2 {
			t.Errorf("it says so %d times:\n%s", n, stderr)
		}
		// The lost call took its time, then the pause of one start and one call follows.
		if d := server.asked[2].Sub(server.asked[1]); d < backfillWithin+11*time.Second {
			t.Errorf("asked again after %s", d)
		}

		server = &minutes{each: 7, ran: map[time.Time]int{}, onCall: func(_ context.Context, call int) (bool, error) { return call > 1, nil }}
		_, stderr, err = fillCommand(t.Context(), server, hourOfMinutes(10), "table")
		if !core.IsCode(err, core.CodeUnavailable) || server.calls != 1+1+len(backfillRetries) || !strings.Contains(stderr, "--from 2026-03-01T00:07:00Z") {
			t.Errorf("%v after %d calls\n%s", err, server.calls, stderr)
		}
	})
}

func TestJSONOfABackfillIsTheOneResult(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		server := &minutes{each: 20, ran: map[time.Time]int{}, onCall: func(_ context.Context, call int) (bool, error) {
			if call == 2 {
				interrupt()
			}
			return false, nil
		}}
		read := func(stdout string) (r wire.BackfillResult) {
			d := json.NewDecoder(strings.NewReader(stdout))
			if err := d.Decode(&r); err != nil || d.More() {
				t.Errorf("%v, more: %v\n%s", err, d.More(), stdout)
			}
			return r
		}
		stdout, stderr, _ := fillCommand(ctx, server, hourOfMinutes(10), "json")
		if r := read(stdout); r.Done != 40 || r.Total != 60 || r.Slots != 60 || r.Next == nil || !r.Next.From.Equal(backfillFrom.Add(40*time.Minute)) {
			t.Errorf("interrupted: %s", stdout)
		}
		if strings.ContainsAny(stderr, "\r\x1b") || !strings.HasPrefix(stderr, "minutely: 60 nominal times, 2026-03-01T00:00:00Z to 2026-03-01T00:59:00Z; 60 to start, at most 10 a second and 1 at once: 6s or more\n") {
			t.Errorf("standard error: %q", stderr)
		}
		server.onCall = nil
		stdout, _, err := fillCommand(t.Context(), server, hourOfMinutes(10), "json")
		if r := read(stdout); err != nil || r.Done != 60 || r.Started != 20 || r.Existing != 40 || r.Existed != 40 || r.Next != nil || r.WouldStart != nil {
			t.Errorf("to the end: %v %s", err, stdout)
		}
		body := hourOfMinutes(10)
		body.DryRun = true
		calls := server.calls
		stdout, stderr, err = fillCommand(t.Context(), server, body, "json")
		if r := read(stdout); err != nil || stderr != "" || server.calls != calls || r.WouldStart == nil || *r.WouldStart != 0 {
			t.Errorf("dry run: %v %s%s", err, stdout, stderr)
		}
	})
}

// drawAll shows three answers ten seconds after one another, and the end.
func drawAll(width int) string {
	var out bytes.Buffer
	would := 300
	bar := newBackfillBar(&out, 10, wire.BackfillResult{Total: 400, WouldStart: &would})
	bar.width = width
	more := &wire.BackfillPoint{From: backfillFrom}
	sum := wire.BackfillResult{Total: 400}
	for _, part := range []wire.BackfillResult{
		{Done: 100, Existing: 98, Settled: 2, Next: more},
		{Done: 100, Started: 100, Next: more},
		{Next: &wire.BackfillPoint{From: backfillFrom, UnderWay: []time.Time{backfillFrom}}},
		{Done: 200, Started: 200},
	} {
		time.Sleep(20 * time.Second)
		sum.Done, sum.Started, sum.Existing, sum.Settled = sum.Done+part.Done, sum.Started+part.Started, sum.Existing+part.Existing, sum.Settled+part.Settled
		bar.show(sum, part)
	}
	bar.end()
	return out.String()
}

func TestTheBarOfABackfill(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		if got, want := drawAll(0), `100/400: 0 started, 98 existing, 2 settled, 30s left
200/400: 100 started, 98 existing, 2 settled, 5/s, 40s left
200/400: 100 started, 98 existing, 2 settled, waiting for the run of 2026-03-01T00:00:00Z
400/400: 300 started, 98 existing, 2 settled
`; got != want {
			t.Errorf("no terminal:\n%s\nwant:\n%s", got, want)
		}
		if got, want := drawAll(100), strings.Join([]string{"",
			"[==========                              ] 100/400: 0 started, 98 existing, 2 settled, 30s left",
			"[==================                   ] 200/400: 100 started, 98 existing, 2 settled, 5/s, 40s left",
			"200/400: 100 started, 98 existing, 2 settled, waiting for the run of 2026-03-01T00:00:00Z          ",
			"[========================================] 400/400: 300 started, 98 existing, 2 settled  \n",
		}, "\r"); got != want {
			t.Errorf("terminal:\n%q\nwant:\n%q", got, want)
		}
		for _, width := range []int{1, 20, 60, 80, 200} {
			got := drawAll(width)
			if strings.Count(got, "\n") > 1 {
				t.Errorf("width %d: %q", width, got)
			}
			for _, line := range strings.FieldsFunc(got, func(r rune) bool { return r == '\r' || r == '\n' }) {
				if len(line) >= max(width, 2) {
					t.Errorf("width %d: %d characters: %q", width, len(line), line)
				}
			}
		}
	})
}

func TestTheBarOfAFastBackfillPrintsFewLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server := &minutes{each: 1, ran: map[time.Time]int{}}
		_, stderr, err := fillCommand(t.Context(), server, hourOfMinutes(1), "table")
		if n := strings.Count(stderr, "\n"); err != nil || n != 1+6 {
			t.Errorf("a minute prints %d lines, want the announcement and one each %s: %v\n%s", n, barEvery, err, stderr)
		}
	})
}

func TestFlagsOfABackfill(t *testing.T) {
	times := "--from 2026-03-01T00:00:00Z --to 2026-03-02T00:00:00Z "
	for args, says := range map[string]string{
		"":                                `--from "": must be RFC 3339`,
		"--from 2026-03-01T00:00:00Z":     `--to "": must be RFC 3339`,
		"--from yesterday --to now":       `--from "yesterday": must be RFC 3339, 2026-10-25T03:00`,
		times + "--rate 0":                "--rate 0: must be above 0 and at most 100: runs started a second",
		times + "--rate -3":               "--rate -3: must be above 0",
		times + "--rate 1000":             "--rate 1000: must be above 0 and at most 100",
		times + "--rate NaN":              "--rate NaN: must be above 0",
		times + "--rate fast":             `invalid argument "fast" for "--rate"`,
		times + "--parallel 0":            "--parallel 0: must be from 1 to 16",
		times + "--parallel 99":           "--parallel 99: must be from 1 to 16",
		times + "--server ftp://x":        "--server",
		times + "--rate 1 --parallel two": `invalid argument "two" for "--parallel"`,
	} {
		var out bytes.Buffer
		code := run(t.Context(), environment{args: append([]string{"backfill", "minutely"}, strings.Fields(args)...), stdout: &out, stderr: &out})
		if code != exitUsage || !strings.Contains(out.String(), says) {
			t.Errorf("backfill %s: exit %d, want %q in:\n%s", args, code, says, &out)
		}
	}
}

func TestTheDefaultsOfABackfillAreThoseOfItsServer(t *testing.T) {
	c := &cli{}
	cmd := c.backfillCommand()
	request := slots.NewBackfill(backfillFrom, backfillFrom)
	rate, _ := cmd.Flags().GetFloat64("rate")
	parallel, _ := cmd.Flags().GetInt("parallel")
	if rate != request.Rate || parallel != request.Parallel {
		t.Errorf("--rate %g --parallel %d, the server's are %g and %d", rate, parallel, request.Rate, request.Parallel)
	}
}

type backfillerFunc func(wire.Backfill) (wire.BackfillResult, error)

func (f backfillerFunc) Backfill(_ context.Context, _ string, body wire.Backfill) (wire.BackfillResult, error) {
	return f(body)
}

func TestEachPartOfABackfillIsToldWhatTheOneBeforeLeft(t *testing.T) {
	due := backfillFrom.Add(time.Second)
	left := wire.BackfillPoint{From: backfillFrom.Add(3 * time.Minute), UnderWay: []time.Time{backfillFrom.Add(time.Minute), backfillFrom.Add(2 * time.Minute)}, NotBefore: &due}
	var got []wire.Backfill
	_, stderr, err := fillCommand(t.Context(), backfillerFunc(func(body wire.Backfill) (wire.BackfillResult, error) {
		if got = append(got, body); len(got) == 3 {
			return wire.BackfillResult{}, core.Errorf(core.CodeInternal, "no more")
		}
		return wire.BackfillResult{Total: 60, Done: 3, Started: 3, Next: &left}, nil
	}), hourOfMinutes(10), "table")
	if !core.IsCode(err, core.CodeInternal) || len(got) != 3 || !reflect.DeepEqual(got[2].BackfillPoint, left) || got[2].DryRun || *got[2].Rate != 10 || *got[2].Parallel != 1 {
		t.Errorf("%v; sent %+v", err, got)
	}
	// The oldest run that has not ended is where order would be lost.
	if !strings.Contains(stderr, "--from 2026-03-01T00:01:00Z passes over") {
		t.Errorf("%s", stderr)
	}
}
