package contextsource

import (
	"crypto/sha256"
	"fmt"
	"net/http"
	"slices"
	"sync"

	"github.com/activity-core/activity-core/internal/outbound"
)

// maxCachedBytes bounds the answers kept for the ETags they came with.
const maxCachedBytes = 32 << 20

// cachedPage is an answer as it came.
type cachedPage struct {
	etag   string
	answer *outbound.Response
	size   int // bytes
}

type cacheKey [sha256.Size]byte

// pageCache keeps the latest answers by request. The oldest leave first.
type pageCache struct {
	max   int
	mu    sync.Mutex
	bytes int
	by    map[cacheKey]cachedPage
	order []cacheKey
}

func newPageCache(limit int) *pageCache {
	return &pageCache{max: limit, by: map[cacheKey]cachedPage{}}
}

// key hashes what the answer depends on, so that the cache holds no secret and never serves one caller's answer to another.
func (c *pageCache) key(url string, headers ...http.Header) cacheKey {
	h := sha256.New()
	fmt.Fprintf(h, "%q\n", url)
	for _, header := range headers {
		names := make([]string, 0, len(header))
		for name := range header {
			names = append(names, name)
		}
		slices.Sort(names)
		for _, name := range names {
			fmt.Fprintf(h, "%q %q\n", name, header[name])
		}
	}
	return cacheKey(h.Sum(nil))
}

func (c *pageCache) get(k cacheKey) (cachedPage, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	p, ok := c.by[k]
	return p, ok
}

func (c *pageCache) put(k cacheKey, p cachedPage) {
	if p.size > c.max/2 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if old, ok := c.by[k]; ok {
		c.bytes -= old.size
	} else {
		c.order = append(c.order, k)
	}
	c.by[k] = p
	for c.bytes += p.size; c.bytes > c.max; {
		oldest := c.order[0]
		c.order = c.order[1:]
		c.bytes -= c.by[oldest].size
		delete(c.by, oldest)
	}
}
