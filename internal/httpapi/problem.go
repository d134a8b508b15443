package httpapi

import (
	"context"
	"encoding/json"
	"errors"
	"log/slog"
	"net/http"
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

func newProblem(status int, code core.Code, detail string, fields []core.FieldError) *problem {
	return &problem{wire.Problem{
		Type: "about:blank", Title: http.StatusText(status), Status: status, Detail: detail, Code: code, Errors: fields,
	}}
}

// toProblem translates an error; what is not a domain error goes to the log and
// shows as a request ID only.
func (s *server) toProblem(ctx context.Context, err error) *problem {
	code := core.CodeOf(err)
	status := statusOf[code]
	if status == 0 {
		status = http.StatusInternalServerError
	}
	var e *core.Error
	p := newProblem(status, code, core.MessageOf(err), nil)
	if errors.As(err, &e) {
		p.Errors = e.Fields
	}
	p.RequestID = requestID(ctx)
	if status >= 500 {
		s.log.LogAttrs(ctx, slog.LevelError, "request failed", slog.String("request_id", p.RequestID), slog.Any("error", err))
	}
	return p
}

var installOnce sync.Once

// installProblems makes huma's own refusals (validation of parameters and
// bodies) problems of our shape. huma offers a package variable for it only, hence the Once.
func installProblems() {
	installOnce.Do(func() {
		huma.NewError = func(status int, msg string, errs ...error) huma.StatusError {
			var fields []core.FieldError
			for _, err := range errs {
				var d huma.ErrorDetailer
				if errors.As(err, &d) {
					detail := d.ErrorDetail()
					fields = append(fields, core.FieldError{Location: detail.Location, Message: detail.Message, Value: detail.Value})
				} else if err != nil {
					fields = append(fields, core.FieldError{Message: err.Error()})
				}
			}
			if len(fields) > 0 {
				msg += ": " + fields[0].String()
			}
			return newProblem(status, codeOf(status), msg, fields)
		}
	})
}

// writeProblem is for refusals outside huma: routing, access, panics.
func writeProblem(w http.ResponseWriter, r *http.Request, p *problem) {
	p.RequestID = requestID(r.Context())
	w.Header().Set("Content-Type", "application/problem+json")
	if p.Status == http.StatusServiceUnavailable {
		w.Header().Set("Retry-After", "2")
	}
	w.WriteHeader(p.Status)
	_ = json.NewEncoder(w).Encode(p.Problem) // the client is gone; nothing is left to tell it
}
