package simulate

import (
	"math"
	"time"

	farm "github.com/dgryski/go-farm"
)

// JitterSeed is what Temporal spreads the starts of a schedule by: two schedules with the same
// jitter get different offsets. The namespace's ID is a random UUID of the Temporal server;
// without it ("") the offsets are spread alike and are not the server's own.
func JitterSeed(namespaceID, scheduleID string) string { return namespaceID + "-" + scheduleID }

// offset is how long after a nominal time Temporal's schedule starts it (server
// service/worker/scheduler/spec.go, addJitter and GetNextTime): a hash of nominal time and
// seed, scaled to the jitter in milliseconds, which never reaches beyond the following nominal
// time. A zero following is none. internal/cronspec/temporalproof holds it to the server's own
// code.
func offset(nominal, following time.Time, jitter time.Duration, seed string) time.Duration {
	if !following.IsZero() {
		jitter = min(jitter, following.Sub(nominal))
	}
	if jitter <= 0 {
		return 0
	}
	var space [128]byte
	text, err := nominal.UTC().AppendBinary(space[:0])
	if err != nil {
		return 0 // a year beyond cronspec.MaxYear
	}
	hash := uint64(farm.Fingerprint32(append(text, seed...)))
	return time.Duration(hash*min(uint64(jitter.Milliseconds()), math.MaxUint32)>>32) * time.Millisecond
}

// Offset is [offset] for a job's own nominal time.
func (j Job) Offset(nominal time.Time) time.Duration {
	if j.Jitter <= 0 {
		return 0
	}
	following, _ := j.Spec.Next(nominal)
	return offset(nominal, following, j.Jitter, j.Seed)
}
