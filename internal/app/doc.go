// Package app is the composition root: it opens what the configuration names,
// joins the packages through their ports, starts the parts in one declared order
// and stops them in reverse. It holds no rule of the domain. Only cmd imports it.
package app
