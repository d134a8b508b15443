package sqlstore

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"hash/fnv"
	"time"

	core "github.com/activity-core/activity-core"
)

// cursor is the position after the last item of a page. It names its list
// and filter, so that it cannot be used with another.
type cursor struct {
	List string `json:"l"`
	// Micros is the item's time, Unix microseconds; Keys break ties.
	Micros int64    `json:"t,omitempty"`
	Keys   []string `json:"k"`
}

func (c cursor) time() time.Time { return time.UnixMicro(c.Micros).UTC() }

// listTag names a list and its filter.
func listTag(name string, filter any) string {
	h := fnv.New64a()
	_ = json.NewEncoder(h).Encode(filter) // filters are plain values; a hash does not fail
	return fmt.Sprintf("%s-%x", name, h.Sum64())
}

// openPage checks a request; at is nil for the first page.
func openPage(tag string, keys int, p core.PageRequest) (at *cursor, err error) {
	if p.Limit < 1 || p.Limit > 1000 {
		return nil, core.InvalidField("limit", p.Limit, "must be 1 to 1,000")
	}
	if p.Cursor == "" {
		return nil, nil
	}
	foreign := core.InvalidField("cursor", nil,
		"was not made by this list; give next_cursor of the page before, with the same filter, or leave it out to begin again")
	raw, err := base64.RawURLEncoding.DecodeString(p.Cursor)
	if err != nil {
		return nil, foreign
	}
	var c cursor
	if json.Unmarshal(raw, &c) != nil || c.List != tag || len(c.Keys) != keys {
		return nil, foreign
	}
	for _, k := range c.Keys {
		if checkKey("cursor", k) != nil {
			return nil, foreign
		}
	}
	return &c, nil
}

// closePage makes a page of the up to limit+1 items read for it.
func closePage[T any](tag string, items []T, limit int, key func(T) (time.Time, []string)) core.Page[T] {
	if len(items) <= limit {
		return core.Page[T]{Items: items}
	}
	items = items[:limit]
	t, keys := key(items[limit-1])
	raw, _ := json.Marshal(cursor{List: tag, Micros: t.UnixMicro(), Keys: keys})
	return core.Page[T]{Items: items, NextCursor: base64.RawURLEncoding.EncodeToString(raw)}
}
