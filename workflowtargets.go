package activitycore

import (
	"fmt"
	"slices"
	"strings"
)

// WorkflowTargets is where start_workflow may start workflows: the operator's choice, on top of
// what [CheckWorkflowNamespace] and its like refuse everywhere.
type WorkflowTargets struct {
	// Own is our namespace, which is always allowed and is meant where an action names none.
	Own string
	// Namespaces are further ones; a * at the end stands for any rest.
	Namespaces []string
	// TaskQueues are the only ones allowed, in the same form; empty: all but ours.
	TaskQueues []string
}

// Check returns what is wrong with a target, by the parameter at fault; "" if nothing is.
func (t WorkflowTargets) Check(namespace, taskQueue string) (parameter, problem string) {
	if namespace != "" && namespace != t.Own && !anyPattern(t.Namespaces, namespace) {
		return "namespace", fmt.Sprintf("%q is not allowed; the operator allows %s with start_workflow.namespaces", namespace, allowed(append([]string{t.Own}, t.Namespaces...)))
	}
	if len(t.TaskQueues) > 0 && !anyPattern(t.TaskQueues, taskQueue) {
		return "task_queue", fmt.Sprintf("%q is not allowed; the operator allows %s with start_workflow.task_queues", taskQueue, allowed(t.TaskQueues))
	}
	return "", ""
}

func allowed(list []string) string {
	return strings.Join(slices.DeleteFunc(slices.Clone(list), func(s string) bool { return s == "" }), ", ")
}

func anyPattern(patterns []string, s string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool {
		prefix, open := strings.CutSuffix(p, "*")
		return p == s || open && strings.HasPrefix(s, prefix)
	})
}

// systemPrefix begins the names that Temporal keeps for itself. A workflow there can delete
// namespaces, and terminate others.
const systemPrefix = "temporal-"

// CheckWorkflowNamespace refuses Temporal's own namespaces.
func CheckWorkflowNamespace(name string) error {
	if strings.HasPrefix(strings.ToLower(name), systemPrefix) {
		return fmt.Errorf("%q is Temporal's own; workflows of yours go elsewhere", name)
	}
	return nil
}

// CheckWorkflowTaskQueue refuses our own task queue, on which a workflow could pass for a run,
// and Temporal's.
func CheckWorkflowTaskQueue(name string) error {
	switch {
	case name == TaskQueue:
		return fmt.Errorf("%q is activity-core's own; name the queue that your worker polls, or trigger a definition with publish_event", name)
	case strings.HasPrefix(name, "temporal-sys-"), strings.HasPrefix(name, "/_sys/"), strings.HasPrefix(name, "default-worker-"):
		return fmt.Errorf("%q is Temporal's own; name the queue that your worker polls", name)
	}
	return nil
}

// CheckWorkflowType refuses our own workflow type, and Temporal's.
func CheckWorkflowType(name string) error {
	if name == WorkflowType || strings.HasPrefix(name, "temporal-sys-") {
		return fmt.Errorf("%q is a workflow of activity-core or Temporal itself; name one of yours", name)
	}
	return nil
}

// CheckWorkflowID refuses the IDs that runs and schedules have, and Temporal's.
func CheckWorkflowID(id string) error {
	if strings.HasPrefix(id, "activity-") || strings.HasPrefix(id, "temporal-sys-") {
		return fmt.Errorf("%q begins as the IDs of activity-core or Temporal do; choose another beginning, or leave it out", id)
	}
	return nil
}
