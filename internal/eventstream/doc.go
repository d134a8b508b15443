// Package eventstream stores events in JetStream.
//
// It makes the two streams, the routers' durable consumer and the mark of how far they came, or
// compares them with the configuration; it publishes with an acknowledgement and reads a stream
// forwards and backwards. It is the floor on which router, eventlog and deadletter stand: they
// import it, and never each other.
package eventstream
