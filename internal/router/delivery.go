package router

import (
	"sync"
	"sync/atomic"
	"time"

	"github.com/nats-io/nats.go/jetstream"

	core "github.com/activity-core/activity-core"
)

// delivery is one message this router has taken and owes an answer.
type delivery struct {
	msg        jetstream.Msg
	seq        uint64    // in the event stream
	deliveries uint64    // how often it was delivered, this time included
	stored     time.Time // when the stream got it
	event      core.Event

	// What the ledger has to say about it, one of the two for each match.
	records     []core.CauseRecord
	settlements []core.Settlement

	// open counts the starts that are not confirmed yet. failure is the first thing that went wrong
	// with one of them.
	open    atomic.Int32
	failure atomic.Pointer[failure]

	// alive is when the server last heard of it, in Unix nanoseconds.
	alive atomic.Int64
}

type failure struct{ err error }

func (d *delivery) fail(err error) { d.failure.CompareAndSwap(nil, &failure{err}) }

// inflight is every delivery that is taken and not answered. Its size is what back-pressure is
// made of.
type inflight struct {
	limit int

	mu       sync.Mutex
	held     map[*delivery]struct{}
	reserved int // room promised to fetches under way
	waiting  []*delivery
	// changed is closed when there is more room or more waiting; nil while nobody waits for that.
	changed chan struct{}
}

func newInflight(limit int) *inflight {
	return &inflight{limit: limit, held: map[*delivery]struct{}{}}
}

// change returns what to wait on; the caller holds mu.
func (c *inflight) change() <-chan struct{} {
	if c.changed == nil {
		c.changed = make(chan struct{})
	}
	return c.changed
}

func (c *inflight) signal() {
	if c.changed != nil {
		close(c.changed)
		c.changed = nil
	}
}

// reserve takes room for up to most deliveries, and none if there is less than least; then it
// returns a channel that is closed when that may have changed.
func (c *inflight) reserve(least, most int) (int, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	room := c.limit - len(c.held) - c.reserved
	if room < least {
		return 0, c.change()
	}
	n := min(room, most)
	c.reserved += n
	return n, nil
}

// release gives back room that a fetch did not fill.
func (c *inflight) release(n int) {
	if n == 0 {
		return
	}
	c.mu.Lock()
	c.reserved -= n
	c.signal()
	c.mu.Unlock()
}

// take accepts deliveries into reserved room; they wait to be routed.
func (c *inflight) take(ds []*delivery) {
	c.mu.Lock()
	for _, d := range ds {
		c.held[d] = struct{}{}
	}
	c.reserved -= len(ds)
	c.waiting = append(c.waiting, ds...)
	c.signal()
	c.mu.Unlock()
}

// next moves up to n waiting deliveries to the caller, appending them to into; if there is none
// it returns a channel to wait on.
func (c *inflight) next(n int, into []*delivery) ([]*delivery, <-chan struct{}) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.waiting) == 0 {
		return into, c.change()
	}
	n = min(n, len(c.waiting))
	into = append(into, c.waiting[:n]...)
	c.waiting = append(c.waiting[:0], c.waiting[n:]...)
	return into, nil
}

// remove forgets deliveries that were answered.
func (c *inflight) remove(ds ...*delivery) {
	c.mu.Lock()
	for _, d := range ds {
		delete(c.held, d)
	}
	c.signal()
	c.mu.Unlock()
}

// silent returns the deliveries the server has not heard of since before.
func (c *inflight) silent(before time.Time) []*delivery {
	c.mu.Lock()
	defer c.mu.Unlock()
	var out []*delivery
	for d := range c.held {
		if d.alive.Load() < before.UnixNano() {
			out = append(out, d)
		}
	}
	return out
}
