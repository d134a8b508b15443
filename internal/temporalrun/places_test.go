package temporalrun

import (
	"fmt"
	"testing"
)

// crowdOf takes places for a definition at a receiver until it is held back, and says how many
// it got.
func crowdOf(t *testing.T, p *places, definition, receiver string) (gives []func()) {
	t.Helper()
	for {
		p.mu.Lock()
		full := p.full(p.receiver(receiver), definition)
		p.mu.Unlock()
		if full != "" {
			return gives
		}
		give, ok := p.take(t.Context(), nil, definition, receiver, heldFor)
		if !ok {
			t.Fatalf("%s at %s: held back, want a place", definition, receiver)
		}
		gives = append(gives, give)
	}
}

func TestOneReceiverHasAtMostItsPlaces(t *testing.T) {
	p := newPlaces(5120, 64, 1000, nil)
	if got := len(crowdOf(t, p, "a", "silent:443")); got != 64 {
		t.Errorf("got %d places, want 64", got)
	}
	if got := len(crowdOf(t, p, "a", "other:443")); got != 64 {
		t.Errorf("another receiver: got %d places, want 64", got)
	}
}

func TestOneDefinitionHasAtMostItsPlaces(t *testing.T) {
	p := newPlaces(5120, 64, 100, nil)
	got := 0
	for i := range 10 {
		got += len(crowdOf(t, p, "a", fmt.Sprintf("host-%d:443", i)))
	}
	if got != 100 {
		t.Errorf("got %d places, want 100", got)
	}
	if got := len(crowdOf(t, p, "b", "host-9:443")); got != 64 {
		t.Errorf("another definition: got %d places, want 64", got)
	}
}

// Two dozen receivers are silent at once, each with definitions of its own: a new one finds a
// place.
func TestManySilentReceiversLeavePlaces(t *testing.T) {
	p := newPlaces(512, 64, 1_000_000, nil)
	for i := range 24 {
		if len(crowdOf(t, p, fmt.Sprintf("d%d", i), fmt.Sprintf("silent-%d:443", i))) == 0 {
			t.Fatalf("receiver %d got no place, with %d of %d taken", i, p.used, p.total)
		}
	}
	if got := len(crowdOf(t, p, "good", "good:443")); got == 0 || p.used > p.total {
		t.Errorf("the next receiver got %d places with %d of %d taken, want some", got, p.used, p.total)
	}
}

// Who comes later to a receiver that is full gets what becomes free, until the shares are equal.
func TestDefinitionsShareAReceiver(t *testing.T) {
	p := newPlaces(512, 10, 1000, nil)
	first := crowdOf(t, p, "first", "h:443")
	if len(first) != 10 {
		t.Fatalf("alone: got %d places, want 10", len(first))
	}
	p.mu.Lock()
	p.leave(p.receiver("h:443"), "second", heldByHost, heldFor) // it was held back and comes again
	p.mu.Unlock()
	for _, give := range first[:5] {
		give()
	}
	if got := len(crowdOf(t, p, "first", "h:443")); got != 0 {
		t.Errorf("the first took %d places again, want 0: the second wants them", got)
	}
	if got := len(crowdOf(t, p, "second", "h:443")); got != 5 {
		t.Errorf("the second got %d places, want 5", got)
	}
}

func TestWhoWaitsGetsThePlaceThatIsGivenBack(t *testing.T) {
	p := newPlaces(512, 1, 1000, nil)
	give, ok := p.take(t.Context(), nil, "a", "h:443", heldFor)
	if !ok {
		t.Fatal("held back, want a place")
	}
	got := make(chan bool)
	go func() {
		next, ok := p.take(t.Context(), nil, "b", "h:443", heldFor)
		if ok {
			next()
		}
		got <- ok
	}()
	for waits := false; !waits; { // until b waits
		p.mu.Lock()
		waits = p.waiting == 1
		p.mu.Unlock()
	}
	give()
	if !<-got {
		t.Error("held back, want the place that was given back")
	}
	if p.used != 0 || p.waiting != 0 || len(p.receivers) != 0 || len(p.definitions) != 0 {
		t.Errorf("%d used, %d waiting, %d receivers, %d definitions; want nothing left", p.used, p.waiting, len(p.receivers), len(p.definitions))
	}
}

func TestWhatIsHeldBackIsCountedAndNotKept(t *testing.T) {
	var why []string
	p := newPlaces(3, 1, 1000, func(w string) { why = append(why, w) })
	give, _ := p.take(t.Context(), nil, "a", "h:443", heldFor)
	if _, ok := p.take(t.Context(), nil, "b", "h:443", heldFor); ok {
		t.Error("got a second place, want to be held back")
	}
	give()
	if len(why) != 1 || why[0] != heldByHost {
		t.Errorf("counted %v, want host once", why)
	}
	if _, ok := p.take(t.Context(), nil, "a", "", heldFor); !ok || p.used != 0 {
		t.Errorf("nobody in particular: %v with %d used, want no bound", ok, p.used)
	}
}
