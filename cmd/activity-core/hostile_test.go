package main

import (
	"bytes"
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"reflect"
	"strings"
	"testing"
	"time"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
	"github.com/activity-core/activity-core/internal/terminal"
)

// hostileText is what a stranger may put wherever text is free: escapes, C1 controls,
// bidirectional controls, a forged line.
const hostileText = "x\x1b]0;owned\x07\u009b2J\u202eexe\u2066\rfake\nRUN  forged\x7f\U000e0041"

// fill sets every text in v, at any depth, to hostileText, and gives every list one element.
func fill(v reflect.Value) {
	switch v.Kind() {
	case reflect.String:
		v.SetString(hostileText)
	case reflect.Bool:
		v.SetBool(true)
	case reflect.Int, reflect.Int64:
		v.SetInt(1)
	case reflect.Uint64:
		v.SetUint(1)
	case reflect.Interface:
		v.Set(reflect.ValueOf(hostileText))
	case reflect.Pointer:
		v.Set(reflect.New(v.Type().Elem()))
		fill(v.Elem())
	case reflect.Map:
		v.Set(reflect.MakeMap(v.Type()))
		elem := reflect.New(v.Type().Elem()).Elem()
		fill(elem)
		v.SetMapIndex(reflect.ValueOf("k").Convert(v.Type().Key()), elem)
	case reflect.Slice:
		switch {
		case v.Type() == reflect.TypeFor[json.RawMessage]():
			raw, _ := json.Marshal(map[string]string{"k": hostileText})
			v.SetBytes(raw)
		case v.Type().Elem().Kind() == reflect.Uint8:
			v.SetBytes([]byte(hostileText + "\xff\x9b"))
		default:
			v.Set(reflect.MakeSlice(v.Type(), 1, 1))
			fill(v.Index(0))
		}
	case reflect.Struct:
		if v.Type() == reflect.TypeFor[time.Time]() {
			v.Set(reflect.ValueOf(time.Date(2026, time.March, 2, 6, 0, 0, 0, time.UTC)))
			return
		}
		for i := range v.NumField() {
			if v.Field(i).CanSet() {
				fill(v.Field(i))
			}
		}
	}
}

func hostile[T any]() any {
	var v T
	fill(reflect.ValueOf(&v).Elem())
	return v
}

// raw keeps a value whose own encoding would refuse hostile text, such as a cause, in the form
// of a server that does not care.
func raw(t *testing.T, v any) []byte {
	t.Helper()
	text, err := json.Marshal(v)
	if err != nil {
		t.Fatal(err)
	}
	return text
}

func TestNothingThatIsReadSteersTheTerminal(t *testing.T) {
	cron := core.CronCause(time.Date(2026, time.March, 2, 6, 0, 0, 0, time.UTC))
	aRun := hostile[core.Run]().(core.Run)
	aRun.Cause = cron
	entry := hostile[core.LedgerEntry]().(core.LedgerEntry)
	entry.Cause = cron
	def := hostile[wire.Definition]().(wire.Definition)
	def.TriggerType = core.TriggerEvent
	problem := map[string]any{"status": 422, "code": "invalid", "detail": hostileText, "errors": []core.FieldError{{Location: hostileText, Message: hostileText}, {Location: "b", Message: hostileText}}}
	answers := map[string]any{
		"/runs": wire.Page[core.Run]{Items: []core.Run{aRun}}, "/runs/r": aRun, "/runs/r/plan": hostile[core.Plan](), "/runs/r/actions": hostile[wire.Page[core.ActionRecord]](),
		"/tasks": hostile[wire.Page[core.Task]](), "/tasks/t": hostile[core.Task](), "/dead-letters": hostile[wire.Page[core.DeadLetter]](), "/dead-letters/1": hostile[core.DeadLetter](),
		"/events": hostile[wire.Page[core.EventListing]](), "/events/e/explain": hostile[wire.Page[core.EventExplanation]](),
		"/ledger": wire.Page[core.LedgerEntry]{Items: []core.LedgerEntry{entry}}, "/ledger/check": hostile[wire.LedgerCheck](), "/audit": hostile[wire.Page[core.AuditEntry]](),
		"/activity-definitions": wire.Page[wire.Definition]{Items: []wire.Definition{def}}, "/activity-definitions/d": def, "/activity-definitions/d/next": hostile[catalog.NextFires](),
		"/secrets": hostile[wire.Page[wire.Secret]](), "/sync": hostile[core.SyncReport](),
	}
	var asked []string
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		asked = append(asked, r.URL.Path)
		w.Header().Set("Content-Type", "application/json")
		answer, ok := answers[r.URL.Path]
		if !ok {
			w.Header().Set("Content-Type", "application/problem+json")
			w.WriteHeader(http.StatusUnprocessableEntity)
			answer = problem
		}
		_, _ = w.Write(raw(t, answer))
	}))
	t.Cleanup(server.Close)
	for _, command := range []string{
		"runs list", "runs show r", "tasks list", "tasks show t", "dead-letters list", "dead-letters show 1", "events list", "events show e", "events explain e",
		"ledger list", "ledger check", "audit", "get", "get d", "describe d", "next d", "secret list", "sync", "runs show nowhere", "validate testdata/hostile.yaml",
	} {
		for _, output := range []string{"table", "json", "yaml"} {
			args := append(strings.Fields(command), "-o", output)
			if !strings.HasPrefix(command, "validate") {
				args = append(args, "--server", server.URL)
			}
			var stdout, stderr bytes.Buffer
			asked = nil
			run(context.Background(), environment{args: args, stdout: &stdout, stderr: &stderr, stdin: strings.NewReader("")})
			text := stdout.String() + stderr.String()
			if !strings.Contains(text, "owned") {
				t.Errorf("%s -o %s (asked for %v): want the hostile text in the output, or this shows nothing; got:\n%s", command, output, asked, text)
			}
			for _, r := range text {
				if !terminal.Shown(r) {
					t.Errorf("%s -o %s: want no %U, got:\n%q", command, output, r, text)
					break
				}
			}
			if output == "table" && strings.Contains(stdout.String(), "\nRUN  forged") && command != "dead-letters show 1" /* its data, as they came */ {
				t.Errorf("%s: want no line that a value made, got:\n%s", command, text)
			}
			if output == "json" && stdout.Len() > 0 && !json.Valid(stdout.Bytes()) {
				t.Errorf("%s -o json: want JSON, got:\n%s", command, stdout.String())
			}
		}
	}
}
