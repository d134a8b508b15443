// Package eventlog reads the event stream back.
//
// It lists, shows and follows stored events, explains what became of one and replays them
// against a definition. What can be read is in the stream; what became of it is in the record,
// through a port.
package eventlog
