package ruleeval_test

import (
	"fmt"
	"strings"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// gitlab-times: the error names path, value and remedy, and the remedy reads the value.
func TestTheRemedyForATimeReadsIt(t *testing.T) {
	for _, value := range []string{"2026-11-27 10:00:00 UTC", "2026-11-27 10:00:00 +0100", "2026-11-27T10:00:00+0100", "1700000000", "Fri, 27 Nov 2026 10:00:00 GMT", "2026-11-27 10:00:00", "2026-11-27"} {
		payload := fmt.Sprintf(`{"object_attributes": {"created_at": %q}}`, value)
		_, err := title(t, "${timestamp(payload.object_attributes.created_at)}", payload)
		want := fmt.Sprintf("payload.object_attributes.created_at is %q, which is not RFC 3339", value)
		if err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: %v, want an error with %s", value, err, want)
			continue
		}
		_, remedy, _ := strings.Cut(err.Error(), "; write ")
		remedy, _, _ = strings.Cut(remedy, " with its zone")
		if got, err := title(t, "${"+remedy+"}", payload); err != nil || !strings.HasSuffix(got, "Z") {
			t.Errorf("%s: the remedy %q gives %q (%v), want a time", value, remedy, got, err)
		}
	}
}

func TestATimeThatIsWrittenOutIsJudgedWhenSaved(t *testing.T) {
	for expression, want := range map[string]string{
		`duration('soon')`: "is not a duration; write", `timestamp('2026-01-01 00:00:00 UTC')`: "is not RFC 3339", `time.parse('tomorrow')`: "is no time that can be read",
		`time.parse('2026-01-01')`: "says no zone", `time.format(run.time, '%Q')`: "not known", `time.format(run.time, '%F', 'Berlin')`: `did you mean "Europe/Berlin"`,
		`time.parse(event.subject, 'Mars')`: "is not an IANA zone name", `time.format(run.time, '%')`: "ends with %",
	} {
		d := task("${" + expression + "}")
		if msg := compileError(d); !strings.Contains(msg, want) || !strings.Contains(msg, "column") {
			t.Errorf("%s: %q, want %q with a position", expression, msg, want)
		}
	}
	for _, expression := range []string{`duration('7d')`, `duration('1w2d')`, `timestamp('2026-01-02t03:04:05z')`, `timestamp('2016-12-31T23:59:60Z')`, `duration('1h30m')`} {
		if msg := compileError(task("${" + expression + "}")); msg != "" {
			t.Errorf("%s: %s, want it accepted", expression, msg)
		}
	}
}

func compileError(d *core.Definition) string {
	if _, err := ruleeval.Compile(d); err != nil {
		return err.Error()
	}
	return ""
}
