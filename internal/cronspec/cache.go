package cronspec

import (
	"crypto/sha256"
	"strings"
	"sync"

	"github.com/activity-core/activity-core/internal/zonedata"
)

// maxCached bounds what a [Cache] remembers; beyond it, it starts anew.
const maxCached = 20_000

// Cache remembers parsed specs: the same few expressions are asked for over and over. When the
// zone data changes, it starts anew. The zero value is ready, and it is safe for concurrent
// use.
type Cache struct {
	mu     sync.Mutex
	of     *zonedata.Release // by whose rules parsed is read
	parsed map[string]*Spec
}

// Parse is [Parse]; it does not remember errors.
func (c *Cache) Parse(expressions []string, zone string) (*Spec, error) {
	return c.remember(zone+"\n"+strings.Join(expressions, "\n"), func() (*Spec, error) { return Parse(expressions, zone) })
}

// ParseWith is [ParseWith]; it does not remember errors.
func (c *Cache) ParseWith(expressions []string, zone string, rules []byte) (*Spec, error) {
	sum := sha256.Sum256(rules)
	return c.remember(zone+"\n"+string(sum[:])+"\n"+strings.Join(expressions, "\n"), func() (*Spec, error) { return ParseWith(expressions, zone, rules) })
}

func (c *Cache) remember(key string, parse func() (*Spec, error)) (*Spec, error) {
	release := zonedata.Current()
	c.mu.Lock()
	if c.of != release {
		c.of, c.parsed = release, nil
	}
	spec, ok := c.parsed[key]
	c.mu.Unlock()
	if ok {
		return spec, nil
	}
	spec, err := parse()
	if err != nil {
		return nil, err
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.of != release {
		return spec, nil // the zone data has changed meanwhile
	}
	if c.parsed == nil || len(c.parsed) >= maxCached {
		c.parsed = make(map[string]*Spec)
	}
	c.parsed[key] = spec
	return spec, nil
}
