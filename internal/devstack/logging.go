//go:build !slim

package devstack

import (
	"context"
	"fmt"
	"log/slog"
	"strings"
	"sync/atomic"

	"go.temporal.io/server/common/log"
	"go.temporal.io/server/common/log/tag"
)

// serverLogger returns a logger for an embedded server: records below level (nil: warning) are
// dropped.
func serverLogger(logger *slog.Logger, level slog.Leveler, component string) *slog.Logger {
	if logger == nil {
		return slog.New(slog.DiscardHandler)
	}
	if level == nil {
		level = slog.LevelWarn
	}
	return slog.New(&leveledHandler{Handler: logger.Handler(), level: level}).With("component", component)
}

// leveledHandler raises the level of the handler it wraps.
type leveledHandler struct {
	slog.Handler
	level slog.Leveler
}

func (h *leveledHandler) Enabled(ctx context.Context, level slog.Level) bool {
	return level >= h.level.Level() && h.Handler.Enabled(ctx, level)
}

func (h *leveledHandler) WithAttrs(attrs []slog.Attr) slog.Handler {
	return &leveledHandler{Handler: h.Handler.WithAttrs(attrs), level: h.level}
}

func (h *leveledHandler) WithGroup(name string) slog.Handler {
	return &leveledHandler{Handler: h.Handler.WithGroup(name), level: h.level}
}

// temporalLogger lets the Temporal server write to slog.
type temporalLogger struct {
	slog  *slog.Logger
	phase *temporalPhase
}

// temporalPhase says what the server's log is worth. While it stops, its parts lose sight of
// each other and report cancelled calls as errors, which is for debugging only (Stop returns
// what really failed); once it has stopped, some of its goroutines go on trying for as long as
// the process lives, which is for nobody.
type temporalPhase struct{ stopping, stopped atomic.Bool }

// expectedWarning is what the server says at each start without an HTTP API, which nothing here
// uses.
const expectedWarning = "HTTP API port has not been set."

// What schedules say as they wake after an outage, beside thousands of others. A slot whose run
// was started by us, or before the outage, is refused to them: that is how a slot runs once.
// And a description waits for its schedule to come to its turn.
const (
	startRefused = "Failed to start workflow"
	existsType   = "serviceerror.WorkflowExecutionAlreadyStarted"
	slowCall     = "Slow gRPC call"
)

// expected reports whether a warning or an error of the server tells of nothing that is wrong.
func expected(msg string, tags []tag.Tag) bool {
	if msg == slowCall {
		return true
	}
	if msg != startRefused {
		return false
	}
	for _, t := range tags {
		if strings.Contains(fmt.Sprint(t.Value()), existsType) {
			return true
		}
	}
	return false
}

// temporalFatal is what Fatal panics with, for StartTemporal to turn into an error.
type temporalFatal struct{ message string }

var (
	_ log.Logger     = temporalLogger{}
	_ log.WithLogger = temporalLogger{}
)

func (l temporalLogger) Debug(msg string, tags ...tag.Tag) { l.log(slog.LevelDebug, msg, tags) }
func (l temporalLogger) Info(msg string, tags ...tag.Tag)  { l.log(slog.LevelInfo, msg, tags) }
func (l temporalLogger) Warn(msg string, tags ...tag.Tag)  { l.log(slog.LevelWarn, msg, tags) }
func (l temporalLogger) Error(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

// DPanic reports a bug of the server that it survives: outside its own tests it only logs.
func (l temporalLogger) DPanic(msg string, tags ...tag.Tag) { l.log(slog.LevelError, msg, tags) }

func (l temporalLogger) Panic(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	panic(msg)
}

// Fatal must not return, and must not end a process that is not the server's own: it panics.
// During start StartTemporal recovers and returns it as an error; later it ends the process
// like any panic, with its place.
func (l temporalLogger) Fatal(msg string, tags ...tag.Tag) {
	l.log(slog.LevelError, msg, tags)
	for _, t := range tags {
		msg = fmt.Sprintf("%s %s=%v", msg, t.Key(), t.Value())
	}
	panic(temporalFatal{message: msg})
}

func (f temporalFatal) Error() string { return f.message }

// With returns a logger that adds the tags to each record.
func (l temporalLogger) With(tags ...tag.Tag) log.Logger {
	return temporalLogger{slog: slog.New(l.slog.Handler().WithAttrs(attrs(tags))), phase: l.phase}
}

func (l temporalLogger) log(level slog.Level, msg string, tags []tag.Tag) {
	switch {
	case l.phase.stopped.Load():
		return
	case l.phase.stopping.Load():
		level = slog.LevelDebug
	case strings.HasPrefix(msg, expectedWarning):
		level = slog.LevelInfo
	case expected(msg, tags):
		level = slog.LevelDebug
	}
	if l.slog.Enabled(context.Background(), level) {
		l.slog.LogAttrs(context.Background(), level, msg, attrs(tags)...)
	}
}

func attrs(tags []tag.Tag) []slog.Attr {
	as := make([]slog.Attr, len(tags))
	for i, t := range tags {
		as[i] = slog.Any(t.Key(), t.Value())
	}
	return as
}

// natsLogger lets the NATS server write to slog, and remembers what it called fatal.
type natsLogger struct {
	slog  *slog.Logger
	fatal atomic.Pointer[string]
}

func (l *natsLogger) Noticef(format string, v ...any) { l.log(slog.LevelInfo, format, v) }
func (l *natsLogger) Warnf(format string, v ...any)   { l.log(slog.LevelWarn, format, v) }
func (l *natsLogger) Errorf(format string, v ...any)  { l.log(slog.LevelError, format, v) }
func (l *natsLogger) Debugf(format string, v ...any)  { l.log(slog.LevelDebug, format, v) }
func (l *natsLogger) Tracef(format string, v ...any)  { l.log(slog.LevelDebug-4, format, v) }

// Fatalf does not end the process: the server goes on to return, and StartNATS returns the
// message as an error.
func (l *natsLogger) Fatalf(format string, v ...any) {
	msg := fmt.Sprintf(format, v...)
	l.fatal.CompareAndSwap(nil, &msg)
	l.slog.Error(msg)
}

func (l *natsLogger) log(level slog.Level, format string, v []any) {
	if l.slog.Enabled(context.Background(), level) {
		l.slog.Log(context.Background(), level, fmt.Sprintf(format, v...))
	}
}
