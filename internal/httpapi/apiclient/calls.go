package apiclient

import (
	"context"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// Definitions lists definitions by name.
func (c *Client) Definitions(ctx context.Context, o ListOptions) (wire.Page[wire.Definition], error) {
	return list[wire.Definition](ctx, c, "/activity-definitions/", o)
}

// Definition finds one by ID or name.
func (c *Client) Definition(ctx context.Context, ref string) (d wire.Definition, err error) {
	return d, c.get(ctx, definitionPath(ref), nil, &d)
}

// Versions lists a definition's versions, newest first.
func (c *Client) Versions(ctx context.Context, ref string, o ListOptions) (wire.Page[wire.Definition], error) {
	return list[wire.Definition](ctx, c, definitionPath(ref, "versions"), o)
}

// Create saves a new definition.
func (c *Client) Create(ctx context.Context, def core.Definition, idempotencyKey string) (d wire.Definition, err error) {
	return d, c.send(ctx, http.MethodPost, "/activity-definitions/", def, map[string]string{"Idempotency-Key": idempotencyKey}, &d)
}

// Update replaces a definition's document; version 0 means whatever it is.
func (c *Client) Update(ctx context.Context, ref string, def core.Definition, version int64) (d wire.Definition, err error) {
	return d, c.send(ctx, http.MethodPut, definitionPath(ref), def, ifMatch(version), &d)
}

// Delete removes a definition; version 0 means whatever it is.
func (c *Client) Delete(ctx context.Context, ref string, version int64) error {
	return c.send(ctx, http.MethodDelete, definitionPath(ref), nil, ifMatch(version), nil)
}

func ifMatch(version int64) map[string]string {
	if version == 0 {
		return nil
	}
	return map[string]string{"If-Match": strconv.Quote(strconv.FormatInt(version, 10))}
}

// Pause holds a definition.
func (c *Client) Pause(ctx context.Context, ref, reason string) (d wire.Definition, err error) {
	return d, c.send(ctx, http.MethodPost, definitionPath(ref, "pause"), wire.PauseRequest{Reason: reason}, nil, &d)
}

// Resume ends a pause.
func (c *Client) Resume(ctx context.Context, ref string) (d wire.Definition, err error) {
	return d, c.send(ctx, http.MethodPost, definitionPath(ref, "resume"), nil, nil, &d)
}

// Next lists coming fire times.
func (c *Client) Next(ctx context.Context, ref string, after time.Time, count int) (n catalog.NextFires, err error) {
	q := ListOptions{Filter: map[string]string{"count": strconv.Itoa(count), "after": timeValue(after)}}
	return n, c.get(ctx, definitionPath(ref, "next"), q.values(), &n)
}

// Backfill starts each nominal time of a range once, or a part of them: an answer with Next has
// more to do.
func (c *Client) Backfill(ctx context.Context, ref string, body wire.Backfill) (r wire.BackfillResult, err error) {
	return r, c.send(ctx, http.MethodPost, definitionPath(ref, "backfill"), body, nil, &r)
}

// Trigger starts a run by hand.
func (c *Client) Trigger(ctx context.Context, ref string, t wire.Trigger, idempotencyKey string) (r wire.Triggered, err error) {
	return r, c.send(ctx, http.MethodPost, definitionPath(ref, "trigger"), t, map[string]string{"Idempotency-Key": idempotencyKey}, &r)
}

// Plan compares definitions with the server's.
func (c *Client) Plan(ctx context.Context, defs []core.Definition, prune bool) (catalog.Changeset, error) {
	return c.planOrApply(ctx, "/plan", defs, prune)
}

// Apply makes the server's definitions equal these, all or none.
func (c *Client) Apply(ctx context.Context, defs []core.Definition, prune bool) (catalog.Changeset, error) {
	return c.planOrApply(ctx, "/apply", defs, prune)
}

func (c *Client) planOrApply(ctx context.Context, path string, defs []core.Definition, prune bool) (r catalog.Changeset, err error) {
	body := wire.Definitions{Prune: prune, Definitions: make([]json.RawMessage, len(defs))}
	for i, d := range defs {
		if body.Definitions[i], err = json.Marshal(d); err != nil {
			return r, err
		}
	}
	return r, c.send(ctx, http.MethodPost, path, body, nil, &r)
}

// DryRun asks for the plan of a firing; nothing is carried out.
func (c *Client) DryRun(ctx context.Context, body wire.DryRun) (r catalog.DryRunResult, err error) {
	return r, c.send(ctx, http.MethodPost, "/dry-run", body, nil, &r)
}

// Publish sends an event body as it is: an envelope, a CloudEvent, or a list of either.
func (c *Client) Publish(ctx context.Context, contentType string, body []byte) (p wire.Published, err error) {
	return p, c.do(ctx, request{method: http.MethodPost, path: "/events", contentType: contentType, body: body}, &p)
}

// Events lists stored events, newest first.
func (c *Client) Events(ctx context.Context, o ListOptions) (wire.Page[core.EventListing], error) {
	return list[core.EventListing](ctx, c, "/events", o)
}

// segment writes an ID as one part of a path. PathEscape leaves dots, and "." and ".." would be
// taken for steps.
func segment(id string) string {
	if id == "." || id == ".." {
		return strings.ReplaceAll(id, ".", "%2E")
	}
	return url.PathEscape(id)
}

// Event finds one stored event.
func (c *Client) Event(ctx context.Context, id string) (e core.EventListing, err error) {
	if id != "tail" && id != "/" { // GET /events/tail is the feed, and net/http routes no segment that is a slash
		return e, c.get(ctx, "/events/"+segment(id), nil, &e)
	}
	found, err := c.Events(ctx, ListOptions{Filter: map[string]string{"event_id": id}})
	if err != nil {
		return e, err
	}
	if len(found.Items) == 0 {
		return e, core.NotFound("event", id)
	}
	return found.Items[0], nil
}

// ExplainEvent says why definitions did or did not fire for a stored event. The filter is
// definition.
func (c *Client) ExplainEvent(ctx context.Context, id string, o ListOptions) (wire.Page[core.EventExplanation], error) {
	return list[core.EventExplanation](ctx, c, "/events/"+segment(id)+"/explain", o)
}

// ExplainUnpublished does the same for an event that need not exist.
func (c *Client) ExplainUnpublished(ctx context.Context, body wire.Explain, o ListOptions) (p wire.Page[core.EventExplanation], err error) {
	text, err := json.Marshal(body)
	if err != nil {
		return p, err
	}
	return p, c.do(ctx, request{method: http.MethodPost, path: "/events/explain", query: o.values(), contentType: "application/json", body: text}, &p)
}

// ReplayEvents holds stored events against a definition and, unless it is a dry run, starts the
// runs that are missing. An answer with NextSequence has looked at a part.
func (c *Client) ReplayEvents(ctx context.Context, body wire.EventReplay) (r wire.EventReplayed, err error) {
	return r, c.send(ctx, http.MethodPost, "/events/replay", body, nil, &r)
}

// ReplayDeadLetters publishes dead letters again, oldest first, and removes them.
func (c *Client) ReplayDeadLetters(ctx context.Context, which wire.DeadLettersOf) (r wire.DeadLettersDone, err error) {
	return r, c.send(ctx, http.MethodPost, "/dead-letters/replay", which, nil, &r)
}

// DropDeadLetters removes dead letters.
func (c *Client) DropDeadLetters(ctx context.Context, which wire.DeadLettersOf) (r wire.DeadLettersDone, err error) {
	return r, c.send(ctx, http.MethodPost, "/dead-letters/drop", which, nil, &r)
}

// Runs lists runs, newest first.
func (c *Client) Runs(ctx context.Context, o ListOptions) (wire.Page[core.Run], error) {
	return list[core.Run](ctx, c, "/runs", o)
}

// Run finds one run.
func (c *Client) Run(ctx context.Context, id string) (r core.Run, err error) {
	return r, c.get(ctx, "/runs/"+url.PathEscape(id), nil, &r)
}

// RunPlan returns a run's plan without its actions.
func (c *Client) RunPlan(ctx context.Context, id string) (p core.Plan, err error) {
	return p, c.get(ctx, "/runs/"+url.PathEscape(id)+"/plan", nil, &p)
}

// RunActions lists a run's actions by sequence; the cursor is the next sequence.
func (c *Client) RunActions(ctx context.Context, id string, o ListOptions) (wire.Page[core.ActionRecord], error) {
	return list[core.ActionRecord](ctx, c, "/runs/"+url.PathEscape(id)+"/actions", o)
}

// CancelRun asks a run to stop.
func (c *Client) CancelRun(ctx context.Context, id string) (r core.Run, err error) {
	return r, c.send(ctx, http.MethodPost, "/runs/"+url.PathEscape(id)+"/cancel", nil, nil, &r)
}

// Rerun starts a new run with the inputs and event of an earlier one.
func (c *Client) Rerun(ctx context.Context, id, idempotencyKey string) (r wire.Triggered, err error) {
	return r, c.send(ctx, http.MethodPost, "/runs/"+url.PathEscape(id)+"/rerun", nil, map[string]string{"Idempotency-Key": idempotencyKey}, &r)
}

// Tasks lists tasks, newest first.
func (c *Client) Tasks(ctx context.Context, o ListOptions) (wire.Page[core.Task], error) {
	return list[core.Task](ctx, c, "/tasks", o)
}

// Task finds one task.
func (c *Client) Task(ctx context.Context, id string) (t core.Task, err error) {
	return t, c.get(ctx, "/tasks/"+url.PathEscape(id), nil, &t)
}

// PatchTask changes a task.
func (c *Client) PatchTask(ctx context.Context, id string, p core.TaskPatch) (t core.Task, err error) {
	return t, c.send(ctx, http.MethodPatch, "/tasks/"+url.PathEscape(id), p, nil, &t)
}

// DeadLetters lists dead letters, newest first.
func (c *Client) DeadLetters(ctx context.Context, o ListOptions) (wire.Page[core.DeadLetter], error) {
	return list[core.DeadLetter](ctx, c, "/dead-letters", o)
}

// DeadLetter finds one.
func (c *Client) DeadLetter(ctx context.Context, id string) (d core.DeadLetter, err error) {
	return d, c.get(ctx, "/dead-letters/"+url.PathEscape(id), nil, &d)
}

// ReplayDeadLetter publishes it again and removes it.
func (c *Client) ReplayDeadLetter(ctx context.Context, id string) (r core.PublishReceipt, err error) {
	return r, c.send(ctx, http.MethodPost, "/dead-letters/"+url.PathEscape(id)+"/replay", nil, nil, &r)
}

// DropDeadLetter removes it.
func (c *Client) DropDeadLetter(ctx context.Context, id string) error {
	return c.send(ctx, http.MethodDelete, "/dead-letters/"+url.PathEscape(id), nil, nil, nil)
}

// Schedules lists what the record knows of schedules; filters: drift, pending, prefix.
func (c *Client) Schedules(ctx context.Context, o ListOptions) (r wire.Schedules, err error) {
	return r, c.get(ctx, "/schedules", o.values(), &r)
}

// SchedulesPending tells which schedules have still to follow what changed at a revision of the
// catalogue; 0 is everything.
func (c *Client) SchedulesPending(ctx context.Context, revision int64) (r wire.SchedulesPending, err error) {
	q := url.Values{}
	if revision > 0 {
		q.Set("revision", strconv.FormatInt(revision, 10))
	}
	return r, c.get(ctx, "/schedules/pending", q, &r)
}

// Sync reconciles schedules once.
func (c *Client) Sync(ctx context.Context, body wire.Sync) (r core.SyncReport, err error) {
	return r, c.send(ctx, http.MethodPost, "/sync", body, nil, &r)
}

// Ledger lists ledger rows, newest first.
func (c *Client) Ledger(ctx context.Context, o ListOptions) (wire.Page[core.LedgerEntry], error) {
	return list[core.LedgerEntry](ctx, c, "/ledger", o)
}

// LedgerCheck compares what was expected with what the ledger accounts for; filters: since,
// until, activity.
func (c *Client) LedgerCheck(ctx context.Context, o ListOptions) (r wire.LedgerCheck, err error) {
	return r, c.get(ctx, "/ledger/check", o.values(), &r)
}

// Audit lists changes made through the API, newest first.
func (c *Client) Audit(ctx context.Context, o ListOptions) (wire.Page[core.AuditEntry], error) {
	return list[core.AuditEntry](ctx, c, "/audit", o)
}

// System tells the server's version, and its release of the time zone database.
func (c *Client) System(ctx context.Context) (v wire.System, err error) {
	return v, c.get(ctx, "/system", nil, &v)
}

// PlanZones shows which coming fires other files of zones would move.
func (c *Client) PlanZones(ctx context.Context, body wire.ZoneDataPlan) (p catalog.ZonePlan, err error) {
	return p, c.send(ctx, http.MethodPost, "/system/zone-data/plan", body, nil, &p)
}
