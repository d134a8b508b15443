package router

import "time"

// Metrics are the router's measuring points. Any of them may be nil; all may be called from
// several goroutines.
type Metrics struct {
	// Consumed counts deliveries read from the stream, redeliveries included.
	Consumed func(n int)
	// Matched counts (event, definition) pairs, those of paused definitions included.
	Matched func(n int)
	// Started counts runs started; latency is the time since the event was stored.
	Started func(latency time.Duration)
	// Duplicate counts causes that the ledger had before.
	Duplicate func(n int)
	// Cycle counts matches that start nothing, since a run of the definition itself caused the
	// event.
	Cycle func()
	// Dead counts dead letters by reason.
	Dead func(reason string)
	// Retried counts deliveries handed back to be tried again later.
	Retried func(n int)
	// HeldUp observes how many steps wait just now, as [Router.Problem] names them.
	HeldUp func(steps int)
	// Batch observes how many events went through one ledger transaction, and how long it took.
	Batch func(deliveries int, took time.Duration)
	// Lag observes the events not yet delivered to any router, and those delivered and not yet
	// acknowledged.
	Lag func(pending uint64, unacknowledged int)
}

func (m Metrics) consumed(n int) {
	if m.Consumed != nil && n > 0 {
		m.Consumed(n)
	}
}

func (m Metrics) matched(n int) {
	if m.Matched != nil && n > 0 {
		m.Matched(n)
	}
}

func (m Metrics) started(latency time.Duration) {
	if m.Started != nil {
		m.Started(latency)
	}
}

func (m Metrics) duplicate(n int) {
	if m.Duplicate != nil && n > 0 {
		m.Duplicate(n)
	}
}

func (m Metrics) cycle() {
	if m.Cycle != nil {
		m.Cycle()
	}
}

func (m Metrics) dead(reason string) {
	if m.Dead != nil {
		m.Dead(reason)
	}
}

func (m Metrics) retried(n int) {
	if m.Retried != nil && n > 0 {
		m.Retried(n)
	}
}

func (m Metrics) heldUp(steps int) {
	if m.HeldUp != nil {
		m.HeldUp(steps)
	}
}

func (m Metrics) batch(n int, took time.Duration) {
	if m.Batch != nil {
		m.Batch(n, took)
	}
}

func (m Metrics) lag(pending uint64, unacknowledged int) {
	if m.Lag != nil {
		m.Lag(pending, unacknowledged)
	}
}
