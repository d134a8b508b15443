// Package outagetest shows what becomes of cron slots in real outages: real processes of the
// real program, killed as an operating system kills. It holds tests only, and must not be
// imported; how long they take is in docs/outages.md.
package outagetest
