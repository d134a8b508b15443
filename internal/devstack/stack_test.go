//go:build !slim

package devstack_test

import (
	"context"
	"testing"
	"time"

	enumspb "go.temporal.io/api/enums/v1"

	"github.com/activity-core/activity-core/internal/devstack"
)

func TestMeasure(t *testing.T) {
	dir := t.TempDir()
	for range 3 {
		t0 := time.Now()
		s, err := devstack.Start(context.Background(), devstack.Config{Dir: dir, SyncAlways: true, SearchAttributes: map[string]enumspb.IndexedValueType{"activity_id": enumspb.INDEXED_VALUE_TYPE_KEYWORD}})
		if err != nil {
			t.Fatal(err)
		}
		t.Log("start", time.Since(t0))
		t0 = time.Now()
		if err := s.Stop(context.Background()); err != nil {
			t.Fatal(err)
		}
		t.Log("stop", time.Since(t0))
	}
}
