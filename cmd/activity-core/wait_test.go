package main

import (
	"bytes"
	"context"
	"errors"
	"io"
	"strings"
	"testing"
	"testing/synctest"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// pendingAnswers is a server that says so one after the other, the last one for ever.
type pendingAnswers struct {
	answers []wire.SchedulesPending
	errs    map[int]error
	asked   int
	onAsk   func(n int)
}

func (p *pendingAnswers) SchedulesPending(_ context.Context, revision int64) (wire.SchedulesPending, error) {
	n := p.asked
	p.asked++
	if p.onAsk != nil {
		p.onAsk(n)
	}
	if err := p.errs[n]; err != nil {
		return wire.SchedulesPending{}, err
	}
	if revision != 7 {
		return wire.SchedulesPending{}, errors.New("another revision was asked for")
	}
	return p.answers[min(n, len(p.answers)-1)], nil
}

func TestApplyWaitsUntilSchedulesFollow(t *testing.T) {
	away := core.ScheduleBehind{ActivityName: "b", Error: "Temporal does not answer", Code: core.CodeUnavailable}
	long := core.ScheduleBehind{ActivityName: "b\x1b[31m", Error: "the spec is too long", Code: core.CodeInvalid}
	for name, c := range map[string]struct {
		api    pendingAnswers
		exit   int
		says   []string
		silent string
	}{
		"all follow": {
			api:  pendingAnswers{answers: []wire.SchedulesPending{{Pending: 3}, {Pending: 1}, {}}},
			exit: exitOK, says: []string{"3 of 3 schedules follow"}, silent: "still trying",
		},
		"Temporal is away for a time": {
			api:  pendingAnswers{answers: []wire.SchedulesPending{{Pending: 3, Failing: 3, Items: []core.ScheduleBehind{away}}, {Pending: 3, Failing: 3, Items: []core.ScheduleBehind{away}}, {}}},
			exit: exitOK, says: []string{"still trying: Temporal does not answer\n3 of 3"},
		},
		"the server is away for a time": {
			api:  pendingAnswers{answers: []wire.SchedulesPending{{Pending: 3}, {}}, errs: map[int]error{1: core.Errorf(core.CodeUnavailable, "no answer")}},
			exit: exitOK, says: []string{"no answer\n3 of 3"},
		},
		"one is refused": {
			api:  pendingAnswers{answers: []wire.SchedulesPending{{Pending: 2, Failing: 1, Refused: 1, Items: []core.ScheduleBehind{long}}, {Pending: 1, Failing: 1, Refused: 1, Items: []core.ScheduleBehind{long}}}},
			exit: exitFailed, says: []string{"2 of 3 schedules follow", `: the spec is too long`, "error: everything is saved, and 1 schedules cannot follow"}, silent: "\x1b",
		},
		"the question is refused": {
			api:  pendingAnswers{errs: map[int]error{0: core.Errorf(core.CodeForbidden, "a token is missing")}},
			exit: exitFailed, says: []string{"the change is saved", "a token is missing"},
		},
	} {
		synctest.Test(t, func(t *testing.T) {
			var out bytes.Buffer
			cmd := &cli{environment: environment{stdout: io.Discard, stderr: &out}}
			err := cmd.awaitSchedules(t.Context(), &c.api, catalog.Changeset{SchedulesPending: 3, Revision: 7})
			got := exitOK
			if err != nil {
				got = exitCode(err)
				cmd.printError(err)
			}
			if got != c.exit {
				t.Errorf("%s: exit %d, want %d", name, got, c.exit)
			}
			for _, want := range c.says {
				if !strings.Contains(out.String(), want) {
					t.Errorf("%s: %q is not in:\n%s", name, want, out.String())
				}
			}
			if c.silent != "" && strings.Contains(out.String(), c.silent) {
				t.Errorf("%s: %q is in:\n%s", name, c.silent, out.String())
			}
		})
	}
}

// Ctrl-C ends the waiting and nothing else, and says so.
func TestInterruptedWaitingSaysThatTheChangeIsSaved(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		ctx, interrupt := context.WithCancel(t.Context())
		defer interrupt()
		api := &pendingAnswers{answers: []wire.SchedulesPending{{Pending: 3}, {Pending: 2}}, onAsk: func(n int) {
			if n == 3 {
				interrupt()
			}
		}}
		var out bytes.Buffer
		cmd := &cli{environment: environment{stdout: io.Discard, stderr: &out}}
		err := cmd.awaitSchedules(ctx, api, catalog.Changeset{SchedulesPending: 3, Revision: 7})
		if exitCode(err) != exitFailed {
			t.Errorf("exit %d, want %d", exitCode(err), exitFailed)
		}
		if want := "interrupted: the change is saved; 2 of 3 schedules have still to follow"; !strings.Contains(out.String(), want) {
			t.Errorf("%q is not in:\n%s", want, out.String())
		}
	})
}
