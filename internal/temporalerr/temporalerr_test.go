package temporalerr_test

import (
	"context"
	"errors"
	"testing"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/temporalerr"
	"go.temporal.io/api/serviceerror"
)

func TestEachErrorSaysWhetherAnotherAttemptMakesSense(t *testing.T) {
	for _, c := range []struct {
		err     error
		code    core.Code
		message string
	}{
		{serviceerror.NewInvalidArgument("bad queue"), core.CodeInvalid, "cannot x: it refuses the request: bad queue"},
		{serviceerror.NewPermissionDenied("no", ""), core.CodeForbidden, "cannot x: permission denied; check the credentials of temporal.* in the configuration"},
		{serviceerror.NewNamespaceNotFound("prod"), core.CodeUnavailable, `cannot x: there is no namespace "prod"; create it or change temporal.namespace`},
		{serviceerror.NewUnavailable("starting"), core.CodeUnavailable, "cannot x: no answer from Temporal"},
		{context.Canceled, core.CodeUnavailable, "cannot x: no answer from Temporal"},
	} {
		got := temporalerr.Of(c.err, "x")
		if core.CodeOf(got) != c.code || core.MessageOf(got) != c.message {
			t.Errorf("%T: want %s %q, got %s %q", c.err, c.code, c.message, core.CodeOf(got), core.MessageOf(got))
		}
		if !errors.Is(got, c.err) {
			t.Errorf("%T: want it in the chain of the translated error, got %v", c.err, got)
		}
	}
	if got := temporalerr.Of(nil, "x"); got != nil {
		t.Errorf("nil: want nil, got %v", got)
	}
}
