package storetest

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/sqlstore"
)

// errBroken is what the statement says at which a transaction breaks off.
var errBroken = errors.New("the process was killed")

// Breaking is an engine whose transactions break off at a statement.
type Breaking struct {
	sqlstore.Engine
	// at is the statement of the next transactions that fails, counted from 1; 0: none.
	at int
	// statements is how many the latest transaction came to.
	statements int
}

// Write implements [sqlstore.Engine].
func (b *Breaking) Write(ctx context.Context, fn func(context.Context, sqlstore.Querier) error) error {
	return b.Engine.Write(ctx, func(ctx context.Context, q sqlstore.Querier) error {
		b.statements = 0
		return fn(ctx, breaking{b, q})
	})
}

type breaking struct {
	*Breaking
	q sqlstore.Querier
}

func (b breaking) step() error {
	if b.statements++; b.statements == b.at {
		return errBroken
	}
	return nil
}

func (b breaking) QueryContext(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if err := b.step(); err != nil {
		return nil, err
	}
	return b.q.QueryContext(ctx, query, args...)
}

func (b breaking) ExecContext(ctx context.Context, query string, args ...any) (sql.Result, error) {
	if err := b.step(); err != nil {
		return nil, err
	}
	return b.q.ExecContext(ctx, query, args...)
}

// RunAtomic breaks every change of the record off at each of its statements in turn: what it
// leaves is the record as it was, with rows, versions, holds, audit trail and revision. Then
// the change is made, and all of it is there. open returns a fresh store on the engine that it
// gives to wrap.
func RunAtomic(t *testing.T, open func(t *testing.T, wrap func(sqlstore.Engine) sqlstore.Engine) core.Store) {
	var engine *Breaking
	s := open(t, func(e sqlstore.Engine) sqlstore.Engine {
		engine = &Breaking{Engine: e}
		return engine
	})
	at := epoch
	for _, change := range atomicChanges(s) {
		at = at.Add(time.Hour)
		before := picture(t, s)
		broken := 0
		for n := 1; ; n++ {
			engine.at = n
			err := change.do(t.Context(), at)
			engine.at = 0
			if err == nil {
				break
			}
			if !errors.Is(err, errBroken) {
				t.Fatalf("%s, broken off at statement %d: %v", change.name, n, err)
			}
			broken++
			if after := picture(t, s); after != before {
				t.Fatalf("%s, broken off at statement %d, left\n%s\nof\n%s", change.name, n, after, before)
			}
		}
		if broken < change.least {
			t.Errorf("%s was broken off at %d statements, want at least %d", change.name, broken, change.least)
		}
		if after := picture(t, s); after == before {
			t.Errorf("%s changed nothing", change.name)
		}
	}
	for object, want := range map[string][]string{
		"a":   {"ann definition.create", "ann definition.pause", "ann definition.resume", "ann run.trigger", "ann definition.update"},
		"b":   {"ann definition.create", "ann definition.delete"},
		"key": {`ann secret.set {"hosts":["h"]}`, "ann secret.delete"},
	} {
		wantTrail(t, s, object, want...)
	}
}

type atomicChange struct {
	name  string
	least int // statements
	do    func(ctx context.Context, at time.Time) error
}

func atomicChanges(s core.Store) []atomicChange {
	a, b, c := cronDefinition("a"), cronDefinition("b"), cronDefinition("c")
	changed := cronDefinition("a")
	changed.Enabled = false
	apply := func(changes ...core.DefinitionChange) func(context.Context, time.Time) error {
		return func(ctx context.Context, at time.Time) error {
			_, err := s.ApplyChanges(ctx, changes, "ann", at)
			return err
		}
	}
	pause := func(p *core.Pause) func(context.Context, time.Time) error {
		return func(ctx context.Context, at time.Time) error {
			_, err := s.SetPaused(ctx, a.ID, p, "ann", at)
			return err
		}
	}
	return []atomicChange{
		{"create", 6, apply(core.DefinitionChange{Definition: a}, core.DefinitionChange{Definition: b})},
		{"pause", 5, pause(&core.Pause{By: "ann"})},
		{"resume", 5, pause(nil)},
		{"trigger", 3, func(ctx context.Context, at time.Time) error {
			_, err := s.RecordCauses(ctx, []core.CauseRecord{{
				ActivityID: a.ID, ActivityName: a.Name, DefinitionVersion: 1, Cause: core.ManualCause("k"),
				Audit: []core.AuditEntry{{At: at, By: "ann", Action: "run.trigger", Object: a.Name}},
			}}, at)
			return err
		}},
		{"apply of an update, a deletion and a creation", 9, apply(
			core.DefinitionChange{Definition: changed, ExpectVersion: 1}, core.DefinitionChange{Definition: c},
			core.DefinitionChange{Delete: true, Definition: core.Definition{ID: b.ID}, ExpectVersion: 1})},
		{"secret", 2, func(ctx context.Context, at time.Time) error {
			return s.PutSecret(ctx, core.SealedSecret{Name: "key", Sealed: []byte{1}, Hosts: []string{"h"}, UpdatedAt: at}, "ann")
		}},
		{"deletion of a secret", 2, func(ctx context.Context, at time.Time) error { return s.DeleteSecret(ctx, "key", "ann", at) }},
	}
}

// picture is everything that a change may leave.
func picture(t testing.TB, s core.Store) string {
	t.Helper()
	ctx := t.Context()
	rows, revision, err := s.ChangesSince(ctx, 0, 1000)
	must(t, err)
	out := fmt.Sprintf("revision %d\n", revision)
	for _, row := range rows {
		versions := 0
		if page, err := s.Versions(ctx, row.ID, core.PageRequest{Limit: 100}); err == nil {
			versions = len(page.Items)
		}
		holds, err := s.Holds(ctx, row.ID, epoch.Add(-time.Hour), epoch.Add(1000*time.Hour))
		must(t, err)
		out += fmt.Sprintf("%s version %d revision %d, deleted %v, paused %v, %d versions, holds %+v\n",
			row.Name, row.Version, row.Revision, row.DeletedAt, row.Paused, versions, holds)
	}
	trail, err := s.AuditEntries(ctx, "", core.PageRequest{Limit: 1000})
	must(t, err)
	for _, e := range trail.Items {
		out += fmt.Sprintf("%s %s %s %s\n", e.At, e.By, e.Action, e.Object)
	}
	ledger, err := s.LedgerEntries(ctx, core.LedgerFilter{}, core.PageRequest{Limit: 1000})
	must(t, err)
	secrets, err := s.Secrets(ctx)
	must(t, err)
	return out + fmt.Sprintf("%d ledger rows, %d secrets", len(ledger.Items), len(secrets))
}
