package main

import (
	"bytes"
	"errors"
	"strings"
	"testing"

	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

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
