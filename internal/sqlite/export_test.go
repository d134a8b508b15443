package sqlite

import (
	"context"

	"github.com/activity-core/activity-core/internal/sqlstore"
)

// OpenWith is Open with something around the engine.
func OpenWith(ctx context.Context, cfg Config, wrap func(sqlstore.Engine) sqlstore.Engine) (*sqlstore.Store, error) {
	e, err := openEngine(ctx, cfg)
	if err != nil {
		return nil, err
	}
	return sqlstore.New(wrap(e), dialect()), nil
}
