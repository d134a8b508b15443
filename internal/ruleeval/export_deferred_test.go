package ruleeval

import (
	"context"

	core "github.com/activity-core/activity-core"
)

// ResolveDeferred resolves one action that is alone in its plan.
func ResolveDeferred(ctx context.Context, a core.PlannedAction, steps map[string]any) (map[string]any, error) {
	return NewResolver().Resolve(ctx, a, steps, 1)
}
