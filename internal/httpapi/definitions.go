package httpapi

import (
	"bytes"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strconv"
	"strings"
	"time"

	"github.com/danielgtaylor/huma/v2"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/catalog"
	"github.com/activity-core/activity-core/internal/document"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

const (
	tagDefinitions = "Definitions"
	definitionsURL = "/activity-definitions"
)

// RefPath is the {id or name} of a definition. It is exported, like the other embedded inputs,
// since huma looks into exported fields only.
type RefPath struct {
	Ref string `path:"ref" doc:"ID or name of a definition"`
}

// DocumentBody is a definition as the user wrote it, read by internal/document
// rather than by huma, so that faults get names, positions and suggestions.
type DocumentBody struct {
	RawBody     []byte `contentType:"application/json"`
	ContentType string `header:"Content-Type" doc:"application/json or application/yaml; without it the body is looked at"`
}

func (b DocumentBody) format() (document.Format, error) {
	media, _, _ := strings.Cut(b.ContentType, ";")
	switch strings.ToLower(strings.TrimSpace(media)) {
	case "application/json":
		return document.JSON, nil
	case "", "application/x-www-form-urlencoded": // what curl -d sends when nothing is said
		return document.Auto, nil
	case "application/yaml", "application/x-yaml", "text/yaml", "text/x-yaml":
		return document.YAML, nil
	}
	return "", &refusal{http.StatusUnsupportedMediaType, core.InvalidField("Content-Type", media, "must be application/json or application/yaml")}
}

func (b DocumentBody) one() (document.Document, error) {
	format, err := b.format()
	if err != nil {
		return document.Document{}, err
	}
	docs, err := document.ParseChecked("the body", b.RawBody, format, catalog.Check)
	if err != nil {
		return document.Document{}, err
	}
	if len(docs) != 1 {
		return document.Document{}, core.Errorf(core.CodeInvalid, "the body holds %d definitions, and one is wanted; POST /apply takes several", len(docs))
	}
	return docs[0], nil
}

type definitionAnswer struct {
	ETag     string `header:"ETag"`
	Location string `header:"Location"`
	Body     wire.Definition
}

func etag(version int64) string { return strconv.Quote(strconv.FormatInt(version, 10)) }

func wireDefinition(d core.StoredDefinition, pending bool) wire.Definition {
	out := wireVersion(d)
	next := catalog.OutlookOf(d, time.Now())
	out.SchedulePending, out.NextFire, out.Held, out.WouldFire = pending, next.NextFire, next.Held, next.WouldFire
	return out
}

// wireVersion is a definition as it was: it has no next fire.
func wireVersion(d core.StoredDefinition) wire.Definition {
	return wire.Definition{Definition: d.Definition, Version: d.Version, CreatedAt: d.CreatedAt, UpdatedAt: d.UpdatedAt, Paused: d.Paused}
}

func saved(v catalog.Saved, err error) (*definitionAnswer, error) {
	if err != nil {
		return nil, err
	}
	return &definitionAnswer{ETag: etag(v.Version), Body: wireDefinition(v.StoredDefinition, v.SchedulePending)}, nil
}

// IfMatchHeader is the version a writer saw; absent or * means any.
type IfMatchHeader struct {
	IfMatch string `header:"If-Match" doc:"ETag of the version you saw; without it the write applies to whatever version is current"`
}

func (m IfMatchHeader) version() (int64, error) {
	text := strings.TrimSpace(m.IfMatch)
	if text == "" || text == "*" {
		return core.AnyVersion, nil
	}
	v, err := strconv.ParseInt(strings.Trim(strings.TrimPrefix(text, "W/"), `"`), 10, 64)
	if err != nil || v < 1 {
		return 0, core.InvalidField("If-Match", m.IfMatch, "must be the ETag of an earlier answer, such as \"3\"")
	}
	return v, nil
}

func actor(ctx context.Context) core.Actor {
	if who, ok := ctx.Value(actorKey{}).(string); ok {
		return core.Actor(who)
	}
	return "api"
}

func (s *server) definitions() {
	type listInput struct {
		PageQuery
		TriggerType string `query:"trigger_type" enum:"cron,event" doc:"only this trigger type"`
		Enabled     string `query:"enabled" enum:"true,false"`
		Paused      string `query:"paused" enum:"true,false"`
		Prefix      string `query:"prefix" doc:"only names that begin so"`
	}
	register(s, op(http.MethodGet, definitionsURL, "list-definitions", tagDefinitions, "List definitions by name"), func(ctx context.Context, in *listInput) (*body[wire.Page[wire.Definition]], error) {
		found, err := s.Catalog.List(ctx, core.DefinitionFilter{
			TriggerType: core.TriggerType(in.TriggerType), Enabled: optionalBool(in.Enabled), Paused: optionalBool(in.Paused), NamePrefix: in.Prefix,
		}, in.request())
		return page(wireDefinitions(found, func(d core.StoredDefinition) wire.Definition { return wireDefinition(d, d.SchedulePending()) }), err)
	})

	type createInput struct {
		DocumentBody
		IdempotencyKey string `header:"Idempotency-Key" maxLength:"1024" doc:"a repeat with the same key and body gets the first answer"`
	}
	create := op(http.MethodPost, definitionsURL, "create-definition", tagDefinitions, "Create a definition")
	create.DefaultStatus = http.StatusCreated
	register(s, documented(create), func(ctx context.Context, in *createInput) (*definitionAnswer, error) {
		doc, err := in.one()
		if err != nil {
			return nil, err
		}
		return s.createOnce(ctx, doc, in.IdempotencyKey, in.RawBody)
	})

	register(s, op(http.MethodGet, definitionsURL+"/{ref}", "get-definition", tagDefinitions, "Get a definition"), func(ctx context.Context, in *RefPath) (*definitionAnswer, error) {
		d, err := s.Catalog.Get(ctx, in.Ref)
		return saved(catalog.Saved{StoredDefinition: d, SchedulePending: d.SchedulePending()}, err)
	})

	type updateInput struct {
		RefPath
		IfMatchHeader
		DocumentBody
	}
	register(s, documented(op(http.MethodPut, definitionsURL+"/{ref}", "update-definition", tagDefinitions, "Replace a definition's document")), func(ctx context.Context, in *updateInput) (*definitionAnswer, error) {
		version, err := in.version()
		if err != nil {
			return nil, err
		}
		if _, err := s.Catalog.Get(ctx, in.Ref); err != nil {
			return nil, err // an unknown definition is 404 whatever the body
		}
		doc, err := in.one()
		if err != nil {
			return nil, err
		}
		out, err := saved(s.Catalog.Update(ctx, in.Ref, doc.Definition, version, actor(ctx)))
		if err == nil {
			out.Body.Warnings = s.warnings(ctx, doc)
		}
		return out, err
	})

	type deleteInput struct {
		RefPath
		IfMatchHeader
	}
	remove := op(http.MethodDelete, definitionsURL+"/{ref}", "delete-definition", tagDefinitions, "Delete a definition; runs, tasks and ledger stay")
	remove.DefaultStatus = http.StatusNoContent
	register(s, remove, func(ctx context.Context, in *deleteInput) (*struct{}, error) {
		version, err := in.version()
		if err != nil {
			return nil, err
		}
		return nil, s.Catalog.Delete(ctx, in.Ref, version, actor(ctx))
	})

	type versionsInput struct {
		RefPath
		PageQuery
	}
	register(s, op(http.MethodGet, definitionsURL+"/{ref}/versions", "list-versions", tagDefinitions, "List a definition's versions, newest first"), func(ctx context.Context, in *versionsInput) (*body[wire.Page[wire.Definition]], error) {
		found, err := s.Catalog.Versions(ctx, in.Ref, in.request())
		return page(wireDefinitions(found, wireVersion), err)
	})
	s.planAndApply()
}

// documented describes the raw body to OpenAPI and bounds it.
func documented(o huma.Operation) huma.Operation {
	o.MaxBodyBytes = maxDocumentBody
	o.SkipValidateBody = true
	o.Description = "The body is the document of docs/definitions.md, as JSON or as YAML (Content-Type: application/yaml)."
	any := &huma.Schema{Type: huma.TypeObject, Description: "activity definition"}
	o.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: any}, "application/yaml": {Schema: any},
	}}
	return o
}

func optionalBool(text string) *bool {
	if text == "" {
		return nil
	}
	b := text == "true"
	return &b
}

func wireDefinitions(p core.Page[core.StoredDefinition], as func(core.StoredDefinition) wire.Definition) core.Page[wire.Definition] {
	out := core.Page[wire.Definition]{NextCursor: p.NextCursor, Items: make([]wire.Definition, len(p.Items))}
	for i, d := range p.Items {
		out.Items[i] = as(d)
	}
	return out
}

// createOnce creates a definition; with an idempotency key a repeat gets the first answer.
func (s *server) createOnce(ctx context.Context, doc document.Document, key string, request []byte) (*definitionAnswer, error) {
	const scope = "create-definition"
	hash := sha256.Sum256(bytes.TrimSpace(request))
	fingerprint := hex.EncodeToString(hash[:])
	created := func(d wire.Definition) *definitionAnswer {
		return &definitionAnswer{ETag: etag(d.Version), Location: definitionsURL + "/" + d.ID, Body: d}
	}
	if key != "" {
		stored, existed, err := s.Record.Recall(ctx, scope, key, fingerprint)
		if err != nil {
			return nil, err
		}
		if existed {
			var d wire.Definition
			if err := json.Unmarshal(stored, &d); err != nil {
				return nil, err
			}
			return created(d), nil
		}
	}
	v, err := s.Catalog.Create(ctx, doc.Definition, actor(ctx))
	if err != nil {
		return nil, err
	}
	d := wireDefinition(v.StoredDefinition, v.SchedulePending)
	d.Warnings = s.warnings(ctx, doc)
	if key != "" {
		text, err := json.Marshal(d)
		if err != nil {
			return nil, err
		}
		// The definition is committed: a failure to remember the answer must not turn that into an
		// error.
		if _, _, err := s.Record.Remember(context.WithoutCancel(ctx), scope, key, fingerprint, text, s.Now().UTC()); err != nil {
			s.log.WarnContext(ctx, "answer of a create is not remembered; a repeat will be a conflict", "error", err)
		}
	}
	return created(d), nil
}

func (s *server) planAndApply() {
	type input struct {
		DocumentBody
	}
	for _, o := range []struct {
		huma.Operation
		call func(context.Context, catalog.Batch) (catalog.Changeset, error)
	}{
		{op(http.MethodPost, "/plan", "plan", tagDefinitions, "Show what applying definitions would change; nothing is stored"), s.Catalog.Plan},
		{op(http.MethodPost, "/apply", "apply", tagDefinitions, "Make the definitions equal these: all or none"), func(ctx context.Context, b catalog.Batch) (catalog.Changeset, error) {
			return s.Catalog.Apply(ctx, b, actor(ctx))
		}},
	} {
		described := documented(o.Operation)
		described.Description = "The body is {definitions: […], prune}, or several YAML documents."
		described.MaxBodyBytes = maxApplyBody
		register(s, described, func(ctx context.Context, in *input) (*body[catalog.Changeset], error) {
			batch, docs, err := in.several(ctx)
			if err != nil {
				return nil, err
			}
			result, err := o.call(ctx, batch)
			if err == nil {
				result.Warnings = s.warnings(ctx, docs...)
			}
			return answer(result, err)
		})
	}
}

// warnings are what is to be said about documents beside the answer to them.
func (s *server) warnings(ctx context.Context, docs ...document.Document) []core.Warning {
	return document.Warned(docs, s.Catalog.Warnings(ctx, definitionsOf(docs)))
}

func definitionsOf(docs []document.Document) []core.Definition {
	defs := make([]core.Definition, len(docs))
	for i, d := range docs {
		defs[i] = d.Definition
	}
	return defs
}
