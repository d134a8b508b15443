package app

import (
	"context"
	"errors"
	"fmt"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/serviceerror"
	"go.temporal.io/api/workflowservice/v1"
	"go.temporal.io/sdk/client"

	core "github.com/activity-core/activity-core"
	"github.com/activity-core/activity-core/internal/config"
)

// workflowTargets is where start_workflow may start workflows.
func workflowTargets(cfg *config.Config) core.WorkflowTargets {
	return core.WorkflowTargets{Own: cfg.TemporalNamespace, Namespaces: cfg.StartNamespaces, TaskQueues: cfg.StartTaskQueues}
}

// namespaceAnswers tells whether Temporal answers and has our namespace. A server that does not
// let us look is taken for one that has.
func namespaceAnswers(ctx context.Context, c client.Client, namespace string) error {
	if _, err := c.CheckHealth(ctx, &client.CheckHealthRequest{}); err != nil {
		return err
	}
	found, err := c.WorkflowService().DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: namespace})
	if _, gone := errors.AsType[*serviceerror.NamespaceNotFound](err); gone {
		return fmt.Errorf("Temporal has no namespace %q", namespace) //nolint:staticcheck // a name
	}
	if err != nil {
		if _, refused := errors.AsType[*serviceerror.PermissionDenied](err); refused {
			return nil
		}
		return err
	}
	if state := found.GetNamespaceInfo().GetState(); state == enumspb.NAMESPACE_STATE_DELETED {
		return fmt.Errorf("the namespace %q of Temporal is being deleted", namespace)
	}
	return nil
}
