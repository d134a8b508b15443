package httpapi

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"reflect"
	"unicode/utf8"

	"github.com/danielgtaylor/huma/v2"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// Secrets keeps sealed secrets. What it answers holds no value.
type Secrets interface {
	Set(ctx context.Context, name, value string, hosts []string, by core.Actor) (wire.Secret, error)
	Get(ctx context.Context, name string) (wire.Secret, error)
	List(ctx context.Context) ([]wire.Secret, error)
	Delete(ctx context.Context, name string, by core.Actor) error
}

// NamePath is the name of a secret.
type NamePath struct {
	Name string `path:"name" doc:"name of the secret"`
}

// secrets are the routes that put secrets in and never hand them out.
func (s *server) secrets() {
	const tag = "Secrets"
	type putInput struct {
		NamePath
		// Read by readSecret rather than by huma, whose messages would repeat what is at fault: the
		// value.
		RawBody []byte `contentType:"application/json"`
	}
	put := op(http.MethodPut, "/secrets/{name}", "set-secret", tag, "Keep a secret, sealed, for the hosts it may be sent to; replaces one of that name")
	put.SkipValidateBody = true
	put.RequestBody = &huma.RequestBody{Required: true, Content: map[string]*huma.MediaType{
		"application/json": {Schema: s.api.OpenAPI().Components.Schemas.Schema(reflect.TypeFor[wire.SecretValue](), true, "SecretValue")},
	}}
	register(s, put, func(ctx context.Context, in *putInput) (*body[wire.Secret], error) {
		if s.Secrets == nil {
			return nil, unavailable("secrets")
		}
		v, err := readSecret(in.RawBody)
		if err != nil {
			return nil, err
		}
		return answer(s.Secrets.Set(ctx, in.Name, v.Value, v.Hosts, actor(ctx)))
	})
	register(s, op(http.MethodGet, "/secrets", "list-secrets", tag, "List the names, hosts and times of secrets; never their values"), func(ctx context.Context, _ *struct{}) (*body[wire.Page[wire.Secret]], error) {
		if s.Secrets == nil {
			return nil, unavailable("secrets")
		}
		all, err := s.Secrets.List(ctx)
		return page(core.Page[wire.Secret]{Items: all}, err)
	})
	register(s, op(http.MethodGet, "/secrets/{name}", "get-secret", tag, "Get the hosts and time of a secret; never its value"), func(ctx context.Context, in *NamePath) (*body[wire.Secret], error) {
		if s.Secrets == nil {
			return nil, unavailable("secrets")
		}
		return answer(s.Secrets.Get(ctx, in.Name))
	})
	register(s, op(http.MethodDelete, "/secrets/{name}", "delete-secret", tag, "Delete a secret"), func(ctx context.Context, in *NamePath) (*struct{}, error) {
		if s.Secrets == nil {
			return nil, unavailable("secrets")
		}
		return nil, s.Secrets.Delete(ctx, in.Name, actor(ctx))
	})
}

// readSecret reads the body of a PUT. Its errors say what is wrong without repeating any of it.
func readSecret(raw []byte) (v wire.SecretValue, err error) {
	if !utf8.Valid(raw) {
		return v, core.Errorf(core.CodeMalformed, "the body is not UTF-8; a secret is text: encode what is not, for example in base64")
	}
	dec := json.NewDecoder(bytes.NewReader(raw))
	dec.DisallowUnknownFields()
	if dec.Decode(&v) != nil {
		return v, core.Errorf(core.CodeMalformed, `the body must be {"value": "…", "hosts": ["api.example.com"]} and nothing else`)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return v, core.Errorf(core.CodeMalformed, "there is something after the JSON object in the body")
	}
	return v, nil
}
