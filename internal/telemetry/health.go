package telemetry

import (
	"context"
	"maps"
	"sync"
	"time"
)

// Check says whether one thing the process needs is good; nil means yes.
type Check func(context.Context) error

// Health joins the checks behind /readyz. It is safe for concurrent use.
type Health struct {
	mu     sync.Mutex
	names  []string
	checks map[string]Check
	tells  map[string]Tell
}

// Tell describes something that the process may be ready without, such as work that goes on
// behind it.
type Tell func(context.Context) string

// NewHealth returns a Health without checks, which is ready.
func NewHealth() *Health { return &Health{checks: map[string]Check{}, tells: map[string]Tell{}} }

// Add adds a check under a name; the same name again replaces it.
func (h *Health) Add(name string, c Check) {
	h.mu.Lock()
	defer h.mu.Unlock()
	if _, ok := h.checks[name]; !ok {
		h.names = append(h.names, name)
	}
	h.checks[name] = c
}

// Tell adds something to what [Health.Background] tells; the same name again replaces it.
func (h *Health) Tell(name string, t Tell) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.tells[name] = t
}

// Background is what everything that was added with Tell says of itself.
func (h *Health) Background(ctx context.Context) map[string]string {
	h.mu.Lock()
	tells := maps.Clone(h.tells)
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	told := make(map[string]string, len(tells))
	for name, tell := range tells {
		told[name] = tell(ctx)
	}
	return told
}

// checkTimeout bounds one check, so that /readyz answers even if a server hangs.
const checkTimeout = 2 * time.Second

// Ready runs all checks at once and returns what each found: "ok", or what is wrong.
func (h *Health) Ready(ctx context.Context) (ready bool, report map[string]string) {
	h.mu.Lock()
	names := append([]string(nil), h.names...)
	checks := make([]Check, len(names))
	for i, n := range names {
		checks[i] = h.checks[n]
	}
	h.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	found := make([]error, len(names))
	var wg sync.WaitGroup
	for i, c := range checks {
		wg.Go(func() { found[i] = c(ctx) })
	}
	wg.Wait()
	ready, report = true, make(map[string]string, len(names))
	for i, n := range names {
		report[n] = "ok"
		if found[i] != nil {
			ready, report[n] = false, found[i].Error()
		}
	}
	return ready, report
}
