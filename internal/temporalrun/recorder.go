package temporalrun

import (
	"context"
	"sync"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/retry"
)

// How results reach the store: soon enough that little is repeated after a crash, in chunks
// because each transaction costs as much as dozens of rows.
const (
	recordEvery = 25
	recordAfter = 200 * time.Millisecond
	// recordGrace is how long results are still brought to the store after the activity was
	// canceled.
	recordGrace = 5 * time.Second
)

// recorder collects results of actions and writes them in chunks. Its methods may be called at
// once from everywhere.
type recorder struct {
	a      *activities
	ctx    context.Context // that of the activity, minus its end; see newRecorder
	cancel context.CancelFunc
	runID  string

	mu      sync.Mutex // guards what is collected
	results []core.ActionResult
	types   []core.ActionType
	tasks   []core.TaskWrite
	err     error

	writing sync.Mutex // keeps chunks in order
	ticking chan struct{}
	done    chan struct{}
}

func newRecorder(ctx context.Context, a *activities, runID string) *recorder {
	r := &recorder{a: a, runID: runID, ticking: make(chan struct{}), done: make(chan struct{})}
	// What was done must be recorded even if the activity is canceled meanwhile.
	r.ctx, r.cancel = context.WithCancel(context.WithoutCancel(ctx))
	stopAfter := context.AfterFunc(ctx, func() { time.AfterFunc(recordGrace, r.cancel) })
	go func() {
		defer close(r.done)
		defer stopAfter()
		tick := time.NewTicker(recordAfter)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				_ = r.flush() // kept in r.err
			case <-r.ticking:
				return
			}
		}
	}()
	return r
}

func (r *recorder) add(t core.ActionType, res core.ActionResult, task *core.TaskWrite) {
	r.mu.Lock()
	r.results = append(r.results, res)
	r.types = append(r.types, t)
	if task != nil {
		r.tasks = append(r.tasks, *task)
	}
	full := len(r.results) >= recordEvery
	r.mu.Unlock()
	if full {
		_ = r.flush() // kept in r.err
	}
}

// flush writes what was collected and waits for a database that does not answer.
func (r *recorder) flush() error {
	r.writing.Lock()
	defer r.writing.Unlock()
	r.mu.Lock()
	results, types, tasks, err := r.results, r.types, r.tasks, r.err
	r.results, r.types, r.tasks = nil, nil, nil
	r.mu.Unlock()
	if err != nil || len(results) == 0 {
		return err
	}
	err = recordPolicy.Do(r.ctx, unavailable, func(ctx context.Context) error { return r.a.record.RecordActions(ctx, r.runID, results, tasks) })
	if err != nil {
		r.mu.Lock()
		defer r.mu.Unlock()
		r.err = err
		return err
	}
	for i := range results {
		r.a.metrics.action(types[i], results[i].Status)
	}
	return nil
}

// recordPolicy is how long a database is given that does not answer.
var recordPolicy = retry.Policy{First: 50 * time.Millisecond, Most: 5 * time.Second}

func unavailable(err error) bool { return core.IsCode(err, core.CodeUnavailable) }

// close writes the rest and ends the recorder.
func (r *recorder) close() error {
	close(r.ticking)
	<-r.done
	defer r.cancel()
	return r.flush()
}
