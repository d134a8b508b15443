package actionexec

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	activitycore "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

func TestEveryActionTypeIsCarriedOutByOne(t *testing.T) {
	if len(performers) != len(activitycore.ActionTypes()) {
		t.Errorf("want a row for each of %v, got %d rows", activitycore.ActionTypes(), len(performers))
	}
	for _, typ := range activitycore.ActionTypes() {
		row, ok := performers[typ]
		if !ok {
			t.Errorf("%s: want a row, got none", typ)
			continue
		}
		spec, _ := ruleeval.SpecOf(typ)
		attempts, writes := !reflect.ValueOf(row).FieldByName("attempt").IsNil(), !reflect.ValueOf(row).FieldByName("write").IsNil()
		if writes != spec.ByRecord || attempts == spec.ByRecord {
			t.Errorf("%s: want it carried out by the record: %v; its row attempts: %v, writes: %v", typ, spec.ByRecord, attempts, writes)
		}
		params, err := ruleeval.DecodeParams(typ, spec.Example)
		if err != nil {
			t.Fatal(err)
		}
		takes := reflect.ValueOf(row).FieldByName("write").Type().In(2)
		if takes != reflect.TypeOf(params) {
			t.Errorf("%s: want a row that takes what is decoded, %T, got one for %s", typ, params, takes)
		}
	}
}

func TestWhatHasNoRowIsNotCarriedOutAsAnother(t *testing.T) {
	e := New(Config{})
	task := activitycore.PlannedAction{Type: activitycore.ActionCreateTask, With: map[string]any{"title": "t"}}
	report := activitycore.PlannedAction{Type: activitycore.ActionReportProgress, With: map[string]any{"message": "m"}}
	if _, err := e.Perform(context.Background(), activitycore.Run{}, nil, task); !activitycore.IsCode(err, activitycore.CodeInvalid) || !strings.Contains(err.Error(), "not carried out here") {
		t.Errorf("an attempt at a task: want CodeInvalid, not carried out here, got %v", err)
	}
	if got, err := e.TaskWrite(activitycore.Run{}, report, time.Time{}); !activitycore.IsCode(err, activitycore.CodeInvalid) {
		t.Errorf("the task of a report: want CodeInvalid, got %+v and %v", got, err)
	}
	report.Type = "forgotten"
	if got, err := e.Perform(context.Background(), activitycore.Run{}, nil, report); !activitycore.IsCode(err, activitycore.CodeInvalid) {
		t.Errorf("an attempt at an unknown type: want CodeInvalid, got %+v and %v", got, err)
	}
}
