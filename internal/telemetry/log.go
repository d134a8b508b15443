package telemetry

import (
	"io"
	"log/slog"
)

// NewLogger makes the process's logger. level is debug, info, warn or error (anything else
// counts as info); format is text or json. Logs go to w, which is standard error in every
// command, so that standard output stays for results. Each scrub takes what must not be read
// out of texts and errors.
func NewLogger(w io.Writer, level, format string, scrub ...func(string) string) *slog.Logger {
	var l slog.Level
	if err := l.UnmarshalText([]byte(level)); err != nil {
		l = slog.LevelInfo
	}
	opts := &slog.HandlerOptions{Level: l}
	if len(scrub) > 0 {
		opts.ReplaceAttr = func(_ []string, a slog.Attr) slog.Attr {
			err, failed := a.Value.Any().(error)
			if a.Value.Kind() != slog.KindString && !failed {
				return a
			}
			text := a.Value.String()
			if failed {
				text = err.Error()
			}
			for _, s := range scrub {
				text = s(text)
			}
			return slog.String(a.Key, text)
		}
	}
	if format == "json" {
		return slog.New(slog.NewJSONHandler(w, opts))
	}
	return slog.New(slog.NewTextHandler(w, opts))
}
