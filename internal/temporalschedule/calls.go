package temporalschedule

import (
	"context"
	"errors"
	"maps"
	"sync"
	"time"

	"github.com/google/uuid"
	commonpb "go.temporal.io/api/common/v1"
	schedulepb "go.temporal.io/api/schedule/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/protobuf/proto"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/retry"
	"github.com/activity-core/activity-core/internal/temporalerr"
)

// memoOwner is the memo field that marks a schedule as ours. It is written at creation:
// Temporal's classic scheduler never changes a memo, and neither an edit in its UI nor one with
// its CLI touches it.
const memoOwner = "activity_core_owner"

const (
	callTimeout = 10 * time.Second // bounds one call
	pageSize    = 1000
)

// callPolicy is what is tried when Temporal is busy.
var callPolicy = retry.Policy{First: 50 * time.Millisecond, Most: 2 * time.Second, Attempts: 6}

// calls makes the requests to Temporal and counts them.
type calls struct {
	service   workflowservice.WorkflowServiceClient
	namespace string
	identity  string
	owner     string

	mu     sync.Mutex
	counts map[string]int
}

// total returns how often each call was made since the program started.
func (c *calls) total() map[string]int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return maps.Clone(c.counts)
}

// do makes one call, again after a growing delay while Temporal is busy or does not answer.
// Every request here may be repeated: what a lost answer did is seen by the verification that
// follows.
func (c *calls) do(ctx context.Context, kind string, call func(context.Context) error) error {
	err := callPolicy.Do(ctx, busy, func(ctx context.Context) error {
		c.mu.Lock()
		c.counts[kind]++
		c.mu.Unlock()
		ctx, cancel := context.WithTimeout(ctx, callTimeout)
		defer cancel()
		return call(ctx)
	})
	if err != nil && busy(err) && ctx.Err() != nil {
		return context.Cause(ctx) // it is not known whether Temporal stays busy
	}
	return err
}

func busy(err error) bool {
	var (
		exhausted   *serviceerror.ResourceExhausted
		unavailable *serviceerror.Unavailable
		late        *serviceerror.DeadlineExceeded
	)
	return errors.As(err, &exhausted) || errors.As(err, &unavailable) || errors.As(err, &late) || errors.Is(err, context.DeadlineExceeded)
}

// list reads every schedule whose ID has our prefix.
func (c *calls) list(ctx context.Context) ([]Observed, error) {
	var out []Observed
	var token []byte
	for {
		var page *workflowservice.ListSchedulesResponse
		err := c.do(ctx, "list", func(ctx context.Context) (err error) {
			page, err = c.service.ListSchedules(ctx, &workflowservice.ListSchedulesRequest{
				Namespace: c.namespace, MaximumPageSize: pageSize, NextPageToken: token,
			})
			return err
		})
		if err != nil {
			return nil, temporalerr.Of(err, "list the schedules in Temporal")
		}
		for _, e := range page.GetSchedules() {
			id, ok := core.ActivityOfSchedule(e.GetScheduleId())
			if !ok {
				continue
			}
			out = append(out, Observed{
				ActivityID: id, Owned: c.owns(e.GetMemo()), Hash: text(e.GetSearchAttributes().GetIndexedFields()[core.SearchAttrSpecHash]),
				Paused: e.GetInfo().GetPaused(), Note: e.GetInfo().GetNotes(), Spec: e.GetInfo().GetSpec(),
			})
		}
		if token = page.GetNextPageToken(); len(token) == 0 {
			return out, nil
		}
	}
}

func (c *calls) owns(memo *commonpb.Memo) bool { return text(memo.GetFields()[memoOwner]) == c.owner }

// described is one schedule with what is needed to write it.
type described struct {
	Observed
	info  *schedulepb.ScheduleInfo
	state *schedulepb.ScheduleState
	token []byte
}

// describe reads one schedule; ok is false if there is none.
func (c *calls) describe(ctx context.Context, activityID string) (d described, ok bool, err error) {
	var resp *workflowservice.DescribeScheduleResponse
	err = c.do(ctx, "describe", func(ctx context.Context) (err error) {
		resp, err = c.service.DescribeSchedule(ctx, &workflowservice.DescribeScheduleRequest{
			Namespace: c.namespace, ScheduleId: core.ScheduleID(activityID),
		})
		return err
	})
	if notFound(err) {
		return described{}, false, nil
	}
	if err != nil {
		return described{}, false, temporalerr.Of(err, "describe a schedule in Temporal")
	}
	return described{
		Observed: Observed{
			ActivityID: activityID, Owned: c.owns(resp.GetMemo()), Hash: text(resp.GetSearchAttributes().GetIndexedFields()[core.SearchAttrSpecHash]),
			Paused: resp.GetSchedule().GetState().GetPaused(), Note: resp.GetSchedule().GetState().GetNotes(), Schedule: resp.GetSchedule(),
		},
		info: resp.GetInfo(), state: resp.GetSchedule().GetState(), token: resp.GetConflictToken(),
	}, true, nil
}

// errExists: a schedule with the ID exists, perhaps since a moment ago.
var errExists = errors.New("the schedule exists")

func (c *calls) create(ctx context.Context, d Desired) error {
	request := &workflowservice.CreateScheduleRequest{
		Namespace: c.namespace, ScheduleId: core.ScheduleID(d.ActivityID), Identity: c.identity, RequestId: uuid.NewString(),
		Schedule:         withState(d.Schedule, stateOf(d, nil)),
		Memo:             &commonpb.Memo{Fields: map[string]*commonpb.Payload{memoOwner: plain(c.owner)}},
		SearchAttributes: scheduleAttributes(d),
	}
	err := c.do(ctx, "create", func(ctx context.Context) error {
		_, err := c.service.CreateSchedule(ctx, request)
		return err
	})
	var started *serviceerror.WorkflowExecutionAlreadyStarted
	var exists *serviceerror.AlreadyExists
	if errors.As(err, &started) || errors.As(err, &exists) {
		return errExists
	}
	return temporalerr.Of(err, "create a schedule in Temporal")
}

// errConflict: somebody wrote the schedule since it was described.
var errConflict = errors.New("the schedule was changed meanwhile")

// update replaces a schedule as it was described. The classic scheduler takes the request and
// may still drop it: describe again to know.
func (c *calls) update(ctx context.Context, d Desired, seen described) error {
	request := &workflowservice.UpdateScheduleRequest{
		Namespace: c.namespace, ScheduleId: core.ScheduleID(d.ActivityID), Identity: c.identity, RequestId: uuid.NewString(),
		Schedule:      withState(d.Schedule, stateOf(d, seen.state)),
		ConflictToken: seen.token, SearchAttributes: scheduleAttributes(d),
	}
	err := c.do(ctx, "update", func(ctx context.Context) error {
		_, err := c.service.UpdateSchedule(ctx, request)
		return err
	})
	var mismatch *serviceerror.FailedPrecondition
	if errors.As(err, &mismatch) || notFound(err) {
		return errConflict
	}
	return temporalerr.Of(err, "update a schedule in Temporal")
}

// delete removes a schedule; one that is gone already is no error.
func (c *calls) delete(ctx context.Context, activityID string) error {
	err := c.do(ctx, "delete", func(ctx context.Context) error {
		_, err := c.service.DeleteSchedule(ctx, &workflowservice.DeleteScheduleRequest{
			Namespace: c.namespace, ScheduleId: core.ScheduleID(activityID), Identity: c.identity,
		})
		return err
	})
	var closed *serviceerror.FailedPrecondition
	if notFound(err) || errors.As(err, &closed) {
		return nil
	}
	return temporalerr.Of(err, "delete a schedule in Temporal")
}

// stateOf is the state to write: what an operator may have set beside the pause stays.
func stateOf(d Desired, seen *schedulepb.ScheduleState) *schedulepb.ScheduleState {
	state := &schedulepb.ScheduleState{}
	if seen != nil {
		state = proto.CloneOf(seen)
	}
	state.Paused, state.Notes = d.Hold != "", runNote
	if d.Hold != "" {
		state.Notes = holdNote + d.Hold
	}
	return state
}

func withState(s *schedulepb.Schedule, state *schedulepb.ScheduleState) *schedulepb.Schedule {
	return &schedulepb.Schedule{Spec: s.Spec, Action: s.Action, Policies: s.Policies, State: state}
}

func plain(value string) *commonpb.Payload {
	p := keyword(value)
	delete(p.Metadata, "type")
	return p
}

func notFound(err error) bool {
	var missing *serviceerror.NotFound
	return errors.As(err, &missing)
}
