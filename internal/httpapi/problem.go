package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"sync"

	"github.com/danielgtaylor/huma/v2"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/httpapi/wire"
)

// statusOf is the one table from codes to HTTP statuses.
var statusOf = map[core.Code]int{
	core.CodeMalformed:          http.StatusBadRequest,
	core.CodeInvalid:            http.StatusUnprocessableEntity,
	core.CodeNotFound:           http.StatusNotFound,
	core.CodeConflict:           http.StatusConflict,
	core.CodePreconditionFailed: http.StatusPreconditionFailed,
	core.CodeTooLarge:           http.StatusRequestEntityTooLarge,
	core.CodeUnauthorized:       http.StatusUnauthorized,
	core.CodeForbidden:          http.StatusForbidden,
	core.CodeUnavailable:        http.StatusServiceUnavailable,
	core.CodeInternal:           http.StatusInternalServerError,
}

// codeOf is the way back, for refusals that huma and net/http make themselves.
func codeOf(status int) core.Code {
	switch status {
	case http.StatusBadRequest:
		return core.CodeMalformed
	case http.StatusMethodNotAllowed, http.StatusNotAcceptable, http.StatusUnsupportedMediaType:
		return core.CodeInvalid
	case http.StatusRequestURITooLong, http.StatusRequestHeaderFieldsTooLarge:
		return core.CodeTooLarge
	}
	for code, s := range statusOf {
		if s == status {
			return code
		}
	}
	if status < 500 {
		return core.CodeInvalid
	}
	return core.CodeInternal
}

// problem is a wire.Problem that huma can write.
type problem struct{ wire.Problem }

func (p *problem) Error() string             { return p.Detail }
func (p *problem) GetStatus() int            { return p.Status }
func (p *problem) ContentType(string) string { return "application/problem+json" }

// newProblem makes a problem; errors is there for clients to walk also where no field is at fault.
func newProblem(status int, code core.Code, detail string, fields ...core.FieldError) *problem {
	if fields == nil {
		fields = []core.FieldError{}
	}
	return &problem{wire.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code, Errors: fields,
	}}
}

// refusal is an error for which its code's status is not the best.
type refusal struct {
	status int
	error
}

func (r *refusal) Unwrap() error { return r.error }

// toProblem translates an error; what is not a domain error goes to the log and
// shows as a request ID only.
func (s *server) toProblem(ctx context.Context, err error) *problem {
	code := core.CodeOf(err)
	status := statusOf[code]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	var r *refusal
	if errors.As(err, &r) {
		status = r.status
	}
	p := newProblem(status, code, core.MessageOf(err), fieldsOf(err)...)
	for i := range p.Errors {
		if p.Errors[i].Location == "" { // a place in the text, such as a syntax error
			p.Errors = slices.Clone(p.Errors)
			p.Errors[i].Location = "body"
		}
	}
	p.RequestID = requestID(ctx)
	switch {
	case status < 500:
	case ctx.Err() != nil && errors.Is(err, context.Canceled): // nobody waits for the answer any more, and nothing is wrong here
		s.log.LogAttrs(ctx, slog.LevelDebug, "the client went away", slog.String("request_id", p.RequestID), slog.Any("error", err))
	default:
		s.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request_id", p.RequestID), slog.Any("error", err))
	}
	return p
}

var installOnce sync.Once

// installProblems makes huma's own refusals (of parameters, and of bodies before a handler sees
// them) problems of our shape. huma offers package variables for it only, hence the Once.
func installProblems() {
	installOnce.Do(func() {
		huma.NewError = func(status int, msg string, errs ...error) huma.StatusError { return refused(nil, status, msg, errs) }
		huma.NewErrorWithContext = func(ctx huma.Context, status int, msg string, errs ...error) huma.StatusError {
			return refused(ctx, status, msg, errs)
		}
	})
}

// refused is a refusal by huma; ctx is nil where huma describes errors rather than makes one.
func refused(ctx huma.Context, status int, msg string, errs []error) *problem {
	var fields []core.FieldError
	for _, err := range errs {
		var d huma.ErrorDetailer
		if errors.As(err, &d) {
			detail := d.ErrorDetail()
			fields = append(fields, core.FieldError{Location: detail.Location, Message: detail.Message, Value: brief(detail.Value)})
		} else if err != nil {
			fields = append(fields, core.FieldError{Location: "body", Message: err.Error()})
		}
	}
	at := func(location string, value any, format string, args ...any) {
		fields = []core.FieldError{{Location: location, Message: fmt.Sprintf(format, args...), Value: value}}
		msg = fields[0].String()
	}
	switch {
	case status == http.StatusRequestEntityTooLarge && ctx != nil:
		at("body", nil, "has more than %d bytes, the limit of this route", ctx.Operation().MaxBodyBytes)
	case status == http.StatusUnsupportedMediaType && ctx != nil:
		at("Content-Type", brief(ctx.Header("Content-Type")), "must be application/json")
	case status == http.StatusInternalServerError && strings.HasPrefix(msg, "cannot read request body"):
		status = http.StatusBadRequest // the sender stopped, or broke the framing
		at("body", nil, "cannot be read to its end")
	case status == http.StatusBadRequest && len(fields) == 0:
		at("body", nil, "is required")
	case status == http.StatusBadRequest && fields[0].Location == "body":
		at("body", nil, "is not JSON: %s", fields[0].Message)
	case len(fields) > 0:
		msg += ": " + fields[0].String()
	}
	p := newProblem(status, codeOf(status), msg, fields...)
	if ctx != nil {
		p.RequestID = requestID(ctx.Context())
	}
	return p
}

// brief is a value that may be repeated in an answer: huma hands out whole bodies.
func brief(v any) any {
	const most = 200
	if text, err := json.Marshal(v); err != nil || len(text) > most {
		if s, ok := v.(string); ok {
			return strings.ToValidUTF8(s[:min(len(s), most)], "") + "…"
		}
		return nil
	}
	return v
}

// plainJSON writes answers with <, > and & as they are, also in JSON that was stored with their
// escapes: people read it, too.
var plainJSON = huma.Format{Marshal: writePlain, Unmarshal: json.Unmarshal}

func writePlain(w io.Writer, v any) error {
	text, err := core.MarshalPlain(v)
	if err != nil {
		return err
	}
	_, err = w.Write(append(text, '\n'))
	return err
}

// writeProblem is for refusals outside huma: routing, access, panics.
func writeProblem(w http.ResponseWriter, r *http.Request, p *problem) {
	p.RequestID = requestID(r.Context())
	w.Header().Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	w.WriteHeader(p.Status)
	_ = writePlain(w, p.Problem) // the client is gone; nothing is left to tell it
}
