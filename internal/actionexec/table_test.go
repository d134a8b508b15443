package actionexec

import (
	"context"
	"reflect"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

func TestEveryActionTypeIsCarriedOutByOne(t *testing.T) {
	if len(performers) != len(core.ActionTypes()) {
		t.Errorf("want a row for each of %v, got %d rows", core.ActionTypes(), len(performers))
	}
	for _, typ := range core.ActionTypes() {
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
	task := core.PlannedAction{Type: core.ActionCreateTask, With: map[string]any{"title": "t"}}
	report := core.PlannedAction{Type: core.ActionReportProgress, With: map[string]any{"message": "m"}}
	if _, err := e.Perform(context.Background(), core.Run{}, nil, task); !core.IsCode(err, core.CodeInvalid) || !strings.Contains(err.Error(), "not carried out here") {
		t.Errorf("an attempt at a task: want CodeInvalid, not carried out here, got %v", err)
	}
	if got, err := e.TaskWrite(core.Run{}, report, time.Time{}); !core.IsCode(err, core.CodeInvalid) {
		t.Errorf("the task of a report: want CodeInvalid, got %+v and %v", got, err)
	}
	report.Type = "forgotten"
	if got, err := e.Perform(context.Background(), core.Run{}, nil, report); !core.IsCode(err, core.CodeInvalid) {
		t.Errorf("an attempt at an unknown type: want CodeInvalid, got %+v and %v", got, err)
	}
}
