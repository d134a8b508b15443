package slots_test

import (
	"context"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/slots"
)

// fate is what befalls a replica at one of its calls to the record, the starter and the
// scheduler: it stops there until it is told to go on, or dies. Calls are the only moments at
// which another replica can notice anything of it, so a stop at each of them is every
// interleaving of two replicas with one switch between them.
type fate struct {
	stopAt  int // number of the call; 0 is none
	stopped chan struct{}
	resume  chan fateAfter       // what it does then
	offset  time.Duration        // of its clock
	clock   func() time.Duration // counts the calls of all replicas, as a clock does

	calls []bool // made, and whether each changes anything
	dead  bool

	// When it first looked at the ledger, asked last for an execution, changed something first, and
	// started a run first.
	looked, asked, acted, started time.Duration
}

type fateAfter string

const (
	goesOn     fateAfter = "goes on"
	diesBefore fateAfter = "dies before it"
	diesAfter  fateAfter = "dies after it" // done, and nobody has heard of it
)

func call[T any](f *fate, acts bool, do func() (T, error)) (T, error) {
	var none T
	if f.dead {
		return none, errDied
	}
	act := func() (T, error) {
		if now := f.clock(); acts && f.acted == 0 {
			f.acted = now
		}
		return do()
	}
	if f.calls = append(f.calls, acts); len(f.calls) == f.stopAt {
		f.stopped <- struct{}{}
		switch <-f.resume {
		case diesBefore:
			f.dead = true
			return none, errDied
		case diesAfter:
			f.dead = true
			if _, err := act(); err != nil {
				return none, err
			}
			return none, errDied
		}
	}
	return act()
}

// replica is a watchdog that its fate can reach.
type replica struct {
	slots.Record
	*world
	*fate
	watchdog *slots.Watchdog
	done     chan error
}

func (w *world) newReplica(f fate) *replica {
	f.stopped, f.resume = make(chan struct{}), make(chan fateAfter)
	r := &replica{Record: w.store, world: w, fate: &f, done: make(chan error, 1)}
	r.watchdog = slots.NewWatchdog(slots.Config{
		Record: r, Starter: replicaStarter{r}, Scheduler: replicaScheduler{r}, MakeUpTime: 20 * time.Millisecond,
		Now: func() time.Time { return w.clock.Add(f.offset) },
	})
	return r
}

// begin ticks until the replica stops (true) or the tick is over.
func (r *replica) begin() (stopped bool) {
	go func() {
		_, err := r.watchdog.Tick(context.Background())
		r.done <- err
	}()
	select {
	case <-r.stopped:
		return true
	case err := <-r.done:
		r.done <- err
		return false
	}
}

// finish lets a replica that has stopped go on, and waits for the end of its tick.
func (r *replica) finish(stopped bool, after fateAfter) error {
	if stopped {
		r.resume <- after
	}
	return <-r.done
}

func (r *replica) RecordCauses(ctx context.Context, recs []core.CauseRecord, at time.Time) ([]core.CauseState, error) {
	return call(r.fate, true, func() ([]core.CauseState, error) { return r.Record.RecordCauses(ctx, recs, at) })
}

func (r *replica) ConfirmStarts(ctx context.Context, starts []core.Start, at time.Time) error {
	_, err := call(r.fate, true, func() (any, error) { return nil, r.Record.ConfirmStarts(ctx, starts, at) })
	return err
}

func (r *replica) Settle(ctx context.Context, s []core.Settlement, at time.Time) ([]core.LedgerEntry, error) {
	return call(r.fate, true, func() ([]core.LedgerEntry, error) { return r.Record.Settle(ctx, s, at) })
}

func (r *replica) Advance(ctx context.Context, marks map[string]time.Time) error {
	_, err := call(r.fate, true, func() (any, error) { return nil, r.Record.Advance(ctx, marks) })
	return err
}

func (r *replica) AccountedUntil(ctx context.Context, ids []string) (map[string]time.Time, error) {
	return call(r.fate, false, func() (map[string]time.Time, error) { return r.Record.AccountedUntil(ctx, ids) })
}

func (r *replica) PendingCauses(ctx context.Context, before time.Time, limit int) ([]core.CauseRecord, error) {
	return call(r.fate, false, func() ([]core.CauseRecord, error) { return r.Record.PendingCauses(ctx, before, limit) })
}

func (r *replica) CronKeys(ctx context.Context, id string, from, to time.Time) ([]string, error) {
	return call(r.fate, false, func() ([]string, error) {
		if r.looked == 0 {
			r.looked = r.fate.clock()
		}
		return r.Record.CronKeys(ctx, id, from, to)
	})
}

func (r *replica) Outages(ctx context.Context, from, to time.Time) ([]core.Outage, error) {
	return call(r.fate, false, func() ([]core.Outage, error) { return r.Record.Outages(ctx, from, to) })
}

func (r *replica) LedgerEntry(ctx context.Context, id, key string) (core.LedgerEntry, error) {
	return call(r.fate, false, func() (core.LedgerEntry, error) { return r.Record.LedgerEntry(ctx, id, key) })
}

func (r *replica) LedgerEntries(ctx context.Context, f core.LedgerFilter, p core.PageRequest) (core.Page[core.LedgerEntry], error) {
	return call(r.fate, false, func() (core.Page[core.LedgerEntry], error) { return r.Record.LedgerEntries(ctx, f, p) })
}

func (r *replica) Runs(ctx context.Context, f core.RunFilter, p core.PageRequest) (core.Page[core.Run], error) {
	return call(r.fate, false, func() (core.Page[core.Run], error) { return r.Record.Runs(ctx, f, p) })
}

type replicaStarter struct{ r *replica }

func (s replicaStarter) StartRun(ctx context.Context, id string, cause core.Cause) (core.StartOutcome, error) {
	return call(s.r.fate, true, func() (core.StartOutcome, error) {
		if s.r.started == 0 {
			s.r.started = s.r.fate.clock()
		}
		return s.r.world.StartRun(ctx, id, cause)
	})
}

type replicaScheduler struct{ r *replica }

func (s replicaScheduler) Backlog(ctx context.Context, id string) (n int64, next time.Time, err error) {
	_, err = call(s.r.fate, false, func() (any, error) {
		n, next, err = s.r.world.Backlog(ctx, id)
		return nil, err
	})
	return n, next, err
}

func (s replicaScheduler) SlotState(ctx context.Context, id string, nominal time.Time) (core.SlotState, error) {
	return call(s.r.fate, false, func() (core.SlotState, error) {
		if s.r.acted == 0 {
			s.r.asked = s.r.fate.clock()
		}
		return s.r.world.SlotState(ctx, id, nominal)
	})
}
