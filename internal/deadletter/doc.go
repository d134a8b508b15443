// Package deadletter keeps the events that could not be routed, until a person decides.
//
// A letter has the message as it came, the reason, and the ID under which its event is found. It is
// listed, shown, published again or dropped.
package deadletter
