package httpapi

import (
	"encoding/json"
	"reflect"

	"github.com/danielgtaylor/huma/v2"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

const (
	exampleDefinition = `{"apiVersion":"activity-core/v1","kind":"ActivityDefinition","name":"review-release","trigger_type":"event","trigger_config":{"event_type":"github.release"},"rules":[{"name":"review","actions":[{"type":"create_task","with":{"title":"Review ${payload.release.tag_name}"}}]}]}`
	exampleZone       = `VFppZjIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAAAAQAAAAAAABVVEMAVFppZjIAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAQAAAAQAAAAAAABVVEMAClVUQzAK` // UTC
	exampleEvent      = `{"event_id":"release-1","type":"github.release","payload":{"release":{"tag_name":"v1.4.0"}}}`
)

// bodyExamples are bodies by the ID of the operation, each one that it takes.
var bodyExamples = map[string]string{
	"create-definition":   exampleDefinition,
	"update-definition":   exampleDefinition,
	"plan":                `{"definitions":[` + exampleDefinition + `]}`,
	"apply":               `{"definitions":[` + exampleDefinition + `]}`,
	"trigger":             `{"inputs":{"dry":true}}`,
	"pause":               `{"reason":"the receiver is being moved"}`,
	"backfill":            `{"from":"2026-03-01T00:00:00Z","to":"2026-03-02T00:00:00Z","dry_run":true}`,
	"dry-run":             `{"definition":"review-release","event":` + exampleEvent + `}`,
	"publish-events":      exampleEvent,
	"explain-unpublished": `{"event":` + exampleEvent + `}`,
	"replay-events":       `{"definition":"review-release","from":"7d","dry_run":true}`,
	"replay-dead-letters": `{"type":"github.release"}`,
	"drop-dead-letters":   `{"type":"github.release"}`,
	"set-secret":          `{"value":"a-long-random-text","hosts":["api.example.com"]}`,
	"sync":                `{"dry_run":true}`,
	"plan-zone-data":      `{"release":"2026f","zones":{"UTC":"` + exampleZone + `"}}`,
	"patch-task":          `{"status":"done"}`,
}

// describe says in the OpenAPI document what huma cannot know of bodies that we read ourselves,
// and gives each body an example.
func (s *server) describe() {
	doc := s.api.OpenAPI()
	for _, item := range doc.Paths {
		for _, o := range []*huma.Operation{item.Post, item.Put, item.Patch} {
			if o == nil || o.RequestBody == nil || o.RequestBody.Content["application/json"] == nil {
				continue
			}
			in := o.RequestBody.Content["application/json"]
			if raw := rawBody(doc.Components.Schemas, o.OperationID); raw != nil {
				in.Schema = raw
			}
			if text := bodyExamples[o.OperationID]; text != "" {
				in.Example = json.RawMessage(text)
			}
		}
	}
}

// rawBody is the schema of a body that huma only knows as bytes; nil for the bodies that it
// reads itself.
func rawBody(types huma.Registry, operation string) *huma.Schema {
	switch operation {
	case "create-definition", "update-definition":
		return &huma.Schema{Type: huma.TypeObject, Description: "an activity definition, docs/definitions.md"}
	case "plan", "apply":
		return types.Schema(reflect.TypeFor[wire.Definitions](), true, "")
	case "set-secret":
		return types.Schema(reflect.TypeFor[wire.SecretValue](), true, "")
	case "publish-events":
		event := types.Schema(reflect.TypeFor[wire.Event](), true, "")
		return &huma.Schema{OneOf: []*huma.Schema{event, {Type: huma.TypeArray, Items: event}}}
	}
	return nil
}

// textOrList is what a core.StringList is written as.
type textOrList struct{}

// Schema implements [huma.SchemaProvider].
func (textOrList) Schema(huma.Registry) *huma.Schema {
	text := &huma.Schema{Type: huma.TypeString}
	return &huma.Schema{OneOf: []*huma.Schema{text, {Type: huma.TypeArray, Items: text}}}
}

// writtenAs tells the registry of the types whose JSON is not what their Go type looks like.
func writtenAs(types huma.Registry) {
	types.RegisterTypeAlias(reflect.TypeFor[core.Duration](), reflect.TypeFor[string]())
	types.RegisterTypeAlias(reflect.TypeFor[core.StringList](), reflect.TypeFor[textOrList]())
}
