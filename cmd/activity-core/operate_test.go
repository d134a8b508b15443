package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

func TestALedgerRowNamesTheRunThatThereIs(t *testing.T) {
	slot := core.CronCause(time.Date(2026, time.March, 2, 6, 0, 0, 0, time.UTC))
	for _, c := range []struct {
		row  core.LedgerEntry
		want string
	}{
		{core.LedgerEntry{Cause: slot, Verdict: core.VerdictFired, RunID: "own"}, "own"},
		{core.LedgerEntry{Cause: slot, Verdict: core.VerdictSkipped, Reason: "misfire"}, ""},
		{core.LedgerEntry{Cause: slot, Verdict: core.VerdictCompressed, Into: "cron-2026-03-02T07:00:00Z", IntoRunID: "that of 07:00"}, "that of 07:00"},
	} {
		if rows := ledgerRows([]core.LedgerEntry{c.row}, nil); rows[0][4] != "RUN" || rows[1][4] != c.want {
			t.Errorf("%s: %q, want the run %q", c.row.Verdict, rows, c.want)
		}
	}
}

func TestALedgerCheckFailsByItsCountsNotByTheListsThatAreCut(t *testing.T) {
	for _, c := range []struct {
		answer wire.LedgerCheck
		want   string // of the error
		shown  string
	}{
		{wire.LedgerCheck{OK: true, Waiting: 2}, "", "2 on their way"},
		{wire.LedgerCheck{MissingCount: 4320, Missing: []wire.LedgerGap{{ActivityName: "a", CauseKey: "cron-x"}}}, "4320 causes have no verdict", "and 4319 more"},
		{wire.LedgerCheck{UnexpectedCount: 1, Unexpected: []wire.LedgerGap{{ActivityName: "a", CauseKey: "cron-x", Detail: "it ran"}}},
			"1 causes ran that no version of their definition names", "UNEXPECTED  a cron-x: it ran"},
	} {
		err := checkError(c.answer)
		var exit *exitError
		if (err == nil) != (c.want == "") || err != nil && (!errors.As(err, &exit) || exit.code != exitFailed || !strings.Contains(err.Error(), c.want)) {
			t.Errorf("%+v: error %v, want %q", c.answer, err, c.want)
		}
		var out bytes.Buffer
		(&cli{environment: environment{stdout: &out}}).showCheck(c.answer)
		if !strings.Contains(out.String(), c.shown) {
			t.Errorf("shown:\n%s\nwant %q in it", out.String(), c.shown)
		}
	}
}
