//go:build !slim

package devstack

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"strconv"
	"syscall"
)

const loopbackAnyPort = "127.0.0.1:0"

// PortInUseError says that a port somebody asked for is taken, and what to do about it.
type PortInUseError struct {
	// Service is what should have listened, for people: "Temporal".
	Service string
	// Addr is the host and port that is taken.
	Addr string
	// Flag is the command line flag that chooses another port; empty if there is none.
	Flag string
}

// Error names the port, the flag and the remedy.
func (e *PortInUseError) Error() string {
	host, port, _ := net.SplitHostPort(e.Addr)
	msg := fmt.Sprintf("port %s on %s, wanted for %s, is in use: stop the program that uses it", port, host, e.Service)
	if e.Flag == "" {
		return msg + " or choose another port"
	}
	return fmt.Sprintf("%s, or choose another port with %s (%s 0 picks a free one)", msg, e.Flag, e.Flag)
}

// CheckPort returns a [PortInUseError] if something already listens on addr (IP address and
// port). Port 0 is always free. It opens and closes a listener, so another program may still
// take the port afterwards.
func CheckPort(service, addr, flag string) error {
	ap, err := parseAddr(service, addr)
	if err != nil {
		return err
	}
	if ap.Port() == 0 {
		return nil
	}
	l, err := net.Listen("tcp", ap.String())
	if err != nil {
		return listenError(service, ap.String(), flag, err)
	}
	return l.Close()
}

func listenError(service, addr, flag string, err error) error {
	if errors.Is(err, syscall.EADDRINUSE) {
		return &PortInUseError{Service: service, Addr: addr, Flag: flag}
	}
	return fmt.Errorf("listen on %s for %s: %w", addr, service, err)
}

// parseAddr reads an IP address with a port; empty is the loopback address with any port. Host
// names are refused, since what they resolve to decides who can reach a server without a login.
func parseAddr(service, addr string) (netip.AddrPort, error) {
	if addr == "" {
		addr = loopbackAnyPort
	}
	ap, err := netip.ParseAddrPort(addr)
	if err != nil {
		return netip.AddrPort{}, fmt.Errorf("%s address %q: want an IP address and a port such as 127.0.0.1:7233", service, addr)
	}
	return ap, nil
}

// freePorts reserves n distinct free TCP ports on ip. Each one was connected to once, so that
// its TIME_WAIT entry keeps the kernel from handing it out again before the server binds it.
func freePorts(ctx context.Context, ip netip.Addr, n int) ([]int, error) {
	ports := make([]int, 0, n)
	var dialer net.Dialer
	for range n {
		l, err := net.Listen("tcp", net.JoinHostPort(ip.String(), "0"))
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		// Held until all are chosen, so that no port is chosen twice.
		defer l.Close()
		client, err := dialer.DialContext(ctx, "tcp", l.Addr().String())
		if err != nil {
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		server, err := l.Accept()
		if err != nil {
			client.Close()
			return nil, fmt.Errorf("find a free port: %w", err)
		}
		// The side that closes first keeps the TIME_WAIT entry: it must be the one that holds the
		// port.
		server.Close()
		client.Close()
		ports = append(ports, l.Addr().(*net.TCPAddr).Port)
	}
	return ports, nil
}

func joinHostPort(ip netip.Addr, port int) string {
	return net.JoinHostPort(ip.String(), strconv.Itoa(port))
}
