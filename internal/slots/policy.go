package slots

import (
	"context"
	"fmt"
	"time"

	activitycore "github.com/activity-core/activity-core"
)

// Policy applies a definition's misfire policy to the slots that Temporal fires. It is asked by every run before the run
// is admitted.
type Policy struct {
	record PolicyRecord
	// beat brings the record of outages up to date; nil trusts it as it is.
	beat  func(context.Context) error
	specs specs
}

// NewPolicy makes a policy. beat is [Heartbeat.Beat], or nil: a run that comes out of an outage can be quicker than the
// heartbeat that notices its end.
func NewPolicy(record PolicyRecord, beat func(context.Context) error) *Policy {
	return &Policy{record: record, beat: beat}
}

// Decide returns nil if the slot is to run, or the verdict it gets instead: paused if it passed during a hold; skipped if no
// version of the definition names it, because the schedule is still that of an older one; by the misfire policy if an outage
// kept it from starting within misfire_grace. A slot that is merely late runs, however late, and so does one that was recorded
// before it was started, such as a backfill: somebody decided about that one already. now is the time of the question.
func (p *Policy) Decide(ctx context.Context, def activitycore.StoredDefinition, nominal, now time.Time) (*activitycore.Settlement, error) {
	holds, err := p.record.Holds(ctx, def.ID, nominal, nominal.Add(time.Second))
	if err != nil {
		return nil, fmt.Errorf("read holds: %w", err)
	}
	hold := holdAt(holds, nominal)
	named, err := p.names(ctx, def, nominal)
	if err != nil {
		return nil, err
	}
	allowed := graceOf(def)
	if hold == nil && named && now.Sub(nominal) <= allowed+def.TriggerConfig.Jitter.Std() {
		return nil, nil //nolint:nilnil // nil means: let it run
	}
	_, err = p.record.LedgerEntry(ctx, def.ID, activitycore.CronCause(nominal).Key())
	switch {
	case err == nil:
		return nil, nil //nolint:nilnil // as above
	case !activitycore.IsCode(err, activitycore.CodeNotFound):
		return nil, fmt.Errorf("read the slot's ledger row: %w", err)
	}
	s := settlement(def, nominal, activitycore.VerdictPaused, "")
	if hold != nil {
		s.Reason = holdReason(*hold)
		return &s, nil
	}
	if !named {
		s.Verdict, s.Reason = activitycore.VerdictSkipped, reasonUnnamed
		return &s, nil
	}
	if p.beat != nil {
		if err := p.beat(ctx); err != nil {
			return nil, fmt.Errorf("record outages: %w", err)
		}
	}
	outages, err := p.record.Outages(ctx, nominal, now.Add(time.Second))
	if err != nil {
		return nil, fmt.Errorf("read outages: %w", err)
	}
	out := outageOf(outages, nominal, allowed)
	if out == nil {
		return nil, nil //nolint:nilnil // late for another reason
	}
	return p.missed(ctx, def, nominal, now, outages, *out)
}

const reasonUnnamed = "unexpected: no version of the definition names this time; Temporal's schedule was that of another version, " +
	"was edited by hand, or was triggered in Temporal: `activity-core trigger` starts a run now"

// names reports whether the version of the definition that was valid at the slot's time names it. Temporal fires what the
// schedule says that it has, and an edit made while Temporal was out reaches the schedule only after the backlog has begun to
// start. The usual slot is younger than its definition's last change, and costs no look into the record.
func (p *Policy) names(ctx context.Context, def activitycore.StoredDefinition, nominal time.Time) (bool, error) {
	if !def.UpdatedAt.After(nominal) {
		spec, err := p.specs.parse(def.TriggerConfig)
		if err != nil {
			return true, nil //nolint:nilerr // an expression that cannot be read any more speaks against nothing that Temporal fires
		}
		next, ok := spec.Next(nominal.Add(-time.Nanosecond))
		return ok && next.Equal(nominal), nil
	}
	tl, err := p.specs.load(ctx, p.record, def.ID, nominal, nominal.Add(time.Nanosecond))
	if err != nil {
		return false, err
	}
	for range tl.slots(nominal, nominal.Add(time.Nanosecond)) {
		return true, nil
	}
	return false, nil
}

// missed decides about a slot inside an outage.
func (p *Policy) missed(ctx context.Context, def activitycore.StoredDefinition, nominal, now time.Time, outages []activitycore.Outage, out activitycore.Outage) (*activitycore.Settlement, error) {
	why := "missed in " + describeOutage(out)
	switch policyOf(def) {
	case activitycore.MisfireCatchup:
		if now.Sub(nominal) <= windowOf(def) {
			return nil, nil //nolint:nilnil // it is made up by running now
		}
		s := settlement(def, nominal, activitycore.VerdictSkipped, windowReason(def, nominal, now)+", "+why)
		return &s, nil
	case activitycore.MisfireCompress:
		tl, err := p.specs.load(ctx, p.record, def.ID, nominal, now.Add(time.Second))
		if err != nil {
			return nil, err
		}
		latest := latestMissed(tl, outages, nominal, out)
		if !latest.After(nominal) {
			return nil, nil //nolint:nilnil // it is the one that runs for all
		}
		s := settlement(def, nominal, activitycore.VerdictCompressed, why)
		s.Into = activitycore.CronCause(latest).Key()
		return &s, nil
	}
	s := settlement(def, nominal, activitycore.VerdictSkipped, "misfire: "+why)
	return &s, nil
}

// outageOf finds the outage that kept a slot from starting within its grace: one that lasted at some moment between the
// slot and the end of the grace. The one that ends last explains most.
func outageOf(outages []activitycore.Outage, nominal time.Time, grace time.Duration) *activitycore.Outage {
	var found *activitycore.Outage
	for i, o := range outages {
		if o.From.After(nominal.Add(grace)) || !o.To.After(nominal) {
			continue
		}
		if found == nil || o.To.After(found.To) {
			found = &outages[i]
		}
	}
	return found
}

// latestMissed is the last slot that the outage out kept from starting. Outages that follow on each other without a slot
// that could fire between them count as one.
func latestMissed(tl *timeline, outages []activitycore.Outage, nominal time.Time, out activitycore.Outage) time.Time {
	latest := nominal
	for {
		if t, ok := tl.last(latest, out.To); ok {
			latest = t
		}
		following, ok := tl.first(out.To)
		if !ok {
			return latest
		}
		next := outageOf(outages, following, 0)
		if next == nil {
			return latest
		}
		out = *next
	}
}

func describeOutage(o activitycore.Outage) string {
	return fmt.Sprintf("an outage (%s) from %s to %s", o.What, o.From.UTC().Format(time.RFC3339), o.To.UTC().Format(time.RFC3339))
}

func windowReason(def activitycore.StoredDefinition, nominal, now time.Time) string {
	return fmt.Sprintf("window: %s late, outside the catchup_window of %s",
		now.Sub(nominal).Round(time.Second), activitycore.Duration(windowOf(def)))
}

func settlement(def activitycore.StoredDefinition, nominal time.Time, v activitycore.Verdict, reason string) activitycore.Settlement {
	return activitycore.Settlement{
		ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version,
		Cause: activitycore.CronCause(nominal), Verdict: v, Reason: reason,
	}
}

func policyOf(def activitycore.StoredDefinition) activitycore.MisfirePolicy {
	if p := def.TriggerConfig.MisfirePolicy; p != "" {
		return p
	}
	return activitycore.DefaultMisfirePolicy
}

func graceOf(def activitycore.StoredDefinition) time.Duration {
	if g := def.TriggerConfig.MisfireGrace.Std(); g > 0 {
		return g
	}
	return activitycore.DefaultMisfireGrace.Std()
}

func windowOf(def activitycore.StoredDefinition) time.Duration {
	if w := def.TriggerConfig.CatchupWindow.Std(); w > 0 {
		return w
	}
	return activitycore.DefaultCatchupWindow.Std()
}
