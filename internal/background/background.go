// Package background runs one thing beside others until it is told to stop. It must know
// nothing of what it runs.
package background

import (
	"context"
	"sync"
	"time"
)

// Task is something that goes on in the background. The zero value is ready. It may be started
// again after it was stopped.
type Task struct {
	mu   sync.Mutex
	end  context.CancelFunc // nil while not running
	done chan struct{}
}

// Start calls run in the background, with a context that Stop ends; run returns soon after
// that. Starting a started task does nothing.
func (t *Task) Start(run func(ctx context.Context)) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.end != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	t.end, t.done = cancel, done
	go func() {
		defer close(done)
		run(ctx)
	}()
}

// Stop ends the task and waits until it has returned, or for ctx. It may be called again, and
// before Start.
func (t *Task) Stop(ctx context.Context) error {
	t.mu.Lock()
	end, done := t.end, t.done
	t.end = nil
	t.mu.Unlock()
	if done == nil {
		return nil
	}
	if end != nil {
		end()
	}
	select {
	case <-done:
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// Every makes what [Task.Start] takes of something to be done after each interval. A call that
// takes longer than the interval delays the next.
func Every(interval time.Duration, do func(context.Context)) func(context.Context) {
	return func(ctx context.Context) {
		ticker := time.NewTicker(interval)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				do(ctx)
			case <-ctx.Done():
				return
			}
		}
	}
}
