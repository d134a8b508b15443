// Package terminal writes text for people: what a stranger chose cannot steer the terminal that
// shows it.
package terminal
