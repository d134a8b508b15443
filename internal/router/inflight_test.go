package router

// InFlight returns how many events are taken and not answered.
func (r *Router) InFlight() int { return r.inflight.size() }

func (c *inflight) size() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.held)
}
