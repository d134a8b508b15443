//go:build !slim

package devstack

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
	"go.temporal.io/api/operatorservice/v1"
	"go.temporal.io/api/workflowservice/v1"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
)

const (
	// readyTimeout bounds the wait for a server that came up without an error, normally a few
	// milliseconds.
	readyTimeout = 30 * time.Second
	pollInterval = 5 * time.Millisecond
)

// awaitReady returns when the frontend answers for the namespace and its search attributes can
// be used.
func (t *Temporal) awaitReady(ctx context.Context, cfg TemporalConfig) error {
	if err := t.awaitNamespace(ctx, cfg.Namespace); err != nil {
		return err
	}
	if len(cfg.SearchAttributes) == 0 {
		return nil
	}
	conn, err := t.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	added, err := addMissingAttributes(ctx, operatorservice.NewOperatorServiceClient(conn), cfg.Namespace, cfg.SearchAttributes)
	if err != nil || !added {
		return err
	}
	return awaitAttributes(ctx, workflowservice.NewWorkflowServiceClient(conn), cfg)
}

func (t *Temporal) awaitNamespace(ctx context.Context, name string) error {
	conn, err := t.dial()
	if err != nil {
		return err
	}
	defer conn.Close()
	client := workflowservice.NewWorkflowServiceClient(conn)
	return poll(ctx, "namespace "+name+" to be served", func(ctx context.Context) error {
		// WaitForReady: the connection may be tried before the frontend listens.
		_, err := client.DescribeNamespace(ctx, &workflowservice.DescribeNamespaceRequest{Namespace: name}, grpc.WaitForReady(true))
		return err
	})
}

func (t *Temporal) dial() (*grpc.ClientConn, error) {
	conn, err := grpc.NewClient("passthrough:///"+t.addr, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return nil, fmt.Errorf("connect to Temporal frontend: %w", err)
	}
	return conn, nil
}

// addMissingAttributes reports whether there was any to add. A namespace we created has them
// all; one from an earlier version may lack some.
func addMissingAttributes(ctx context.Context, operator operatorservice.OperatorServiceClient, namespace string,
	want map[string]enumspb.IndexedValueType,
) (bool, error) {
	have, err := operator.ListSearchAttributes(ctx, &operatorservice.ListSearchAttributesRequest{Namespace: namespace})
	if err != nil {
		return false, fmt.Errorf("list search attributes: %w", err)
	}
	missing := make(map[string]enumspb.IndexedValueType)
	for _, name := range slices.Sorted(maps.Keys(want)) {
		switch existing, ok := have.GetCustomAttributes()[name]; {
		case !ok:
			missing[name] = want[name]
		case existing != want[name]:
			return false, fmt.Errorf("search attribute %q of namespace %q has type %s, want %s: "+
				"remove it with `temporal operator search-attribute remove --name %s`, or use another data folder",
				name, namespace, existing, want[name], name)
		}
	}
	if len(missing) == 0 {
		return false, nil
	}
	_, err = operator.AddSearchAttributes(ctx, &operatorservice.AddSearchAttributesRequest{
		Namespace: namespace, SearchAttributes: missing,
	})
	if err != nil {
		return false, fmt.Errorf("add search attributes %v: %w", slices.Sorted(maps.Keys(missing)), err)
	}
	return true, nil
}

// awaitAttributes returns when every service knows the attributes. Only the frontend can be
// asked; the others read the same row with the same period, so one more period after the
// frontend they have it as well.
func awaitAttributes(ctx context.Context, client workflowservice.WorkflowServiceClient, cfg TemporalConfig) error {
	for _, name := range slices.Sorted(maps.Keys(cfg.SearchAttributes)) {
		err := poll(ctx, "search attribute "+name+" to be usable", func(ctx context.Context) error {
			_, err := client.CountWorkflowExecutions(ctx, &workflowservice.CountWorkflowExecutionsRequest{
				Namespace: cfg.Namespace, Query: "`" + name + "` IS NULL",
			})
			return err
		})
		if err != nil {
			return err
		}
	}
	select {
	case <-time.After(namespaceRefresh(cfg)):
		return nil
	case <-ctx.Done():
		return context.Cause(ctx)
	}
}

// poll repeats try until it returns nil, at most for readyTimeout.
func poll(ctx context.Context, what string, try func(context.Context) error) error {
	ctx, cancel := context.WithTimeoutCause(ctx, readyTimeout, fmt.Errorf("gave up after %s", readyTimeout))
	defer cancel()
	ticker := time.NewTicker(pollInterval)
	defer ticker.Stop()
	for {
		err := try(ctx)
		if err == nil {
			return nil
		}
		select {
		case <-ticker.C:
		case <-ctx.Done():
			return fmt.Errorf("wait for %s: %w", what, errors.Join(context.Cause(ctx), err))
		}
	}
}
