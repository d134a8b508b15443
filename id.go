package activitycore

import (
	"crypto/sha1" //nolint:gosec // UUIDv5 is defined on SHA-1 (RFC 9562, section 5.5); it protects nothing here.
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"
)

// Fixed names. docs/conventions.md lists them for operators.
const (
	WorkflowType        = "RunActivityWorkflow"
	TaskQueue           = "orchestrator-tq"
	EventStream         = "ACTIVITY_EVENTS"
	EventSubjects       = "activity.>"
	EventSubjectPrefix  = "activity."
	RouterDurable       = "activity-core-event-router"
	DeadLetterStream    = "ACTIVITY_DEAD_LETTERS"
	DeadLetterSubjects  = "activity-dead-letter.>"
	DeadLetterPrefix    = "activity-dead-letter."
	SearchAttrActivity  = "activity_id"
	SearchAttrTrigger   = "activity_trigger"
	SearchAttrOutcome   = "activity_outcome"
	SearchAttrSpecHash  = "activity_spec_hash"
	schedulePrefix      = "activity-schedule-"
	workflowPrefix      = "activity-"
	maxPlainKey         = 128 // bytes; PostgreSQL-backed Temporal caps a workflow ID at 255
	nominalTimeInIDForm = time.RFC3339
)

// idNamespace is the UUID namespace of every deterministic ID of activity-core:
// UUIDv5(URL namespace, "https://github.com/activity-core/activity-core").
var idNamespace = uuid5([16]byte{0x6b, 0xa7, 0xb8, 0x11, 0x9d, 0xad, 0x11, 0xd1, 0x80, 0xb4, 0x00, 0xc0, 0x4f, 0xd4, 0x30, 0xc8},
	"https://github.com/activity-core/activity-core")

// DefinitionID returns the ID of a definition whose document names none: the
// UUIDv5 of its name, so that deleting and re-creating a definition keeps its
// ledger.
func DefinitionID(name string) string { return formatUUID(uuid5(idNamespace, "definition/"+name)) }

// ScheduleID returns the Temporal schedule ID of a definition.
func ScheduleID(activityID string) string { return schedulePrefix + activityID }

// ActivityOfSchedule is the inverse of [ScheduleID]; ok is false for schedules
// that are not ours by name.
func ActivityOfSchedule(scheduleID string) (activityID string, ok bool) {
	return strings.CutPrefix(scheduleID, schedulePrefix)
}

// EncodeKey applies the encoding rule of workflow IDs to an event ID or
// idempotency key: a key over 128 bytes, with bytes outside
// [A-Za-z0-9._:@/+=-], or beginning "cron", "manual-" or "sha256-" becomes
// "sha256-<hex>", so that causes never collide.
func EncodeKey(key string) string {
	plain := key != "" && len(key) <= maxPlainKey &&
		!strings.HasPrefix(key, "cron") && !strings.HasPrefix(key, "manual-") && !strings.HasPrefix(key, "sha256-")
	for i := 0; plain && i < len(key); i++ {
		c := key[i]
		plain = c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("._:@/+=-", c) >= 0
	}
	if plain {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return "sha256-" + hex.EncodeToString(sum[:])
}

// CronWorkflowBase is the workflow ID that a schedule's action names; Temporal
// appends "-" and the nominal time.
func CronWorkflowBase(activityID string) string { return workflowPrefix + activityID + ":cron" }

// FormatNominal writes a nominal time as Temporal does when it appends it to a workflow ID.
func FormatNominal(t time.Time) string { return t.UTC().Format(nominalTimeInIDForm) }

// WorkflowID returns the one workflow ID of (definition, cause).
func WorkflowID(activityID string, c Cause) string { return WorkflowIDOfKey(activityID, c.Key()) }

// WorkflowIDOfKey is the [WorkflowID] of a cause of which the key is known, and no more.
func WorkflowIDOfKey(activityID, causeKey string) string {
	return workflowPrefix + activityID + ":" + causeKey
}

// ParseCronWorkflowID returns the definition and nominal time of the workflow
// ID of a cron run, whether Temporal's scheduler or we started it.
func ParseCronWorkflowID(workflowID string) (activityID string, nominal time.Time, err error) {
	rest, ok := strings.CutPrefix(workflowID, workflowPrefix)
	activityID, stamp, found := strings.Cut(rest, ":cron-")
	if !ok || !found {
		return "", time.Time{}, fmt.Errorf("workflow ID %q is not that of a cron run", workflowID)
	}
	nominal, err = time.Parse(time.RFC3339, stamp)
	if err != nil {
		return "", time.Time{}, fmt.Errorf("workflow ID %q ends in no nominal time: %w", workflowID, err)
	}
	return activityID, nominal.UTC(), nil
}

// RunID returns the ID of the run of a workflow ID. It is deterministic, so
// that every part of the program can name a run before it exists.
func RunID(workflowID string) string { return formatUUID(uuid5(idNamespace, "run/"+workflowID)) }

// ActionKey is the idempotency key of one action of a run:
// {workflow id}/{rule}/{item key}/{action index}, with the item key under the
// encoding rule of [EncodeKey], so that the whole is safe in an HTTP or NATS header.
func ActionKey(workflowID, rule, itemKey string, actionIndex int) string {
	return fmt.Sprintf("%s/%s/%s/%d", workflowID, rule, EncodeKey(itemKey), actionIndex)
}

// TaskID returns the ID of the task that the action with this key creates.
func TaskID(actionKey string) string { return formatUUID(uuid5(idNamespace, "task/"+actionKey)) }

func uuid5(namespace [16]byte, name string) [16]byte {
	h := sha1.New() //nolint:gosec // see the import
	h.Write(namespace[:])
	h.Write([]byte(name))
	var u [16]byte
	copy(u[:], h.Sum(nil))
	u[6] = u[6]&0x0f | 0x50
	u[8] = u[8]&0x3f | 0x80
	return u
}

func formatUUID(u [16]byte) string {
	h := hex.EncodeToString(u[:])
	return h[0:8] + "-" + h[8:12] + "-" + h[12:16] + "-" + h[16:20] + "-" + h[20:]
}

// IsUUID reports whether s has the canonical form of a UUID, in lower case.
func IsUUID(s string) bool {
	if len(s) != 36 {
		return false
	}
	for i := 0; i < len(s); i++ {
		c := s[i]
		switch i {
		case 8, 13, 18, 23:
			if c != '-' {
				return false
			}
		default:
			if (c < '0' || c > '9') && (c < 'a' || c > 'f') {
				return false
			}
		}
	}
	return true
}
