package temporalrun

import (
	"context"
	"sync"
	"time"
)

// Bounds of what one worker does at once.
const (
	defaultMaxPerHost       = 64
	defaultMaxPerDefinition = 128
	// receiversAtOnce is into how many parts the free slots are divided; one receiver may have one
	// of them.
	receiversAtOnce = 8
	// maxWaiters are those who wait for a place of one receiver while they keep their slot; others
	// leave it. As many as may have a place, so that one large run against a receiver that answers
	// has no need to leave: it makes 128 attempts at once. Those who wait for any receiver have at
	// most a quarter of the slots.
	maxWaiters = 64
	// waitForPlace is how long they do.
	waitForPlace = 500 * time.Millisecond
	// heldFor is after which time, about, who left comes again for the first time.
	heldFor = 2 * time.Second
)

// Reasons to hold an attempt back.
const (
	heldByHost       = "host"       // the receiver has as many requests as it may, or others are due at it
	heldByDefinition = "definition" // the definition has
)

// places shares the attempts that one worker makes at once among receivers and definitions, so
// that a receiver that does not answer keeps only its own callers waiting.
type places struct {
	total, perHost, perDefinition int
	held                          func(why string) // counts what is held back

	mu          sync.Mutex
	used        int
	waiting     int
	receivers   map[string]*receiver
	definitions map[string]int // attempts by definition
}

// receiver is who attempts are made at: a host with its port, or a task queue.
type receiver struct {
	used    int
	by      map[string]int // attempts by definition
	waiting []*waiter      // in the order in which they came
	away    map[string]time.Time
}

type waiter struct {
	definition string
	granted    chan struct{}
}

func newPlaces(total, perHost, perDefinition int, held func(string)) *places {
	return &places{total: total, perHost: perHost, perDefinition: perDefinition, held: held,
		receivers: map[string]*receiver{}, definitions: map[string]int{}}
}

// take takes a place for one attempt at a receiver; "" is none in particular, which has no
// bound. It waits a moment if there is none, as long as few others do. ok is false if the
// attempt is held back, to come again after back; else give must be called after the attempt.
func (p *places) take(ctx context.Context, stopping <-chan struct{}, definition, name string, back time.Duration) (give func(), ok bool) {
	if name == "" {
		return func() {}, true
	}
	give = func() { p.give(definition, name) }
	p.mu.Lock()
	r := p.receiver(name)
	why := p.full(r, definition)
	if why == "" {
		p.enter(r, definition)
		p.mu.Unlock()
		return give, true
	}
	if len(r.waiting) >= maxWaiters || p.waiting >= p.total/4 {
		p.leave(r, definition, why, back)
		p.mu.Unlock()
		return nil, false
	}
	w := &waiter{definition: definition, granted: make(chan struct{})}
	r.waiting = append(r.waiting, w)
	p.waiting++
	p.mu.Unlock()
	timer := time.NewTimer(waitForPlace)
	defer timer.Stop()
	select {
	case <-w.granted:
		return give, true
	case <-timer.C:
	case <-stopping:
	case <-ctx.Done():
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	select {
	case <-w.granted: // meanwhile
		return give, true
	default:
	}
	for i, other := range r.waiting {
		if other == w {
			r.waiting = append(r.waiting[:i:i], r.waiting[i+1:]...)
			p.waiting--
			break
		}
	}
	p.leave(r, definition, why, back)
	p.forget(name)
	return nil, false
}

// give gives a place back, to the first who waits and may have it.
func (p *places) give(definition, name string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	r := p.receiver(name)
	p.used--
	r.used--
	if r.by[definition]--; r.by[definition] == 0 {
		delete(r.by, definition)
	}
	if p.definitions[definition]--; p.definitions[definition] == 0 {
		delete(p.definitions, definition)
	}
	for i := 0; i < len(r.waiting); {
		w := r.waiting[i]
		if p.full(r, w.definition) != "" {
			i++
			continue
		}
		r.waiting = append(r.waiting[:i:i], r.waiting[i+1:]...)
		p.waiting--
		p.enter(r, w.definition)
		close(w.granted)
	}
	p.forget(name)
}

func (p *places) enter(r *receiver, definition string) {
	p.used++
	r.used++
	r.by[definition]++
	p.definitions[definition]++
	delete(r.away, definition)
}

// leave notes that a definition will come again: its share is kept free until then.
func (p *places) leave(r *receiver, definition, why string, back time.Duration) {
	r.away[definition] = time.Now().Add(back + heldFor/2)
	if p.held != nil {
		p.held(why)
	}
}

// full says why a definition gets no place at a receiver now, "" if it may have one. One
// receiver may have an eighth of what is free: so the more of them are silent, the less each
// keeps from the others.
func (p *places) full(r *receiver, definition string) string {
	limit := min(p.perHost, max(1, (p.total-p.used+r.used)/receiversAtOnce))
	switch {
	case p.used >= p.total:
		return heldByHost
	case p.definitions[definition] >= p.perDefinition:
		return heldByDefinition
	case r.used >= limit, r.by[definition] >= share(limit, r.contenders(definition)):
		return heldByHost
	}
	return ""
}

// share is how many of a receiver's places one of its contenders may have.
func share(limit, contenders int) int { return max(1, (limit+contenders-1)/contenders) }

// contenders is how many definitions have or want a place at the receiver, that one included.
func (r *receiver) contenders(definition string) int {
	all := map[string]bool{definition: true}
	for d := range r.by {
		all[d] = true
	}
	for _, w := range r.waiting {
		all[w.definition] = true
	}
	now := time.Now()
	for d, until := range r.away {
		if now.After(until) {
			delete(r.away, d)
			continue
		}
		all[d] = true
	}
	return len(all)
}

func (p *places) receiver(name string) *receiver {
	r := p.receivers[name]
	if r == nil {
		r = &receiver{by: map[string]int{}, away: map[string]time.Time{}}
		p.receivers[name] = r
	}
	return r
}

// forget drops a receiver that nobody has or wants a place at.
func (p *places) forget(name string) {
	if r := p.receivers[name]; r.used == 0 && len(r.waiting) == 0 && len(r.away) == 0 {
		delete(p.receivers, name)
	}
}
