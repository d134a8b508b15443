package temporalschedule

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"slices"
	"sync"

	"golang.org/x/sync/errgroup"

	core "github.com/activity-core/activity-core"
)

// Sync compares all of the record with all of Temporal and makes them agree. A converged sync
// lists, describes a sample, and writes nothing. The report holds what differed and what became
// of it; an error means that the comparison itself failed, and then nothing was written. What
// it saw is noted in the record, of a dry run, too.
func (r *Reconciler) Sync(ctx context.Context, opt core.SyncOptions) (report core.SyncReport, err error) {
	start, before, asked := r.cfg.Now(), r.calls.total(), r.now()
	defer func() {
		took := r.cfg.Now().Sub(start)
		report.Seconds = took.Seconds()
		report.Calls = make(map[string]int)
		for kind, n := range r.calls.total() {
			if n -= before[kind]; n > 0 {
				report.Calls[kind] = n
			}
		}
		if !opt.DryRun {
			r.cfg.Metrics.synced(took, err)
		}
		r.observed(ctx, asked, report, err)
	}()
	report.DryRun = opt.DryRun

	// Temporal first: what the listing shows, the record has known for longer.
	observed, err := r.calls.list(ctx)
	if err != nil {
		return report, err
	}
	r.listedFiring(observed, asked)
	rows, err := r.rows(ctx)
	if err != nil {
		return report, err
	}
	desired := make([]Desired, 0, len(rows))
	for _, row := range rows {
		desired = append(desired, r.planner.desired(row, r.now()))
	}
	if observed, err = r.lookCloser(ctx, observed, desired, opt, r.lately(rows)); err != nil {
		return report, err
	}
	changes := Diff(desired, observed)
	r.summarise(&report, desired, observed, changes)

	held := r.guard(&report, changes, opt.AllowMassDelete)
	if opt.DryRun {
		return report, nil
	}
	marks := r.marker()
	marks.agreed(ctx, rows, changes)
	err = r.applyAll(ctx, &report, rows, desired, changes, held, marks)
	return report, errors.Join(err, ctx.Err(), marks.flush(ctx))
}

// rows reads every row of the record, tombstones included. One read of all: asked for in parts,
// the record would add the marks of tombstones purged long ago.
func (r *Reconciler) rows(ctx context.Context) ([]core.StoredDefinition, error) {
	rows, _, err := r.cfg.Store.ChangesSince(ctx, 0, math.MaxInt32)
	if err != nil {
		return nil, fmt.Errorf("read definitions: %w", err)
	}
	return rows, nil
}

// maxDoubts is up to how many differences the listing is not believed at first sight: it lags
// behind what was just written. More are believed, because whoever applies them looks again
// anyway.
const maxDoubts = 100

// lookCloser describes the schedules about which the listing may be wrong, if they are few, and
// those about which it cannot be right, all or the next few: a listing shows neither policies
// nor the action. And it describes those that were written lately.
func (r *Reconciler) lookCloser(ctx context.Context, observed []Observed, desired []Desired, opt core.SyncOptions, lately []string) ([]Observed, error) {
	differs := make(map[string]bool)
	for _, c := range Diff(desired, observed) {
		differs[c.ActivityID] = true
	}
	var look []string
	for _, o := range observed {
		if o.Owned && !differs[o.ActivityID] {
			look = append(look, o.ActivityID)
		}
	}
	slices.Sort(look)
	if !opt.Full {
		look = r.nextSample(look, opt.DryRun)
	}
	if opt.Full || len(differs) <= maxDoubts {
		look = append(look, slices.Sorted(maps.Keys(differs))...)
	}
	look = append(look, lately...)
	slices.Sort(look)
	look = slices.Compact(look)
	seen := make([]*Observed, len(look))
	err := r.each(ctx, len(look), func(ctx context.Context, i int) error {
		d, there, err := r.calls.describe(ctx, look[i])
		if there {
			seen[i] = &d.Observed
		}
		return err
	})
	if err != nil {
		return nil, err
	}
	described := make(map[string]bool, len(look))
	out := make([]Observed, 0, len(observed))
	for i, id := range look {
		described[id] = true
		if seen[i] != nil {
			out = append(out, *seen[i])
		}
	}
	for _, o := range observed {
		if !described[o.ActivityID] {
			out = append(out, o)
		}
	}
	return out, nil
}

// nextSample takes the next few of the IDs, which ascend, going round. Dry runs go round by
// themselves: whoever asks for the drift as often as the loop syncs would otherwise take the
// same schedules away from it every time.
func (r *Reconciler) nextSample(ids []string, dryRun bool) []string {
	if len(ids) <= r.cfg.Sample {
		return ids
	}
	r.mu.Lock()
	defer r.mu.Unlock()
	last := &r.sample
	if dryRun {
		last = &r.drySample
	}
	from, found := slices.BinarySearch(ids, *last)
	if found {
		from++
	}
	out := make([]string, r.cfg.Sample)
	for i := range out {
		out[i] = ids[(from+i)%len(ids)]
	}
	*last = out[len(out)-1]
	return out
}

func (r *Reconciler) summarise(report *core.SyncReport, desired []Desired, observed []Observed, changes []Change) {
	report.Drift = []core.ScheduleDrift{} // a list without items is [] in JSON, not null
	for _, d := range desired {
		if d.Presence == Present {
			report.Wanted++
		}
	}
	owned := 0
	differs := make(map[string]bool)
	for _, c := range changes {
		differs[c.ActivityID] = true
		report.Drift = append(report.Drift, core.ScheduleDrift{
			ScheduleID: core.ScheduleID(c.ActivityID), ActivityID: c.ActivityID, ActivityName: c.Name,
			Kind: c.Kind, Detail: c.Detail, Action: c.Action,
		})
	}
	for _, o := range observed {
		if o.Owned {
			owned++
			if !differs[o.ActivityID] {
				report.InSync++
			}
		}
	}
	report.Observed = owned
}

// guard says whether the schedules of definitions that the record has never heard of are to be
// kept: if they are so many that the record is more likely to be the wrong one. A definition
// deleted here has a tombstone until its schedule is gone, so deleting the last one, or all at
// once, is not what is held.
func (r *Reconciler) guard(report *core.SyncReport, changes []Change, override bool) (held bool) {
	strange := 0
	for _, c := range changes {
		if c.Unrecorded {
			strange++
		}
	}
	percent := *r.cfg.MaxDeletePercent
	var limit string
	switch {
	case strange == 0:
		return false
	case strange == report.Observed:
		limit = "That is all of them"
	case 100*strange > percent*report.Observed:
		limit = fmt.Sprintf("That is more than %d %% (reconcile.max_delete_percent)", percent)
	default:
		return false
	}
	if override {
		r.cfg.Log.Warn("mass deletion of schedules was allowed explicitly", "count", strange)
		return false
	}
	report.Blocked = fmt.Sprintf("%d of our %d schedules in Temporal belong to definitions that this database has never heard of. %s, so they are kept: "+
		"check that the database is the right one and that no other installation has the same reconcile.owner in this namespace, "+
		"or allow the mass deletion explicitly", strange, report.Observed, limit)
	r.cfg.Log.Error("schedules are not deleted: "+report.Blocked, "count", strange)
	return true
}

// applyAll carries the changes out, and with them what is left of deleted definitions.
func (r *Reconciler) applyAll(ctx context.Context, report *core.SyncReport, rows []core.StoredDefinition, desired []Desired, changes []Change, held bool, marks *marker) error {
	wanted := make(map[string]Desired, len(desired))
	for _, d := range desired {
		wanted[d.ActivityID] = d
	}
	var work []job
	at := make(map[string]int)
	add := func(id string) *job {
		i, ok := at[id]
		if !ok {
			i = len(work)
			at[id] = i
			work = append(work, job{id: id, opt: convergeOptions{keepUnrecorded: held, marks: marks}})
		}
		return &work[i]
	}
	for i, c := range changes {
		if c.Action == ActionNone {
			report.Drift[i].Error = c.Detail
			marks.failed(ctx, c.ActivityID, core.Errorf(core.CodeConflict, "%s", c.Detail))
			continue
		}
		if c.Unrecorded && held {
			report.Drift[i].Error = "held back: " + report.Blocked
			continue
		}
		j := add(c.ActivityID)
		j.drift = append(j.drift, i)
		if c.Action == ActionCreate {
			d := wanted[c.ActivityID]
			j.opt.create, j.opt.trustCreate = &d, true
		}
	}
	for _, row := range rows {
		if !row.Live() {
			add(row.ID)
		}
	}
	if len(work) == 0 {
		return nil
	}
	if err := r.work(ctx, report, work); err != nil {
		return err
	}
	return r.recheck(ctx, report, rows, work, marks)
}

// job is one definition to converge, and where its drift is in the report.
type job struct {
	id    string
	opt   convergeOptions
	drift []int
}

// work converges each definition. It ends early where Temporal has stopped to answer: each of
// thousands would wait as long to find that out.
func (r *Reconciler) work(ctx context.Context, report *core.SyncReport, work []job) error {
	var mu sync.Mutex
	inARow := 0 // failures that say nothing of the definition
	return r.each(ctx, len(work), func(ctx context.Context, i int) error {
		writes, err := r.converge(ctx, work[i].id, work[i].opt)
		mu.Lock()
		defer mu.Unlock()
		report.Writes += writes
		if err != nil && !errors.Is(err, errKept) {
			r.cfg.Log.ErrorContext(ctx, "schedule could not be brought in line", "activity_id", work[i].id, "error", err)
		}
		for _, at := range work[i].drift {
			if report.Drift[at].Mended = err == nil; err != nil {
				report.Drift[at].Error = core.MessageOf(err)
			}
		}
		if err == nil || errors.Is(err, errKept) || !passing(err) {
			inARow = 0
			return nil // one definition's trouble is not another's
		}
		if inARow++; inARow < 2*r.cfg.Concurrency {
			return nil
		}
		return fmt.Errorf("%d schedules in a row could not be written, the others are left to the next sync: %w", inARow, err)
	})
}

// recheck converges again what changed in the record while its schedule was created: with many
// to create, reading all rows once costs less than describing each schedule.
func (r *Reconciler) recheck(ctx context.Context, report *core.SyncReport, before []core.StoredDefinition, done []job, marks *marker) error {
	created := make(map[string]bool)
	for _, j := range done {
		if j.opt.create != nil {
			created[j.id] = true
		}
	}
	if len(created) == 0 {
		return nil
	}
	now, err := r.rows(ctx)
	if err != nil {
		r.cfg.Log.WarnContext(ctx, "changes made during the sync are left to the next one", "error", err)
		return nil
	}
	same := make(map[string]int64, len(now))
	for _, row := range now {
		same[row.ID] = row.Revision
	}
	var again []job
	for _, row := range before {
		if revision, ok := same[row.ID]; created[row.ID] && (!ok || revision != row.Revision) {
			again = append(again, job{id: row.ID, opt: convergeOptions{marks: marks}})
		}
	}
	return r.work(ctx, report, again)
}

// each calls do for 0 to n-1, a bounded number at once, and returns the first error, which ends
// the rest.
func (r *Reconciler) each(ctx context.Context, n int, do func(ctx context.Context, i int) error) error {
	work, within := errgroup.WithContext(ctx)
	work.SetLimit(r.cfg.Concurrency)
	for i := range n {
		if within.Err() != nil {
			break
		}
		work.Go(func() error { return do(within, i) })
	}
	err := work.Wait()
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	return err
}
