package temporalproof_test

import (
	"testing"
	"time"

	"go.temporal.io/server/service/worker/scheduler"
	"google.golang.org/protobuf/types/known/durationpb"

	"github.com/activity-core/activity-core/internal/cronspec"
	"github.com/activity-core/activity-core/internal/misfire"
	"github.com/activity-core/activity-core/internal/simulate"
	"github.com/activity-core/activity-core/internal/temporalschedule"
)

// The starts that `simulate` shows for a definition with jitter are those of the server's own
// code, given its namespace.
func TestJitterIsTheServersOwn(t *testing.T) {
	builder := scheduler.NewSpecBuilder(unlimited, unlimited)
	seed := simulate.JitterSeed("6f1b6d1e-6f0e-4a3f-9d5a-3f0f9f0b7c11", "activity-schedule-0b9e2c4e-7a57-5f3a-8a5e-0d4d8f5b1c22")
	from, shifted := time.Date(2026, 10, 20, 0, 0, 0, 0, time.UTC), 0
	for _, expr := range []string{"*/5 * * * *", "30 2 * * *", "0,1 * * * *"} {
		spec, err := cronspec.Parse([]string{expr}, "Europe/Berlin")
		if err != nil {
			t.Fatal(err)
		}
		for _, jitter := range []time.Duration{0, 30 * time.Second, time.Minute, 7 * time.Minute, time.Hour} {
			compiled, err := spec.Compile(from, from.AddDate(3, 0, 0))
			if err != nil {
				t.Fatal(err)
			}
			pb := temporalschedule.ScheduleSpec(compiled)
			pb.Jitter = durationpb.New(jitter)
			server, err := builder.NewCompiledSpec(pb)
			if err != nil {
				t.Fatal(err)
			}
			job := simulate.Job{Spec: spec, Terms: misfire.Terms{Jitter: jitter}, Seed: seed}
			cursor := from
			for range 200 {
				next, err := server.GetNextTime(seed, cursor)
				if err != nil {
					t.Fatal(err)
				}
				if got, want := job.Offset(next.Nominal), next.Next.Sub(next.Nominal); got != want {
					t.Fatalf("%s with %s: %s starts %s late, and in Temporal %s", expr, jitter, next.Nominal, got, want)
				} else if got > 0 {
					shifted++
				}
				cursor = next.Nominal
			}
		}
	}
	if shifted < 2000 {
		t.Errorf("jitter moved %d starts only", shifted)
	}
}
