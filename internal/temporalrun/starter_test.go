package temporalrun

import (
	"errors"
	"strings"
	"testing"

	"go.temporal.io/api/serviceerror"

	core "github.com/activity-core/activity-core"
)

func TestARefusedStartCanBeAskedForAgainOnceTheSetUpIsMended(t *testing.T) {
	t.Parallel()
	for says, err := range map[string]error{
		"search attributes activity_id":  serviceerror.NewInvalidArgument("namespace x has no mapping defined for search attribute activity_id"),
		"credentials of temporal.*":      serviceerror.NewPermissionDenied("no", "token expired"),
		"no namespace \"ops\"":           serviceerror.NewNamespaceNotFound("ops"),
		"temporal.namespace":             serviceerror.NewNotFound("namespace ops is gone"),
		"no answer from Temporal":        serviceerror.NewUnavailable("frontend is not ready"),
		"cannot start the run in Tempor": errors.New("connection refused"),
	} {
		got := startError(err)
		if !core.IsCode(got, core.CodeUnavailable) || !strings.Contains(got.Error(), says) || !errors.Is(got, err) {
			t.Errorf("%v became %v", err, got)
		}
	}
}
