package temporalschedule

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"sync"
	"time"

	commonpb "go.temporal.io/api/common/v1"
	enumspb "go.temporal.io/api/enums/v1"
	schedulepb "go.temporal.io/api/schedule/v1"
	taskqueuepb "go.temporal.io/api/taskqueue/v1"
	workflowpb "go.temporal.io/api/workflow/v1"
	"go.temporal.io/sdk/converter"
	"google.golang.org/protobuf/types/known/durationpb"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/misfire"
	"github.com/activity-core/activity-core/internal/zonedata"
)

// Presence says whether the record wants a schedule to exist.
type Presence int

// The presences.
const (
	// Absent: the definition is deleted, unknown, or has no cron trigger.
	Absent Presence = iota
	// IfPresent: a disabled definition. It gets no schedule, and a schedule it has is held.
	IfPresent
	// Present: the definition is enabled.
	Present
)

// Desired is what the record asks for one schedule.
type Desired struct {
	ActivityID string
	Name       string
	// Revision is that of the row it comes from.
	Revision int64
	Presence Presence
	// Recorded is true if the record has a row for the definition, were it a tombstone: only then
	// is a deletion the record's explicit wish.
	Recorded bool
	// Hold says why the schedule is to be paused; empty if it is to fire.
	Hold string
	// Paused is true if the record knows of a pause, whatever else holds the schedule.
	Paused bool
	// Hash identifies everything below, and the owner.
	Hash string
	// Schedule has spec, action and policies, and no state. Nil unless Presence is Present or
	// IfPresent.
	Schedule *schedulepb.Schedule
	// Err says why the definition cannot be turned into a schedule; what exists then stays as it
	// is.
	Err error
}

// Notes in a schedule's state. holdNote begins the note of every pause of ours: one without it
// was made by somebody else.
const (
	runNote  = "Kept by activity-core from its definition: change that, edits here are undone. A pause made here is kept."
	holdNote = "Held by activity-core: "
)

// nativeCatchup is Temporal's own catch-up window for every schedule, as long as its default.
// Which late slot still runs is decided at admission, by the definition's misfire policy; a
// short window here would also drop slots that merely wait for a long run to end.
const nativeCatchup = 365 * 24 * time.Hour

// overlapPolicy is how Temporal treats a slot that comes while the run before it goes on.
func overlapPolicy(p core.MisfirePolicy) enumspb.ScheduleOverlapPolicy {
	switch misfire.RuleOf(p).Overlap {
	case misfire.OverlapBufferAll:
		return enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ALL
	case misfire.OverlapBufferOne:
		return enumspb.SCHEDULE_OVERLAP_POLICY_BUFFER_ONE
	case misfire.OverlapSkip:
	}
	return enumspb.SCHEDULE_OVERLAP_POLICY_SKIP
}

// planner turns rows of the record into what is desired. It remembers compiled specs, which are
// shared by definitions with the same expressions, for as long as they stay what compiling
// again would give.
type planner struct {
	owner     string
	taskQueue string
	converter converter.DataConverter

	mu       sync.Mutex
	epoch    string
	zones    *zonedata.Release // by whose rules compiled is
	compiled map[string]compiledSpec
}

type compiledSpec struct {
	spec *schedulepb.ScheduleSpec
	hash string
	err  error
}

func newPlanner(owner, taskQueue string, dc converter.DataConverter) *planner {
	return &planner{owner: owner, taskQueue: taskQueue, converter: dc, compiled: make(map[string]compiledSpec)}
}

// unrecorded is what is desired of a definition that the record does not know.
func unrecorded(activityID string) Desired { return Desired{ActivityID: activityID} }

func (p *planner) desired(row core.StoredDefinition, now time.Time) Desired {
	d := Desired{ActivityID: row.ID, Name: row.Name, Revision: row.Revision, Recorded: true}
	if !row.Live() || row.TriggerType != core.TriggerCron {
		return d
	}
	d.Presence, d.Paused = Present, row.Paused != nil
	switch {
	case !row.Enabled:
		d.Presence, d.Hold = IfPresent, "the definition is disabled"
	case row.Paused != nil:
		d.Hold = "paused by " + row.Paused.By
		if row.Paused.Reason != "" {
			d.Hold += ": " + row.Paused.Reason
		}
	}
	c := p.compile(row.TriggerConfig, now)
	if c.err != nil {
		d.Err = c.err
		return d
	}
	action, err := p.action(row.ID)
	if err != nil {
		d.Err = err
		return d
	}
	overlap, jitter := overlapPolicy(row.TriggerConfig.MisfirePolicy), row.TriggerConfig.Jitter.Std()
	d.Schedule = &schedulepb.Schedule{
		Spec:     withJitter(c.spec, jitter),
		Action:   &schedulepb.ScheduleAction{Action: &schedulepb.ScheduleAction_StartWorkflow{StartWorkflow: action}},
		Policies: &schedulepb.SchedulePolicies{OverlapPolicy: overlap, CatchupWindow: durationpb.New(nativeCatchup)},
	}
	d.Hash = p.hash(c.hash, jitter, overlap, action)
	return d
}

// hash covers the whole desired schedule without its state. It is written by hand because the
// bytes of a protobuf message may change from one release of the library to the next, which
// would rewrite every schedule.
func (p *planner) hash(spec string, jitter time.Duration, overlap enumspb.ScheduleOverlapPolicy, a *workflowpb.NewWorkflowExecutionInfo) string {
	var b strings.Builder
	fmt.Fprintf(&b, "schedule/1\n%s\n%s\n%s\n%s\n%s\n", p.owner, spec, jitter, overlap, nativeCatchup)
	fmt.Fprintf(&b, "%s\n%s\n%s\n", a.WorkflowType.GetName(), a.TaskQueue.GetName(), a.WorkflowId)
	for _, payload := range a.Input.GetPayloads() {
		fmt.Fprintf(&b, "%q %q\n", payload.GetMetadata()["encoding"], payload.GetData())
	}
	for _, name := range []string{core.SearchAttrActivity, core.SearchAttrTrigger} {
		fmt.Fprintf(&b, "%s=%q\n", name, a.SearchAttributes.GetIndexedFields()[name].GetData())
	}
	sum := sha256.Sum256([]byte(b.String()))
	return hex.EncodeToString(sum[:])
}

// compile looks a compiled spec up or makes it. What CompileAt answers changes with the zone
// data, with the window it is for and, for specs that cannot be described for all of it, with
// the month.
func (p *planner) compile(t core.TriggerConfig, now time.Time) compiledSpec {
	from, _ := cronspec.CompileWindow(now)
	epoch := from.Format("2006-01") + now.UTC().Format(" 2006-01")
	key := strings.Join(t.CronExpression, "\n") + "\n\n" + t.Timezone

	zones := zonedata.Current()

	p.mu.Lock()
	if p.epoch != epoch || p.zones != zones {
		p.epoch, p.zones = epoch, zones
		clear(p.compiled)
	}
	c, ok := p.compiled[key]
	p.mu.Unlock()
	if ok {
		return c
	}
	c = compileSpec(t, now)
	p.mu.Lock()
	if p.epoch == epoch && p.zones == zones && zonedata.Current() == zones {
		p.compiled[key] = c
	}
	p.mu.Unlock()
	return c
}

func compileSpec(t core.TriggerConfig, now time.Time) compiledSpec {
	spec, err := cronspec.Parse(t.CronExpression, t.Timezone)
	if err != nil {
		return compiledSpec{err: fmt.Errorf("cron expression of the stored definition: %w", err)}
	}
	ts, err := spec.CompileAt(now)
	if err != nil {
		return compiledSpec{err: err}
	}
	return compiledSpec{spec: ScheduleSpec(ts), hash: ts.Hash()}
}

func (p *planner) action(activityID string) (*workflowpb.NewWorkflowExecutionInfo, error) {
	input, err := p.converter.ToPayloads(core.RunInput{ActivityID: activityID, Cause: core.Cause{Kind: core.CauseCron}})
	if err != nil {
		return nil, fmt.Errorf("encode the workflow's input: %w", err)
	}
	return &workflowpb.NewWorkflowExecutionInfo{
		WorkflowId:   core.CronWorkflowBase(activityID),
		WorkflowType: &commonpb.WorkflowType{Name: core.WorkflowType},
		TaskQueue:    &taskqueuepb.TaskQueue{Name: p.taskQueue, Kind: enumspb.TASK_QUEUE_KIND_NORMAL},
		Input:        input,
		SearchAttributes: &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{
			core.SearchAttrActivity: keyword(activityID),
			core.SearchAttrTrigger:  keyword(string(core.CauseCron)),
		}},
	}, nil
}

// scheduleAttributes are the search attributes of the schedule itself.
func scheduleAttributes(d Desired) *commonpb.SearchAttributes {
	return &commonpb.SearchAttributes{IndexedFields: map[string]*commonpb.Payload{
		core.SearchAttrActivity: keyword(d.ActivityID),
		core.SearchAttrSpecHash: keyword(d.Hash),
	}}
}
