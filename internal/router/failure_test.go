package router

import (
	"context"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/nats-io/nats.go"
	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/deadletter"
	"github.com/activity-core/activity-core/internal/eventstream"
	"github.com/activity-core/activity-core/internal/eventtrigger"
)

func TestWhileNothingCanBeStartedEventsComeAgainAndNoneIsADeadLetter(t *testing.T) {
	t.Parallel()
	w := newWorld(t, eventstream.Options{})
	w.Apply(definition("a", "x"))
	s := newStarts()
	var mended atomic.Bool
	s.Fail = func(string, int) error {
		if mended.Load() {
			return nil
		}
		return core.Errorf(core.CodeUnavailable, "search attribute activity_id is not registered")
	}
	r := w.start(w.router(s, func(c *Config) { c.MaxFailures = 1 }))
	w.Publish(event("e1", "x", nil))
	eventually(t, "the router says what it waits for", func() bool {
		return r.Problem() != nil && strings.Contains(r.Problem().Error(), "start runs: ") && strings.Contains(r.Problem().Error(), "search attribute")
	})
	mended.Store(true)
	w.Drained()
	if r.Problem() != nil || w.seen.dead.Load() != 0 || w.Entry("a", "e1").Verdict != core.VerdictStarted {
		t.Fatalf("problem %v, %d dead letters", r.Problem(), w.seen.dead.Load())
	}
}

func TestAProblemThatAnotherRouterMayHaveSolvedIsForgotten(t *testing.T) {
	t.Parallel()
	now, held := time.Unix(0, 0), -1
	r := &Router{problems: map[string]problem{}, cfg: Config{
		Now: func() time.Time { return now }, Metrics: Metrics{HeldUp: func(n int) { held = n }},
	}.withDefaults()}
	r.setPassing(starting, core.Errorf(core.CodeUnavailable, "permission denied"))
	r.setProblem("write the ledger", core.Errorf(core.CodeUnavailable, "no database"))
	for _, step := range []struct {
		after time.Duration
		held  int
	}{{0, 2}, {problemFades, 2}, {problemFades + 1, 1}} {
		now = time.Unix(0, 0).Add(step.after)
		if r.countProblems(); held != step.held {
			t.Errorf("after %v: %d problems, want %d", step.after, held, step.held)
		}
	}
	if r.Problem() == nil || strings.Contains(r.Problem().Error(), starting) {
		t.Error(r.Problem())
	}
}

func TestAnEventOverWhichTheProgramPanicsIsADeadLetterAfterAFewDeliveriesAndStopsNothing(t *testing.T) {
	t.Parallel()
	for where, c := range map[string]func(*Config){
		"a condition": func(c *Config) {
			c.CompileWhen = func(core.Definition) (eventtrigger.When, error) {
				return func(_ context.Context, c *eventtrigger.Candidate) (bool, error) {
					if c.Event.EventID == "bad" {
						panic("a bug")
					}
					return true, nil
				}, nil
			}
		},
		"the ledger":  func(c *Config) { c.Ledger = panickyLedger{c.Ledger} },
		"the starter": func(c *Config) { c.Starter = panickyStarter{c.Starter} },
	} {
		t.Run(where, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, eventstream.Options{})
			w.Apply(definition("a", "x", when("true")))
			w.Publish(event("e1", "x", nil), event("bad", "x", nil), event("e2", "x", nil))
			quiet := func(cfg *Config) { cfg.Log, cfg.MaxFailures = nil, 2 }
			w.start(w.router(newStarts(), c, quiet))
			w.Drained()
			for _, id := range []string{"e1", "e2"} {
				if w.Entry("a", id).Verdict != core.VerdictStarted {
					t.Errorf("%s was not started", id)
				}
			}
			page, err := deadletter.New(w.JS, time.Now).List(t.Context(), deadletter.Filter{Reason: ReasonPanicked}, core.PageRequest{Limit: 10})
			if err != nil || len(page.Items) != 1 || page.Items[0].EventID != "bad" || page.Items[0].Deliveries != 2 {
				t.Errorf("%+v %v", page.Items, err)
			}
		})
	}
}

type panickyLedger struct{ Ledger }

func (l panickyLedger) RecordMatches(ctx context.Context, recs []core.CauseRecord, settled []core.Settlement, at time.Time) ([]core.CauseState, error) {
	for _, r := range recs {
		if r.Cause.EventID == "bad" {
			panic("a bug")
		}
	}
	return l.Ledger.RecordMatches(ctx, recs, settled, at)
}

type panickyStarter struct{ Starter }

func (s panickyStarter) StartRun(ctx context.Context, id string, cause core.Cause) (core.StartOutcome, error) {
	if cause.EventID == "bad" {
		panic("a bug")
	}
	return s.Starter.StartRun(ctx, id, cause)
}

func TestAnEventThatFailsForGoodIsADeadLetterByItsOwnFailuresOrBySharedDeliveries(t *testing.T) {
	t.Parallel()
	final := core.Errorf(core.CodeInvalid, "a value cannot be stored")
	for _, c := range []struct {
		what       string
		deliveries []uint64 // which of them this process saw
		dead       bool     // by the last
	}{
		{"fewer than allowed", []uint64{1, 2, 3, 4}, false},
		{"as many as allowed", []uint64{1, 2, 3, 4, 5}, true},
		{"restarted in between, or one router of several", []uint64{11, 20}, true},
		{"not long enough", []uint64{11, 19}, false},
		{"once, after an outage of Temporal", []uint64{700}, false},
	} {
		t.Run(c.what, func(t *testing.T) {
			t.Parallel()
			w := newWorld(t, eventstream.Options{})
			r := w.router(newStarts(), func(cfg *Config) { cfg.Log = nil })
			for i, n := range c.deliveries {
				d := &delivery{msg: message{}, seq: 1, deliveries: n, event: event("e1", "x", nil)}
				r.refuse(d, final)
				if last := i == len(c.deliveries)-1; (w.seen.dead.Load() == 1) != (last && c.dead) {
					t.Fatalf("delivery %d: %d dead letters", n, w.seen.dead.Load())
				}
			}
		})
	}
}

func TestTheDelayDoublesFromDeliveryToDelivery(t *testing.T) {
	t.Parallel()
	for deliveries, want := range map[uint64]time.Duration{
		0: time.Second, 1: time.Second, 2: 2 * time.Second, 3: 4 * time.Second, 4: 8 * time.Second, 7: 64 * time.Second,
		8: 2 * time.Minute, 9: 2 * time.Minute, 1 << 60: 2 * time.Minute,
	} {
		if got := redeliverDelay(deliveries); got != want {
			t.Errorf("delivery %d comes again after %v, want %v", deliveries, got, want)
		}
	}
}

// message is a message of no stream.
type message struct {
	jetstream.Msg
	data []byte
}

func (m message) Data() []byte                     { return m.data }
func (m message) Headers() nats.Header             { return nil }
func (m message) Subject() string                  { return "activity.x" }
func (m message) Nak() error                       { return nil }
func (m message) NakWithDelay(time.Duration) error { return nil }
func (m message) Ack() error                       { return nil }
func (m message) TermWithReason(string) error      { return nil }
