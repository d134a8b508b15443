package slots

import (
	"context"
	"fmt"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/misfire"
)

// Policy applies a definition's misfire policy to the slots that Temporal fires. It is asked by
// every run before the run is admitted.
type Policy struct {
	record PolicyRecord
	// beat brings the record of outages up to date; nil trusts it as it is.
	beat  func(context.Context) error
	specs specs
}

// NewPolicy makes a policy. beat is [Heartbeat.Beat], or nil: a run that comes out of an outage
// can be quicker than the heartbeat that notices its end.
func NewPolicy(record PolicyRecord, beat func(context.Context) error) *Policy {
	return &Policy{record: record, beat: beat}
}

// Decide returns nil if the slot is to run, or the verdict it gets instead: paused if it passed
// during a hold; skipped if no version of the definition names it, because the schedule is
// still that of an older one; by the misfire policy if an outage kept it from starting within
// misfire_grace (compress: if it is not the latest such slot). A slot that is merely late runs,
// however late, and so does one that was recorded before it was started, such as a backfill:
// somebody decided about that one already. now is the time of the question.
func (p *Policy) Decide(ctx context.Context, def core.StoredDefinition, nominal, now time.Time) (*core.Settlement, error) {
	holds, err := p.record.Holds(ctx, def.ID, nominal, nominal.Add(time.Second))
	if err != nil {
		return nil, fmt.Errorf("read holds: %w", err)
	}
	hold := holdAt(holds, nominal)
	named, err := p.names(ctx, def, nominal)
	if err != nil {
		return nil, err
	}
	terms := misfire.TermsOf(def.TriggerConfig)
	if hold == nil && named && terms.InGrace(now.Sub(nominal)) && !p.superseded(def, terms, nominal, now) {
		return nil, nil //nolint:nilnil // nil means: let it run
	}
	_, err = p.record.LedgerEntry(ctx, def.ID, core.CronCause(nominal).Key())
	switch {
	case err == nil:
		return nil, nil //nolint:nilnil // as above
	case !core.IsCode(err, core.CodeNotFound):
		return nil, fmt.Errorf("read the slot's ledger row: %w", err)
	}
	s := settlement(def, nominal, core.VerdictPaused, "")
	if hold != nil {
		s.Reason = holdReason(*hold)
		return &s, nil
	}
	if !named {
		s.Verdict, s.Reason = core.VerdictSkipped, reasonUnnamed
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
	out := terms.KeptBy(outages, nominal)
	if out == nil {
		return nil, nil //nolint:nilnil // late for another reason
	}
	return p.missed(ctx, def, nominal, now, outages, *out)
}

const reasonUnnamed = "unexpected: no version of the definition names this time; Temporal's schedule was that of another version, " +
	"was edited by hand, or was triggered in Temporal: `activity-core trigger` starts a run now"

// names reports whether the version of the definition that was valid at the slot's time names
// it. Temporal fires what the schedule says that it has, and an edit made while Temporal was
// out reaches the schedule only after the backlog has begun to start. The usual slot is younger
// than its definition's last change, and costs no look into the record. One that the rules of
// the zone do not name any more may be older than those rules.
func (p *Policy) names(ctx context.Context, def core.StoredDefinition, nominal time.Time) (bool, error) {
	if !def.UpdatedAt.After(nominal) {
		spec, err := p.specs.parse(def.TriggerConfig)
		if err != nil {
			return true, nil //nolint:nilerr // an expression that cannot be read any more speaks against nothing that Temporal fires
		}
		if next, ok := spec.Next(nominal.Add(-time.Nanosecond)); ok && next.Equal(nominal) {
			return true, nil
		}
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

// superseded reports whether a later slot is due as well, where one runs for all. One of the
// two may be to stand for both, however little late they are.
func (p *Policy) superseded(def core.StoredDefinition, terms misfire.Terms, nominal, now time.Time) bool {
	if !terms.Elects() || now.Sub(nominal) <= terms.Jitter {
		return false
	}
	spec, err := p.specs.parse(def.TriggerConfig)
	if err != nil || def.UpdatedAt.After(nominal) {
		return true // look closer
	}
	if at, ok := spec.Next(nominal.Add(-time.Nanosecond)); !ok || !at.Equal(nominal) {
		return true // it is named by the rules that its zone had: look closer
	}
	next, ok := spec.Next(nominal)
	return ok && !next.After(now)
}

// missed decides about a slot inside an outage.
func (p *Policy) missed(ctx context.Context, def core.StoredDefinition, nominal, now time.Time, outages []core.Outage, out core.Outage) (*core.Settlement, error) {
	terms := misfire.TermsOf(def.TriggerConfig)
	facts := outageFacts(nominal, outages, out)
	if terms.Elects() {
		tl, err := p.specs.load(ctx, p.record, def.ID, nominal, now.Add(time.Second))
		if err != nil {
			return nil, err
		}
		facts.Elected = misfire.LatestKept(tl, outages, nominal, out)
	}
	d := misfire.Decide(terms, facts)
	if d.Verdict == misfire.Run {
		return nil, nil //nolint:nilnil // late only, or made up by running now
	}
	s := decided(def, nominal, d)
	return &s, nil
}

// outageFacts are the facts of a slot that a recorded outage kept from starting.
func outageFacts(slot time.Time, outages []core.Outage, out core.Outage) misfire.Facts {
	return misfire.Facts{Slot: slot, Kept: true, Late: out.To.Sub(slot), Since: misfire.Since(outages, out.To), Down: misfire.DownAt(outages, slot),
		Why: "missed in " + describeOutage(out)}
}

// decided is the ledger's form of a decision against a run.
func decided(def core.StoredDefinition, slot time.Time, d misfire.Decision) core.Settlement {
	verdict := core.VerdictSkipped
	if d.Verdict == misfire.Compress {
		verdict = core.VerdictCompressed
	}
	s := settlement(def, slot, verdict, d.Reason())
	if !d.Into.IsZero() {
		s.Into = core.CronCause(d.Into).Key()
	}
	return s
}

func describeOutage(o core.Outage) string {
	return fmt.Sprintf("an outage (%s) from %s to %s", o.What, o.From.UTC().Format(time.RFC3339), o.To.UTC().Format(time.RFC3339))
}

func settlement(def core.StoredDefinition, nominal time.Time, v core.Verdict, reason string) core.Settlement {
	return core.Settlement{
		ActivityID: def.ID, ActivityName: def.Name, DefinitionVersion: def.Version,
		Cause: core.CronCause(nominal), Verdict: v, Reason: reason,
	}
}
