//go:build slim

package devstack

import (
	"context"

	"github.com/nats-io/nats.go"
)

// Temporal never runs in a slim build.
type Temporal struct{}

// StartTemporal returns [ErrSlim].
func StartTemporal(context.Context, TemporalConfig) (*Temporal, error) { return nil, ErrSlim }

// Addr is empty.
func (*Temporal) Addr() string { return "" }

// Namespace is empty.
func (*Temporal) Namespace() string { return "" }

// CreateNamespace returns [ErrSlim].
func (*Temporal) CreateNamespace(context.Context, string) error { return ErrSlim }

// Stop does nothing.
func (*Temporal) Stop(context.Context) error { return nil }

// NATS never runs in a slim build.
type NATS struct{}

// StartNATS returns [ErrSlim].
func StartNATS(context.Context, NATSConfig) (*NATS, error) { return nil, ErrSlim }

// URL is empty.
func (*NATS) URL() string { return "" }

// InProcess is an option that makes nats.Connect return [ErrSlim].
func (*NATS) InProcess() nats.Option { return func(*nats.Options) error { return ErrSlim } }

// Stop does nothing.
func (*NATS) Stop(context.Context) error { return nil }

// UI never runs in a slim build.
type UI struct{}

// StartUI returns [ErrSlim].
func StartUI(UIConfig) (*UI, error) { return nil, ErrSlim }

// URL is empty.
func (*UI) URL() string { return "" }

// Stop does nothing.
func (*UI) Stop(context.Context) error { return nil }

// Stack never runs in a slim build.
type Stack struct {
	Temporal *Temporal
	NATS     *NATS
	UI       *UI
}

// Start returns [ErrSlim].
func Start(context.Context, Config) (*Stack, error) { return nil, ErrSlim }

// Stop does nothing.
func (*Stack) Stop(context.Context) error { return nil }
