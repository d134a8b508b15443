package activitycore

import (
	"errors"
	"fmt"
	"strings"
)

// Code classifies an error for callers that must react to it. One table maps
// codes to HTTP statuses (internal/httpapi) and one to CLI exit codes
// (cmd/activity-core).
type Code string

// The codes. Every error that crosses a package boundary and that a caller can
// do something about carries one of them; anything else is CodeInternal.
const (
	CodeMalformed          Code = "malformed"           // bytes that are not the format they claim to be
	CodeInvalid            Code = "invalid"             // well-formed, but a field's value is wrong
	CodeNotFound           Code = "not_found"           // no such definition, run, task, event …
	CodeConflict           Code = "conflict"            // the name, ID or key is taken, or the state forbids it
	CodePreconditionFailed Code = "precondition_failed" // If-Match names a version that is no longer current
	CodeTooLarge           Code = "too_large"           // body, document, payload or plan above its limit
	CodeUnauthorized       Code = "unauthorized"        // no credentials, or wrong ones
	CodeForbidden          Code = "forbidden"           // known caller, not allowed
	CodeUnavailable        Code = "unavailable"         // a server we depend on does not answer; retry later
	CodeInternal           Code = "internal"            // a defect or an unforeseen failure; details are in the log
)

// FieldError says what is wrong with one field, and what would be right.
type FieldError struct {
	// Location is the path of the field in the document or request, such as
	// "rules[0].actions[1].with.title".
	Location string `json:"location"`
	// Message says what is wrong and what would be right. It never contains a secret.
	Message string `json:"message"`
	// Value is the offending value as the user wrote it, shortened; nil where it
	// would add nothing or could be secret.
	Value any `json:"value,omitempty"`
	// Line and Column (from 1) are the position in the source text, or 0 where
	// there is none.
	Line   int `json:"line,omitempty"`
	Column int `json:"column,omitempty"`
}

func (f FieldError) String() string {
	var b strings.Builder
	if f.Line > 0 {
		fmt.Fprintf(&b, "%d:%d: ", f.Line, f.Column)
	}
	if f.Location != "" {
		b.WriteString(f.Location)
		b.WriteString(": ")
	}
	b.WriteString(f.Message)
	return b.String()
}

// Error is the one error type of the domain: a code for programs, a message
// that is safe to show to whoever asked, the fields at fault, and the hidden
// cause for the log.
type Error struct {
	Code    Code
	Message string
	Fields  []FieldError
	Cause   error
}

// Error returns code, message and fields, and the cause's text. It is meant for logs;
// an API shows Message and Fields only.
func (e *Error) Error() string {
	var b strings.Builder
	b.WriteString(string(e.Code))
	b.WriteString(": ")
	b.WriteString(e.Message)
	for _, f := range e.Fields {
		b.WriteString("; ")
		b.WriteString(f.String())
	}
	if e.Cause != nil {
		b.WriteString(": ")
		b.WriteString(e.Cause.Error())
	}
	return b.String()
}

// Unwrap returns the hidden cause.
func (e *Error) Unwrap() error { return e.Cause }

// Errorf makes an Error whose message is safe to show. A %w verb in the format
// is not supported: use [Wrap] to attach a cause.
func Errorf(code Code, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...)}
}

// Wrap makes an Error with a safe message and a hidden cause.
func Wrap(code Code, cause error, format string, args ...any) *Error {
	return &Error{Code: code, Message: fmt.Sprintf(format, args...), Cause: cause}
}

// Invalid makes a CodeInvalid error for the fields at fault.
func Invalid(message string, fields ...FieldError) *Error {
	return &Error{Code: CodeInvalid, Message: message, Fields: fields}
}

// MaxFaults is how many faults are told at once: who mends a hundred sees the next ones then.
const MaxFaults = 100

// InvalidFields makes a CodeInvalid error for fields at fault, of which there is at least one;
// its message says what is not valid, the first fault, and how many more there are. More than
// [MaxFaults] are not listed, but counted.
func InvalidFields(what string, fields ...FieldError) *Error {
	message := what + ": " + fields[0].String()
	if n := len(fields) - 1; n > 0 {
		message += fmt.Sprintf(" (and %d more)", n)
	}
	if more := len(fields) - MaxFaults; more > 0 {
		fields = append(fields[:MaxFaults:MaxFaults], FieldError{Message: fmt.Sprintf("and %d more faults; mend these first", more)})
	}
	return Invalid(message, fields...)
}

// InvalidField makes a CodeInvalid error about one field.
func InvalidField(location string, value any, format string, args ...any) *Error {
	msg := fmt.Sprintf(format, args...)
	return &Error{
		Code:    CodeInvalid,
		Message: location + ": " + msg,
		Fields:  []FieldError{{Location: location, Message: msg, Value: value}},
	}
}

// NotFound makes a CodeNotFound error: kind is "activity definition", "run", …;
// ref is what the caller asked for.
func NotFound(kind, ref string) *Error {
	return Errorf(CodeNotFound, "there is no %s %q", kind, ref)
}

// CodeOf returns the code of the first [Error] in err's chain, CodeInternal if
// there is none, and "" for nil.
func CodeOf(err error) Code {
	if err == nil {
		return ""
	}
	var e *Error
	if errors.As(err, &e) {
		return e.Code
	}
	return CodeInternal
}

// IsCode reports whether err carries code.
func IsCode(err error, code Code) bool { return err != nil && CodeOf(err) == code }

// MessageOf returns the text that is safe to show for err: the message of the
// first [Error] in its chain, and a fixed sentence for anything else.
func MessageOf(err error) string {
	var e *Error
	if errors.As(err, &e) {
		return e.Message
	}
	return "internal error; the log has the details"
}
