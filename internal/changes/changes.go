// Package changes follows the catalogue of definitions from revision to revision, so that
// whoever keeps a picture of it reads only what is new. It must not know what the picture is
// for.
package changes

import (
	"context"
	"fmt"

	core "github.com/activity-core/activity-core"
)

// perRead bounds the rows of one read of the catalogue.
const perRead = 5000

// Follower is how far a picture of the catalogue has come. The zero value has seen nothing. It
// is used by one goroutine at a time.
type Follower struct {
	begun    bool
	revision int64
	// token is that of revision, if it could be read (told).
	token string
	told  bool
}

// Follow hands over the rows, tombstones included, that have changed since the last call.
// Before the first row ever, and when the catalogue's database was restored from a backup that
// did not have all of what was handed over, it calls reset: every row follows anew.
func (f *Follower) Follow(ctx context.Context, catalogue core.Catalogue, reset func(), put func(core.StoredDefinition)) error {
	revision, token, err := catalogue.Head(ctx, f.revision)
	if err != nil {
		return fmt.Errorf("read the catalogue's revision: %w", err)
	}
	// Revisions are counted on after a restore, and may have passed the one that was seen; its
	// token is another one, or gone.
	restored := revision < f.revision || f.told && token != f.token
	if !f.begun || restored {
		*f = Follower{begun: true}
		reset()
	} else if !f.told {
		f.token, f.told = token, true
	}
	for f.revision < revision {
		rows, upTo, err := catalogue.ChangesSince(ctx, f.revision, perRead)
		if err != nil {
			return fmt.Errorf("read definitions: %w", err)
		}
		for _, row := range rows {
			put(row)
		}
		if upTo <= f.revision {
			break
		}
		f.revision, f.told = upTo, false
	}
	if f.told {
		return nil
	}
	if _, f.token, err = catalogue.Head(ctx, f.revision); err != nil {
		return fmt.Errorf("read the catalogue's revision: %w", err)
	}
	f.told = true
	return nil
}
