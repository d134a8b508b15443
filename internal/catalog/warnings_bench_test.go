package catalog_test

import (
	"fmt"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
)

// BenchmarkWarnings is what warnings add to an apply of 5,000 definitions, half of them on the
// clock; the baseline is checking them, which an apply does anyway.
func BenchmarkWarnings(b *testing.B) {
	defs := make([]core.Definition, 5000)
	for i := range defs {
		if i%2 == 0 {
			defs[i] = clockDefinition("Europe/Berlin", fmt.Sprintf("%d %d * * *", i%60, i%24))
		} else {
			defs[i] = relay("x", "", fmt.Sprint("type-", i%500))
		}
		defs[i].Name = fmt.Sprint("definition-", i)
		defs[i].ID = ""
		defs[i].Normalize()
	}
	b.Run("check", func(b *testing.B) {
		for b.Loop() {
			for i := range defs {
				_ = catalog.Check(&defs[i])
			}
		}
	})
	b.Run("warn", func(b *testing.B) {
		for b.Loop() {
			catalog.Warnings(defs, warnedAt)
		}
	})
}
