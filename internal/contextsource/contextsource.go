// Package contextsource owns where the entries of a definition's context come from: the
// document itself, files below the operator's folder, HTTP, the previous run, and open tasks.
// It must not evaluate rules, and changes nothing anywhere.
package contextsource

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/outbound"
	"github.com/activity-core/activity-core/internal/ruleeval"
)

// Record is what the package asks of the store.
type Record interface {
	LatestRun(ctx context.Context, activityID string, statuses []core.RunStatus) (core.Run, error)
	Actions(ctx context.Context, runID string, from, to int) ([]core.ActionRecord, error)
	Tasks(ctx context.Context, f core.TaskFilter, p core.PageRequest) (core.Page[core.Task], error)
}

// Secrets resolves the secret a header refers to, for one host. CodeNotFound, CodeForbidden.
type Secrets interface {
	Resolve(ctx context.Context, name, host string) (string, error)
}

// Config says what a [Fetcher] works with. HTTP, Secrets and Record are required.
type Config struct {
	HTTP    *outbound.Client
	Secrets Secrets
	Record  Record
	// Dir is the folder that file sources are read from; "" refuses them.
	Dir string
	// MaxFileBytes bounds one file; default 16 MiB.
	MaxFileBytes int64
	// RetryDelay is the first delay between attempts at an HTTP source; default 250ms, doubled each
	// time.
	RetryDelay time.Duration
}

// Fetcher fetches context. It is safe for concurrent use.
type Fetcher struct {
	cfg     Config
	pages   *pageCache
	selects *ruleeval.Responses // compiled `select` and `paging.cursor`
}

const (
	defaultMaxFileBytes = 16 << 20
	defaultRetryDelay   = 250 * time.Millisecond
	sourcesAtOnce       = 4
)

// New makes a fetcher.
func New(cfg Config) *Fetcher {
	if cfg.MaxFileBytes <= 0 {
		cfg.MaxFileBytes = defaultMaxFileBytes
	}
	if cfg.RetryDelay <= 0 {
		cfg.RetryDelay = defaultRetryDelay
	}
	return &Fetcher{cfg: cfg, pages: newPageCache(maxCachedBytes), selects: ruleeval.NewResponses()}
}

// Fetch returns the value of each entry of def.Context, made of nil, bool, int64, uint64,
// float64, string, []any and map[string]any. An error names its entry; CodeUnavailable means
// that another attempt may succeed.
func (f *Fetcher) Fetch(ctx context.Context, def core.StoredDefinition) (map[string]any, error) {
	values := make(map[string]any, len(def.Context))
	if len(def.Context) == 0 {
		return values, nil
	}
	var mu sync.Mutex
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(sourcesAtOnce)
	for name, source := range def.Context {
		work.Go(func() error {
			v, err := f.value(ctx, def.ID, source)
			if err != nil {
				return named(name, err)
			}
			mu.Lock()
			defer mu.Unlock()
			values[name] = v
			return nil
		})
	}
	if err := work.Wait(); err != nil {
		return nil, err
	}
	return values, nil
}

// named puts the entry's name in front of the message.
func named(name string, err error) error {
	return core.Wrap(core.CodeOf(err), err, "context.%s: %s", name, core.MessageOf(err))
}

func (f *Fetcher) value(ctx context.Context, activityID string, s core.ContextSource) (any, error) {
	switch {
	case s.File != "":
		return f.file(ctx, s.File)
	case s.HTTP != nil:
		return f.http(ctx, *s.HTTP)
	case s.LastRun != nil:
		return f.lastRun(ctx, activityID, *s.LastRun)
	case s.Tasks != nil:
		return f.tasks(ctx, activityID, *s.Tasks)
	default:
		v, err := jsonOf(s.Static)
		if err != nil {
			return nil, core.Wrap(core.CodeInvalid, err, "static: cannot be written as JSON")
		}
		return v, nil
	}
}
