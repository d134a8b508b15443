// Package devstack runs the servers activity-core depends on inside this process: a Temporal
// server on SQLite, the Temporal Web UI and a NATS server with JetStream. It owns their
// configuration, their data folder and their life cycle. It must not know anything about
// activities: it registers no workflow, creates no stream and reads no definition, and nothing
// but the composition root, the dev commands and tests may import it.
//
// Each server starts alone ([StartTemporal], [StartUI], [StartNATS]) or all together under one
// locked data folder ([Start]). Everything listens on the loopback interface unless an address
// says otherwise, and nothing reaches out to the internet. State survives kill -9; see
// [TemporalConfig.PowerLossSafe] and [NATSConfig.SyncAlways] for what survives a power cut.
//
// The build tag slim leaves everything out but [ErrSlim].
package devstack
