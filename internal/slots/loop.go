package slots

import (
	"context"
	"sync"
	"time"
)

// loop repeats something until it is stopped. The zero value is ready.
type loop struct {
	mu   sync.Mutex
	end  context.CancelFunc // nil while not running
	done chan struct{}
}

// start calls do after every interval; starting a started loop does nothing.
func (l *loop) start(every time.Duration, do func(context.Context)) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.end != nil {
		return
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	l.end, l.done = cancel, done
	go func() {
		defer close(done)
		ticker := time.NewTicker(every)
		defer ticker.Stop()
		for {
			select {
			case <-ticker.C:
				do(ctx)
			case <-ctx.Done():
				return
			}
		}
	}()
}

// stop ends the loop and waits for what it is doing, or for ctx. It may be called again, and before start.
func (l *loop) stop(ctx context.Context) error {
	l.mu.Lock()
	end, done := l.end, l.done
	l.end = nil
	l.mu.Unlock()
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
