package app

import (
	"context"
	"log/slog"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/sqlite"
)

// An old finished run goes, a young one and the ledger stay.
func TestTheJanitorRemovesRunsOlderThanTheirRetentionAndKeepsTheLedger(t *testing.T) {
	ctx := t.Context()
	store, err := sqlite.Open(ctx, sqlite.Config{Ephemeral: true})
	if err != nil {
		t.Fatal(err)
	}
	defer store.Close()
	now := time.Now().UTC().Truncate(time.Millisecond)
	old, young := finishedRun(t, store, "old", now.Add(-48*time.Hour)), finishedRun(t, store, "young", now.Add(-time.Hour))

	j := &janitor{store: store, retention: 24 * time.Hour, every: time.Hour, now: func() time.Time { return now }, log: slog.New(slog.DiscardHandler)}
	if err := j.Start(ctx); err != nil {
		t.Fatal(err)
	}
	for {
		_, err := store.Run(ctx, old)
		if core.IsCode(err, core.CodeNotFound) {
			break
		}
		if err != nil || ctx.Err() != nil {
			t.Fatalf("the old run: %v, %v", err, ctx.Err())
		}
		time.Sleep(time.Millisecond)
	}
	for range 2 {
		if err := j.Stop(ctx); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := store.Run(ctx, young); err != nil {
		t.Fatalf("the young run: %v", err)
	}
	if e, err := store.LedgerEntry(ctx, core.DefinitionID("a"), core.ManualCause("old").Key()); err != nil || e.Verdict != core.VerdictFired {
		t.Fatalf("the ledger says %q (%v) of the old cause, want fired", e.Verdict, err)
	}
}

func TestAJanitorThatNeverStartedStops(t *testing.T) {
	if err := (&janitor{}).Stop(context.Background()); err != nil {
		t.Fatal(err)
	}
}

func finishedRun(t *testing.T, store core.Store, key string, at time.Time) string {
	t.Helper()
	id, cause := core.DefinitionID("a"), core.ManualCause(key)
	adm, err := store.Admit(t.Context(), core.Claim{
		ActivityID: id, ActivityName: "a", DefinitionVersion: 1, Cause: cause, WorkflowID: core.WorkflowID(id, cause), TemporalRunID: key, At: at,
	})
	if err != nil || !adm.Admitted {
		t.Fatalf("admit %s: %+v, %v", key, adm, err)
	}
	if _, err := store.FinishRun(t.Context(), adm.Run.RunID, core.RunFailed, "no reason", at); err != nil {
		t.Fatal(err)
	}
	return adm.Run.RunID
}
