// Package telemetry owns what the program tells about itself: the log, the
// metrics at /metrics (docs/metrics.md lists them), traces, and readiness. Other
// packages see function values only; nothing here is global.
package telemetry
