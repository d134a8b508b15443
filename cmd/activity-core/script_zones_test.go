//go:build !slim

package main

import (
	"archive/zip"
	"bytes"
	"os"
	"path/filepath"
	"strings"

	"github.com/activity-core/activity-core/internal/zonedata"
)

// zones writes an archive of zone data: FILE RELEASE [ZONE=OTHER]: the built-in rules, for a
// ZONE those of the OTHER.
func (s *script) zones(args []string) int {
	s.Helper()
	as := map[string]string{}
	for _, a := range args[2:] {
		zone, other, _ := strings.Cut(a, "=")
		as[zone] = other
	}
	files := map[string][]byte{"+VERSION": []byte(args[1])}
	for zone := range zonedata.BuiltIn().Zones() {
		from := zone
		if other := as[zone]; other != "" {
			from = other
		}
		files[zone], _ = zonedata.BuiltIn().Data(from)
	}
	var b bytes.Buffer
	w := zip.NewWriter(&b)
	for name, data := range files {
		f, err := w.Create(name)
		if err == nil {
			_, err = f.Write(data)
		}
		if err != nil {
			s.Fatalf("%s: %v", s.where, err)
		}
	}
	if err := w.Close(); err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	if err := os.WriteFile(filepath.Join(s.work, args[0]), b.Bytes(), 0o600); err != nil {
		s.Fatalf("%s: %v", s.where, err)
	}
	return 0
}
