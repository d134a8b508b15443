package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger makes the process's logger. level is debug, info, warn or error
// (anything else counts as info); format is text or json. Logs go to w, which
// is standard error in every command, so that standard output stays for results.
func NewLogger(w io.Writer, level, format string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: l}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
