//go:build !slim

package devstack

import (
	"bytes"
	"errors"
	"log/slog"
	"strings"
	"testing"

	"go.temporal.io/sdk/temporal"
	"go.temporal.io/server/common/log/tag"
)

// A hundred errors after an outage, all of them harmless, hide the one that is not.
func TestWhatSchedulesSayAsTheyWakeIsForDebuggingAndErrorsAreNot(t *testing.T) {
	exists := temporal.NewNonRetryableApplicationError("StartWorkflowExecution: Workflow execution is already running.", existsType, nil)
	for _, c := range []struct {
		what, level string
		say         func(temporalLogger)
	}{
		{"a slot that has its run", "", func(l temporalLogger) { l.Error(startRefused, tag.Error(exists)) }},
		{"the same, as a text", "", func(l temporalLogger) { l.Error(startRefused, tag.NewAnyTag("error", exists.Error())) }},
		{"a slow call", "", func(l temporalLogger) { l.Warn(slowCall) }},
		{"a start that failed otherwise", "ERROR", func(l temporalLogger) {
			l.Error(startRefused, tag.Error(temporal.NewApplicationError("no such search attribute", "serviceerror.InvalidArgument")))
		}},
		{"another error about an execution that exists", "ERROR", func(l temporalLogger) { l.Error("Fail to process task", tag.Error(exists)) }},
		{"a warning", "WARN", func(l temporalLogger) { l.Warn("disk is nearly full", tag.Error(errors.New("5 % left"))) }},
	} {
		var out bytes.Buffer
		logger := serverLogger(slog.New(slog.NewTextHandler(&out, nil)), nil, "temporal")
		c.say(temporalLogger{slog: logger, phase: &temporalPhase{}})
		if c.level == "" && out.Len() > 0 || c.level != "" && !strings.Contains(out.String(), "level="+c.level) {
			t.Errorf("%s is logged as %q, want level %q", c.what, out.String(), c.level)
		}
	}
}
