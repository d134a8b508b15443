//go:build !slim

package devstack

import (
	"log/slog"
	"net/http"
	"time"

	enumspb "go.temporal.io/api/enums/v1"
)

// Names of the flags that choose the ports, as the dev command spells them. Errors about a port
// name its flag.
const (
	TemporalPortFlag = "--temporal-port"
	UIPortFlag       = "--ui-port"
	NATSPortFlag     = "--nats-port"
)

// DefaultNamespace is the Temporal namespace that is created when none is named.
const DefaultNamespace = "default"

// defaultRetention is how long Temporal keeps closed workflows when the configuration does not say.
const defaultRetention = 7 * 24 * time.Hour

// TemporalConfig says how to run the embedded Temporal server. The zero value is an in-memory
// server on a free port.
type TemporalConfig struct {
	// Dir is the existing folder that holds temporal.db. Empty keeps everything in memory, lost on
	// Stop.
	Dir string
	// FrontendAddr is the IP address and port of the gRPC frontend. Port 0 picks a free one; empty
	// means 127.0.0.1:0.
	FrontendAddr string
	// Namespace is created if it does not exist. Empty means [DefaultNamespace].
	Namespace string
	// Retention is how long closed workflows of a newly created namespace are kept; at least one
	// hour, 0 means 7 days.
	Retention time.Duration
	// SearchAttributes are registered in Namespace and usable once StartTemporal returns, also when
	// the namespace existed before without them. An attribute that exists with another type is an
	// error.
	SearchAttributes map[string]enumspb.IndexedValueType
	// CHASMScheduler creates new schedules on Temporal's newer scheduler instead of one workflow
	// each; schedules that exist stay what they are. Server 1.32.0 is not ready for activity-core
	// there: with overlap policy BUFFER_ONE or BUFFER_ALL it starts two buffered runs beside each
	// other when the run before them ends.
	CHASMScheduler bool
	// PowerLossSafe makes SQLite wait for the disk on every commit. Without it a commit survives
	// the death of this process, but a power cut may take the last ones (never the integrity of the
	// file).
	PowerLossSafe bool
	// NamespaceRefresh is how often the server looks for namespace changes; 0 means one second.
	// Tests that create many namespaces set it lower.
	NamespaceRefresh time.Duration
	// DynamicConfig overrides the server's dynamic configuration, by Temporal's own keys.
	DynamicConfig map[string]any
	// Logger receives the server's log; nil discards it.
	Logger *slog.Logger
	// LogLevel is the least level passed on to Logger; nil means warnings, because the server is
	// talkative below.
	LogLevel slog.Leveler
}

// NATSConfig says how to run the embedded NATS server. The zero value is a server on a free
// port that keeps its streams in a temporary folder.
type NATSConfig struct {
	// Dir is the folder for JetStream's files, created if missing. Empty uses a temporary one that
	// Stop removes.
	Dir string
	// Addr is the IP address and port for clients. Port 0 picks a free one; empty means
	// 127.0.0.1:0.
	Addr string
	// SyncAlways makes JetStream sync each message to disk before it acknowledges it
	// (sync_interval: always), so that an acknowledged message survives a power cut. Without it,
	// messages survive the death of this process only.
	SyncAlways bool
	// MaxStore caps the bytes of all streams on disk; 0 lets the server take three quarters of the
	// free space.
	MaxStore int64
	// MaxPayload caps one message in bytes; 0 means 1 MiB, the default of NATS.
	MaxPayload int32
	// Logger receives the server's log; nil discards it.
	Logger *slog.Logger
	// LogLevel is the least level passed on to Logger; nil means warnings.
	LogLevel slog.Leveler
}

// UIConfig says how to run the Temporal Web UI.
type UIConfig struct {
	// Addr is the loopback IP address and port to listen on. Port 0 picks a free one; empty means
	// 127.0.0.1:0. An address that is not loopback is refused: the UI has no login and can change
	// workflows.
	Addr string
	// TemporalAddr is the host and port of the Temporal frontend. It need not be reachable yet.
	TemporalAddr string
	// Namespace is shown first. Empty means [DefaultNamespace].
	Namespace string
	// Guard stands before the UI, which has no login; nil lets every request in.
	Guard func(http.Handler) http.Handler
	// Logger receives errors of the HTTP server; nil discards them.
	Logger *slog.Logger
}

// Config says how to run the whole stack.
type Config struct {
	// Dir is the data folder, created if missing and locked while the stack runs. Empty means
	// ephemeral: nothing is kept, nothing is locked.
	Dir string
	// TemporalAddr, UIAddr and NATSAddr are IP addresses with ports. Port 0 picks a free one; empty
	// means 127.0.0.1:0.
	TemporalAddr, UIAddr, NATSAddr string
	// NoUI leaves the Temporal Web UI out.
	NoUI bool
	// UIGuard is as Guard in [UIConfig].
	UIGuard func(http.Handler) http.Handler
	// Namespace, Retention, SearchAttributes, CHASMScheduler, PowerLossSafe, NamespaceRefresh and
	// DynamicConfig are as in [TemporalConfig].
	Namespace        string
	Retention        time.Duration
	SearchAttributes map[string]enumspb.IndexedValueType
	CHASMScheduler   bool
	PowerLossSafe    bool
	NamespaceRefresh time.Duration
	DynamicConfig    map[string]any
	// SyncAlways, MaxStore and MaxPayload are as in [NATSConfig].
	SyncAlways bool
	MaxStore   int64
	MaxPayload int32
	// Logger receives the log of all servers; nil discards it.
	Logger *slog.Logger
	// LogLevel is the least level of the servers passed on to Logger; nil means warnings.
	LogLevel slog.Leveler
}
