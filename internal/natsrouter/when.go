package natsrouter

import (
	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// CompileCEL is the [CompileWhen] of the program: trigger_config.when is CEL, with event, payload and vars in scope.
func CompileCEL(def activitycore.Definition) (When, error) {
	program, err := ruleeval.CompileTrigger(&def)
	if err != nil {
		return nil, err
	}
	return program.MatchWhen, nil
}
