//go:build !slim

package slots_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"sync"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
	"github.com/activity-core/activity-core/internal/slots"
)

// swapped is a record behind which another one can be put, as a database is restored behind the
// back of a process.
type swapped struct{ slots.Record }

func TestRecordRestoredUnderALivingProcess(t *testing.T) {
	w := newWorld(t, "10:00:30")
	dir := t.TempDir()
	file, backup := filepath.Join(dir, "record.db"), filepath.Join(dir, "backup.db")
	w.store = openRecord(t, file)
	w.replace()
	d := minutely(core.MisfireCatchup)
	w.save(d)
	w.until("10:02:10", d)
	w.must(w.store.Close())
	copyFile(t, file, backup)

	w.store = openRecord(t, file)
	w.replace()
	live := &swapped{w.store}
	watchdog := slots.NewWatchdog(slots.Config{Record: live, Starter: w, Scheduler: w, Now: func() time.Time { return w.clock }})
	tick := func() {
		_, err := watchdog.Tick(t.Context())
		w.must(err)
	}
	w.until("10:06:10", d)
	tick()
	w.store = openRecord(t, backup)
	live.Record = w.store
	w.replace()
	w.until("10:10:10", d)
	tick()
	w.wantVerdicts(d.ID, span{"10:01", "10:02", "fired"}, span{"10:03", "10:06", "lost"}, span{"10:07", "10:10", "fired"})
	w.wantComplete("10:01", "10:10")
}

// tally counts what runs did outside, by nominal time.
type tally struct {
	*httptest.Server
	mu      sync.Mutex
	effects map[time.Time]int
}

func newTally(t *testing.T) *tally {
	c := &tally{effects: make(map[time.Time]int)}
	c.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var body struct{ Nominal time.Time }
		if err := json.NewDecoder(r.Body).Decode(&body); err != nil {
			http.Error(w, err.Error(), http.StatusBadRequest)
			return
		}
		c.mu.Lock()
		defer c.mu.Unlock()
		c.effects[body.Nominal.UTC()]++
	}))
	t.Cleanup(c.Close)
	return c
}

// wantOnce compares the effects of the slots before end: the schedule may have fired a later
// one while the test ran.
func (c *tally) wantOnce(t *testing.T, end time.Time, times []string) {
	t.Helper()
	c.mu.Lock()
	defer c.mu.Unlock()
	var got []string
	for at, n := range c.effects {
		if n != 1 {
			t.Errorf("%s had %d effects, want 1", at.Format("15:04"), n)
		}
		if at.Before(end) {
			got = append(got, at.Format("15:04"))
		}
	}
	if slices.Sort(got); !slices.Equal(got, sorted(times)) {
		t.Errorf("effects of %v, want %v", got, sorted(times))
	}
}

// telling saves a definition that tells a tally.
func (s *system) telling(d core.Definition, c *tally, at time.Time) core.StoredDefinition {
	s.Helper()
	d.Rules = []core.Rule{{Name: "tell", Actions: []core.Action{{Type: core.ActionHTTPRequest, With: map[string]any{
		"method": "POST", "url": c.URL, "body": map[string]any{"nominal": "${run.time}"},
	}}}}}
	rows, err := s.store.ApplyChanges(s.Context(), []core.DefinitionChange{{Definition: d, ExpectVersion: core.AnyVersion}}, "test", at)
	s.must(err)
	return rows[0]
}

func TestOnRealTemporalARecordRestoredFromABackupDoublesNoSlot(t *testing.T) {
	for _, policy := range policies {
		t.Run(string(policy), func(t *testing.T) {
			t.Parallel()
			ns, outside, dir := devstacktest.Temporal(t), newTally(t), t.TempDir()
			file, backup := filepath.Join(dir, "record.db"), filepath.Join(dir, "backup.db")
			s := newSystemOn(t, ns, openRecord(t, file))
			end := s.now()
			fires, times := twelve(policy, end)
			begin := times[0].Add(-10 * time.Second)
			d := s.telling(fires, outside, begin)
			s.must(s.store.Close())
			copyFile(t, file, backup)

			// Six slots run, and the record of them is lost.
			s = s.replacedBy(newSystemOn(t, ns, openRecord(t, file)))
			stop := s.work()
			all := clocks(times)
			for _, at := range times[:6] {
				cause := core.CronCause(at)
				_, err := s.starter.StartRun(t.Context(), d.ID, cause)
				s.must(err)
				s.must(s.starter.WaitRun(t.Context(), core.WorkflowID(d.ID, cause)))
			}
			stop()
			s.must(s.store.Close())
			outside.wantOnce(t, end, all[:6])

			s = s.replacedBy(newSystemOn(t, ns, openRecord(t, backup)))
			s.work()
			s.must(s.schedule.SyncDefinition(t.Context(), d.ID))
			s.settle(d.ID, begin, end)
			last := all[len(all)-1] // within its grace: reconciliation starts it
			ran := map[core.MisfirePolicy][]string{
				core.MisfireSkip: {last}, core.MisfireCompress: {last}, core.MisfireCatchup: all[6:],
			}
			outside.wantOnce(t, end, slices.Concat(all[:6], ran[policy]))
			page, err := s.store.LedgerEntries(t.Context(), core.LedgerFilter{ActivityID: d.ID, Verdict: core.VerdictLost}, core.PageRequest{Limit: 100})
			s.must(err)
			var lost []string
			for _, e := range page.Items {
				lost = append(lost, e.Cause.NominalTime.Format("15:04"))
			}
			if slices.Sort(lost); !slices.Equal(lost, sorted(all[:6])) {
				t.Errorf("lost %v, want %v", lost, all[:6])
			}
		})
	}
}

func sorted(texts []string) []string { return slices.Sorted(slices.Values(texts)) }

// What the child process of TestOnRealTemporalAReplicaKilledBeforeItsStart is told.
const (
	childHostPort  = "ACTIVITY_CORE_TEST_SLOTS_TEMPORAL"
	childNamespace = "ACTIVITY_CORE_TEST_SLOTS_NAMESPACE"
	childStore     = "ACTIVITY_CORE_TEST_SLOTS_STORE"
)

// doomed kills its process at the moment of a start: the make-up is in the ledger, and Temporal
// has not heard of it.
type doomed struct{}

func (doomed) StartRun(context.Context, string, core.Cause) (core.StartOutcome, error) {
	if self, err := os.FindProcess(os.Getpid()); err == nil {
		_ = self.Kill()
	}
	select {}
}

// TestReplicaProcess is no test: it is a replica whose watchdog dies at its first start.
func TestReplicaProcess(t *testing.T) {
	if os.Getenv(childHostPort) == "" {
		t.Skip("runs only as the child of another test")
	}
	s := newSystemOn(t, devstacktest.Namespace{Name: os.Getenv(childNamespace), HostPort: os.Getenv(childHostPort)}, openRecord(t, os.Getenv(childStore)))
	w := slots.NewWatchdog(slots.Config{Record: s.store, Starter: doomed{}, Scheduler: s.schedule, Now: s.now})
	_, err := w.Tick(t.Context())
	t.Fatalf("the tick ended: %v", err)
}

func TestOnRealTemporalAReplicaKilledBeforeItsStart(t *testing.T) {
	t.Parallel()
	ns, outside := devstacktest.Temporal(t), newTally(t)
	file := filepath.Join(t.TempDir(), "record.db")
	s := newSystemOn(t, ns, openRecord(t, file))
	end := s.now()
	begin := end.Add(-6*time.Minute - 30*time.Second)
	d := s.telling(minutely(core.MisfireCatchup), outside, begin)
	s.must(s.store.RecordOutage(t.Context(), core.Outage{From: begin, To: end, What: slots.BeatProcess}))

	self, err := os.Executable()
	s.must(err)
	child := exec.CommandContext(t.Context(), self, "-test.run=^TestReplicaProcess$")
	child.Env = append(os.Environ(), childHostPort+"="+ns.HostPort, childNamespace+"="+ns.Name, childStore+"="+file)
	out, err := child.CombinedOutput()
	if err == nil || child.ProcessState.ExitCode() != -1 { // -1: ended by a signal
		t.Fatalf("the replica was not killed: %v\n%s", err, out)
	}
	first := core.CronCause(begin.Truncate(time.Minute).Add(time.Minute))
	if e, err := s.store.LedgerEntry(t.Context(), d.ID, first.Key()); err != nil || e.Verdict != core.VerdictPending {
		t.Fatalf("the replica left %+v, %v", e, err)
	}

	s.watchdog = slots.NewWatchdog(slots.Config{Record: s.store, Starter: s.starter, Scheduler: s.schedule, Now: s.now, Lost: time.Millisecond})
	s.work()
	missed := clockTimes(begin, end)
	s.settle(d.ID, begin, end)
	if got := s.ran(d.ID, begin, end); !slices.Equal(got, missed) {
		t.Errorf("ran %v, want %v in this order", got, missed)
	}
	outside.wantOnce(t, end, missed)
}
