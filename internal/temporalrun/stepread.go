package temporalrun

import (
	"fmt"
	"strings"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// undelivered says why an answer is not what the definition asked for, "" if it may be: a later
// action of the item cannot do without a part of it, and it has no parts. later are the item's
// actions after it.
func (b *batch) undelivered(rec core.PlannedAction, res core.ActionResult, later []core.ActionRecord) string {
	if rec.Name == "" || res.Status != core.ActionSucceeded {
		return ""
	}
	field, why, cut := answerFault(rec, res)
	if why == "" || cut {
		return "" // what was cut was delivered all the same
	}
	for _, l := range later {
		for _, read := range b.resolver.Reads(l.PlannedAction) {
			if read.Step == rec.Name && read.Certain && len(read.Path) > 1 && read.Path[0] == field {
				return fmt.Sprintf("%s; actions[%d] needs %s of it", why, l.ActionIndex, read.Text())
			}
		}
	}
	return ""
}

// explained adds to the error of an action that reads an earlier one's result what became of
// that result.
func (b *batch) explained(err error, action core.PlannedAction, earlier []core.ActionRecord, results map[string]core.ActionResult) error {
	message := core.MessageOf(err)
	for _, read := range b.resolver.Reads(action) {
		res, known := results[read.Step]
		if !known || !strings.Contains(message, "steps."+read.Step) {
			continue
		}
		if res.Status != core.ActionSucceeded {
			return core.Wrap(core.CodeOf(err), err, "%s: the action %q failed", message, read.Step)
		}
		for _, rec := range earlier {
			if rec.Name != read.Step || len(read.Path) == 0 {
				continue
			}
			if field, why, _ := answerFault(rec.PlannedAction, res); why != "" && read.Path[0] == field {
				return core.Wrap(core.CodeOf(err), err, "%s: %s", message, why)
			}
		}
	}
	return err
}

// answerFault says why the field of an action's result that holds somebody else's answer has no
// parts, "" if it has, is a list, or if there is no such field. cut: only since the answer was
// too long.
func answerFault(rec core.PlannedAction, res core.ActionResult) (field, why string, cut bool) {
	spec, _ := ruleeval.SpecOf(rec.Type)
	if spec.Answer == nil {
		return "", "", false
	}
	v, err := resultValue(res.Result)
	result, ok := v.(map[string]any)
	if err != nil || !ok {
		return "", "", false
	}
	why, cut = spec.Answer.Fault(rec, result)
	return spec.Answer.Field, why, cut
}
