// Package outboundtest gives tests a name service that lies. It must not be imported by
// anything but tests.
package outboundtest

import (
	"context"
	"net"
	"net/netip"
	"testing"
)

// Resolver is a resolver on a DNS server of the test's own, which answers every A query with
// addr, and none if addr is the zero Addr.
func Resolver(t testing.TB, addr netip.Addr) *net.Resolver {
	t.Helper()
	conn, err := net.ListenPacket("udp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { conn.Close() })
	go func() {
		buf := make([]byte, 512)
		for {
			n, from, err := conn.ReadFrom(buf)
			if err != nil {
				return
			}
			q := buf[12:n]
			end := 0
			for q[end] != 0 {
				end += int(q[end]) + 1
			}
			question := q[:end+5]
			isA := addr.IsValid() && question[end+2] == 1
			msg := append([]byte{buf[0], buf[1], 0x81, 0x80, 0, 1, 0, 0, 0, 0, 0, 0}, question...)
			if isA {
				msg[7] = 1
				a := addr.As4()
				msg = append(msg, 0xc0, 12, 0, 1, 0, 1, 0, 0, 0, 60, 0, 4, a[0], a[1], a[2], a[3])
			}
			_, _ = conn.WriteTo(msg, from)
		}
	}()
	return &net.Resolver{PreferGo: true, Dial: func(ctx context.Context, _, _ string) (net.Conn, error) {
		var d net.Dialer
		return d.DialContext(ctx, "udp", conn.LocalAddr().String())
	}}
}
