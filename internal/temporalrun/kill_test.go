package temporalrun_test

import (
	"net/http"
	"os"
	"os/exec"
	"sync/atomic"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/devstack/devstacktest"
)

// What a worker process of TestARunSurvivesTheDeathOfItsWorker is told, and that it is one.
const (
	childHostPort  = "ACTIVITY_CORE_TEST_WORKER_TEMPORAL"
	childNamespace = "ACTIVITY_CORE_TEST_WORKER_NAMESPACE"
	childStore     = "ACTIVITY_CORE_TEST_WORKER_STORE"
)

// TestWorkerProcess is no test: it is a worker in a process of its own, until it is killed.
func TestWorkerProcess(t *testing.T) {
	if os.Getenv(childHostPort) == "" {
		t.Skip("runs only as the child of another test")
	}
	r := openRig(t, devstacktest.Namespace{Name: os.Getenv(childNamespace), HostPort: os.Getenv(childHostPort)}, os.Getenv(childStore))
	r.work()
	select {}
}

// startWorkerProcess starts a worker that can be killed as an operating system kills.
func (r *rig) startWorkerProcess() *os.Process {
	r.Helper()
	self, err := os.Executable()
	if err != nil {
		r.Fatal(err)
	}
	cmd := exec.Command(self, "-test.run=^TestWorkerProcess$")
	// What is killed leaves its temporary files behind: they go with this test's own.
	cmd.Env = append(os.Environ(), "TMPDIR="+r.TempDir(), childHostPort+"="+r.ns.HostPort, childNamespace+"="+r.ns.Name, childStore+"="+r.file)
	if err := cmd.Start(); err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
	})
	return cmd.Process
}

// Each death costs a heartbeat timeout, so five deaths over 10,000 items run with
// ACTIVITY_CORE_LONG=1 only. The sink dedupes nothing: it counts the requests under each
// Idempotency-Key.
func TestARunSurvivesTheDeathOfItsWorker(t *testing.T) {
	t.Parallel()
	deaths, n := 1, 600
	if os.Getenv("ACTIVITY_CORE_LONG") != "" {
		deaths, n = 5, 10_000
	}
	r := newRig(t)
	s := newSink(t)
	died := make(chan struct{})
	var victim atomic.Pointer[os.Process]
	var mark atomic.Int64 // of distinct items at which the victim dies
	s.before = func(http.ResponseWriter, *http.Request, int) bool {
		distinct, _ := s.counts()
		if p := victim.Load(); p != nil && int64(distinct) >= mark.Load() && victim.CompareAndSwap(p, nil) {
			_ = p.Kill()
			died <- struct{}{}
		}
		return false
	}
	id := r.trigger(r.define(posting(n, s.URL, "")), "k")
	for i := range deaths {
		mark.Store(int64((i + 1) * n / (deaths + 1)))
		victim.Store(r.startWorkerProcess())
		<-died
	}
	r.startWorkerProcess()
	run := r.wait(id)
	if run.Status != core.RunSucceeded || run.Actions.Succeeded != n {
		t.Fatalf("run: %+v", run)
	}
	distinct, total := s.counts()
	if distinct != n {
		t.Errorf("%d of %d items had their effect", distinct, n)
	}
	// Repeated, under the same keys, is at most what was in flight or not yet recorded at each
	// death.
	if most := n + deaths*8*(16+2*25); total > most {
		t.Errorf("%d requests for %d items", total, n)
	}
	for _, a := range r.actions(run.RunID) {
		if s.keys[a.Key] == 0 || a.Status != core.ActionSucceeded {
			t.Fatalf("item %s: %d requests, and the record says %s", a.ItemKey, s.keys[a.Key], a.Status)
		}
	}
	events, bytes := r.history(id)
	t.Logf("%d items, %d kills: %d distinct keys, %d requests (%d repeated under the same key), %d history events, %d bytes",
		n, deaths, distinct, total, total-distinct, events, bytes)
}
