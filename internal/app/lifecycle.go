package app

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"
)

// part is one thing that is started and stopped. Either function may be nil.
type part struct {
	name  string
	start func(context.Context) error
	stop  func(context.Context) error
}

// lifecycle starts parts in the order they were added and stops those started in
// reverse. A failed start stops what was started before it.
type lifecycle struct {
	log     *slog.Logger
	parts   []part
	started int
}

func (l *lifecycle) add(name string, start, stop func(context.Context) error) {
	l.parts = append(l.parts, part{name, start, stop})
}

func (l *lifecycle) start(ctx context.Context) error {
	for _, p := range l.parts[l.started:] {
		if p.start != nil {
			if err := p.start(ctx); err != nil {
				return errors.Join(fmt.Errorf("start %s: %w", p.name, err), l.stop(context.WithoutCancel(ctx)))
			}
		}
		l.started++
	}
	return nil
}

func (l *lifecycle) stop(ctx context.Context) error {
	var errs []error
	l.log.DebugContext(ctx, "stopping", "parts", l.started)
	for ; l.started > 0; l.started-- {
		p := l.parts[l.started-1]
		if p.stop == nil {
			continue
		}
		began := time.Now()
		err := p.stop(ctx)
		l.log.DebugContext(ctx, "part stopped", "part", p.name, "took", time.Since(began))
		if err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", p.name, err))
			l.log.WarnContext(ctx, "part did not stop cleanly", "part", p.name, "error", err)
		}
	}
	return errors.Join(errs...)
}
