package ruleeval

import (
	"context"

	activitycore "github.com/activity-core/activity-core"
)

// ResolveDeferred resolves one action that is alone in its plan.
func ResolveDeferred(ctx context.Context, a activitycore.PlannedAction, steps map[string]any) (map[string]any, error) {
	return NewResolver().Resolve(ctx, a, steps, 1)
}
