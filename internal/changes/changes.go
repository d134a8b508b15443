// Package changes follows the catalogue of definitions from revision to revision, so that whoever keeps a picture of it reads only what
// is new. It must not know what the picture is for.
package changes

import (
	"context"
	"fmt"

	activitycore "github.com/activity-core/activity-core"
)

// perRead bounds the rows of one read of the catalogue.
const perRead = 5000

// Follower is how far a picture of the catalogue has come. The zero value has seen nothing. It is used by one goroutine at a time.
type Follower struct {
	revision int64
	begun    bool
}

// Follow hands over the rows, tombstones included, that have changed since the last call. Before the first row ever, and when the
// catalogue's revision went back, which means that its database was restored from a backup, it calls reset: every row follows anew.
func (f *Follower) Follow(ctx context.Context, catalogue activitycore.Catalogue, reset func(), put func(activitycore.StoredDefinition)) error {
	revision, err := catalogue.Revision(ctx)
	if err != nil {
		return fmt.Errorf("read the catalogue's revision: %w", err)
	}
	if !f.begun || revision < f.revision {
		*f = Follower{begun: true}
		reset()
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
		f.revision = upTo
	}
	return nil
}
