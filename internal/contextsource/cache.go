package contextsource

import (
	"crypto/sha256"
	"fmt"
	"math"
	"net/http"
	"slices"
	"sync"

	"github.com/hashicorp/golang-lru/v2/simplelru"

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

// pageCache keeps answers by request, up to so many bytes. Those used longest ago leave first.
type pageCache struct {
	max   int
	mu    sync.Mutex
	bytes int
	kept  *simplelru.LRU[cacheKey, cachedPage]
}

func newPageCache(limit int) *pageCache {
	c := &pageCache{max: limit}
	kept, err := simplelru.NewLRU(math.MaxInt, func(_ cacheKey, p cachedPage) { c.bytes -= p.size }) // its bound are the bytes
	if err != nil {
		panic(err) // a size below one is a defect
	}
	c.kept = kept
	return c
}

// key hashes what the answer depends on, so that the cache holds no secret and never serves one
// caller's answer to another.
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
	return c.kept.Get(k)
}

func (c *pageCache) put(k cacheKey, p cachedPage) {
	if p.size > c.max/2 {
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.kept.Remove(k)
	c.kept.Add(k, p)
	for c.bytes += p.size; c.bytes > c.max; {
		c.kept.RemoveOldest()
	}
}
