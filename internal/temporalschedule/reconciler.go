package temporalschedule

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/converter"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/retry"
)

// DefaultOwner is the owner marker of an installation that names none.
const DefaultOwner = "activity-core"

// DefaultMaxDeletePercent is the guard of an installation that sets none.
const DefaultMaxDeletePercent = 20

// Config says what a [Reconciler] works on. Service, Namespace and Store are required.
type Config struct {
	// Service is Temporal's frontend; client.Client.WorkflowService gives one.
	Service   workflowservice.WorkflowServiceClient
	Namespace string
	Store     Store
	// Slots rescues slots around writes; nil rescues none.
	Slots SlotKeeper
	// Owner marks our schedules; default [DefaultOwner]. Two installations in one namespace need
	// different ones: a schedule with our marker and without a definition counts as a leftover.
	// What bears another marker is never touched.
	Owner string
	// Identity is what Temporal records as the author of a write; default Owner.
	Identity string
	// Instance names this process among its replicas, in what it notes of schedules; default
	// Identity.
	Instance string
	// TaskQueue for the runs; default [core.TaskQueue].
	TaskQueue string
	// Converter encodes the workflow's input; default is the SDK's. It must be that of the worker's
	// client.
	Converter converter.DataConverter
	// Concurrency bounds the definitions written at once; default 16: more only adds latency.
	Concurrency int
	// MaxDeletePercent guards against a wrong or empty database: schedules of definitions that the
	// record has never heard of are deleted only while they are at most this percentage of ours, 0
	// to 100; nil is [DefaultMaxDeletePercent]. If the record has heard of none of them, nothing is
	// deleted, whatever the percentage. Only an explicit override deletes more.
	MaxDeletePercent *int
	// Sample is how many schedules each sync describes to find edits that a listing does not show;
	// default 20. The sample moves on from sync to sync.
	Sample  int
	Metrics Metrics
	// Log receives what was changed; nil discards it.
	Log *slog.Logger
	// Now is the clock; nil is time.Now.
	Now func() time.Time
}

// Reconciler keeps Temporal's schedules equal to the record. It is safe for concurrent use, and
// several processes may reconcile at once.
type Reconciler struct {
	cfg     Config
	calls   *calls
	planner *planner
	locks   keyedMutex

	mu sync.Mutex
	// sample and drySample are the activity IDs up to which the last sample of a sync and of a dry
	// run went.
	sample, drySample string
	// firing is when a schedule was last seen that was not paused, by activity ID.
	firing map[string]time.Time
	// wrote is when this process last wrote a schedule, by activity ID: a listing may not show it
	// yet.
	wrote map[string]time.Time
}

// New makes a reconciler; it calls nobody.
func New(cfg Config) *Reconciler {
	if cfg.Owner == "" {
		cfg.Owner = DefaultOwner
	}
	if cfg.Identity == "" {
		cfg.Identity = cfg.Owner
	}
	if cfg.Instance == "" {
		cfg.Instance = cfg.Identity
	}
	if cfg.TaskQueue == "" {
		cfg.TaskQueue = core.TaskQueue
	}
	if cfg.Converter == nil {
		cfg.Converter = converter.GetDefaultDataConverter()
	}
	if cfg.Concurrency <= 0 {
		cfg.Concurrency = 16
	}
	if cfg.MaxDeletePercent == nil {
		percent := DefaultMaxDeletePercent
		cfg.MaxDeletePercent = &percent
	}
	if cfg.Sample <= 0 {
		cfg.Sample = 20
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Reconciler{
		cfg:     cfg,
		calls:   &calls{service: cfg.Service, namespace: cfg.Namespace, identity: cfg.Identity, owner: cfg.Owner, counts: make(map[string]int)},
		firing:  make(map[string]time.Time),
		wrote:   make(map[string]time.Time),
		planner: newPlanner(cfg.Owner, cfg.TaskQueue, cfg.Converter),
	}
}

// now is the present in the precision the stores keep.
func (r *Reconciler) now() time.Time { return r.cfg.Now().UTC().Truncate(time.Microsecond) }

// SyncDefinition brings the schedule of one definition in line with the record: creates,
// updates, holds, releases or deletes it, as the row says at the moment of the write. It
// returns when Temporal confirms the result. It deletes the schedule of a definition the record
// does not know, because the caller has just removed it.
func (r *Reconciler) SyncDefinition(ctx context.Context, id string) error {
	marks := r.marker()
	_, err := r.converge(ctx, id, convergeOptions{marks: marks})
	return errors.Join(err, marks.flush(ctx))
}

// UpsertSchedule makes the schedule of an enabled cron definition, or brings it up to date.
// CodeConflict: the record wants no schedule for it.
func (r *Reconciler) UpsertSchedule(ctx context.Context, id string) error {
	d, err := r.wanted(ctx, id)
	if err != nil {
		return err
	}
	if d.Presence == Absent {
		return core.Errorf(core.CodeConflict, "definition %q is to have no schedule: it is deleted, unknown or has no cron trigger", id)
	}
	return r.SyncDefinition(ctx, id)
}

// DeleteSchedule removes the schedule of a definition that is to have none. CodeConflict: the
// record wants one.
func (r *Reconciler) DeleteSchedule(ctx context.Context, id string) error {
	d, err := r.wanted(ctx, id)
	if err != nil {
		return err
	}
	if d.Presence != Absent {
		return core.Errorf(core.CodeConflict, "definition %q is to have a schedule: delete or disable the definition instead", id)
	}
	return r.SyncDefinition(ctx, id)
}

// Schedule is one of our schedules as Temporal has it.
type Schedule struct {
	ScheduleID string `json:"schedule_id"`
	ActivityID string `json:"activity_id"`
	Paused     bool   `json:"paused"`
	Note       string `json:"note,omitempty"`
	SpecHash   string `json:"spec_hash,omitempty"`
}

// ListSchedules lists the schedules that carry our owner marker, in no particular order.
// Temporal's listing may lag behind by moments.
func (r *Reconciler) ListSchedules(ctx context.Context) ([]Schedule, error) {
	observed, err := r.calls.list(ctx)
	if err != nil {
		return nil, err
	}
	var out []Schedule
	for _, o := range observed {
		if o.Owned {
			out = append(out, Schedule{ScheduleID: core.ScheduleID(o.ActivityID), ActivityID: o.ActivityID, Paused: o.Paused, Note: o.Note, SpecHash: o.Hash})
		}
	}
	return out, nil
}

// wanted reads the row and says what is desired of it.
func (r *Reconciler) wanted(ctx context.Context, id string) (Desired, error) {
	d, _, err := r.wantedRow(ctx, id)
	return d, err
}

func (r *Reconciler) wantedRow(ctx context.Context, id string) (Desired, core.StoredDefinition, error) {
	row, err := r.cfg.Store.DefinitionAny(ctx, id)
	if core.IsCode(err, core.CodeNotFound) {
		return unrecorded(id), row, nil
	}
	if err != nil {
		return Desired{}, row, fmt.Errorf("read definition %s: %w", id, err)
	}
	return r.planner.desired(row, r.now()), row, nil
}

type convergeOptions struct {
	// keepUnrecorded refuses to delete a schedule whose definition the record does not know.
	keepUnrecorded bool
	// create is what to create without looking first, or nil. The caller has seen neither schedule
	// nor later row.
	create *Desired
	// trustCreate takes a confirmed creation for the result. The caller compares the rows
	// afterwards.
	trustCreate bool
	// marks takes down what came of it; nil takes nothing down.
	marks *marker
}

// convergeAttempts bounds write and look again: each repetition means that somebody else wrote
// in between.
const convergeAttempts = 10

// convergePolicy is how long the other writer is given.
var convergePolicy = retry.Policy{First: 10 * time.Millisecond, Most: 5 * time.Second}

var errKept = errors.New("the deletion is held back")

// converge repeats read row, describe, compare, write until nothing is left to write, and
// returns how often it wrote.
func (r *Reconciler) converge(ctx context.Context, id string, opt convergeOptions) (writes int, err error) {
	unlock := r.locks.lock(id)
	defer unlock()
	defer func() {
		if err != nil && !errors.Is(err, errKept) && ctx.Err() == nil {
			opt.marks.failed(ctx, id, err)
		}
	}()
	if opt.create != nil {
		switch err := r.create(ctx, *opt.create); {
		case err == nil && opt.trustCreate:
			opt.marks.follows(ctx, id, opt.create.Revision)
			return 1, nil
		case err == nil:
			writes++
		case !errors.Is(err, errExists):
			return 0, err
		}
	}
	var last []Change
	pauses := convergePolicy.Pauses()
	for range convergeAttempts {
		d, row, err := r.wantedRow(ctx, id)
		if err != nil {
			return writes, err
		}
		asked := r.now()
		seen, there, err := r.calls.describe(ctx, id)
		if err != nil {
			return writes, err
		}
		if there && !seen.Paused {
			r.sawFiring(id, asked)
		}
		if last = diffOne(d, seen.Observed, there); len(last) == 0 {
			opt.marks.follows(ctx, id, row.Revision)
			return writes, r.purge(ctx, row)
		}
		if last[0].Unrecorded && opt.keepUnrecorded {
			return writes, errKept
		}
		switch err := r.apply(ctx, d, seen, last[0]); {
		case err == nil:
			writes++
		case errors.Is(err, errConflict) || errors.Is(err, errExists):
			if err := retry.Sleep(ctx, pauses.NextBackOff()); err != nil {
				return writes, err
			}
		default:
			return writes, err
		}
	}
	return writes, core.Errorf(core.CodeUnavailable, "the schedule of definition %s keeps changing while it is written (%s); the next sync will try again", id, last[0].Detail)
}

// purge removes the tombstone of a definition whose schedule is known to be gone.
func (r *Reconciler) purge(ctx context.Context, row core.StoredDefinition) error {
	if row.ID == "" || row.Live() {
		return nil
	}
	if err := r.cfg.Store.PurgeTombstone(ctx, row.ID, row.Version); err != nil {
		return fmt.Errorf("purge the tombstone of definition %s: %w", row.ID, err)
	}
	return nil
}

// apply makes one write. An update carries the state as well, so whatever else differs is
// settled with it.
func (r *Reconciler) apply(ctx context.Context, d Desired, seen described, c Change) error {
	var err error
	switch c.Action {
	case ActionCreate:
		return r.create(ctx, d)
	case ActionUpdate, ActionPause, ActionUnpause:
		err = r.around(ctx, d.ActivityID, func() error { return r.calls.update(ctx, d, seen) })
	case ActionDelete:
		err = r.around(ctx, d.ActivityID, func() error { return r.calls.delete(ctx, d.ActivityID) })
	case ActionAdopt:
		err = r.adopt(ctx, seen)
	default:
		return core.Errorf(core.CodeConflict, "schedule %s: %s", core.ScheduleID(d.ActivityID), c.Detail)
	}
	r.justWrote(d.ActivityID)
	r.cfg.Metrics.written(c.Action, err)
	if err == nil {
		r.cfg.Log.InfoContext(ctx, "schedule changed", "action", c.Action, "activity_id", d.ActivityID, "activity", d.Name, "because", c.Detail)
	}
	return err
}

func (r *Reconciler) create(ctx context.Context, d Desired) error {
	err := r.around(ctx, d.ActivityID, func() error { return r.calls.create(ctx, d) })
	r.justWrote(d.ActivityID)
	if !errors.Is(err, errExists) {
		r.cfg.Metrics.written(ActionCreate, err)
	}
	return err
}

// around writes between the two halves of the slot keeper.
func (r *Reconciler) around(ctx context.Context, id string, write func() error) error {
	if r.cfg.Slots == nil {
		return write()
	}
	after, err := r.cfg.Slots.BeforeWrite(ctx, id)
	if err != nil {
		return fmt.Errorf("record the slots due before writing schedule of %s: %w", id, err)
	}
	if err := write(); err != nil || after == nil {
		return err
	}
	if err := after(ctx); err != nil {
		return fmt.Errorf("start the slots that writing the schedule of %s discarded: %w", id, err)
	}
	return nil
}

// keyedMutex serialises work on the same key.
type keyedMutex struct {
	mu   sync.Mutex
	held map[string]*keyLock
}

type keyLock struct {
	mu    sync.Mutex
	users int
}

func (k *keyedMutex) lock(key string) (unlock func()) {
	k.mu.Lock()
	if k.held == nil {
		k.held = make(map[string]*keyLock)
	}
	l := k.held[key]
	if l == nil {
		l = &keyLock{}
		k.held[key] = l
	}
	l.users++
	k.mu.Unlock()
	l.mu.Lock()
	return func() {
		l.mu.Unlock()
		k.mu.Lock()
		defer k.mu.Unlock()
		if l.users--; l.users == 0 {
			delete(k.held, key)
		}
	}
}
