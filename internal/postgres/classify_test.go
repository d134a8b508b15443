package postgres

import (
	"testing"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/activity-core/activity-core/internal/sqlstore"
)

func TestWhatAnOperatorHasToMendIsNoFaultOfTheValues(t *testing.T) {
	t.Parallel()
	for code, want := range map[string]sqlstore.ErrorClass{
		"42501": sqlstore.ErrorUnavailable, "42P01": sqlstore.ErrorUnavailable, "25006": sqlstore.ErrorUnavailable, "28P01": sqlstore.ErrorUnavailable,
		"22021": sqlstore.ErrorValue, "23505": sqlstore.ErrorUnique, "42601": sqlstore.ErrorUnknown,
	} {
		if got := classify(&pgconn.PgError{Code: code}); got != want {
			t.Errorf("%s is %v, want %v", code, got, want)
		}
	}
}
