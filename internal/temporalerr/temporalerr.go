// Package temporalerr translates errors of Temporal's client into ours.
package temporalerr

import (
	"errors"

	core "github.com/activity-core/activity-core"
	"go.temporal.io/api/serviceerror"
)

// Of says why something could not be done; doing completes the sentence "cannot …". nil stays
// nil.
//
//	refused as wrong       CodeInvalid, with Temporal's words
//	permission denied      CodeForbidden
//	no such namespace      CodeUnavailable, since an operator may be about to create it
//	anything else          CodeUnavailable: another attempt may succeed
//
// What "not found" and "exists already" mean differs from call to call: the caller looks for
// them first. The error given stays in the chain, so that [errors.Is] still finds a canceled
// context.
func Of(err error, doing string) error {
	if err == nil {
		return nil
	}
	if invalid, ok := errors.AsType[*serviceerror.InvalidArgument](err); ok {
		return core.Wrap(core.CodeInvalid, err, "cannot %s: it refuses the request: %s", doing, invalid.Message)
	}
	if _, ok := errors.AsType[*serviceerror.PermissionDenied](err); ok {
		return core.Wrap(core.CodeForbidden, err, "cannot %s: permission denied; check the credentials of temporal.* in the configuration", doing)
	}
	if missing, ok := errors.AsType[*serviceerror.NamespaceNotFound](err); ok {
		return core.Wrap(core.CodeUnavailable, err, "cannot %s: there is no namespace %q; create it or change temporal.namespace", doing, missing.Namespace)
	}
	return core.Wrap(core.CodeUnavailable, err, "cannot %s: no answer from Temporal", doing)
}
