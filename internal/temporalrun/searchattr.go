package temporalrun

import (
	"context"
	"errors"
	"fmt"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/retry"
	"github.com/activity-core/activity-core/internal/temporalerr"
)

// SearchAttributes are the names that workflows and schedules are found by, all of type Keyword.
func SearchAttributes() []string {
	return []string{core.SearchAttrActivity, core.SearchAttrTrigger, core.SearchAttrOutcome, core.SearchAttrSpecHash}
}

// EnsureSearchAttributes registers what is missing of [SearchAttributes] in a namespace and
// returns when all can be used. An attribute that exists with another type is CodeConflict:
// Temporal cannot change types.
func EnsureSearchAttributes(ctx context.Context, c client.Client, namespace string) error {
	missing, err := MissingSearchAttributes(ctx, c, namespace)
	if err != nil {
		return err
	}
	if len(missing) > 0 {
		_, err := c.OperatorService().AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
			Namespace: namespace, SearchAttributes: missing,
		})
		// Another replica may have been quicker.
		if _, ok := errors.AsType[*serviceerror.AlreadyExists](err); err != nil && !ok {
			return temporalerr.Of(err, "register search attributes in Temporal")
		}
	}
	policy := retry.Policy{First: 20 * time.Millisecond, Most: time.Second}
	err = policy.Until(ctx, func(ctx context.Context) (bool, error) { return attributesUsable(ctx, c, namespace) })
	if err != nil && ctx.Err() != nil {
		return fmt.Errorf("wait for search attributes: %w", err)
	}
	return err
}

// MissingSearchAttributes are those of [SearchAttributes] that a namespace lacks, with their
// type. One that exists with another type is CodeConflict.
func MissingSearchAttributes(ctx context.Context, c client.Client, namespace string) (map[string]enumspb.IndexedValueType, error) {
	have, err := c.OperatorService().ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return nil, temporalerr.Of(err, "list search attributes of Temporal")
	}
	missing := map[string]enumspb.IndexedValueType{}
	for _, name := range SearchAttributes() {
		switch t, ok := have.GetCustomAttributes()[name]; {
		case !ok:
			missing[name] = enumspb.INDEXED_VALUE_TYPE_KEYWORD
		case t != enumspb.INDEXED_VALUE_TYPE_KEYWORD:
			return nil, core.Errorf(core.CodeConflict, "search attribute %q of namespace %q has type %s, and Keyword is needed; use another namespace", name, namespace, t)
		}
	}
	return missing, nil
}

// attributesUsable asks what a start would: the frontend checks names in a query against the
// same cache.
func attributesUsable(ctx context.Context, c client.Client, namespace string) (bool, error) {
	for _, name := range SearchAttributes() {
		_, err := c.CountWorkflow(ctx, &workflowservice.CountWorkflowExecutionsRequest{Namespace: namespace, Query: name + " = 'none'"})
		if _, ok := errors.AsType[*serviceerror.InvalidArgument](err); ok {
			return false, nil
		}
		if err != nil {
			return false, temporalerr.Of(err, "query search attributes of Temporal")
		}
	}
	return true, nil
}
