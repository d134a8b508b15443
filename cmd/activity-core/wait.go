package main

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/terminal"
)

// pendingAsker is the one call of the API that waiting for schedules is made of.
type pendingAsker interface {
	SchedulesPending(ctx context.Context, revision int64) (wire.SchedulesPending, error)
}

// askEvery is the pause between two questions of how far schedules are.
const askEvery = 200 * time.Millisecond

// awaitSchedules waits until the schedules follow what was applied, or cannot. Everything is
// saved already, so whoever interrupts it loses nothing.
func (c *cli) awaitSchedules(ctx context.Context, api pendingAsker, r catalog.Changeset) error {
	total := r.SchedulesPending
	if total == 0 {
		return nil
	}
	bar := newProgress(c.stderr)
	defer bar.end()
	said := ""
	say := func(trouble string) { // once each
		if trouble != said && trouble != "" {
			bar.note("%s", trouble)
		}
		said = trouble
	}
	left := total
	for {
		now, err := api.SchedulesPending(ctx, r.Revision)
		switch {
		case ctx.Err() != nil:
			bar.end()
			fmt.Fprintf(c.stderr, "interrupted: the change is saved; %d of %d schedules have still to follow, and do so in the server\n", left, total)
			return &exitError{code: exitFailed}
		case core.IsCode(err, core.CodeUnavailable):
			say(core.MessageOf(err))
		case err != nil:
			bar.end()
			fmt.Fprintln(c.stderr, "the change is saved; how far its schedules are is not known")
			return err
		default:
			// Others may change the same definitions: then fewer than total are left for this
			// revision, never more.
			left = min(now.Pending, total)
			bar.show(total-left, total, fmt.Sprintf("%d/%d schedules follow", total-left, total))
			if now.Pending == now.Refused {
				bar.end()
				return c.followed(total, now)
			}
			if now.Failing > 0 && len(now.Items) > 0 {
				say("still trying: " + now.Items[0].Error)
			}
		}
		select {
		case <-ctx.Done():
		case <-time.After(askEvery):
		}
	}
}

// followed is the end of waiting: what was refused is told.
func (c *cli) followed(total int, now wire.SchedulesPending) error {
	fmt.Fprintf(c.stderr, "%d of %d schedules follow\n", total-min(now.Refused, total), total)
	if now.Refused == 0 {
		return nil
	}
	for _, item := range now.Items {
		fmt.Fprintf(c.stderr, "  %s: %s\n", terminal.Line(item.ActivityName), terminal.Line(item.Error))
	}
	if more := now.Refused - len(now.Items); more > 0 {
		fmt.Fprintf(c.stderr, "  and %d more\n", more)
	}
	return &exitError{code: exitFailed, err: fmt.Errorf("everything is saved, and %d schedules cannot follow", now.Refused)}
}
